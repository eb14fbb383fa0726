"""Random numbers keyed by (seed, purpose): no global state, and the same numbers from every NumPy release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """A stream of random numbers built from PCG64's raw 64-bit words, which NumPy never changes."""

    bits: np.random.PCG64

    def uniform(self, shape: tuple[int, ...]) -> Floats:
        """Returns numbers in [0, 1) with 53 random bits each, of the given shape."""
        words = np.asarray(self.bits.random_raw(math.prod(shape)), dtype=np.uint64)
        return (words >> np.uint64(11)).astype(np.float64).reshape(shape) * 2.0**-53

    def normal(self, shape: tuple[int, ...]) -> Floats:
        """Returns standard normal numbers of the given shape.

        sqrt(-2 ln u) cos(2 pi v). Source: Box and Muller, 1958.
        """
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(shape)))
        normal: Floats = radius * np.cos(2.0 * np.pi * self.uniform(shape))
        return normal

    def permutation(self, length: int) -> NDArray[np.int64]:
        """Returns the numbers 0 to length - 1 in random order."""
        numbers = self.uniform((length,))
        # Of different numbers there is one order, which is found in half the time without a promise for equal ones.
        order: NDArray[np.int64] = np.argsort(numbers)
        in_order = numbers[order]
        if (in_order[1:] == in_order[:-1]).any():
            order = np.argsort(numbers, kind="stable")
        return order


def generator(seed: int, *purpose: str | int) -> Draws:
    """Returns the stream for one purpose, independent of every other: ``generator(0, "batches", epoch)``."""
    return Draws(np.random.PCG64(np.random.SeedSequence([seed, *map(_number, purpose)])))


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Returns a 32-bit seed for a library that wants one number."""
    return int(np.random.SeedSequence([seed, *map(_number, purpose)]).generate_state(1)[0])


def _number(word: str | int) -> int:
    return crc32(word.encode()) if isinstance(word, str) else word
