"""The network in plain NumPy: layer by layer against the oracle, as a whole against both frameworks."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matrix.layers import SETTINGS
from matrix.networks import inputs_of, weights_of
from oracle import activations as oracle
from support import experiment, trained

from runner import forward, layers, network_file
from runner.blueprint import blueprint
from runner.data import Rows, Splits, prepare
from runner.experiment import Component
from runner.network_file import Network
from runner.weights import read

CONF = Path(__file__).parents[1] / "conf" / "activation"
ARGUMENTS = {
    "leaky_relu": {"negative_slope": 0.1},
    "elu": {"alpha": 1.5},
    "celu": {"alpha": 1.5},
    "hard_tanh": {"minimum": -1.5, "maximum": 0.5},
}
TREE = (
    "architecture.layers=[flatten,{dense:{units:24}},activation,{residual:[{dense:{units:24}},activation]},"
    "{sequence:[{layer_norm:{epsilon:1e-5}}]},{concatenate:[[{dense:{units:4}}],[activation]]},"
    "{dropout:{rate:0.2}}]"
)
NETWORKS = {
    "mlp": [],
    "cnn with batch norm": [
        "architecture=cnn",
        "architecture.batch_norm=true",
        "architecture.filters=[4,6]",
    ],
    "tree of blocks": ["architecture=tree", TREE, "activation=gelu", "standardise=false"],
    "resnet": ["architecture=resnet", "architecture.stages=[4,6]", "activation=prelu", "debug=limit"],
    "rnn of tokens": ["architecture=rnn", "data=brackets", "architecture.bidirectional=true", "debug=limit"],
    "transformer of numbers": ["architecture=transformer", "data=adding", "activation=glu", "debug=limit"],
    "probability": ["data=breast_cancer", "activation=selu"],
    "value": ["data=diabetes", "activation=leaky_relu"],
    "values": ["data=robot_arm", "activation=tanh"],
    "what goes in": ["architecture=autoencoder", "architecture.batch_norm=true", "debug=limit"],
    "count": ["data=diabetes", "loss=poisson", "standardise=false", "optimizer.learning_rate=0.01"],
    "softmax over the height": [
        "architecture=cnn",
        "architecture.hidden_sizes=[]",
        "activation=softmax",
        "activation.axis=0",
    ],
}


def unscaled(shape: layers.Shape) -> Splits:
    rows = Rows(np.ones((1, *shape)), np.ones((1, 1)))
    return Splits(rows, rows, rows, np.zeros(shape), np.ones(shape), np.zeros(1), np.ones(1), "")


def written(tree: layers.Sequence, shape: layers.Shape, folder: Path) -> forward.Network:
    network = Network(tree=tree, input_shape=shape, output="identity", classes=(), splits=unscaled(shape))
    network_file.save(network, folder / "network.json")
    return forward.read(folder / "network.json")


# In evaluation mode, as predictions are made.
@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not setting.training])
def test_layer(name: str, tmp_path: Path) -> None:
    _, tree, shape, _, equation, _ = SETTINGS[name]
    x, weights = inputs_of(tree, shape), weights_of(tree, shape)
    found = forward.predict(written(tree, shape, tmp_path), weights, x)
    np.testing.assert_allclose(found, equation(x, weights).reshape(len(x), -1), rtol=1e-12, atol=1e-14)
    assert forward.predict(written(tree, shape, tmp_path), weights, x[:0]).shape == (0, found.shape[1])


def test_every_activation_of_the_project_is_known() -> None:
    assert set(forward.ACTIVATIONS) == {path.stem for path in CONF.glob("*.yaml")}
    assert len(forward.ACTIVATIONS) == 21


@pytest.mark.parametrize("name", sorted(forward.ACTIVATIONS.keys() - {"glu", "prelu"}))
def test_activation(name: str) -> None:
    x = np.random.default_rng(0).normal(scale=20.0, size=(50, 7))
    arguments = ARGUMENTS.get(name, {})
    expected, _ = getattr(oracle, name)(x, **arguments)
    found = forward.ACTIVATIONS[name](x, **arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.drawn(14)
@pytest.mark.parametrize("backend", ["torch", "keras"])
@pytest.mark.parametrize(("precision", "tolerance"), [(64, 1e-10), (32, 1e-5)])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_trained_network_says_the_same(
    name: str, backend: str, precision: int, tolerance: float, tmp_path: Path
) -> None:
    overrides = [
        f"backend={backend}",
        f"training.precision={precision}",
        "training.epochs=1",
        *NETWORKS[name],
    ]
    result, _ = trained(*overrides, folder=tmp_path)
    known = experiment(*overrides)
    drawing = blueprint(known)
    options: dict[str, Any] = {"split": known.split, "seed": known.seed, "debug": known.debug}
    splits = prepare(drawing.source, standardise=known.standardise, **options)
    network = Network(
        tree=drawing.tree,
        input_shape=drawing.input_shape,
        output=known.output,
        classes=result.classes,
        splits=splits,
    )
    network_file.save(network, tmp_path / "network.json")
    rows = prepare(drawing.source, standardise=False, **options).test.inputs
    found = forward.predict(
        forward.read(tmp_path / "network.json"), read(tmp_path / "weights.safetensors"), rows
    )
    expected = result.predictions["test"].outputs
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_the_file_holds_an_example_in_the_units_of_the_data(tmp_path: Path) -> None:
    tree = layers.named(layers.Sequence((layers.Dense(units=1),)))
    splits = replace(
        unscaled((2,)),
        train=Rows(np.array([[1.0, -2.0]]), np.zeros((1, 1))),
        input_mean=np.array([0.1, 5.0]),
        input_scale=np.array([0.2, 3.0]),
    )
    network = Network(tree=tree, input_shape=(2,), output="identity", classes=(), splits=splits)
    network_file.save(network, tmp_path / "network.json")
    assert json.loads((tmp_path / "network.json").read_text())["example"] == [[0.3, -1.0]]


def test_inputs_of_another_shape_are_refused(tmp_path: Path) -> None:
    tree = layers.named(layers.Sequence((layers.Dense(units=1),)))
    with pytest.raises(ValueError, match=r"shape \(rows, 2\), not \(3, 4\)"):
        forward.predict(written(tree, (2,), tmp_path), weights_of(tree, (2,)), np.zeros((3, 4)))


def test_a_function_of_a_users_own_is_named() -> None:
    targets = ["runner.backends.torch.activations.relu", "mine.snake", "runner.backends.torch.layers.sine"]
    functions = [Component(target=each, arguments={}, key="activation") for each in targets]
    tree = layers.Sequence(tuple(layers.Activation(function=each) for each in [*functions, functions[1]]))
    assert network_file.unknown_functions(tree, (3,)) == functions[1:]


def test_a_function_of_a_users_own_stands_in_the_file_by_its_whole_target(tmp_path: Path) -> None:
    inner = Component(target="mine.sine", arguments={"rate": 2}, key="activation.of")
    function = Component(target="mine.snake", arguments={"of": inner}, key="activation")
    tree = layers.named(layers.Sequence((layers.Activation(function=function),)))
    (layer,) = written(tree, (3,), tmp_path)["layers"]
    assert layer["activation"]["function"] == "mine.snake"
    assert layer["activation"]["arguments"] == {"of": {"_target_": "mine.sine", "rate": 2}}


def test_of_no_examples_it_says_nothing(tmp_path: Path) -> None:
    tree = layers.named(layers.Sequence((layers.Flatten(), layers.Dense(units=3))))
    weights = weights_of(tree, (2, 2, 1))
    found = forward.predict(written(tree, (2, 2, 1), tmp_path), weights, np.zeros((0, 2, 2, 1)))
    assert found.shape == (0, 3)


def test_the_file_that_goes_with_a_model_needs_nothing_of_this_project() -> None:
    tree = ast.parse(inspect.getsource(forward))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    packages = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert packages == {"numpy", "scipy"}
