"""Inputs that are not all in memory: rows that are read or made when some of them are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

# Rows that are looked at together, where all are gone through.
_BLOCK = 4096


class OnDemand(ABC):
    """Rows in an order of their own, of which any may be asked for.

    Args:
        shape: how many there are, and the shape of one.
        dtype: of their numbers.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | Indices) -> NDArray[Any]:
        """Returns some of the rows, in memory, as they are evaluated."""
        numbers = np.arange(len(self))[which] if isinstance(which, slice) else which
        return self.rows(numbers)

    @abstractmethod
    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the rows of these numbers from 0, in memory, as they are evaluated."""

    @abstractmethod
    def part(self, numbers: Indices) -> OnDemand:
        """Returns only the rows of these numbers, in their order."""

    def training(self, numbers: Indices, epoch: int) -> NDArray[Any]:
        """Returns the rows of these numbers as they are learnt from in an epoch, numbered from 0."""
        return self.rows(numbers)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yields all rows in their order, some at a time."""
        for first in range(0, len(self), _BLOCK):
            yield self[first : first + _BLOCK]


class Selected(OnDemand):
    """Rows of an array that stays on the disk until some of them are asked for.

    Args:
        array: all rows, mapped from a file.
        order: the numbers of those that are meant, (rows,).
    """

    def __init__(self, array: NDArray[Any], order: Indices) -> None:
        super().__init__((len(order), *array.shape[1:]), array.dtype)
        self._array = array
        self._order = order

    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the rows of these numbers from 0, in memory."""
        taken: NDArray[Any] = self._array[self._order[numbers]]
        return taken

    def part(self, numbers: Indices) -> Selected:
        """Returns only the rows of these numbers, in their order."""
        return Selected(self._array, self._order[numbers])


def blocks(inputs: NDArray[Any] | OnDemand) -> Iterator[NDArray[Any]]:
    """Yields all rows of inputs in their order, some at a time."""
    if isinstance(inputs, OnDemand):
        yield from inputs.blocks()
    else:
        for first in range(0, len(inputs), _BLOCK):
            yield inputs[first : first + _BLOCK]
