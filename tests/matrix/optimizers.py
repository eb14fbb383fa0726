"""Optimizers over 50 steps, with and without clipping and decays."""

from __future__ import annotations

from typing import Any

import numpy as np
import shipped
from oracle import optimizers as oracle

from matrix.case import Arrays, Case, Floats, exact
from matrix.frameworks import function, optimizer_steps
from runner.experiment import Clipping

DECAYS = ("l2", "decoupled_weight_decay")
SURROUNDING = {"learning_rate": 0.1, "l2": 0.0, "decoupled_weight_decay": 0.0, "decay_on": "all"}
DECAYED = {"l2": 0.03, "decoupled_weight_decay": 0.2, "decay_on": "kernels"}
FURTHER: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.9, "nesterov": False, "l2": 0.03, "decoupled_weight_decay": 0.2}),
    ("sgd", {"momentum": 0.9, "nesterov": False}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("sgd", {"momentum": 0.0, "nesterov": True}),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 0.01}),
    ("amsgrad", {"beta1": 0.5, "beta2": 0.6, "epsilon": 0.01}),
    ("nadam", {"beta1": 0.8, "beta2": 0.9, "momentum_decay": 0.5, "epsilon": 0.01}),
    ("adamax", {"beta1": 0.5, "beta2": 0.7, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.7, "momentum": 0.8, "centered": False, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.7, "momentum": 0.0, "centered": True, "epsilon": 0.01}),
    ("rmsprop", {"decay": 0.9, "momentum": 0.8, "centered": True, "epsilon": 0.01}),
    ("adadelta", {"decay": 0.6, "epsilon": 0.01}),
    ("lion", {"beta1": 0.6, "beta2": 0.7}),
    ("adagrad", {"initial_accumulator": 0.3, "epsilon": 0.01}),
]
CLIPPINGS = {
    "": Clipping(global_norm=None, value=None),
    "clipped norm": Clipping(global_norm=1.0, value=None),
    "clipped values": Clipping(global_norm=None, value=0.5),
}
NAMES = ("dense0/kernel", "dense0/bias")
SHAPES = ((3, 2), (2,))
# The rate changes, so that a momentum buffer that holds it would show.
RATES = np.array([0.1, 0.1, 0.05, 0.2, 0.01] * 10)


def _gradients(step: int) -> list[Floats]:
    """Gradients of every size, and some elements that are always zero."""
    draws = np.random.default_rng(step)
    gradients = [exact(draws.normal(size=shape) * 10.0 ** draws.integers(-3, 1)) for shape in SHAPES]
    gradients[0][0] = 0
    return gradients


def _weights() -> list[Floats]:
    draws = np.random.default_rng(0)
    return [exact(draws.normal(size=shape)) for shape in SHAPES]


def _case(name: str, stated: dict[str, Any], clipping: str) -> Case:
    given = SURROUNDING | stated

    def run(backend: str, dtype: str) -> Arrays:
        seen = optimizer_steps(
            backend,
            function(backend, "optimizers", name)(**given),
            CLIPPINGS[clipping],
            {name: weight.astype(dtype) for name, weight in zip(NAMES, _weights(), strict=True)},
            [[gradient.astype(dtype) for gradient in _gradients(step)] for step in range(len(RATES))],
            RATES,
        )
        return _by_name(seen)

    def truth() -> Arrays:
        inner = {key: value for key, value in given.items() if key not in SURROUNDING}
        optimizer = oracle.Optimizer(
            getattr(oracle, name)(**inner),
            **{key: given[key] for key in DECAYS},
            clip_global_norm=CLIPPINGS[clipping].global_norm,
            clip_value=CLIPPINGS[clipping].value,
            decayed=frozenset({0}) if given["decay_on"] == "kernels" else None,
        )
        weights, seen = _weights(), []
        for step, rate in enumerate(RATES):
            weights = optimizer.step(weights, _gradients(step), float(rate))
            seen.append(weights)
        return _by_name(seen)

    words = ", ".join(
        filter(
            None, [*(f"{key} {value}" for key, value in stated.items() if key != "learning_rate"), clipping]
        )
    )
    return Case("optimizer", name, words, run, truth)


def _by_name(seen: list[list[Any]]) -> Arrays:
    return {name: np.stack([weights[place] for weights in seen]) for place, name in enumerate(NAMES)}


def _cases() -> list[Case]:
    found = shipped.components("optimizer", "learning_rate")
    decayed = [(name, arguments | DECAYED) for name, arguments in found]
    return [
        _case(name, arguments, clipping)
        for name, arguments in [*found, *decayed, *FURTHER]
        for clipping in CLIPPINGS
    ]


CASES = _cases()
