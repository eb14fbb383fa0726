"""Layers for sequences, one example and one place after the other; sequences are (rows, length, channels)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = Mapping[str, Floats]


def embedding(x: Floats, table: Floats) -> Floats:
    """y_t = table[x_t]."""
    return np.stack([np.stack([table[round(token)] for token in row]) for row in x])


def simple_rnn(x: Floats, w: Arrays) -> Floats:
    """h <- tanh(x W + h U + b); returns the state after every place, from the state 0. Source: Elman, 1990."""
    h, states = np.zeros(w["recurrent_kernel"].shape[0]), []
    for row in x:
        h = np.tanh(row @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
        states.append(h)
    return np.stack(states)


def lstm(x: Floats, w: Arrays) -> Floats:
    """Long short-term memory, gates i, f, g, o. Source: Hochreiter and Schmidhuber, 1997; Gers et al., 2000."""
    units = w["recurrent_kernel"].shape[0]
    h, c, states = np.zeros(units), np.zeros(units), []
    for row in x:
        gates = {}
        for number, gate in enumerate("ifgo"):
            part = slice(number * units, (number + 1) * units)
            gates[gate] = row @ w["kernel"][:, part] + h @ w["recurrent_kernel"][:, part] + w["bias"][part]
        c = _sigmoid(gates["f"]) * c + _sigmoid(gates["i"]) * np.tanh(gates["g"])
        h = _sigmoid(gates["o"]) * np.tanh(c)
        states.append(h)
    return np.stack(states)


def gru(x: Floats, w: Arrays) -> Floats:
    """Gated recurrent unit, gates r, z, n, the reset after the product. Source: Cho et al., 2014."""
    units = w["recurrent_kernel"].shape[0]
    h, states = np.zeros(units), []
    for row in x:
        parts = [slice(number * units, (number + 1) * units) for number in range(3)]
        outer = [row @ w["kernel"][:, part] + w["bias"][part] for part in parts]
        inner = [h @ w["recurrent_kernel"][:, part] + w["recurrent_bias"][part] for part in parts]
        r, z = _sigmoid(outer[0] + inner[0]), _sigmoid(outer[1] + inner[1])
        n = np.tanh(outer[2] + r * inner[2])
        h = n + z * (h - n)
        states.append(h)
    return np.stack(states)


CELLS: Mapping[str, Callable[[Floats, Arrays], Floats]] = {"simple_rnn": simple_rnn, "lstm": lstm, "gru": gru}


def recurrent(x: Floats, w: Arrays, *, cell: str, bidirectional: bool, returns: str) -> Floats:
    """A cell along every sequence; joined to a second one from the end to the beginning where bidirectional."""
    answers = []
    for row in x:
        states = [CELLS[cell](row, w)]
        if bidirectional:
            own = {name.removeprefix("backward_"): w[name] for name in w if name.startswith("backward_")}
            states.append(CELLS[cell](row[::-1], own))
        if returns == "last":
            answers.append(np.concatenate([each[-1] for each in states]))
        else:
            turned = [states[0], *(each[::-1] for each in states[1:])]
            answers.append(np.concatenate(turned, axis=1))
    return np.stack(answers)


def self_attention(x: Floats, w: Arrays, *, heads: int, causal: bool) -> Floats:
    """softmax(q k^T / sqrt(width)) v for each head, one place after the other. Source: Vaswani et al., 2017."""
    _, length, features = x.shape
    width = features // heads
    answers = np.zeros(x.shape, np.result_type(x, *w.values()))
    for number, row in enumerate(x):
        query = row @ w["query_kernel"] + w["query_bias"]
        key = row @ w["key_kernel"]
        value = row @ w["value_kernel"] + w["value_bias"]
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            for place in range(length):
                end = place + 1 if causal else length
                powers = np.exp(key[:end, part] @ query[place, part] / np.sqrt(width))
                answers[number, place, part] = (powers / powers.sum()) @ value[:end, part]
    return np.asarray(answers @ w["output_kernel"] + w["output_bias"])


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))
