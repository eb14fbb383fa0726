"""Figures of the history: what was measured at the end of every epoch."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.plots import style
from runner.quantities import Positive
from runner.results import SPLITS, Result

_LEARNING_RATE = "learning_rate"
# Rates that differ by less are one rate, computed in different ways.
_SAME = 1.0e-9


def learning_curves(*, result: Result, title: str, logarithmic_from: Positive) -> Figure | None:
    """The loss and a metric of each split against the epoch; the best epoch is marked.

    Args:
        result: what was measured.
        title: the name of the run.
        logarithmic_from: the loss has a logarithmic axis where max / min is at least this.

    Returns:
        the figure, or None where no epoch was finished.
    """
    if not result.epochs:
        return None
    names = ["loss", *_second_metric(result)]
    figure, panels = style.figure(width=4.8 * len(names), height=3.6, title=title, columns=len(names))
    for panel, name in zip(panels, names, strict=True):
        _draw_metric(panel, result, name)
    style.legend(panels[0])
    _choose_scale(panels[0], _finite(result, "loss"), logarithmic_from)
    return figure


def learning_rate(*, result: Result, title: str, logarithmic_from: Positive) -> Figure | None:
    """The learning rate at the last step of every epoch.

    Args:
        result: what was measured.
        title: the name of the run.
        logarithmic_from: the axis is logarithmic where max / median is at least this, so that a rate which
            falls to almost nothing at the very end alone is not drawn as a cliff.

    Returns:
        the figure, or None where the learning rate never changed.
    """
    points = _series(result, _LEARNING_RATE)
    rates = [rate for _, rate in points]
    if not rates or max(rates) - min(rates) <= _SAME * max(rates):
        return None
    figure, (panel,) = style.figure(width=4.8, height=3.6, title=title)
    style.label(panel, horizontal="epoch", vertical="learning rate")
    style.grid(panel)
    epochs = [epoch for epoch, _ in points]
    marker = style.marker(len(points))
    panel.plot(epochs, rates, color=style.INK, marker=marker, markersize=3, linewidth=1.6, clip_on=False)
    style.epochs(panel, epochs)
    if min(rates) > 0 and max(rates) >= logarithmic_from * statistics.median(rates):
        style.logarithmic(panel, rates)
    else:
        panel.set_ylim(bottom=0)
    return figure


def _second_metric(result: Result) -> list[str]:
    """Returns the monitored metric where it is not the loss, else the first other one, else none."""
    measured = dict.fromkeys(name.partition("/")[2] for record in result.epochs for name in record.metrics)
    monitored = result.monitor.partition("/")[2]
    others = [name for name in (monitored, *measured) if name in measured and name != "loss" and name]
    split_wise = [name for name in others if any(_series(result, f"{split}/{name}") for split in SPLITS)]
    return split_wise[:1]


def _draw_metric(panel: Axes, result: Result, name: str) -> None:
    style.label(panel, horizontal="epoch", vertical=name.replace("_", " "))
    style.grid(panel)
    for split in SPLITS:
        points = _series(result, f"{split}/{name}")
        if points:
            _draw_line(panel, points, split)
    _mark_best(panel, result)
    style.epochs(panel, [record.epoch for record in result.epochs])


def _draw_line(panel: Axes, points: Sequence[tuple[int, float]], split: str) -> None:
    epochs, values = zip(*points, strict=True)
    colour, marker = style.COLOURS[split], style.marker(len(points))
    panel.plot(epochs, values, color=colour, marker=marker, markersize=3, linewidth=1.6, label=split)


def _mark_best(panel: Axes, result: Result) -> None:
    name = f"best epoch: {result.best_epoch}"
    panel.axvline(result.best_epoch, color=style.QUIET, linewidth=1, linestyle=style.DASHED, label=name)


def _choose_scale(panel: Axes, values: Sequence[float], logarithmic_from: float) -> None:
    if not values or min(values) <= 0 or max(values) < logarithmic_from * min(values):
        return
    style.logarithmic(panel, values)


def _series(result: Result, name: str) -> list[tuple[int, float]]:
    return [(record.epoch, record.metrics[name]) for record in result.epochs if name in record.metrics]


def _finite(result: Result, name: str) -> list[float]:
    return [
        value for split in SPLITS for _, value in _series(result, f"{split}/{name}") if math.isfinite(value)
    ]
