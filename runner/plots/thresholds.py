"""Figures of a classification at every threshold on its probabilities, each class against the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.metrics import PrecisionRecallDisplay, RocCurveDisplay

from runner.plots import style
from runner.quantities import PositiveCount
from runner.results import Result

_SIDE = 4.6


@dataclass(frozen=True)
class _Class:
    """One class against the rest: its name, who belongs to it, (rows,), and its probabilities, (rows,)."""

    name: str
    belongs: NDArray[np.bool_]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class _Curve:
    """The curve of a class as scikit-learn displays it, and the area below it."""

    name: str
    area: float
    display: Any


def roc(
    *,
    result: Result,
    title: str,
    split: Literal["train", "validation", "test"],
    named_classes: PositiveCount,
) -> Figure | None:
    """The true positive rate against the false positive rate; a good model goes up at once.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are ranked.
        named_classes: so many classes, those with the smallest area, have a colour and a name.

    Returns:
        the figure, or None for a regression, a split without examples or probabilities that are not finite.
    """
    curves = _curves(result, split, _roc_curve)
    if not curves:
        return None
    figure, (panel,) = style.figure(width=_SIDE, height=_SIDE + 0.25, title=title)
    panel.plot([0, 1], [0, 1], color=style.QUIET, linewidth=1, linestyle=style.DASHED)
    _draw(panel, curves, named_classes)
    style.label(panel, horizontal="false positive rate", vertical="true positive rate")
    style.note(panel, f"{result.predictions[split].heading(split)}: {_summary(curves, 'area')}")
    if len(curves) > 1:
        style.legend(panel, loc="lower right")
    return figure


def precision_recall(
    *,
    result: Result,
    title: str,
    split: Literal["train", "validation", "test"],
    named_classes: PositiveCount,
) -> Figure | None:
    """The precision against the recall; a good model stays at the top.

    Args:
        result: what was predicted.
        title: the name of the run.
        split: whose examples are ranked.
        named_classes: so many classes, those with the smallest average precision, have a colour and a name.

    Returns:
        the figure, or None for a regression, a split without examples or probabilities that are not finite.
    """
    curves = _curves(result, split, _precision_recall_curve)
    if not curves:
        return None
    figure, (panel,) = style.figure(width=_SIDE, height=_SIDE + 0.25, title=title)
    _draw(panel, curves, named_classes)
    style.label(panel, horizontal="recall", vertical="precision")
    style.note(panel, f"{result.predictions[split].heading(split)}: {_summary(curves, 'average precision')}")
    if len(curves) > 1:
        style.legend(panel, loc="lower left")
    return figure


def _curves(result: Result, split: str, curve: Callable[[_Class], _Curve]) -> list[_Curve]:
    """Returns the curves of the classes that occur and are not all that occurs, the worst first."""
    curves = [curve(each) for each in _classes(result, split) if 0 < each.belongs.sum() < len(each.belongs)]
    return sorted(curves, key=lambda each: each.area)


def _classes(result: Result, split: str) -> list[_Class]:
    predictions = result.predictions.get(split)
    if result.task == "regression" or predictions is None or not np.isfinite(predictions.outputs).all():
        return []
    targets, outputs = predictions.targets.reshape(-1), predictions.outputs
    # Of two classes the first is the second turned round.
    numbers = range(len(result.classes)) if outputs.shape[1] > 1 else [1]
    return [
        _Class(result.classes[number], targets == number, outputs[:, column])
        for column, number in enumerate(numbers)
    ]


def _roc_curve(one: _Class) -> _Curve:
    false, true, _ = metrics.roc_curve(one.belongs, one.probabilities)
    area = float(metrics.auc(false, true))
    return _Curve(one.name, area, RocCurveDisplay(fpr=false, tpr=true, roc_auc=area))


def _precision_recall_curve(one: _Class) -> _Curve:
    precision, recall, _ = metrics.precision_recall_curve(
        one.belongs, one.probabilities, drop_intermediate=True
    )
    area = float(metrics.average_precision_score(one.belongs, one.probabilities))
    display = PrecisionRecallDisplay(precision=precision, recall=recall, average_precision=area)
    return _Curve(one.name, area, display)


def _draw(panel: Axes, curves: Sequence[_Curve], named_classes: int) -> None:
    """Draws the worst classes in colours and above the others, which are grey."""
    style.grid(panel)
    named, others = curves[:named_classes], curves[named_classes:]
    for place, (curve, colour) in enumerate(zip(named, style.class_colours(len(named)), strict=True)):
        text = f"{style.name(curve.name)}  {curve.area:.3f}"
        _draw_curve(panel, curve, color=colour, linewidth=1.6, label=text, zorder=4 - place / len(named))
    for number, curve in enumerate(others):
        text = f"{len(others)} better classes" if number == 0 else "_nolegend_"
        _draw_curve(panel, curve, color=style.FAINT, linewidth=1.0, label=text, zorder=2.5)
    if legend := panel.get_legend():
        # The displays have put one of their own.
        legend.remove()


def _draw_curve(panel: Axes, curve: _Curve, **look: Any) -> None:
    curve.display.plot(ax=panel)
    panel.lines[-1].set(**look)


def _summary(curves: Sequence[_Curve], measure: str) -> str:
    if len(curves) == 1:
        return f"{measure} {curves[0].area:.3f} for class {style.name(curves[0].name)}"
    return f"mean {measure} {np.mean([curve.area for curve in curves]):.3f} over {len(curves)} classes"
