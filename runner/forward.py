"""A trained network carried out in plain NumPy, from ``network.json`` and its weights.

A copy of this file goes with every recorded model, so that the model can be read where this project is not
installed: NumPy is all that it needs, SciPy too where the network has a GELU.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Network = Mapping[str, Any]
Layer = Mapping[str, Any]


def read(path: Path) -> Network:
    """Returns the network that a ``network.json`` describes."""
    network: Network = json.loads(path.read_text(encoding="utf-8"))
    return network


def predict(network: Network, weights: Mapping[str, NDArray[Any]], inputs: NDArray[Any]) -> Floats:
    """Returns what the network says of examples.

    Args:
        network: what :func:`read` returned.
        weights: arrays by canonical name.
        inputs: examples in the units of the data, (rows, *input_shape).

    Returns:
        probabilities, (rows, classes) or (rows, 1), or values in the units of the data, (rows, 1).

    Raises:
        ValueError: where the inputs have another shape.
    """
    inputs = np.asarray(inputs, np.float64)
    shape = tuple(network["input_shape"])
    if inputs.shape[1:] != shape:
        raise ValueError(f"inputs must be of shape (rows, {', '.join(map(str, shape))}), not {inputs.shape}")
    standardised = (inputs - np.asarray(network["input_mean"])) / np.asarray(network["input_scale"])
    answer = logits(network["layers"], weights, standardised)
    if network["output"] == "softmax":
        return softmax(answer)
    if network["output"] == "sigmoid":
        return sigmoid(answer)
    values: Floats = answer * network["target_scale"] + network["target_mean"]
    return values


def logits(layers: Sequence[Layer], weights: Mapping[str, NDArray[Any]], x: Floats) -> Floats:
    """Returns the output of layers one after the other, in evaluation mode.

    Args:
        layers: each a word with its arguments, as ``network.json`` has them.
        weights: arrays by canonical name.
        x: standardised examples, (rows, features) or (rows, height, width, channels).
    """
    for layer in layers:
        ((word, arguments),) = layer.items()
        if word == "sequence":
            x = logits(arguments, weights, x)
        elif word == "residual":
            x = x + logits(arguments, weights, x)
        elif word == "concatenation":
            x = np.concatenate([logits(branch, weights, x) for branch in arguments], axis=-1)
        else:
            x = _LAYERS[word](x, arguments, _arrays(weights, arguments["name"]))
    return x


def _arrays(weights: Mapping[str, NDArray[Any]], layer: str) -> dict[str, Floats]:
    prefix = f"{layer}/"
    return {
        name.removeprefix(prefix): np.asarray(array, np.float64)
        for name, array in weights.items()
        if name.startswith(prefix)
    }


def _dense(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y = x W + b."""
    y: Floats = x @ arrays["kernel"] + arrays.get("bias", 0.0)
    return y


def _convolution(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y_nijf = b_f + sum_uvc x_n,(i s + u),(j s + v),c W_uvcf."""
    padded = np.pad(x, [(0, 0), *map(tuple, layer["pads"]), (0, 0)])
    windows = _windows(padded, layer["kernel_size"], layer["stride"])
    y: Floats = np.tensordot(windows, arrays["kernel"], axes=([4, 5, 3], [0, 1, 2]))
    return y + arrays.get("bias", 0.0)


def _max_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The largest value in each window."""
    return np.asarray(_windows(x, layer["size"], layer["stride"]).max(axis=(4, 5)))


def _average_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The mean of each window."""
    return np.asarray(_windows(x, layer["size"], layer["stride"]).mean(axis=(4, 5)))


def _windows(x: Floats, size: int, stride: int) -> Floats:
    """Returns the square windows of images, (rows, height, width, channels, size, size)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride]


def _flatten(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """Height, then width, then channels."""
    return x.reshape(len(x), -1)


def _activation(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    return ACTIVATIONS[layer["function"]](x, **layer["arguments"])


def _dropout(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """Nothing is dropped in evaluation mode."""
    return x


def _batch_norm(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y = scale (x - running mean) / sqrt(running variance + epsilon) + shift."""
    deviation = np.sqrt(arrays["running_variance"] + layer["epsilon"])
    return np.asarray(arrays["scale"] * ((x - arrays["running_mean"]) / deviation) + arrays["shift"])


def _layer_norm(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + layer["epsilon"])
    return np.asarray(arrays["scale"] * (centred / deviation) + arrays["shift"])


_LAYERS: Mapping[str, Callable[[Floats, Layer, Mapping[str, Floats]], Floats]] = {
    "dense": _dense,
    "convolution": _convolution,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "flatten": _flatten,
    "activation": _activation,
    "dropout": _dropout,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
}


def relu(x: Floats) -> Floats:
    """f(x) = max(0, x)."""
    return np.maximum(x, 0.0)


def sigmoid(x: Floats) -> Floats:
    """f(x) = 1 / (1 + exp(-x))."""
    # Half the tanh of half the argument does not overflow.
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def softmax(x: Floats) -> Floats:
    """f(x)_i = exp(x_i) / sum_j exp(x_j), over the last axis."""
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def leaky_relu(x: Floats, *, negative_slope: float) -> Floats:
    """f(x) = x for x > 0, negative_slope x otherwise."""
    return np.where(x > 0, x, negative_slope * x)


def elu(x: Floats, *, alpha: float) -> Floats:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al., 2016."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def selu(x: Floats) -> Floats:
    """f(x) = 1.0507 elu(x, alpha = 1.6733). Source: Klambauer et al., 2017."""
    return 1.0507009873554804934193349852946 * elu(x, alpha=1.6732632423543772848170429916717)


def gelu(x: Floats) -> Floats:
    """f(x) = x Phi(x), Phi the normal distribution function. Source: Hendrycks and Gimpel, 2016."""
    from scipy.special import ndtr

    return np.asarray(x * ndtr(x))


def silu(x: Floats) -> Floats:
    """f(x) = x sigmoid(x). Source: Elfwing et al., 2018."""
    return x * sigmoid(x)


def softplus(x: Floats) -> Floats:
    """f(x) = ln(1 + exp(x))."""
    return np.logaddexp(0.0, x)


def mish(x: Floats) -> Floats:
    """f(x) = x tanh(ln(1 + exp(x))). Source: Misra, 2020."""
    return np.asarray(x * np.tanh(softplus(x)))


def hard_sigmoid(x: Floats) -> Floats:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def identity(x: Floats) -> Floats:
    """f(x) = x."""
    return x


ACTIVATIONS: Mapping[str, Callable[..., Floats]] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "hard_sigmoid": hard_sigmoid,
    "identity": identity,
}
