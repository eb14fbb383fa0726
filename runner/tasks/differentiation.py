"""Derivatives of polynomials, functions and networks, each found in several ways, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import chosen_functions, derivatives, finite_difference
from runner.backend import InspectionModule, Model
from runner.data import Rows
from runner.experiment import Component
from runner.findings import Floats
from runner.finite_difference import Slopes
from runner.randomness import generator
from runner.tasks.curves import analytic, analytic_jacobian, require_finite


@dataclass(frozen=True)
class Differentiated:
    """Derivatives, each found in several ways.

    Args:
        names: ``relu'(2)`` or ``dense0/kernel[1, 0]``.
        values: of what is differentiated, (derivatives,).
        automatic: by the framework's own automatic differentiation, (derivatives,).
        analytic: by the formula; NaN where there is none, (derivatives,).
        slopes: by differences of values.
    """

    names: tuple[str, ...]
    values: Floats
    automatic: Floats
    analytic: Floats
    slopes: Slopes

    @property
    def apart(self) -> Floats:
        """Returns the differences from a finite difference, relative where the derivative is above 1."""
        return self.slopes.apart(self.automatic) / np.maximum(np.abs(self.automatic), 1.0)

    @property
    def formula_apart(self) -> Floats:
        """Returns the differences from the formula, likewise; NaN where there is none."""
        return np.abs(self.automatic - self.analytic) / np.maximum(np.abs(self.automatic), 1.0)


def of_polynomial(
    inspection: InspectionModule, coefficients: list[float], at: Sequence[float]
) -> Differentiated:
    """Returns the derivatives of a polynomial at points."""
    points = np.array(at, np.float64)
    formula = np.polynomial.Polynomial(derivatives.polynomial(coefficients))
    return _of_numbers(
        lambda every: inspection.polynomial(coefficients=coefficients, inputs=every),
        points,
        names=[f"dy/dx at x = {point:g}" for point in points],
        formula=np.asarray(formula(points), np.float64),
    )


def of_function(
    inspection: InspectionModule, function: Component, *, at: Sequence[float], vector: Sequence[float]
) -> Differentiated:
    """Returns the derivatives of a function at points, or all of them at a vector where it is a function of one."""
    if chosen_functions.is_of_vectors(function):
        return _of_vector_function(inspection, function, np.array(vector, np.float64))

    def evaluate(every: Floats) -> tuple[Floats, Floats]:
        values, slopes = inspection.function(function=function, inputs=every[:, None])
        require_finite(function, every, values[:, 0], "task.points")
        return values[:, 0], slopes[:, 0, 0]

    points = np.array(at, np.float64)
    formula = analytic(function, points)
    return _of_numbers(
        evaluate,
        points,
        names=[f"{function.name}'({point:g})" for point in points],
        formula=np.full(len(points), np.nan) if formula is None else formula,
    )


def of_model(
    inspection: InspectionModule, model: Model, batch: Rows, *, elements: int, seed: int
) -> Differentiated:
    """Returns the derivatives of the loss of some rows by some elements of each array, drawn where it has many."""
    value, gradients = inspection.gradients(model=model, rows=batch)
    return joined(
        [
            _of_array(model, name, gradient, value, batch, _drawn(gradient.size, elements, seed, name))
            for name, gradient in gradients.items()
        ]
    )


def joined(parts: Sequence[Differentiated]) -> Differentiated:
    """Returns all derivatives one after the other."""

    def together(arrays: Sequence[Floats]) -> Floats:
        return np.concatenate(arrays)

    return Differentiated(
        names=tuple(name for part in parts for name in part.names),
        values=together([part.values for part in parts]),
        automatic=together([part.automatic for part in parts]),
        analytic=together([part.analytic for part in parts]),
        slopes=Slopes(
            together([part.slopes.below for part in parts]), together([part.slopes.above for part in parts])
        ),
    )


def _of_numbers(
    evaluate: Callable[[Floats], tuple[Floats, Floats]],
    points: Floats,
    *,
    names: Sequence[str],
    formula: Floats,
) -> Differentiated:
    """Returns the derivatives at points of a function of one number, which ``evaluate`` gives with its derivative."""
    steps = finite_difference.steps(points)
    values, slopes = evaluate(np.concatenate([points, points - steps, points + steps]))
    middle, below, above = np.split(values, 3)
    return Differentiated(
        names=tuple(names),
        values=middle,
        automatic=slopes[: len(points)],
        analytic=formula,
        slopes=finite_difference.slopes(middle, below, above, steps),
    )


def _of_vector_function(inspection: InspectionModule, function: Component, vector: Floats) -> Differentiated:
    steps = finite_difference.steps(vector)
    every = np.vstack([vector, vector - np.diag(steps), vector + np.diag(steps)])
    values, slopes = inspection.function(function=function, inputs=every)
    below, above = np.split(values[1:], 2)
    at = np.repeat(values[0][:, None], len(vector), axis=1)
    found = finite_difference.slopes(at, below.T, above.T, steps[None, :])
    return Differentiated(
        names=tuple(f"d {function.name}_{i} / d x_{j}" for i, j in np.ndindex(at.shape)),
        values=at.ravel(),
        automatic=slopes[0].ravel(),
        analytic=analytic_jacobian(function, vector).ravel(),
        slopes=Slopes(found.below.ravel(), found.above.ravel()),
    )


def _of_array(
    model: Model, name: str, gradient: Floats, value: float, batch: Rows, places: NDArray[np.int64]
) -> Differentiated:
    weights = model.weights()
    steps = finite_difference.steps(weights[name].ravel()[places])

    def losses(offsets: Floats) -> Floats:
        found = np.empty(len(places))
        for number, (place, offset) in enumerate(zip(places, offsets, strict=True)):
            moved = weights[name].copy()
            moved.flat[place] += offset
            model.load(weights | {name: moved})
            found[number] = model.evaluate(batch).loss
        model.load(weights)
        return found

    values = np.full(len(places), value)
    return Differentiated(
        names=tuple(f"{name}{_index(place, gradient.shape)}" for place in places),
        values=values,
        automatic=gradient.ravel()[places],
        analytic=np.full(len(places), np.nan),
        slopes=finite_difference.slopes(values, losses(-steps), losses(steps), steps),
    )


def _drawn(size: int, elements: int, seed: int, name: str) -> NDArray[np.int64]:
    return np.sort(generator(seed, "gradient", name).permutation(size)[:elements])


def _index(place: Any, shape: tuple[int, ...]) -> str:
    return f"[{', '.join(str(each) for each in np.unravel_index(place, shape))}]"
