"""Figures of a regression."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.figure import Figure

from runner.plots import style
from runner.results import Result

_FAINT_FROM = 300


def predicted_against_actual(
    *, result: Result, title: str, split: Literal["train", "validation", "test"]
) -> Figure | None:
    """Each prediction against the actual value; on the diagonal they agree.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are drawn.

    Returns:
        the figure, or None for a classification or a split without examples.
    """
    predictions = result.predictions.get(split)
    if result.task != "regression" or predictions is None or not len(predictions.targets):
        return None
    actual, predicted = predictions.targets.reshape(-1), predictions.outputs.reshape(-1)
    figure, (panel,) = style.figure(width=4.4, height=4.6, title=title)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    panel.plot(ends, ends, color=style.QUIET, linewidth=1, linestyle=style.DASHED, zorder=1)
    alpha = 0.75 if len(actual) < _FAINT_FROM else 0.35
    panel.scatter(actual, predicted, s=18, color=style.COLOURS[split], alpha=alpha, linewidths=0, zorder=2)
    panel.set_aspect("equal", adjustable="datalim")
    style.label(panel, horizontal="actual", vertical="predicted")
    style.grid(panel)
    error = float(np.abs(predicted - actual).mean())
    style.note(panel, f"{split}: {len(actual)} examples, mean absolute error {error:.3g}")
    return figure
