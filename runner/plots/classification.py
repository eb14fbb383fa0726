"""Figures of a classification."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.metrics import confusion_matrix as count_confusions

from runner import metrics
from runner.plots import style
from runner.results import Result

_WITH_UPRIGHT_NAMES = 40
_LARGE_CELLS = 12
_WITH_ZEROS = 5
# Darkness is a root of the share, so that the few confusions of a good model can be seen at all.
_DARKENING = 0.6
_WHITE_FROM = 0.4


def confusion_matrix(
    *, result: Result, title: str, split: Literal["train", "validation", "test"]
) -> Figure | None:
    """How many examples of each class were taken for which; the darker, the larger the share of its row.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are counted.

    Returns:
        the figure, or None for a regression or a split without examples.
    """
    predictions = result.predictions.get(split)
    if result.task == "regression" or predictions is None or not len(predictions.targets):
        return None
    actual = predictions.targets.reshape(-1).astype(np.int64)
    counts: NDArray[np.int64] = count_confusions(
        actual, metrics.predicted_classes(predictions.outputs), labels=range(len(result.classes))
    )
    return _draw(counts, result.classes, title, predictions.heading(split))


def _draw(counts: NDArray[np.int64], classes: tuple[str, ...], title: str, heading: str) -> Figure:
    side = min(max(3.4, 1.8 + 0.42 * len(classes)), 10.5)
    figure, (panel,) = style.figure(width=side + 0.6, height=side + 0.6, title=title)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    display = ConfusionMatrixDisplay(shares, display_labels=[style.name(name) for name in classes])
    darkness = {"norm": PowerNorm(_DARKENING, 0.0, 1.0)}
    display.plot(ax=panel, cmap="Blues", colorbar=False, include_values=False, im_kw=darkness)
    _write_counts(panel, counts, shares)
    style.label(panel, horizontal="predicted", vertical="actual")
    right, rows = int(np.trace(counts)), int(counts.sum())
    style.note(panel, f"{heading}: {right} of {rows} right, accuracy {right / rows:.3f}")
    _tidy(panel, classes)
    return figure


def _write_counts(panel: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    size = 9.5 if len(counts) <= _LARGE_CELLS else 7.5
    for row, column in np.ndindex(counts.shape):
        count = int(counts[row, column])
        if not count and len(counts) > _WITH_ZEROS:
            continue
        colour = "white" if shares[row, column] > _WHITE_FROM else style.INK if count else style.RULE
        text = panel.text(column, row, str(count), ha="center", va="center", fontsize=size, color=colour)
        # It lies within its cell, and to measure them all takes longer than the rest of the drawing.
        text.set_in_layout(False)


def _tidy(panel: Axes, classes: tuple[str, ...]) -> None:
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    if sum(len(name) + 1 for name in classes) > _WITH_UPRIGHT_NAMES:
        panel.tick_params(axis="x", labelrotation=45)
        names: Any = panel.get_xticklabels()
        for name in names:
            name.set(ha="right", rotation_mode="anchor")
