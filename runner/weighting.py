"""What each example counts for in a loss, and the losses that have a place for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data import Rows, Splits
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Experiment
from runner.plan import Plan

_WEIGHTS = "weights"


def with_place(loss: Callable[..., Any], component: Component, rows: Rows) -> Callable[..., Any]:
    """Returns a loss as a function of (logits, targets, weights), the weights None where rows have none.

    Args:
        loss: a function of (logits, targets), or one that takes weights as well.
        component: what it was built from.
        rows: what it will be told of.

    Raises:
        ConfigurationError: the rows have weights, and the loss has no place for them.
    """
    if _takes_weights(loss):
        return lambda logits, targets, weights=None: loss(logits, targets, weights=weights)
    if rows.counts is not None:
        why = "the data have weights" if rows.weights is not None else "training.balance weighs the classes"
        rule = f"must return a function of (logits, targets, weights), because {why}"
        remedy = "weights is (rows,), or None where there are none: L = sum_i w_i l_i / sum_i w_i."
        raise ConfigurationError([Fault(f"{component.key}._target_", rule, component.target, remedy=remedy)])
    return lambda logits, targets, weights=None: loss(logits, targets)


def counts(experiment: Experiment, rows: Rows) -> NDArray[np.float64] | None:
    """Returns what each row counts for in the loss, its own weight times that of its class; None where all are alike."""
    loss = experiment.loss
    of_classes = loss.arguments.get("class_weights") if loss.is_of_backend else None
    if of_classes is None:
        return rows.counts
    of_rows = np.asarray(of_classes, np.float64)[rows.targets]
    return of_rows if rows.counts is None else np.asarray(of_rows * rows.counts)


def balanced(splits: Splits) -> Splits:
    """Returns the splits with what their rows count for because of their class: n / (K n_k) for class k.

    n are the training rows, n_k those of class k, K the classes that have any. A class without one counts 1. The rows for
    validation and test count alike, so that their loss is of the same kind.
    """
    classes = splits.train.targets
    found, counts = np.unique(classes, return_counts=True)
    parts = (splits.train, splits.validation, splits.test)
    of_class = np.ones(1 + max(int(part.targets.max(initial=0)) for part in parts))
    of_class[found] = len(classes) / (len(found) * counts)
    train, validation, test = (replace(part, balance=of_class[part.targets]) for part in parts)
    return replace(splits, train=train, validation=validation, test=test)


def of_steps(plan: Plan, epoch: int, counts: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Returns what the loss of each step of an epoch is a mean over, (steps_per_epoch,).

    Args:
        plan: the order of the rows.
        epoch: from 0.
        counts: of each row, or None for 1.
    """
    if counts is None:
        return plan.batch_sizes().astype(np.float64)
    return np.array([counts[rows].sum() for rows in plan.batches(epoch)])


def _takes_weights(loss: Callable[..., Any]) -> bool:
    # A module of PyTorch tells in forward what it takes, a loss of Keras in call.
    told = getattr(loss, "forward", getattr(loss, "call", loss))
    try:
        return _WEIGHTS in inspect.signature(told).parameters
    except (TypeError, ValueError):
        return False
