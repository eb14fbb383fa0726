"""When to stop, and which epoch was the best: pure functions of the monitored metric, lower is better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from runner.experiment import EarlyStopping


def best_epoch(history: Sequence[float]) -> int:
    """Returns the index of the first of the lowest values; NaN is never the best, unless all are NaN.

    Raises:
        ValueError: there is no epoch.
    """
    if not history:
        raise ValueError("the best epoch of an empty history was asked for")
    return min(range(len(history)), key=lambda epoch: (math.isnan(history[epoch]), history[epoch], epoch))


def should_stop(history: Sequence[float], rule: EarlyStopping) -> bool:
    """Returns whether the last ``rule.patience`` epochs all failed to improve.

    An epoch improves when its metric is below the best so far by more than ``rule.minimum_improvement``; NaN
    never is.
    """
    if rule.patience is None:
        return False
    best, waited = math.inf, 0
    for metric in history:
        if metric < best - rule.minimum_improvement:
            best, waited = metric, 0
        else:
            waited += 1
    return waited >= rule.patience
