"""Stopping rules against histories worked out by hand."""

from __future__ import annotations

from math import inf, nan

import pytest

from runner.experiment import EarlyStopping
from runner.stopping import best_epoch, should_stop


@pytest.mark.parametrize(
    ("history", "best"),
    [
        ([3.0], 0),
        ([3.0, 1.0, 2.0], 1),
        ([3.0, 1.0, 1.0], 1),
        ([nan, 2.0, nan, 1.0], 3),
        ([inf, nan, 5.0], 2),
        ([nan, inf], 1),
        ([nan, nan], 0),
        ([-0.9, -0.95, -0.95], 1),
    ],
)
def test_best_epoch_is_the_first_of_the_lowest(history: list[float], best: int) -> None:
    assert best_epoch(history) == best


def test_no_history_has_no_best_epoch() -> None:
    with pytest.raises(ValueError, match="empty history"):
        best_epoch([])


@pytest.mark.parametrize(
    ("history", "patience", "improvement", "stops_after"),
    [
        ([5, 4, 3, 2, 1], 1, 0.0, None),
        ([5, 4, 4, 3], 1, 0.0, 3),
        ([5, 4, 4, 3, 3, 3], 2, 0.0, 6),
        ([5, 6, 4, 6, 6, 6], 3, 0.0, 6),
        ([nan, nan, 1], 2, 0.0, 2),
        # Each epoch is better by 0.1 than the one before, and the third by 0.2 than the best that counted.
        ([1.0, 0.9, 0.8, 0.7, 0.6], 2, 0.15, None),
        ([1.0, 0.9, 0.8, 0.7, 0.6], 1, 0.15, 2),
        # An improvement of exactly the minimum does not count.
        ([1.0, 0.5, 0.0], 1, 0.5, 2),
        ([1, 2, 3, 4], None, 0.0, None),
    ],
)
def test_training_stops_after_the_patience(
    history: list[float], patience: int | None, improvement: float, stops_after: int | None
) -> None:
    rule = EarlyStopping(patience=patience, minimum_improvement=improvement)
    seen = range(len(history) + 1)
    first = next((epochs for epochs in seen if should_stop(history[:epochs], rule)), None)
    assert first == stops_after
