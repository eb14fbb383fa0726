"""What is searched: for each key the numbers or the options from which a value is taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_PAIRS = 64


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """The numbers from ``low`` to ``high``, both included.

    Args:
        key: as it was typed, with its plus sign where it has one.
        text: the space as it was typed: ``interval(1e-4,1e-1)``.
        low: the lower end.
        high: the upper end, above the lower one.
        step: the distance of two neighbours, or None where every number between the ends is one.
        is_log: whether all orders of magnitude are equally likely at first, and not all numbers.
    """

    key: str
    text: str
    low: float
    high: float
    step: float | None
    is_log: bool

    @property
    def is_whole(self) -> bool:
        """Whether the numbers are whole ones."""
        return isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, int)

    @property
    def probes(self) -> tuple[str, ...]:
        """The ends, and of an interval a number between them, as overrides write them."""
        middle = math.sqrt(self.low * self.high) if self.is_log else (self.low + self.high) / 2
        between = () if self.step is not None else (middle,)
        return tuple(self.written(each) for each in (self.low, *between, self.high))

    def written(self, value: float) -> str:
        """Returns a value as an override writes it, with every digit."""
        return repr(int(value) if self.is_whole else float(value))

    def __str__(self) -> str:
        whole = "whole numbers " if self.is_whole else ""
        by = f" by {self.step:g}" if self.step not in (None, 1) else ""
        scale = ", by their logarithm" if self.is_log else ""
        return f"{whole}from {self.low:g} to {self.high:g}{by}{scale}"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Options without an order.

    Args:
        key: as it was typed, with its plus sign where it has one.
        text: the space as it was typed: ``relu,tanh``.
        values: the options as overrides write them, each once.
    """

    key: str
    text: str
    values: tuple[str, ...]

    @property
    def probes(self) -> tuple[str, ...]:
        """All of them."""
        return self.values

    def __str__(self) -> str:
        return f"one of {', '.join(self.values)}"


Axis = Numbers | Choices


@dataclass(frozen=True)
class Space:
    """What is searched, and what all trials share.

    Args:
        axes: what is searched, key by key.
        fixed: the overrides of every trial.
    """

    axes: tuple[Axis, ...]
    fixed: tuple[str, ...]

    @property
    def texts(self) -> dict[str, list[str]]:
        """Every searched key with its space as it was typed."""
        return {axis.key: [axis.text] for axis in self.axes}

    @property
    def typed(self) -> tuple[str, ...]:
        """All overrides, the spaces as they were typed."""
        return (*self.fixed, *(f"{axis.key}={axis.text}" for axis in self.axes))

    def overrides(self, values: Mapping[str, str]) -> list[str]:
        """Returns the overrides of a trial by the value of each key."""
        return [*self.fixed, *(f"{axis.key}={values[axis.key]}" for axis in self.axes)]

    def probes(self) -> list[list[str]]:
        """Returns overrides that have every end and every option once, beside the first ones of the other keys.

        Behind them come pairs of options, for what goes with some options of other keys alone.
        """
        first = {axis.key: axis.probes[0] for axis in self.axes}
        others = [first | {axis.key: value} for axis in self.axes for value in axis.probes[1:]]
        pairs = [
            first | {one.key: value, other.key: second}
            for one, other in itertools.combinations([a for a in self.axes if isinstance(a, Choices)], 2)
            for value, second in itertools.product(one.values[1:], other.values[1:])
        ]
        return [self.overrides(values) for values in (first, *others, *pairs[:_MOST_PAIRS])]
