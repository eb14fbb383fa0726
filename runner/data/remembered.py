"""Arguments of a cached function that are known again by a key, and not by what they hold."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Remembered(Generic[Value]):
    """A value with what tells it from others.

    Args:
        key: equal where the values mean the same.
        value: what is worked with.
    """

    key: Hashable
    value: Value

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Remembered) and self.key == other.key
