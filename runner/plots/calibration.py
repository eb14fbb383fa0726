"""How far the probabilities of a classification can be taken at their word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from runner import metrics
from runner.plots import style
from runner.quantities import PositiveCount
from runner.results import Predictions, Result

# Areas of points, in square points.
_SMALLEST = 10
_LARGEST = 60


@dataclass(frozen=True)
class _Bins:
    """Examples by probability: edges (bins + 1,); counts, mean probabilities and shares of events (bins,)."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    shares: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Returns the expected calibration error, sum_b n_b / n |share_b - probability_b|.

        Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
        """
        filled = self.counts > 0
        gaps = np.abs(self.shares - self.probabilities)[filled]
        return float(np.average(gaps, weights=self.counts[filled]))


def calibration(
    *, result: Result, title: str, split: Literal["train", "validation", "test"], bins: PositiveCount
) -> Figure | None:
    """What share of the examples was right against the probability that the model gave, and their number.

    Of two classes it is the probability of the second; of more that of the class that was predicted.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are counted.
        bins: the number of equal parts of the probabilities from 0 to 1.

    Returns:
        the figure, or None for a regression, a split without examples or probabilities that are not finite.
    """
    predictions = result.predictions.get(split)
    if result.task == "regression" or predictions is None or not len(predictions.targets):
        return None
    if not np.isfinite(predictions.outputs).all():
        return None
    binned = _binned(*_events(predictions), bins)
    figure, (diagram, histogram) = style.figure(
        width=4.4, height=5.6, title=title, rows=2, heights=[4, 1.3], sharex=True
    )
    _draw_diagram(diagram, binned)
    _draw_counts(histogram, binned)
    asked, share = "probability of the predicted class", "share that was right"
    if predictions.outputs.shape[1] == 1:
        second = f"class {style.name(result.classes[-1])}"
        asked, share = f"probability of {second}", f"share of {second}"
    style.label(diagram, horizontal="", vertical=share)
    style.label(histogram, horizontal=asked, vertical="examples")
    style.note(diagram, f"{predictions.heading(split)}: expected calibration error {binned.error:.3f}")
    figure.align_ylabels()
    return figure


def _events(predictions: Predictions) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Returns whether what was predicted happened, and its probability, both (rows,)."""
    targets, outputs = predictions.targets.reshape(-1), predictions.outputs
    if outputs.shape[1] == 1:
        return targets == 1, outputs[:, 0]
    return targets == metrics.predicted_classes(outputs), outputs.max(axis=1)


def _binned(happened: NDArray[np.bool_], probabilities: NDArray[np.float64], bins: int) -> _Bins:
    """Returns the examples in equal bins, a value on an edge in the lower one; means of nothing are NaN."""
    edges = np.linspace(0.0, 1.0, bins + 1)
    places = np.searchsorted(edges[1:-1], probabilities)
    counts = np.bincount(places, minlength=bins)
    of_at_least_one = np.where(counts > 0, counts, np.nan)
    return _Bins(
        edges,
        counts,
        np.bincount(places, weights=probabilities, minlength=bins) / of_at_least_one,
        np.bincount(places, weights=happened, minlength=bins) / of_at_least_one,
    )


def _draw_diagram(panel: Axes, binned: _Bins) -> None:
    style.grid(panel)
    panel.plot([0, 1], [0, 1], color=style.QUIET, linewidth=1, linestyle=style.DASHED)
    filled = binned.counts > 0
    points = binned.probabilities[filled], binned.shares[filled]
    panel.plot(*points, color=style.CLASSES[0], linewidth=1)
    # A bin of two examples says little, and looks it.
    sizes = _SMALLEST + _LARGEST * binned.counts[filled] / binned.counts.max()
    panel.scatter(*points, s=sizes, color=style.CLASSES[0], linewidths=0, zorder=3)
    panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _draw_counts(panel: Axes, binned: _Bins) -> None:
    style.grid(panel)
    panel.grid(False, axis="x")
    colour = style.CLASSES[0]
    panel.bar(
        binned.edges[:-1], binned.counts, np.diff(binned.edges), align="edge", color=colour, edgecolor="white"
    )
    panel.yaxis.set_major_locator(MaxNLocator(3, integer=True))
