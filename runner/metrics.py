"""Metrics, computed once for every backend from targets and outputs.

Outputs are probabilities, (rows, classes), or (rows, 1) for that of class 1; for a regression they are
values, (rows, width). Where rows have weights, every metric counts them as scikit-learn does its ``sample_weight``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.experiment import Task

Floats = NDArray[np.float64]
Targets = NDArray[Any]

_PER_EPOCH: dict[Task, tuple[str, ...]] = {
    "multiclass": ("accuracy",),
    "binary": ("accuracy",),
    "regression": ("r2", "mean_absolute_error"),
}
_HIGHER_IS_BETTER = frozenset({"accuracy", "f1", "f1_macro", "roc_auc", "r2"})


def names(task: Task) -> tuple[str, ...]:
    """Returns the names of the metrics that every epoch has, beside the loss."""
    return _PER_EPOCH[task]


def higher_is_better(name: str) -> bool:
    """Returns whether more is better, for a name with or without its split: ``validation/accuracy``."""
    return name.rpartition("/")[2] in _HIGHER_IS_BETTER


def per_epoch(
    task: Task, targets: Targets, outputs: Floats, weights: Floats | None = None
) -> dict[str, float]:
    """Returns the metrics that are cheap enough for every epoch, named as in :func:`names`.

    Args:
        task: what is predicted.
        targets: class numbers (rows,), or values (rows, width); at least one row.
        outputs: as the module says; if one of them is NaN or infinite, so is every metric NaN.
        weights: (rows,), not all 0, or None for 1.
    """
    if not np.isfinite(outputs).all():
        return dict.fromkeys(names(task), float("nan"))
    if task == "regression":
        error = mean(np.abs(outputs - targets), weights)
        return {"r2": _r2(targets, outputs, weights), "mean_absolute_error": error}
    return {"accuracy": mean(predicted_classes(outputs) == targets.reshape(-1), weights)}


def final(
    task: Task,
    targets: Targets,
    outputs: Floats,
    classes: tuple[str, ...],
    weights: Floats | None = None,
) -> dict[str, float]:
    """Returns the metrics of :func:`per_epoch` and those that are computed once, for the kept weights.

    Regression: root_mean_squared_error. Binary: f1 of class 1, roc_auc. More classes: f1_macro, the mean over
    the classes that occur; roc_auc, the mean over the classes of each against the rest. The area under the
    curve is left out where a class does not occur among the targets, since it has no value there.

    Args:
        task: what is predicted.
        targets: class numbers (rows,), or values (rows, width); at least one row.
        outputs: as the module says.
        classes: the names of the classes.
        weights: (rows,), not all 0, or None for 1.
    """
    metrics = per_epoch(task, targets, outputs, weights)
    if not np.isfinite(outputs).all():
        return metrics
    if task == "regression":
        return metrics | {"root_mean_squared_error": math.sqrt(mean((outputs - targets) ** 2, weights))}
    from sklearn.metrics import f1_score, roc_auc_score

    truth, predicted = targets.reshape(-1), predicted_classes(outputs)
    # What weighs nothing does not occur.
    counting = truth if weights is None else truth[weights > 0]
    everything_occurs = len(np.unique(counting)) == len(classes)
    if task == "binary":
        metrics["f1"] = float(f1_score(truth, predicted, zero_division=0.0, sample_weight=weights))
        if everything_occurs:
            metrics["roc_auc"] = float(roc_auc_score(truth, outputs[:, -1], sample_weight=weights))
        return metrics
    metrics["f1_macro"] = float(
        f1_score(truth, predicted, average="macro", zero_division=0.0, sample_weight=weights)
    )
    if everything_occurs:
        rest = np.eye(len(classes))[truth]
        metrics["roc_auc"] = float(roc_auc_score(rest, outputs, average="macro", sample_weight=weights))
    return metrics


def number(value: float) -> str:
    """Returns a number as a table shows it: four digits after the point, or three that count."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"


def predicted_classes(outputs: Floats) -> NDArray[np.int64]:
    """Returns the number of each row's likeliest class, the lower one where two are equal, (rows,)."""
    if outputs.shape[1] == 1:
        return np.asarray(outputs[:, 0] > 0.5, np.int64)
    return np.asarray(outputs.argmax(axis=1), np.int64)


def mean(values: NDArray[Any], weights: Floats | None) -> float:
    """Returns the mean of values, (rows,) or (rows, width), by the weights of their rows."""
    return float(np.mean(values) if weights is None else np.average(values, axis=0, weights=weights).mean())


def _r2(targets: Targets, outputs: Floats, weights: Floats | None) -> float:
    """Returns the mean over the columns of 1 - sum w (t - y)^2 / sum w (t - mean t)^2; NaN below two rows.

    A column whose targets are all equal counts 1 where it is met exactly and 0 otherwise, as in scikit-learn.
    """
    if len(targets) < 2:
        return float("nan")
    counts = np.ones(len(targets)) if weights is None else weights
    residual = counts @ (targets - outputs) ** 2
    total = counts @ (targets - np.average(targets, axis=0, weights=weights)) ** 2
    varied = total > 0
    unexplained = np.where(varied, residual / np.where(varied, total, 1.0), residual > 0)
    return float((1 - unexplained).mean())
