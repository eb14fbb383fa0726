"""Averaged weights on Keras: in the graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from runner.backends.keras import kernels


class WeightAverage:
    """e <- decay e + (1 - decay) w after each update; the first update copies w.

    Args:
        variables: the trained ones.
        decay: above 0 and below 1.
        begun: the averages of an earlier training in the order of the variables, or nothing.
    """

    def __init__(self, variables: list[Any], decay: float, begun: Sequence[NDArray[np.float64]]) -> None:
        self._variables = variables
        self._decay = decay
        firsts = begun or [np.zeros(each.shape) for each in variables]
        self._averages = [
            keras.Variable(first, dtype=each.dtype, trainable=False)
            for first, each in zip(firsts, variables, strict=True)
        ]
        # Nothing is remembered where nothing was there before: 0 e + 1 w copies w.
        self._memory = keras.Variable(decay if begun else 0.0, dtype="float64", trainable=False)

    def update(self) -> None:
        """Takes the weights after an update."""
        memory = ops.convert_to_tensor(self._memory)
        for average, variable in zip(self._averages, self._variables, strict=True):
            kind = average.dtype
            average.assign(ops.cast(memory, kind) * average + ops.cast(1 - memory, kind) * variable)
        self._memory.assign(self._decay)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Puts the averages in the place of the weights while it lasts."""
        kept = [kernels.values(variable) for variable in self._variables]
        self._write(self.arrays())
        try:
            yield
        finally:
            self._write(kept)

    def arrays(self) -> list[NDArray[Any]]:
        """Returns copies of the averages in the order of the variables."""
        return [kernels.values(average) for average in self._averages]

    def _write(self, values: Sequence[NDArray[Any]]) -> None:
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
