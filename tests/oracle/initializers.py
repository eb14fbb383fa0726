"""Initializers: the variance of a weight."""

from __future__ import annotations


def variance(name: str, fan_in: int, fan_out: int) -> float:
    """Returns the variance that the papers ask for.

    Glorot: 2 / (fan_in + fan_out), so that neither signals nor gradients grow. He: 2 / fan_in, since ReLU
    halves the second moment. LeCun: 1 / fan_in. torch's Linear: a third of that.
    """
    return {
        "glorot": 2 / (fan_in + fan_out),
        "he": 2 / fan_in,
        "lecun": 1 / fan_in,
        "torch": 1 / (3 * fan_in),
    }[name.partition("_")[0]]
