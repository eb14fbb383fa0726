"""Figures of a regression."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import PredictionErrorDisplay

from runner.plots import style
from runner.quantities import PositiveCount
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
        the figure, or None for a classification, a split without examples or predictions that are not finite.
    """
    values = _values(result, split)
    if values is None:
        return None
    actual, predicted = values
    figure, (panel,) = style.figure(width=4.4, height=4.6, title=title)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    panel.plot(ends, ends, color=style.QUIET, linewidth=1, linestyle=style.DASHED, zorder=1)
    panel.scatter(actual, predicted, **_dots(split, len(actual)))
    panel.set_aspect("equal", adjustable="datalim")
    style.label(panel, horizontal="actual", vertical="predicted")
    style.grid(panel)
    error = float(np.abs(predicted - actual).mean())
    style.note(panel, f"{split}: {len(actual)} examples, mean absolute error {error:.3g}")
    return figure


def residuals(
    *, result: Result, title: str, split: Literal["train", "validation", "test"], bins: PositiveCount
) -> Figure | None:
    """What is left of each actual value when its prediction is taken away, and how these are distributed.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are drawn.
        bins: of the histogram.

    Returns:
        the figure, or None for a classification, a split without examples or predictions that are not finite.
    """
    values = _values(result, split)
    if values is None:
        return None
    actual, predicted = values
    figure, (panel, side) = style.figure(
        width=6.2, height=4.0, title=title, columns=2, widths=[4, 1], sharey=True
    )
    PredictionErrorDisplay(y_true=actual, y_pred=predicted).plot(
        ax=panel,
        scatter_kwargs=_dots(split, len(actual)),
        line_kwargs={"color": style.QUIET, "linewidth": 1, "linestyle": style.DASHED, "alpha": 1.0},
    )
    left = actual - predicted
    side.hist(
        left, bins=bins, orientation="horizontal", color=style.COLOURS[split], edgecolor="white", alpha=0.75
    )
    side.axhline(0, color=style.QUIET, linewidth=1, linestyle=style.DASHED)
    side.tick_params(axis="y", length=0)
    style.label(panel, horizontal="predicted", vertical="actual - predicted")
    style.label(side, horizontal="examples", vertical="")
    style.grid(panel)
    style.note(panel, f"{split}: residuals have mean {left.mean():.3g} and deviation {left.std():.3g}")
    return figure


def _values(result: Result, split: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Returns the actual and the predicted values, both flat; None where there is nothing to draw."""
    predictions = result.predictions.get(split)
    if result.task != "regression" or predictions is None or not len(predictions.targets):
        return None
    actual, predicted = predictions.targets.reshape(-1), predictions.outputs.reshape(-1)
    return (actual, predicted) if np.isfinite(predicted).all() else None


def _dots(split: str, count: int) -> dict[str, Any]:
    """Returns the look of one dot for each example, fainter where there are many."""
    alpha = 0.75 if count < _FAINT_FROM else 0.35
    return {"s": 18, "color": style.COLOURS[split], "alpha": alpha, "linewidths": 0, "zorder": 2}
