"""Activations, at moderate and at large numbers, at their kinks, and along every axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import shipped
from oracle import activations as oracle

from matrix.case import Arrays, Case, Floats, exact
from matrix.frameworks import function, pullback

# Their layer halves a width or holds slopes: they are layers.
LAYERS_OWN = {"glu", "prelu"}
POINTS = {
    "moderate": exact(np.concatenate([np.linspace(-8, 8, 161), [1e-3, -1e-3]])),
    "large": np.array([-1000.0, -200.0, -60.0, -20.5, 20.5, 60.0, 200.0, 1000.0]),
}
# Where a function has a kink, its slope there is torch's.
KINKS: list[tuple[str, dict[str, float], list[float]]] = [
    ("relu", {}, [0.0]),
    ("relu6", {}, [0.0, 6.0]),
    ("leaky_relu", {"negative_slope": 0.25}, [0.0]),
    ("elu", {"alpha": 1.5}, [0.0]),
    ("celu", {"alpha": 1.5}, [0.0]),
    ("selu", {}, [0.0]),
    ("softsign", {}, [0.0]),
    ("hard_tanh", {"minimum": -1.0, "maximum": 2.0}, [-1.0, 2.0]),
    ("hard_sigmoid", {}, [-3.0, 3.0]),
    ("hard_silu", {}, [-3.0, 3.0]),
]
FURTHER: list[tuple[str, dict[str, float]]] = [
    ("leaky_relu", {"negative_slope": 0.3}),
    ("elu", {"alpha": 1.7}),
    ("celu", {"alpha": 1.7}),
    ("hard_tanh", {"minimum": -0.5, "maximum": 2.25}),
]


def _case(name: str, arguments: dict[str, Any], x: Floats, setting: str) -> Case:
    upstream = exact(np.random.default_rng(0).normal(size=x.shape))

    def run(backend: str, dtype: str) -> Arrays:
        equation = function(backend, "activations", name)(**arguments)
        value, gradient = pullback(backend, equation, x.astype(dtype), upstream.astype(dtype))
        return {"value": value, "gradient": gradient}

    def truth() -> Arrays:
        if name == "softmax":
            return _softmax(x, upstream, **arguments)
        value, derivative = getattr(oracle, name)(x, **arguments)
        return {"value": value, "gradient": upstream * derivative}

    words = ", ".join([*(f"{key} {value}" for key, value in arguments.items()), setting])
    return Case("activation", name, words, run, truth)


def _softmax(x: Floats, upstream: Floats, *, axis: int) -> Arrays:
    """The axis of an example turned to the end and back."""
    along = axis if axis < 0 else axis + 1
    expected, jacobian = oracle.softmax(np.moveaxis(x, along, -1))
    pulled = np.einsum("...i,...ij->...j", np.moveaxis(upstream, along, -1), jacobian)
    return {"value": np.moveaxis(expected, -1, along), "gradient": np.moveaxis(pulled, -1, along)}


def _cases() -> list[Case]:
    found = [case for case in shipped.components("activation") if case[0] not in LAYERS_OWN]
    blocks = exact(np.random.default_rng(0).normal(size=(5, 2, 3, 4)))
    return [
        *(
            # A softmax has an axis beside that of the rows.
            _case(name, arguments, points[None, :] if name == "softmax" else points, size)
            for name, arguments in [*found, *FURTHER]
            for size, points in POINTS.items()
        ),
        *(_case(name, arguments, np.array(kinks), "at its kinks") for name, arguments, kinks in KINKS),
        *(_case("softmax", {"axis": axis}, blocks, "of images") for axis in (-3, -2, -1, 0, 1, 2)),
    ]


CASES = _cases()
