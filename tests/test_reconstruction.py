"""Autoencoders: what they learn, on both backends, against principal components and against their own inputs."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from support import curve, experiment, trained

from runner import compose, layers
from runner.blueprint import blueprint
from runner.errors import ConfigurationError
from runner.reconstruction import learned
from runner.tasks.preparation import prepared

BACKENDS = ["torch", "keras"]
AUTOENCODER = ("architecture=autoencoder", "architecture.hidden_sizes=[20,10]", "architecture.code_size=3")

both = pytest.mark.parametrize("backend", BACKENDS)


def test_the_decoder_mirrors_the_encoder() -> None:
    drawing = blueprint(experiment("data=wine", *AUTOENCODER))
    rows = list(layers.rows(drawing.tree, drawing.input_shape))
    dense = [row.layer.units for row in rows if isinstance(row.layer, layers.Dense)]
    assert dense == [20, 10, 3, 10, 20, 13]
    # Nothing bends the code or what is given back.
    kinds = [layers.word(row.layer) for row in rows]
    assert kinds == ["dense", "activation"] * 2 + ["dense"] + ["dense", "activation"] * 2 + ["dense"]


@pytest.mark.parametrize("data", ["digits", "wine", "adding", "diabetes"])
@pytest.mark.parametrize("standardise", ["true", "false", "channels"])
def test_the_targets_are_the_inputs(data: str, standardise: str) -> None:
    known = experiment(f"data={data}", *AUTOENCODER, f"standardise={standardise}")
    splits = prepared(known).job.splits
    for rows in (splits.train, splits.validation, splits.test):
        np.testing.assert_array_equal(rows.targets, rows.inputs.reshape(len(rows), -1))
    np.testing.assert_array_equal(splits.target_mean, splits.input_mean.ravel())
    np.testing.assert_array_equal(splits.target_scale, splits.input_scale.ravel())
    assert known.output == "identity"
    assert known.loss.name == "mse"


def test_weights_stay_and_other_networks_learn_the_targets() -> None:
    known = experiment("data=uneven_noise", *AUTOENCODER)
    splits = prepared(known).job.splits
    assert splits.train.weights is not None
    drawing = blueprint(experiment("data=wine"))
    assert not drawing.source.reconstructs
    assert learned(drawing.source, experiment("data=wine").architecture, known.activation) is drawing.source


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=brackets"], "architecture: autoencoder gives back numbers, and data=brackets has tokens."),
        (
            ["loss=cross_entropy"],
            "loss: cross_entropy needs classes, and architecture=autoencoder gives back",
        ),
        (["loss=hinge"], "loss: hinge needs two classes, and architecture=autoencoder gives back numbers."),
        (["loss=cosine"], "Write loss.output=identity to compare the directions"),
        (["loss=poisson"], "standardise: must be false with poisson"),
        (["training.monitor=validation/accuracy"], "training.monitor: is no metric of an epoch"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        experiment(*AUTOENCODER, *words)
    assert message in str(refused.value)
    assert len(refused.value.faults) == 1


def test_faults_of_layers_are_told_beside_others() -> None:
    with compose.session(), pytest.raises(ConfigurationError) as refused:
        compose.read(compose.compose(["architecture=cnn", "data=wine", "training.epochs=0"]))
    assert {fault.key for fault in refused.value.faults} == {"architecture", "training.epochs"}


@both
def test_without_hidden_layers_it_finds_the_principal_components(backend: str) -> None:
    result, _ = trained(
        f"backend={backend}",
        "data=wine",
        "architecture=autoencoder",
        "architecture.hidden_sizes=[]",
        "architecture.code_size=3",
        "optimizer.learning_rate=0.01",
        "training.epochs=150",
        "training.precision=64",
        "training.monitor=train/loss",
        "schedule=cosine",
        "plots=none",
    )
    rows = prepared(experiment("data=wine", *AUTOENCODER)).job.splits.train.inputs
    components = PCA(3).fit(rows)
    best = np.mean((components.inverse_transform(components.transform(rows)) - rows) ** 2)
    # No linear code of three numbers is better, and training comes within a hundredth of it.
    assert best <= result.metrics["train/loss"] <= 1.01 * best


def test_both_backends_take_the_same_hundred_steps() -> None:
    words = ["data=wine", *AUTOENCODER, "training.precision=64", "training.epochs=25", "activation=tanh"]
    one, other = (trained(f"backend={name}", *words, "plots=none") for name in BACKENDS)
    steps = [
        [loss for _, columns in told.all_steps for loss in columns["train/step_loss"]]
        for _, told in (one, other)
    ]
    assert len(steps[0]) == 100
    np.testing.assert_allclose(*steps, rtol=0, atol=1e-12)
    for name in ("validation/r2", "validation/mean_absolute_error"):
        np.testing.assert_allclose(curve(one[0], name), curve(other[0], name), rtol=0, atol=1e-11)


@both
def test_images_are_shown_from_the_best_to_the_worst(backend: str) -> None:
    result, _ = trained(f"backend={backend}", *AUTOENCODER, "training.epochs=2")
    found, shown = result.reconstructions, result.predictions["test"]
    assert found is not None
    assert found.originals.shape == found.returned.shape == (16, 8, 8, 1)
    errors = np.sqrt(np.mean((found.originals - found.returned) ** 2, axis=(1, 2, 3)))
    np.testing.assert_allclose(found.errors, errors, rtol=1e-12)
    everyone = np.sqrt(np.mean((shown.targets - shown.outputs) ** 2, axis=1))
    assert found.errors[[0, -1]].tolist() == [everyone.min(), everyone.max()]
    assert (np.diff(found.errors) >= 0).all()
    # Pixels of the digits are whole numbers from 0 to 16.
    np.testing.assert_allclose(found.originals, found.originals.round(), atol=1e-12)
    assert 0 <= found.originals.round().min() < found.originals.round().max() <= 16


def test_what_is_no_image_has_no_pictures() -> None:
    assert trained("data=wine", *AUTOENCODER, "training.epochs=1")[0].reconstructions is None
    assert trained("training.epochs=1")[0].reconstructions is None
