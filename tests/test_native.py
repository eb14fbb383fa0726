"""Native semantics: each framework's own ways, and that correcting each of them removes what it explains."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from matrix import losses as loss_cases
from matrix.frameworks import function, keras_precision, pullback, tensor
from numpy.typing import NDArray
from oracle import losses as oracle_losses
from support import curve, experiment, one_tensorflow_thread, trained

from runner import backend, compose, layers, semantics
from runner.backends.keras.native import optimizers as keras_optimizers
from runner.backends.keras.native import randomness as keras_randomness
from runner.backends.torch.native import optimizers as torch_optimizers
from runner.backends.torch.native import randomness as torch_randomness
from runner.blueprint import blueprint
from runner.display import Silent
from runner.errors import ConfigurationError
from runner.experiment import Clipping, Training
from runner.place import ALONE, Place
from runner.tasks.preparation import prepared, with_own_draws
from runner.tasks.train import train
from runner.tracking.memory import Memory

one_tensorflow_thread()

SHORT = (
    "training.precision=64",
    "training.epochs=2",
    "debug=limit",
    "debug.rows=120",
    "training.batch_size=16",
    "backend.semantics=native",
    "plots=none",
)
STRIDED = "architecture=cnn architecture.filters=[3] architecture.stride=2 architecture.pool_size=0"
WEIGHTED = "loss=cross_entropy loss.class_weights=[1,2,3,4,5,5,4,3,2,1]"
DECAYED = "optimizer=sgd optimizer.momentum=0.9 optimizer.l2=0.1 schedule=cosine"
DENSE = "architecture.dropout=0.3 architecture.batch_norm=true activation=gelu"
IMAGES = f"{STRIDED} {WEIGHTED} {DECAYED} activation=tanh"
MEASURED = "data=uneven_noise loss=huber activation=tanh"
CELLS = "architecture=rnn architecture.units=[4]"
# An experiment, a difference that it meets, and how far apart that one alone keeps its two losses at least.
CASES = [
    (DENSE, "first_weights", 1e-2),
    (DENSE, "batch_order", 1e-2),
    (DENSE, "dropout_masks", 1e-2),
    (DENSE, "batch_norm", 1e-4),
    (DENSE, "optimizer", 1e-7),
    (DENSE, "activation", 1e-11),
    (IMAGES, "flatten_order", 1e-3),
    (IMAGES, "padding", 1e-3),
    (IMAGES, "losses", 1e-2),
    (MEASURED, "losses", 1e-2),
    (IMAGES, "optimizer", 1e-3),
    (CELLS, "recurrent_bias", 1e-5),
]


@cache
def gap(overrides: str, left: str | None) -> float:
    """Returns how far the losses of both backends are apart, all but the named difference corrected."""
    one, other = (losses(f"backend={name}", left, *overrides.split()) for name in ("torch", "keras"))
    return float(np.abs(one - other).max())


def losses(backend: str, left: str | None, *overrides: str) -> NDArray[np.float64]:
    """Returns the losses of training and validation in every epoch."""
    asked = experiment(backend, *SHORT, *overrides)
    corrected = replace(asked.backend, corrections=semantics.NAMES - {left})
    with TemporaryDirectory() as folder:
        result = train(
            replace(asked, backend=corrected), folder=Path(folder), tracker=Memory(), display=Silent()
        )
    return np.array([curve(result, name) for name in ("train/loss", "validation/loss")])


@pytest.mark.drawn(6)
@pytest.mark.parametrize(("overrides", "name", "least"), CASES)
def test_each_difference_explains_what_correcting_it_removes(overrides: str, name: str, least: float) -> None:
    assert gap(overrides, name) >= least
    assert gap(overrides, None) <= 1e-12


def test_every_difference_has_a_case() -> None:
    assert {name for _, name, _ in CASES} == semantics.NAMES


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ([], ["first_weights", "batch_order", "optimizer"]),
        (["architecture.dropout=0.5"], ["first_weights", "batch_order", "dropout_masks", "optimizer"]),
        (
            ["architecture=cnn", "activation=gelu"],
            ["first_weights", "batch_order", "flatten_order", "optimizer", "activation"],
        ),
        (["architecture=rnn", "architecture.cell=gru"], ["first_weights", "batch_order", "optimizer"]),
        # An even kernel has no padding at both ends that gives the same sides.
        (
            [
                "architecture=cnn",
                "architecture.stride=2",
                "architecture.kernel_size=2",
                "architecture.pool_size=0",
            ],
            ["first_weights", "batch_order", "flatten_order", "optimizer"],
        ),
    ],
)
def test_only_what_an_experiment_meets_is_named(overrides: list[str], names: list[str]) -> None:
    asked = experiment(*overrides)
    drawing = blueprint(asked)
    assert list(semantics.concerned(asked, drawing.tree, drawing.input_shape, weighted=False)) == names


def test_words_follow_the_optimizer() -> None:
    asked = experiment("optimizer=rmsprop", "optimizer.momentum=0.9", "optimizer.l2=0.1")
    drawing = blueprint(asked)
    assert semantics.concerned(asked, drawing.tree, drawing.input_shape, weighted=False)["optimizer"] == (
        "the learning rate inside the momentum buffer, RMSprop's epsilon inside the root, what weight_decay means"
    )


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_run_says_its_semantics_and_its_own_draws(backend: str) -> None:
    short = ("plots=none", "training.epochs=1", "debug=limit", f"backend={backend}")
    told = [trained(*short, f"backend.semantics={each}")[1].all_tags for each in ("canonical", "native")]
    assert [tags["semantics"] for tags in told] == ["canonical", "native"]
    for tag in ("initial_weights_sha256", "batch_order_sha256"):
        assert told[0][tag] != told[1][tag]


def test_a_network_of_other_arrays_has_no_file_that_would_predict_something_else() -> None:
    cnn = ("architecture=cnn", "architecture.filters=[3]", "training.epochs=1", "debug=limit", "plots=none")
    native = (*cnn, "backend.semantics=native")
    assert trained(*native)[1].model_files is None
    assert trained(*cnn)[1].model_files is not None
    assert trained(*native, "backend=keras")[1].model_files is not None
    with compose.session():
        (warning,) = compose.inspect(compose.compose(native)).warnings
    assert warning.startswith("backend.semantics: MLflow will have no model")


OTHERS = [
    "backend=torch optimizer=adamw optimizer.decoupled_weight_decay=0.1 optimizer.decay_on=kernels",
    "backend=torch optimizer=nadam optimizer.decoupled_weight_decay=0.1 training.clipping.global_norm=0.5",
    "backend=torch optimizer=sgd optimizer.momentum=0.9 optimizer.nesterov=true training.accumulation=2",
    "backend=keras optimizer=adamw optimizer.decay_on=kernels training.clipping.global_norm=0.5",
    "backend=keras optimizer=lion training.clipping.value=0.01 schedule=reduce_on_plateau",
    "backend=keras optimizer=nadam training.accumulation=2 training.weight_average=0.9",
]


@pytest.mark.parametrize("overrides", OTHERS)
def test_own_optimizers_train(overrides: str) -> None:
    result, _ = trained(*SHORT, *overrides.split(), "training.epochs=4")
    values = curve(result, "train/loss")
    assert np.isfinite(values).all()
    assert values[-1] < values[0]


NO_CLIPPING = Clipping(global_norm=None, value=None)
DECAY = {"l2": 0.0, "decoupled_weight_decay": 0.0, "decay_on": "all"}


def stepped(factory: object, rates: list[float], gradients: list[object]) -> NDArray[np.float64]:
    """Returns a weight of 1 after steps of an optimizer of Keras."""
    keras.config.set_floatx("float64")
    weight = keras.Variable(np.ones((2, 1)), dtype="float64")
    optimizer = factory(np.array(rates), NO_CLIPPING)
    optimizer.know_places({"layer/kernel": 0})
    optimizer.build([weight])
    for gradient in gradients:
        optimizer.apply([gradient], [weight])
    return np.asarray(weight)


def test_momentum_of_keras_keeps_the_rate_with_which_a_gradient_came() -> None:
    factory = keras_optimizers.sgd(learning_rate=0.1, momentum=0.5, nesterov=False, **DECAY)
    once = tf.constant([[1.0], [2.0]], tf.float64)
    # v = -0.1 g, then 0.5 v - 0.01 g.
    np.testing.assert_allclose(
        stepped(factory, [0.1, 0.01], [once, once]), [[1 - 0.1 - 0.05 - 0.01], [1 - 0.32]], atol=1e-7
    )


def test_adam_of_keras_has_epsilon_inside_the_correction() -> None:
    factory = keras_optimizers.adam(learning_rate=0.1, beta1=0.9, beta2=0.99, epsilon=1e-2, **DECAY)
    # m = 0.1 g and v = 0.01 g^2, so sqrt(v) = 0.1 g and the rate is 0.1 sqrt(0.01) / 0.1 = 0.1.
    expected = [[1 - 0.1 * 0.1 * g / (0.1 * g + 0.01)] for g in (1.0, 2.0)]
    gradient = tf.constant([[1.0], [2.0]], tf.float64)
    np.testing.assert_allclose(stepped(factory, [0.1], [gradient]), expected, atol=1e-6)


def test_rmsprop_and_adagrad_of_keras_have_epsilon_inside_the_root() -> None:
    common = {"learning_rate": 0.1, "epsilon": 0.5, **DECAY}
    rmsprop = keras_optimizers.rmsprop(decay=0.9, momentum=0, centered=False, **common)
    adagrad = keras_optimizers.adagrad(initial_accumulator=0.25, **common)
    gradient = tf.constant([[1.0], [2.0]], tf.float64)
    for factory, spread in ((rmsprop, lambda g: 0.1 * g**2), (adagrad, lambda g: 0.25 + g**2)):
        expected = [[1 - 0.1 * g / (spread(g) + 0.5) ** 0.5] for g in (1.0, 2.0)]
        np.testing.assert_allclose(stepped(factory, [0.1], [gradient]), expected, atol=1e-6)


def test_keras_squares_each_occurrence_of_a_repeated_row() -> None:
    factory = keras_optimizers.adam(learning_rate=0.1, beta1=0.9, beta2=0.999, epsilon=1e-12, **DECAY)
    rows = tf.IndexedSlices(tf.constant([[1.0], [3.0]], tf.float64), tf.constant([0, 0]), tf.constant([2, 1]))
    # (1 + 3) / sqrt(1 + 9) of the rate, where the sum of both gradients would make it the whole rate.
    np.testing.assert_allclose(stepped(factory, [0.1], [rows]), [[1 - 0.1 * 4 / 10**0.5], [1]], atol=1e-6)


def test_weight_decay_of_keras_is_taken_from_kernels_alone_where_that_is_asked_for() -> None:
    factory = keras_optimizers.sgd(
        learning_rate=0.1, momentum=0, nesterov=False, l2=0.5, decoupled_weight_decay=0, decay_on="kernels"
    )
    weights = [keras.Variable(np.ones(1), dtype="float64") for _ in range(2)]
    optimizer = factory(np.array([0.1]), NO_CLIPPING)
    optimizer.know_places({"layer/kernel": 0, "layer/bias": 1})
    optimizer.build(weights)
    optimizer.apply([tf.zeros(1, tf.float64)] * 2, weights)
    np.testing.assert_allclose([np.asarray(each)[0] for each in weights], [1 - 0.1 * 0.5, 1], atol=1e-8)


def test_torchs_own_optimizers_are_torchs_own() -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    arguments = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "decay_on": "all"}
    kinds = [
        type(make(l2=l2, decoupled_weight_decay=decay, **arguments)([("layer/kernel", parameter)]))
        for make, l2, decay in (
            (torch_optimizers.adam, 0.1, 0.0),
            (torch_optimizers.adam, 0.0, 0.1),
            (torch_optimizers.adamw, 0.0, 0.1),
            (torch_optimizers.amsgrad, 0.0, 0.0),
        )
    ]
    assert kinds == [torch.optim.Adam, torch.optim.AdamW, torch.optim.AdamW, torch.optim.Adam]


TREE = layers.named(
    layers.Sequence(
        (
            layers.Conv2d(filters=3, kernel_size=3, padding="same"),
            layers.BatchNorm(momentum=0.1, epsilon=1e-5),
            layers.Flatten(),
            layers.Dense(units=40),
        )
    )
)


def test_torchs_first_weights_are_those_of_its_own_layers() -> None:
    drawn = torch_randomness.first_weights(tree=TREE, input_shape=(4, 4, 2), seed=7)
    with torch.random.fork_rng():
        torch.manual_seed(7)
        convolution, dense = torch.nn.Conv2d(2, 3, 3), torch.nn.Linear(48, 40)
    expected = {
        "conv2d0/kernel": convolution.weight.detach().numpy().transpose(2, 3, 1, 0),
        "conv2d0/bias": convolution.bias.detach().numpy(),
        "dense0/kernel": dense.weight.detach().numpy().T,
        "dense0/bias": dense.bias.detach().numpy(),
        "batch_norm0/scale": np.ones(3),
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(drawn[name], array)


def test_first_weights_of_keras_fill_the_bounds_of_its_own_initializers() -> None:
    drawn = keras_randomness.first_weights(tree=TREE, input_shape=(4, 4, 2), seed=7)
    bound = (6 / (48 + 40)) ** 0.5
    assert 0.99 * bound < np.abs(drawn["dense0/kernel"]).max() <= bound
    assert not drawn["dense0/bias"].any()
    again, other = (
        keras_randomness.first_weights(tree=TREE, input_shape=(4, 4, 2), seed=seed)["dense0/kernel"]
        for seed in (7, 8)
    )
    np.testing.assert_array_equal(drawn["dense0/kernel"], again)
    assert (drawn["dense0/kernel"] != other).mean() > 0.9
    cell = layers.named(layers.Sequence((layers.Lstm(units=5, returns="last"),)))
    drawn = keras_randomness.first_weights(tree=cell, input_shape=(4, 3), seed=7)
    own = keras.layers.LSTM(5)
    own.build((None, 4, 3))
    np.testing.assert_array_equal(drawn["lstm0/bias"], own.cell.bias.numpy())
    kernel = drawn["lstm0/recurrent_kernel"]
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(5), atol=1e-6)


def test_torchs_order_is_that_of_its_sampler() -> None:
    sampler = torch.utils.data.DistributedSampler(range(50), num_replicas=1, rank=0, seed=3)
    sampler.set_epoch(2)
    assert torch_randomness.permutation(3, 2, 50).tolist() == list(sampler)


def test_orders_of_keras_are_permutations_of_their_own() -> None:
    orders = [tuple(keras_randomness.permutation(seed, epoch, 50)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(keras_randomness.permutation(0, 1, 50)) == orders[1]


REFUSED = {
    (
        "optimizer=lion",
    ): "backend.semantics: PyTorch has no Lion, so there is no native one. Received: native.",
    ("optimizer=sgd", "optimizer.decoupled_weight_decay=0.1"): (
        "optimizer.decoupled_weight_decay: must be 0, because PyTorch's own sgd has a weight_decay in the gradient alone."
        " Received: 0.1."
    ),
    ("optimizer=adamw", "optimizer.decoupled_weight_decay=0", "optimizer.l2=0.1"): (
        "optimizer.l2: must be 0, because PyTorch's own AdamW has a weight_decay outside of the gradient alone."
        " Received: 0.1."
    ),
    ("backend=keras", "optimizer.l2=0.1", "optimizer.decoupled_weight_decay=0.2"): (
        "optimizer.decoupled_weight_decay: must be 0 where optimizer.l2 is not, because a framework's own optimizer has one"
        " weight_decay. Received: 0.2."
    ),
}


@pytest.mark.parametrize("overrides", REFUSED)
def test_what_a_framework_does_not_have_is_refused(overrides: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        experiment("backend.semantics=native", *overrides)
    (fault,) = refused.value.faults
    assert str(fault).startswith(REFUSED[overrides])
    # What only native semantics lacks is there in canonical semantics.
    experiment(*overrides)


def test_semantics_is_one_of_two_words_and_corrections_no_key() -> None:
    with pytest.raises(ConfigurationError) as refused:
        experiment("backend.semantics=nativ", "+backend.corrections=[optimizer]")
    assert [(fault.key, fault.rule) for fault in refused.value.faults] == [
        ("backend.corrections", "there is no such key"),
        ("backend.semantics", "must be canonical or native"),
    ]


@pytest.mark.parametrize(
    ("framework", "name", "arguments", "by_rows"),
    [
        ("torch", "cross_entropy", {"label_smoothing": 0.0, "class_weights": None}, False),
        ("torch", "binary_cross_entropy", {"label_smoothing": 0.2, "positive_weight": 3.0}, True),
        ("keras", "cross_entropy", {"label_smoothing": 0.2, "class_weights": None}, True),
        ("keras", "binary_cross_entropy", {"label_smoothing": 0.2, "positive_weight": 3.0}, True),
        ("keras", "kl_divergence", {"label_smoothing": 0.2}, True),
        ("keras", "cosine", {}, True),
        ("keras", "hinge", {}, True),
        ("keras", "mse", {}, True),
        ("keras", "mae", {}, True),
        ("keras", "huber", {"delta": 0.4}, True),
        ("keras", "log_cosh", {}, True),
        ("keras", "poisson", {}, True),
    ],
)
def test_native_losses_with_weights_divide_as_their_framework_does(
    framework: str, name: str, arguments: dict[str, Any], by_rows: bool
) -> None:
    """By the sum of the weights, or by how many rows there are."""
    logits, targets = loss_cases.drawn(name, 9, 1.0)
    weights = loss_cases.WEIGHTS["different"]
    with keras_precision("float64", "float64"):
        loss = function(framework, "native.losses", name)(**arguments)
    given = tensor(framework, targets), tensor(framework, weights)
    with keras_precision("float64", "float64"):
        value, gradient = pullback(framework, lambda z: loss(z, *given), logits, np.ones(()))
    rule = partial(getattr(oracle_losses, name), **arguments)
    expected, slope = oracle_losses.weighted(rule, logits, targets, weights)
    share = weights.sum() / 9 if by_rows else 1.0
    np.testing.assert_allclose(value, share * expected, rtol=1e-7)
    np.testing.assert_allclose(gradient, share * slope, rtol=1e-7, atol=1e-9)


def test_threads_are_set_before_a_framework_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow keeps those of its first work."""
    calls: list[Any] = []

    class Framework:
        def configure(self, *, training: Training, place: Place) -> None:
            calls.append((training.threads, place))

        def first_weights(self, **network: Any) -> dict[str, Any]:
            calls.append("drawn")
            return {}

        def permutation(self, seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
            return np.arange(rows)

    monkeypatch.setattr(backend, "load", lambda package: Framework())
    monkeypatch.setattr(backend, "load_randomness", lambda package: Framework())
    with_own_draws(prepared(experiment("data=iris", "backend.semantics=native", "training.threads=3")))
    assert calls == [(3, ALONE), "drawn"]
