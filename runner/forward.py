"""A trained network carried out in plain NumPy, from ``network.json`` and its weights.

A copy of this file goes with every recorded model, so that the model can be read where this project is not
installed: NumPy is all that it needs, SciPy too where the network has a GELU.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Network = Mapping[str, Any]
Layer = Mapping[str, Any]
# What comes from the input and from the state, the state, what an LSTM carries beside it; the two new ones.
Cell = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]


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
        probabilities, (rows, classes) or (rows, 1), or values in the units of the data, (rows, width).

    Raises:
        ValueError: where the inputs have another shape.
    """
    inputs = np.asarray(inputs, np.float64)
    shape = tuple(network["input_shape"])
    if inputs.shape[1:] != shape:
        raise ValueError(f"inputs must be of shape (rows, {', '.join(map(str, shape))}), not {inputs.shape}")
    standardised = (inputs - np.asarray(network["input_mean"])) / np.asarray(network["input_scale"])
    return answered(network, logits(network["layers"], weights, standardised))


def answered(network: Network, logits: Floats) -> Floats:
    """Returns probabilities, or values in the units of the data, of what the last layer gives, (rows, units)."""
    if network["output"] == "softmax":
        return softmax(logits)
    if network["output"] == "sigmoid":
        return sigmoid(logits)
    if network["output"] == "exponential":
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(logits))
    values: Floats = logits * np.asarray(network["target_scale"]) + np.asarray(network["target_mean"])
    return values


def logits(layers: Sequence[Layer], weights: Mapping[str, NDArray[Any]], x: Floats) -> Floats:
    """Returns the output of layers one after the other, in evaluation mode.

    Args:
        layers: each a word with its arguments, as ``network.json`` has them.
        weights: arrays by canonical name.
        x: standardised examples, (rows, features), (rows, length, channels) or (rows, height, width, channels).
    """
    for layer in layers:
        ((word, arguments),) = layer.items()
        if word == "sequence":
            x = logits(arguments, weights, x)
        elif word == "residual":
            x = _residual(arguments, weights, x)
        elif word == "concatenate":
            x = np.concatenate([logits(branch, weights, x) for branch in arguments], axis=-1)
        else:
            x = _LAYERS[word](x, arguments, _arrays(weights, arguments["name"]))
    return x


def _residual(blocks: Any, weights: Mapping[str, NDArray[Any]], x: Floats) -> Floats:
    """y = x + body(x), or shortcut(x) + body(x)."""
    if isinstance(blocks, Mapping):
        return logits(blocks["shortcut"], weights, x) + logits(blocks["body"], weights, x)
    return x + logits(blocks, weights, x)


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
    """y_f(p) = b_f + sum_uc x_c(stride p + dilation u) W_f(u, c), each group of filters on its group of channels."""
    kernel, groups = arrays["kernel"], layer["groups"]
    reach = (layer["kernel_size"] - 1) * layer["dilation"] + 1
    windows = _windows(_padded(x, layer["pads"], 0.0), reach, layer["stride"], layer["dilation"])
    sides = kernel.ndim - 2
    # (rows, places, channels, window) with (window, channels, filters), both in groups.
    window = list(range(sides + 2, 2 * sides + 2))
    parts = zip(np.split(windows, groups, axis=sides + 1), np.split(kernel, groups, axis=-1), strict=True)
    axes = ([*window, sides + 1], list(range(sides + 1)))
    y: Floats = np.concatenate([np.tensordot(x_part, w_part, axes=axes) for x_part, w_part in parts], axis=-1)
    return y + arrays.get("bias", 0.0)


