"""Answers as columns: the class and every probability, or the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from runner.network_reading import StoredNetwork

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTION, PROBABILITY = "prediction", "probability"


@dataclass(frozen=True)
class Answers:
    """How the answers of a network become columns.

    Args:
        classes: their names; empty where values are predicted.
        names: of the columns of numbers: probabilities of the classes, or values.
        alone: whether the network gives the probability of the second of two classes alone.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    alone: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns."""
        return (PREDICTION, *self.names) if self.classes else self.names

    def numbers(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the columns of numbers, (rows, names)."""
        return np.concatenate([1.0 - outputs, outputs], axis=1) if self.alone else outputs

    def taken(self, outputs: NDArray[np.float64]) -> NDArray[np.int64]:
        """Returns the number of the class of each row, as metrics count it."""
        if self.alone:
            return np.asarray(outputs[:, 0] > 0.5, np.int64)
        return np.asarray(outputs.argmax(axis=1), np.int64)

    def table(self, outputs: NDArray[np.float64]) -> dict[str, pa.Array]:
        """Returns all columns by name."""
        import pyarrow as pa

        numbers = self.numbers(outputs)
        columns = {name: pa.array(numbers[:, place]) for place, name in enumerate(self.names)}
        if not self.classes:
            return columns
        named = pa.array(self.classes).take(pa.array(self.taken(outputs)))
        return {PREDICTION: named, **columns}


def answers(network: StoredNetwork, targets: Sequence[str] = ()) -> Answers:
    """Returns how the answers of a network become columns.

    Args:
        network: whose answers.
        targets: the names of what is predicted, where a regression predicts several things.
    """
    if network.classes:
        names = tuple(f"{PROBABILITY}_{name}" for name in network.classes)
        return Answers(network.classes, names, alone=network.output == "sigmoid")
    width = len(network.target_mean)
    known = tuple(targets) if len(targets) == width else tuple(str(place) for place in range(width))
    return Answers(
        (), (PREDICTION,) if width == 1 else tuple(f"{PREDICTION}_{name}" for name in known), False
    )
