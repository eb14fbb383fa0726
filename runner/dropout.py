"""Dropout masks from a counter: the same zeros in every framework, for the same seed, layer, step and element."""

from __future__ import annotations

from typing import Protocol, Self, TypeVar
from zlib import crc32

# 31-bit odd multipliers keep every product below 2^63, so that no framework's signed integers overflow.
# Source: Wellons, "Prospecting for Hash Functions", 2018.
FIRST_MULTIPLIER = 0x2C1B3C6D
SECOND_MULTIPLIER = 0x297A2D39
INDEX_MULTIPLIER = 0x7FEB352D
MASK = 0xFFFFFFFF
RANGE = 2**32


class Integers(Protocol):
    """What the hash needs of a 64-bit integer, or of an array of them."""

    def __xor__(self, other: Self, /) -> Self: ...
    def __rshift__(self, other: int, /) -> Self: ...
    def __mul__(self, other: int, /) -> Self: ...
    def __and__(self, other: int, /) -> Self: ...


T = TypeVar("T", bound=Integers)


def mix(value: T) -> T:
    """Returns 32 well-mixed bits for each 32-bit value."""
    value = value ^ (value >> 15)
    value = (value * FIRST_MULTIPLIER) & MASK
    value = value ^ (value >> 12)
    value = (value * SECOND_MULTIPLIER) & MASK
    return value ^ (value >> 15)


def layer_key(seed: int, name: str) -> int:
    """Returns the 32-bit key of one dropout layer in one run."""
    return mix((mix(seed & MASK) ^ crc32(name.encode())) & MASK)


def threshold(rate: float) -> int:
    """Returns the bound below which a hash means that the element is dropped."""
    return round(rate * RANGE)
