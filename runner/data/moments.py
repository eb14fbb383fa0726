"""Mean and scale of each element of inputs, block by block: nothing of them is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.layers import Shape

Floats = NDArray[np.float64]


class Moments(ABC):
    """What is known of the rows that have been added.

    Args:
        shape: of one row.
        together: whether all elements of a channel, the last side of a row, have one mean and one scale.
    """

    def __init__(self, shape: Shape, together: bool) -> None:
        self._shape = shape
        self._together = together
        self._count = 0

    @abstractmethod
    def add(self, block: NDArray[Any]) -> None:
        """Takes some of the rows."""

    @abstractmethod
    def standard(self) -> tuple[Floats, Floats]:
        """Returns mean and standard deviation, of the shape of a row; 1 in the place of the deviation of a constant."""

    def _of_row(self, found: Floats) -> Floats:
        return np.broadcast_to(found, self._shape).copy()


class OfBytes(Moments):
    """Of bytes, whose sums are whole numbers: exact in any order and by any blocks."""

    def __init__(self, shape: Shape, together: bool) -> None:
        super().__init__(shape, together)
        self._sums = np.zeros((2, *shape), np.int64)

    def add(self, block: NDArray[Any]) -> None:
        """Takes some of the rows."""
        wide = block.astype(np.uint16)
        self._sums += [power.sum(axis=0, dtype=np.int64) for power in (wide, wide * wide)]
        self._count += len(block)

    def standard(self) -> tuple[Floats, Floats]:
        """Returns mean and standard deviation, of the shape of a row; 1 in the place of the deviation of a constant."""
        count, sums = self._count, self._sums
        if self._together:
            count *= sums[0].size // sums.shape[-1]
            sums = sums.reshape(2, -1, sums.shape[-1]).sum(axis=1)
        total, squares = sums.astype(object)
        # n² times the variance, n sum x² - (sum x)², as whole numbers of any length.
        spread = (count * squares - total**2).astype(np.float64)
        scale = np.where(spread == 0, 1.0, np.sqrt(spread) / count)
        return self._of_row(sums[0] / count), self._of_row(scale)


class OfNumbers(Moments):
    """Of numbers, in float64: mean and squares about it of each block, joined to those of the blocks before.

    With n rows of mean m and squares s, and n', m', s' of the block, d = m' - m: m <- m + d n' / (n + n') and
    s <- s + s' + d² n n' / (n + n'). Nothing large is subtracted, so that the last digits alone depend on the blocks.

    Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
    """

    def __init__(self, shape: Shape, together: bool) -> None:
        super().__init__(shape, together)
        width = shape[-1] if together else int(np.prod(shape))
        self._mean, self._squares = np.zeros(width), np.zeros(width)
        self._low, self._high = np.full(width, np.inf), np.full(width, -np.inf)

    def add(self, block: NDArray[Any]) -> None:
        """Takes some of the rows."""
        if not len(block):
            return
        values = block.reshape(-1, len(self._mean)).astype(np.float64)
        np.minimum(self._low, values.min(axis=0), out=self._low)
        np.maximum(self._high, values.max(axis=0), out=self._high)
        mean = values.mean(axis=0)
        values -= mean
        count, all_rows = len(values), self._count + len(values)
        apart = mean - self._mean
        self._mean += apart * (count / all_rows)
        self._squares += np.einsum("rc,rc->c", values, values) + apart**2 * (self._count * count / all_rows)
        self._count = all_rows

    def standard(self) -> tuple[Floats, Floats]:
        """Returns mean and standard deviation, of the shape of a row; 1 in the place of the deviation of a constant."""
        # Rounding gives a constant such as 0.1 a deviation just above 0: compare the values themselves.
        deviation = np.sqrt(self._squares / self._count)
        scale = np.where(self._low == self._high, 1.0, deviation)
        shape = (self._shape[-1],) if self._together else self._shape
        return self._of_row(self._mean.reshape(shape)), self._of_row(scale.reshape(shape))


def of(dtype: np.dtype[Any], shape: Shape, *, together: bool) -> Moments:
    """Returns the moments of rows of a kind, of which none is known yet."""
    return (OfBytes if dtype == np.uint8 else OfNumbers)(shape, together)