def _transposed(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y_f(stride p + u) = b_f + sum_c x_c(p) W(u, c, f), cut to its sides."""
    kernel, stride, size, cut = arrays["kernel"], layer["stride"], layer["kernel_size"], layer["cut"]
    height, width = layer["sides"]
    high, wide = ((side - 1) * stride + size for side in x.shape[1:3])
    whole = np.zeros((len(x), max(high, cut + height), max(wide, cut + width), kernel.shape[-1]))
    for u, v in np.ndindex(size, size):
        whole[:, u : u + high - size + 1 : stride, v : v + wide - size + 1 : stride] += x @ kernel[u, v]
    return whole[:, cut : cut + height, cut : cut + width] + arrays.get("bias", 0.0)


def _max_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The largest value in each window."""
    windows = _windows(_padded(x, layer["pads"], -np.inf), layer["size"], layer["stride"])
    return np.asarray(windows.max(axis=_window_axes(x)))


def _average_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The mean of each window, what is padded left aside."""
    windows = _windows(_padded(x, layer["pads"], np.nan), layer["size"], layer["stride"])
    return np.asarray(np.nanmean(windows, axis=_window_axes(x)))


def _global_max_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The largest value of each channel."""
    return np.asarray(x.max(axis=_places(x)))


def _global_average_pool(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The mean of each channel."""
    return np.asarray(x.mean(axis=_places(x)))


def _padded(x: Floats, pads: Sequence[Sequence[int]], value: float) -> Floats:
    return np.pad(x, [(0, 0), *map(tuple, pads), (0, 0)], constant_values=value)


def _windows(x: Floats, reach: int, stride: int, dilation: int = 1) -> Floats:
    """Returns the windows of images or sequences, (rows, sides, channels, window)."""
    places = _places(x)
    windows = np.lib.stride_tricks.sliding_window_view(x, (reach,) * len(places), axis=places)
    steps, within = (slice(None, None, stride),), (slice(None, None, dilation),)
    return windows[(slice(None), *steps * len(places), slice(None), *within * len(places))]


def _window_axes(x: Floats) -> tuple[int, ...]:
    return tuple(range(x.ndim, 2 * x.ndim - 2))


def _places(x: Floats) -> tuple[int, ...]:
    return tuple(range(1, x.ndim - 1))


def _flatten(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """Height, then width, then channels."""
    # Of no rows NumPy could not tell what -1 is.
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _reshape(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The same numbers in the same order."""
    return x.reshape(len(x), *layer["shape"])


def _select(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """Some of the numbers of a row."""
    return x[:, layer["first"] : layer["first"] + layer["count"]]


def _activation(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """The function, with the slopes that it has learned."""
    return ACTIVATIONS[layer["function"]](x, **layer["arguments"], **arrays)


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


def _group_norm(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y = scale (x - mean) / sqrt(variance + epsilon) + shift over each group of channels, at all places."""
    grouped = x.reshape(len(x), math.prod(x.shape[1:-1]), layer["groups"], x.shape[-1] // layer["groups"])
    centred = grouped - grouped.mean(axis=(1, 3), keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=(1, 3), keepdims=True) + layer["epsilon"])
    return np.asarray(arrays["scale"] * (centred / deviation).reshape(x.shape) + arrays["shift"])


def _embedding(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y_t = table[x_t]."""
    return arrays["table"][x.astype(np.int64)]


def _positional_embedding(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y_t = x_t + table[t]."""
    return x + arrays["table"]


def _recurrent(cell: Cell) -> Callable[[Floats, Layer, Mapping[str, Floats]], Floats]:
    """Returns the layer that carries a cell along a sequence, and back where it is bidirectional."""

    def layer_of(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
        states = [_states(x, cell, layer["units"], arrays, "")]
        if layer["bidirectional"]:
            states.append(_states(x[:, ::-1], cell, layer["units"], arrays, "backward_")[:, ::-1])
        if layer["returns"] == "all":
            return np.concatenate(states, axis=-1)
        # The backward cell has walked from the end to the first place.
        return np.concatenate([states[0][:, -1], *(each[:, 0] for each in states[1:])], axis=-1)

    return layer_of


def _states(x: Floats, cell: Cell, units: int, arrays: Mapping[str, Floats], prefix: str) -> Floats:
    """Returns the states after every place, (rows, length, units), from the state 0."""
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    states = np.zeros((len(x), x.shape[1], units))
    hidden = carried = np.zeros((len(x), units))
    for place in range(x.shape[1]):
        from_input = x[:, place] @ own["kernel"] + own["bias"]
        from_state = hidden @ own["recurrent_kernel"] + own.get("recurrent_bias", 0.0)
        hidden, carried = cell(from_input, from_state, hidden, carried)
        states[:, place] = hidden
    return states


def _simple_rnn_cell(a: Floats, b: Floats, hidden: Floats, carried: Floats) -> tuple[Floats, Floats]:
    """h <- tanh(x W + h U + b)."""
    return np.tanh(a + b), carried


def _lstm_cell(a: Floats, b: Floats, hidden: Floats, carried: Floats) -> tuple[Floats, Floats]:
    """c <- s(f) c + s(i) tanh(g), h <- s(o) tanh(c), with (i, f, g, o) = x W + h U + b."""
    i, f, g, o = np.split(a + b, 4, axis=-1)
    carried = sigmoid(f) * carried + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(carried), carried


def _gru_cell(a: Floats, b: Floats, hidden: Floats, carried: Floats) -> tuple[Floats, Floats]:
    """h <- (1 - z) n + z h with (r, z) = s(x W + b + h U + d), n = tanh(x W + b + r (h U + d))."""
    (r, z, n), (r_state, z_state, n_state) = (np.split(each, 3, axis=-1) for each in (a, b))
    update = sigmoid(z + z_state)
    return (1 - update) * np.tanh(n + sigmoid(r + r_state) * n_state) + update * hidden, carried


def _self_attention(x: Floats, layer: Layer, arrays: Mapping[str, Floats]) -> Floats:
    """y = concat over heads of softmax(q k^T / sqrt(features / heads)) v, times the output kernel, plus its bias."""
    rows, length, features = x.shape
    heads = layer["heads"]

    def affine(values: Floats, role: str) -> Floats:
        return values @ arrays[f"{role}_kernel"] + arrays.get(f"{role}_bias", 0.0)

    def split(role: str) -> Floats:
        return affine(x, role).reshape(rows, length, heads, features // heads).transpose(0, 2, 1, 3)

    scores = split("query") @ split("key").swapaxes(-1, -2) / math.sqrt(features // heads)
    if layer["causal"]:
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    seen = (softmax(scores) @ split("value")).transpose(0, 2, 1, 3)
    return affine(seen.reshape(rows, length, features), "output")


_LAYERS: Mapping[str, Callable[[Floats, Layer, Mapping[str, Floats]], Floats]] = {
    "dense": _dense,
    "flatten": _flatten,
    "reshape": _reshape,
    "activation": _activation,
    "dropout": _dropout,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv2d_transpose": _transposed,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "global_max_pool": _global_max_pool,
    "global_average_pool": _global_average_pool,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "embedding": _embedding,
    "positional_embedding": _positional_embedding,
    "simple_rnn": _recurrent(_simple_rnn_cell),
    "lstm": _recurrent(_lstm_cell),
    "gru": _recurrent(_gru_cell),
    "self_attention": _self_attention,
    "select": _select,
}


def relu(x: Floats) -> Floats:
    """f(x) = max(0, x)."""
    return np.maximum(x, 0.0)


def relu6(x: Floats) -> Floats:
    """f(x) = min(max(0, x), 6). Source: Krizhevsky, 2010."""
    return np.clip(x, 0.0, 6.0)


def sigmoid(x: Floats) -> Floats:
    """f(x) = 1 / (1 + exp(-x))."""
    # Half the tanh of half the argument does not overflow.
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def softmax(x: Floats, *, axis: int = -1) -> Floats:
    """f(x)_i = exp(x_i) / sum_j exp(x_j), over one axis of an example: 0 is the first, -1 the last."""
    axis = axis if axis < 0 else axis + 1
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def leaky_relu(x: Floats, *, negative_slope: float) -> Floats:
    """f(x) = x for x > 0, negative_slope x otherwise."""
    return np.where(x > 0, x, negative_slope * x)


def elu(x: Floats, *, alpha: float) -> Floats:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al., 2016."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def celu(x: Floats, *, alpha: float) -> Floats:
    """f(x) = x for x > 0, alpha (exp(x / alpha) - 1) otherwise. Source: Barron, 2017."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha))


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


def softsign(x: Floats) -> Floats:
    """f(x) = x / (1 + |x|). Source: Bergstra et al., 2009."""
    return np.asarray(x / (1.0 + np.abs(x)))


def log_sigmoid(x: Floats) -> Floats:
    """f(x) = -ln(1 + exp(-x))."""
    return np.asarray(-np.logaddexp(0.0, -x))


def mish(x: Floats) -> Floats:
    """f(x) = x tanh(ln(1 + exp(x))). Source: Misra, 2020."""
    return np.asarray(x * np.tanh(softplus(x)))


def hard_sigmoid(x: Floats) -> Floats:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    return np.clip(x + 3.0, 0.0, 6.0) / 6.0


def hard_tanh(x: Floats, *, minimum: float, maximum: float) -> Floats:
    """f(x) = min(max(x, minimum), maximum). Source: Collobert, 2004."""
    return np.clip(x, minimum, maximum)


def hard_silu(x: Floats) -> Floats:
    """f(x) = x min(max(x + 3, 0), 6) / 6. Source: Howard et al., 2019."""
    return x * hard_sigmoid(x)


def identity(x: Floats) -> Floats:
    """f(x) = x."""
    return x


def glu(x: Floats) -> Floats:
    """f(a, b) = a sigmoid(b) for the two halves of the last axis. Source: Dauphin et al., 2017."""
    a, b = np.split(x, 2, axis=-1)
    return np.asarray(a * sigmoid(b))


def prelu(x: Floats, *, slope: Floats, channels: bool, initial_slope: float) -> Floats:
    """f(x) = x for x > 0, slope x otherwise, with the slopes that were learned. Source: He et al., 2015."""
    return np.where(x > 0, x, slope * x)


ACTIVATIONS: Mapping[str, Callable[..., Floats]] = {
    "relu": relu,
    "relu6": relu6,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "celu": celu,
    "selu": selu,
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "softsign": softsign,
    "log_sigmoid": log_sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": hard_tanh,
    "hard_silu": hard_silu,
    "identity": identity,
    "glu": glu,
    "prelu": prelu,
}
