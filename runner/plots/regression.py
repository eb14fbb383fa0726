"""Figures of a regression, of one number or of several."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import PredictionErrorDisplay

from runner import metrics
from runner.plots import style
from runner.quantities import PositiveCount
from runner.results import Predictions, Result

Floats = NDArray[np.float64]

_FAINT_FROM = 300
_ACROSS = 3
# Inches of a panel's side, of a figure of ranges beside them, and of the room for one output in it.
_SIDE, _BESIDE, _ROOM = 2.7, 1.2, 0.3
_NARROWEST, _WIDEST = 4.4, 9.0
_POINTS_PER_INCH = 72
# Shares of the residuals below the ends of the wide and of the narrow range, and below the dot.
_WIDE, _NARROW, _MIDDLE = (0.05, 0.95), (0.25, 0.75), 0.5


def predicted_against_actual(
    *, result: Result, title: str, split: Literal["train", "validation", "test"], panels: PositiveCount
) -> Figure | None:
    """Each prediction against the actual value; on the diagonal they agree. Several outputs have a panel each.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are drawn.
        panels: where there are more outputs than this, those with the smallest r2 are drawn.

    Returns:
        the figure, or None for a classification, a split without examples or predictions that are not finite.
    """
    shown = _finite(result, split)
    if shown is None:
        return None
    width = shown.targets.shape[1]
    if width == 1:
        figure, (panel,) = style.figure(width=4.4, height=4.6, title=title)
        _draw_agreement(panel, shown.targets[:, 0], shown.outputs[:, 0], split)
        style.label(panel, horizontal="actual", vertical="predicted")
        style.note(panel, f"{shown.heading(split)}: {len(shown.targets)} examples, {_error(shown)}")
        return figure
    unexplained = _unexplained(shown)
    chosen = np.argsort(-unexplained, kind="stable")[:panels] if width > panels else np.arange(width)
    across, down = min(len(chosen), _ACROSS), math.ceil(len(chosen) / _ACROSS)
    heading = f"{title}: the {len(chosen)} worst of {width} outputs" if len(chosen) < width else title
    figure, drawn = style.figure(
        width=_SIDE * across, height=_SIDE * down + 0.6, title=heading, rows=down, columns=across
    )
    for place, panel in enumerate(drawn):
        if place >= len(chosen):
            panel.set_axis_off()
            continue
        output = chosen[place]
        _draw_agreement(panel, shown.targets[:, output], shown.outputs[:, output], split)
        is_lowest = place + across >= len(chosen)
        style.label(
            panel,
            horizontal="actual" if is_lowest else "",
            vertical="" if place % across else "predicted",
        )
        style.note(panel, f"{shown.heading(split)}, output {output + 1}: r2 {1 - unexplained[output]:.3g}")
    return figure


def residuals(
    *, result: Result, title: str, split: Literal["train", "validation", "test"], bins: PositiveCount
) -> Figure | None:
    """What is left of each actual value when its prediction is taken away, and how these are distributed.

    Several outputs have their ranges side by side, in the deviations of their actual values.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are drawn.
        bins: of the histogram of a single output.

    Returns:
        the figure, or None for a classification, a split without examples or predictions that are not finite.
    """
    shown = _finite(result, split)
    if shown is None:
        return None
    if shown.targets.shape[1] > 1:
        return _ranges(shown, title, split)
    actual, predicted = shown.targets[:, 0], shown.outputs[:, 0]
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
    style.note(
        panel, f"{shown.heading(split)}: residuals have mean {left.mean():.3g} and deviation {left.std():.3g}"
    )
    return figure


def _finite(result: Result, split: str) -> Predictions | None:
    """Returns the actual and the predicted values, (rows, width); None where there is nothing to draw."""
    shown = result.predictions.get(split)
    if result.task != "regression" or shown is None or not len(shown.targets):
        return None
    return shown if np.isfinite(shown.outputs).all() else None


def _draw_agreement(panel: Axes, actual: Floats, predicted: Floats, split: str) -> None:
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    panel.plot(ends, ends, color=style.QUIET, linewidth=1, linestyle=style.DASHED, zorder=1)
    panel.scatter(actual, predicted, **_dots(split, len(actual)))
    panel.set_aspect("equal", adjustable="datalim")
    style.grid(panel)


def _ranges(shown: Predictions, title: str, split: str) -> Figure:
    left = (shown.targets - shown.outputs) / _deviations(shown)
    width = left.shape[1]
    inches = min(max(_BESIDE + _ROOM * width, _NARROWEST), _WIDEST)
    figure, (panel,) = style.figure(width=inches, height=4.0, title=title)
    places, colour = np.arange(1, width + 1), style.COLOURS[split]
    thick = min(0.6 * _POINTS_PER_INCH * (inches - _BESIDE) / width, 9.0)
    panel.axhline(0, color=style.QUIET, linewidth=1, linestyle=style.DASHED)
    for shares, thickness in ((_WIDE, thick / 4), (_NARROW, thick)):
        panel.vlines(places, *np.quantile(left, shares, axis=0), color=colour, linewidth=thickness)
    panel.scatter(places, np.quantile(left, _MIDDLE, axis=0), s=thick**2 / 4, color="white", zorder=3)
    panel.set_xlim(0.25, width + 0.75)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.label(panel, horizontal="output", vertical="(actual - predicted) / deviation")
    style.grid(panel)
    style.note(panel, f"{shown.heading(split)}: 9 of 10 residuals, half of them, and their median")
    return figure


def _deviations(shown: Predictions) -> Floats:
    """Returns the standard deviation of each output's actual values, 1 where they are constant."""
    deviations = shown.targets.std(axis=0)
    return np.where(deviations > 0, deviations, 1.0)


def _unexplained(shown: Predictions) -> Floats:
    """Returns 1 - r2 of each output by the weights of the rows; -1 where its actual values are constant."""
    mean = np.average(shown.targets, axis=0, weights=shown.weights)
    residual, total = (
        np.average(values**2, axis=0, weights=shown.weights)
        for values in (shown.targets - shown.outputs, shown.targets - mean)
    )
    return np.where(total > 0, residual / np.where(total > 0, total, 1.0), -1.0)


def _error(shown: Predictions) -> str:
    error = metrics.mean(np.abs(shown.outputs - shown.targets), shown.weights)
    return f"{'' if shown.weights is None else 'weighted '}mean absolute error {error:.3g}"


def _dots(split: str, count: int) -> dict[str, Any]:
    """Returns the look of one dot for each example, fainter where there are many."""
    alpha = 0.75 if count < _FAINT_FROM else 0.35
    return {"s": 18, "color": style.COLOURS[split], "alpha": alpha, "linewidths": 0, "zorder": 2}
