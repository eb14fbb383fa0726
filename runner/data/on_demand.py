"""Inputs that are not all in memory: rows that are read or made when some of them are asked for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

# Rows that are looked at together, where all are gone through, unless they are more than so many bytes.
_BLOCK = 4096
_BLOCK_BYTES = 1 << 24


class OnDemand(ABC):
    """Rows in an order of their own, of which any may be asked for.

    Args:
        shape: how many there are, and the shape of one.
        dtype: of their numbers.
        sha256: of all rows in their order, little-endian and in hexadecimal, where whoever wrote them has counted it and
            seen that they are finite numbers; None where that is not known.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], sha256: str | None = None) -> None:
        self.shape = shape
        self.dtype = dtype
        self.sha256 = sha256

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
        row = self.dtype.itemsize * math.prod(self.shape[1:])
        size = max(1, min(_BLOCK, _BLOCK_BYTES // max(1, row)))
        for first in range(0, len(self), size):
            yield self[first : first + size]


class Selected(OnDemand):
    """Rows of an array that stays on the disk until some of them are asked for.

    Args:
        array: all rows, mapped from a file.
        order: the numbers of those that are meant, (rows,).
        sha256: of them, where it is known; see :class:`OnDemand`.
    """

    def __init__(self, array: NDArray[Any], order: Indices, sha256: str | None = None) -> None:
        super().__init__((len(order), *array.shape[1:]), array.dtype, sha256)
        self._array = array
        self._order = order

    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the rows of these numbers from 0, in memory."""
        # Several times as fast as an index in brackets, and without the interpreter's lock.
        return np.take(np.asarray(self._array), self._order[numbers], axis=0)

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
