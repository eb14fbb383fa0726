"""Windows over rows in the order of time: where they lie, and which part of the data each belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from runner.data.on_demand import Indices, OnDemand
from runner.experiment import Split
from runner.quantities import PositiveCount

Floats = NDArray[np.float64]
# Of rows that are in no part, and of windows that lie in two.
NOWHERE = -1


@dataclass(frozen=True, kw_only=True)
class Window:
    """What is looked at and what is predicted from it.

    Args:
        length: rows that are looked at.
        horizon: rows after these whose targets are predicted.
        stride: rows from the begin of one window to that of the next.
        past_target: whether what the targets were so far is among the inputs.
        straddle: whether a window may begin in one part of the data, as long as its targets are all in another.
    """

    length: PositiveCount
    horizon: PositiveCount
    stride: PositiveCount
    past_target: bool
    straddle: bool

    @property
    def rows(self) -> int:
        """How many rows a window takes."""
        return self.length + self.horizon


class Windows(OnDemand):
    """Stretches of the rows of a table, each made when it is asked for; they overlap, and the table is there once.

    Args:
        values: the table, in the order of time, (table rows, columns).
        starts: where each window begins, (rows,).
        length: table rows in a window.
    """

    def __init__(self, values: Floats, starts: Indices, length: int) -> None:
        super().__init__((len(starts), length, values.shape[1]), values.dtype)
        self._values = values
        self._starts = starts
        self._length = length
        self._view = sliding_window_view(values, length, axis=0)

    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the windows of these numbers from 0, (rows, length, columns)."""
        taken: NDArray[Any] = np.ascontiguousarray(self._view[self._starts[numbers]].swapaxes(1, 2))
        return taken

    def part(self, numbers: Indices) -> Windows:
        """Returns only the windows of these numbers, in their order."""
        return Windows(self._values, self._starts[numbers], self._length)


def starts(series: Indices, window: Window) -> Indices:
    """Returns where windows begin, none of which holds rows of two series.

    Args:
        series: the number of the series of each table row; rows of one stand together.
        window: how long they are.
    """
    begins = np.flatnonzero(np.diff(series, prepend=NOWHERE - 1))
    ends = np.append(begins[1:], len(series))
    found = [
        np.arange(begin, end - window.rows + 1, window.stride)
        for begin, end in zip(begins, ends, strict=True)
        if end - begin >= window.rows
    ]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def parts_of_rows(when: NDArray[Any], split: Split) -> Indices:
    """Returns the part of each table row by its time: 0 for training, then 1 for validation, then 2 for test.

    Args:
        when: the time of each row; rows of one time are in one part.
        split: the shares of the rows.
    """
    ordered = np.sort(when, kind="stable")
    part = np.zeros(len(when), np.int64)
    test = _share(len(when), split.test)
    validation = _share(len(when), split.validation)
    if validation:
        part[when >= ordered[max(0, len(when) - test - validation)]] = 1
    if test:
        part[when >= ordered[max(0, len(when) - test)]] = 2
    return part


def parts_of_windows(begins: Indices, of_rows: Indices, window: Window) -> Indices:
    """Returns the part of each window, or -1 where it lies in two.

    Args:
        begins: where each begins.
        of_rows: the part of each table row.
        window: which rows are looked at and which are predicted.
    """
    first = begins + window.length if window.straddle else begins
    last = of_rows[begins + window.rows - 1]
    return np.where(of_rows[first] == last, last, NOWHERE)


def targets_of(values: NDArray[Any], begins: Indices, window: Window) -> NDArray[Any]:
    """Returns the targets of each window, (rows, horizon * columns), the nearest time first.

    Args:
        values: of each table row, (table rows, columns).
        begins: where each window begins.
        window: which rows are predicted.
    """
    view = sliding_window_view(values, window.horizon, axis=0)
    taken = view[begins + window.length].swapaxes(1, 2)
    return np.ascontiguousarray(taken.reshape(len(begins), -1))


def _share(rows: int, fraction: float) -> int:
    return max(1, round(rows * fraction)) if fraction > 0 else 0
