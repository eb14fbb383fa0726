"""The kinds of number a configuration holds: annotated types whose range is checked before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """The numbers from ``minimum`` to ``maximum``, each end included unless it is said to be open."""

    minimum: float = -math.inf
    maximum: float = math.inf
    minimum_open: bool = False
    maximum_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.minimum if self.minimum_open else value >= self.minimum
        below = value < self.maximum if self.maximum_open else value <= self.maximum
        return above and below and math.isfinite(value)

    def __str__(self) -> str:
        low = f"above {self.minimum:g}" if self.minimum_open else f"at least {self.minimum:g}"
        high = f"below {self.maximum:g}" if self.maximum_open else f"at most {self.maximum:g}"
        ends = [text for text, bound in ((low, self.minimum), (high, self.maximum)) if math.isfinite(bound)]
        return " and ".join(ends) or "finite"


Finite = Annotated[float, Range()]
Positive = Annotated[float, Range(0, minimum_open=True)]
NotNegative = Annotated[float, Range(0)]
UnitInterval = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 1, maximum_open=True)]
OpenUnitInterval = Annotated[float, Range(0, 1, minimum_open=True, maximum_open=True)]
Share = Annotated[float, Range(0, 1, minimum_open=True)]
Angle = Annotated[float, Range(0, 180)]
Count = Annotated[int, Range(0)]
PositiveCount = Annotated[int, Range(1)]
