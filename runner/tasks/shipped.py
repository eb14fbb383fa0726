"""The tasks that YAML names."""

from __future__ import annotations

from typing import Any, Literal

from runner.quantities import Count, Finite, Positive, PositiveCount
from runner.task import Task
from runner.tasks.curves import Curves
from runner.tasks.gradient import Gradient
from runner.tasks.loss import Loss
from runner.tasks.trace import Trace
from runner.tasks.train import Training


def train() -> Task:
    """Training: epochs of steps, the metrics of every epoch, and the weights of the best one."""
    return Training()


def trace(
    *,
    inputs: list[Any] | None,
    rows: list[Count],
    split: Literal["train", "validation", "test"],
    listed: PositiveCount,
) -> Task:
    """A forward pass in evaluation mode: the name, the shape and the values of every layer.

    Args:
        inputs: examples in the units of the data, or None for rows of the data.
        rows: numbers of rows in the split, from 0.
        split: where the rows are.
        listed: at most so many numbers of an output or an array are in the table.
    """
    return Trace(inputs=inputs, rows=rows, split=split, listed=listed)


def curves(
    *,
    functions: list[str],
    start: Finite,
    end: Finite,
    samples: PositiveCount,
    points: list[Finite],
    vector: list[Finite],
    tolerance: Positive,
) -> Task:
    """Activation functions f and f' over a range, f' by automatic differentiation and by the formula.

    Args:
        functions: names of options of ``activation``, or components.
        start: the smallest x.
        end: the largest x.
        samples: evenly spaced x in between, at least 2.
        points: the x at which values are listed.
        vector: the x of softmax and glu, whose derivative is a matrix.
        tolerance: the largest difference between both derivatives that is taken for rounding.
    """
    return Curves(
        functions=functions,
        start=start,
        end=end,
        samples=samples,
        points=points,
        vector=vector,
        tolerance=tolerance,
    )


def loss(
    *,
    predictions: list[list[Finite] | Finite],
    targets: list[list[Finite] | Finite],
    reach: Positive,
    samples: PositiveCount,
    tolerance: Positive,
) -> Task:
    """The loss L of predictions z and targets, dL/dz, and L around z.

    Args:
        predictions: logits or values, a row or a number for each example.
        targets: class numbers from 0, probabilities, or values like the predictions.
        reach: how far from z the figures go.
        samples: at how many z along each line they look, at least 2.
        tolerance: the largest difference from a finite difference that is taken for rounding.
    """
    return Loss(predictions=predictions, targets=targets, reach=reach, samples=samples, tolerance=tolerance)


def gradient(
    *,
    of: Literal["polynomial", "functions", "model"],
    coefficients: list[Finite],
    functions: list[str],
    points: list[Finite],
    vector: list[Finite],
    rows: list[Count],
    split: Literal["train", "validation", "test"],
    elements: PositiveCount,
    tolerance: Positive,
    formula_tolerance: Positive,
) -> Task:
    """Derivatives by automatic differentiation, by the formula, and by (f(x + h) - f(x - h)) / 2h in float64.

    Args:
        of: what is differentiated: sum_k c_k x^k, activation functions, or a model's loss by its arrays.
        coefficients: c_0, c_1, ...
        functions: as for ``curves``.
        points: the x of the polynomial and of the functions.
        vector: the x of softmax and glu.
        rows: numbers of the rows, from 0, whose loss the model has.
        split: where the rows are.
        elements: at most so many of each array are compared, drawn by the seed.
        tolerance: the largest difference from the finite difference that is taken for rounding, relative above 1.
        formula_tolerance: the same for the formula.
    """
    return Gradient(
        of=of,
        coefficients=coefficients,
        functions=functions,
        points=points,
        vector=vector,
        rows=rows,
        split=split,
        elements=elements,
        tolerance=tolerance,
        formula_tolerance=formula_tolerance,
    )
