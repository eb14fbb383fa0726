"""The network as ONNX, carried out by ONNX Runtime: layer by layer and function by function against the equations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import stored
from matrix.layers import SETTINGS
from matrix.networks import inputs_of, weights_of
from oracle import activations as oracle
from test_forward import ARGUMENTS

from runner import forward, layers
from runner.experiment import Component
from runner.exports import onnx_file
from runner.exports.onnx_activations import ACTIVATIONS
from runner.exports.onnx_layers import LAYERS

# Relative to the largest number; inside it is float32.
TOLERANCE = 1e-5


def answers(network: stored.StoredNetwork, x: np.ndarray, folder: Path) -> np.ndarray:
    onnx_file.write(network, folder / "model.onnx")
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    return onnx_file.carried_out(folder / "model.onnx")(x)


# In evaluation mode, as predictions are made.
@pytest.mark.parametrize("name", [name for name, setting in SETTINGS.items() if not setting.training])
def test_layer(name: str, tmp_path: Path) -> None:
    _, tree, shape, _, equation, _ = SETTINGS[name]
    x, weights = inputs_of(tree, shape), weights_of(tree, shape)
    expected = equation(x, weights).reshape(len(x), -1)
    network = stored.write(tmp_path / "run", tree, shape, weights)
    found = answers(network, x, tmp_path)
    in_units = expected * stored.TARGET_SCALE + stored.TARGET_MEAN
    np.testing.assert_allclose(found, in_units, rtol=0, atol=TOLERANCE * np.abs(in_units).max())
    assert answers(network, x[:1], tmp_path).shape == (1, expected.shape[1])


def test_every_layer_and_every_function_is_known() -> None:
    assert set(LAYERS) == set(layers.VOCABULARY.values())
    assert set(ACTIVATIONS) == set(forward.ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - {"glu", "prelu", "softmax"}))
def test_activation(name: str, tmp_path: Path) -> None:
    x = np.linspace(-12.0, 12.0, 50 * 7).reshape(50, 7)
    arguments = ARGUMENTS.get(name, {})
    expected, _ = getattr(oracle, name)(x, **arguments)
    function = Component(
        target=f"runner.backends.torch.activations.{name}", arguments=arguments, key="activation"
    )
    tree = layers.named(layers.Sequence((layers.Activation(function=function),)))
    found = answers(stored.write(tmp_path / "run", tree, (7,), {}), x, tmp_path)
    values = (found - stored.TARGET_MEAN) / stored.TARGET_SCALE
    np.testing.assert_allclose(values, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
