"""A trained network that answers: in plain NumPy, or on a framework."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import backend, folders, forward, layers
from runner.errors import Fault, UsageError
from runner.network_reading import StoredNetwork

CHOICES = ("torch", "keras", "numpy")
_FRAMEWORKS = {"torch": "torch", "keras": "tensorflow"}
# Numbers that the widest layer may give at once, so that a batch stays in a few tens of megabytes.
_NUMBERS, _MOST_ROWS = 2**22, 8192


@dataclass(frozen=True)
class Predictor:
    """What gives probabilities, or values in the units of the data, of examples in the units of the data.

    Args:
        network: what is carried out.
        name: who carries it out: torch, keras or numpy.
        rows: how many examples go through it at once.
        logits: returns the last layer's numbers.
    """

    network: StoredNetwork
    name: str
    rows: int
    logits: Callable[[NDArray[Any]], NDArray[np.float64]]

    def __call__(self, inputs: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the answers to any number of examples, (rows, units)."""
        starts = range(0, len(inputs), self.rows)
        found = [self.logits(inputs[first : first + self.rows]) for first in starts]
        return self.network.answered(np.concatenate(found))


def predictor(network: StoredNetwork, name: str) -> Predictor:
    """Returns who answers; a framework is imported here.

    Args:
        network: read from its files.
        name: torch, keras or numpy.

    Raises:
        ConfigurationError: the framework is not installed.
    """
    rows = batch_rows(network)
    if name == "numpy":
        return Predictor(network, name, rows, lambda inputs: _in_numpy(network, inputs))
    if not is_installed(name):
        remedy = f"Type: pip install {folders.installable(name)}. Or take --backend numpy, which needs none."
        raise UsageError([Fault("--backend", f"needs {name}, which is not installed", name, None, remedy)])
    loaded = backend.load_prediction(f"runner.backends.{name}")
    return Predictor(network, name, rows, loaded.predictor(network=network))


def is_installed(name: str) -> bool:
    """Returns whether a backend's framework is installed; imports nothing of it."""
    return importlib.util.find_spec(_FRAMEWORKS[name]) is not None


def usual(trained_by: str | None) -> str:
    """Returns who answers where nobody was named: the framework of the training, another, or plain NumPy."""
    order = dict.fromkeys([trained_by, *_FRAMEWORKS])
    return next((name for name in order if name in _FRAMEWORKS and is_installed(name)), "numpy")


def batch_rows(network: StoredNetwork) -> int:
    """Returns how many examples may go through a network at once."""
    rows = layers.rows(network.tree("runner.backends.none"), network.input_shape)
    widest = max([math.prod(network.input_shape), *(math.prod(row.output_shape) for row in rows)])
    return max(1, min(_MOST_ROWS, _NUMBERS // widest))


def _in_numpy(network: StoredNetwork, inputs: NDArray[Any]) -> NDArray[np.float64]:
    standardised = (inputs - network.input_mean) / network.input_scale
    return forward.logits(network.described["layers"], network.weights, standardised)
