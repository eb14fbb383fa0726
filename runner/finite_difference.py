"""Derivatives by differences of values in float64, and how far another derivative is from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# So large that rounding in float64 leaves nine digits, so small that a jump of the curvature, as softsign has it at 0,
# costs less than a millionth.
_STEP = 2.0**-22
# Slopes from below and from above that are further apart belong to a kink.
_KINK = 1e-3


@dataclass(frozen=True)
class Slopes:
    """The slopes of a function from below and from above.

    Args:
        below: (f(x) - f(x - h)) / h.
        above: (f(x + h) - f(x)) / h.
    """

    below: Floats
    above: Floats

    @property
    def central(self) -> Floats:
        """Returns (f(x + h) - f(x - h)) / 2h."""
        return (self.below + self.above) / 2

    def apart(self, derivatives: Floats) -> Floats:
        """Returns how far derivatives are from the central difference; at a kink, from what lies between both slopes."""
        low, high = np.minimum(self.below, self.above), np.maximum(self.below, self.above)
        is_kink = high - low > _KINK * np.maximum(np.abs(low) + np.abs(high), 1.0)
        outside = np.maximum(np.maximum(low - derivatives, derivatives - high), 0.0)
        return np.where(is_kink, outside, np.abs(derivatives - self.central))


def steps(x: Floats) -> Floats:
    """Returns h for each x."""
    return _STEP * np.maximum(np.abs(x), 1.0)


def slopes(at: Floats, below: Floats, above: Floats, step: Floats) -> Slopes:
    """Returns the slopes from f(x), f(x - h), f(x + h) and h."""
    return Slopes((at - below) / step, (above - at) / step)
