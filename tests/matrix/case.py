"""What a case is, and how near two answers must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

BACKENDS = ("torch", "keras")
# Rounding: the largest difference that was seen is 1.1e-14, of a slope of tanh, and in single precision 5e-6.
BOUNDS = {"float64": 5e-14, "float32": 1e-5}


@dataclass(frozen=True)
class Case:
    """A member of a vocabulary in one setting.

    Args:
        kind: activation, layer, loss, optimizer or schedule.
        member: its name in YAML.
        setting: its arguments and inputs, in words.
        run: what a backend answers, (backend, precision) -> arrays: values, gradients and what is remembered.
        truth: the same in plain NumPy and float64.
        by_element: whether every number is held to its own size, and not to that of the largest of its array, as a sum is
            whose terms cancel.
        dtypes: the precisions in which it is run.
    """

    kind: str
    member: str
    setting: str
    run: Callable[[str, str], Arrays]
    truth: Callable[[], Arrays]
    by_element: bool = True
    dtypes: tuple[str, ...] = tuple(BOUNDS)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.member, self.setting)))

    def apart(self, ours: Arrays, theirs: Arrays) -> float:
        """Returns the largest difference between two answers in units of the size of the second."""
        assert ours.keys() == theirs.keys()
        return max(self._apart(np.asarray(ours[name]), np.asarray(theirs[name])) for name in ours)

    def _apart(self, ours: NDArray[Any], theirs: NDArray[Any]) -> float:
        assert ours.shape == theirs.shape
        sizes = np.abs(theirs.astype(np.float64))
        # Below these sizes, a difference counts as one of theirs.
        scale = sizes + 0.1 if self.by_element else max(sizes.max(initial=0.0), 1e-3)
        return float(np.max(np.abs(ours - theirs) / scale, initial=0.0))


def exact(values: NDArray[Any]) -> Floats:
    """Returns numbers that float32 holds as well."""
    return np.asarray(values).astype(np.float32).astype(np.float64)
