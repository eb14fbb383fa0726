"""Curves: activation functions and their derivatives, drawn and compared with the formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runner import backend, chosen_functions, derivatives
from runner.backend import InspectionModule
from runner.blueprint import Blueprint
from runner.chosen_functions import Chosen
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Experiment
from runner.findings import Cell, Curve, Findings, Floats, Table, VectorCurve
from runner.task import Display
from runner.tracking import Tracker

_NONE = "no formula"


@dataclass(frozen=True, kw_only=True)
class Curves:
    """What is drawn; see :func:`runner.tasks.shipped.curves`."""

    functions: Chosen
    start: float
    end: float
    samples: int
    points: list[float]
    vector: list[float]
    tolerance: float
    reads: frozenset[str] = frozenset()

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields unknown functions, and a range or a vector that cannot be."""
        yield from chosen_functions.faults(self.functions, experiment.backend.package)
        yield from chosen_functions.vector_faults(self.functions, self.vector)
        if self.start >= self.end:
            yield Fault("task.start", f"must be below task.end, which is {self.end:g}", f"{self.start:g}")
        if self.samples < 2:
            yield Fault("task.samples", "must be at least 2", str(self.samples))

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Findings:
        """Computes every curve on the backend and compares its derivative with the formula."""
        package = experiment.backend.package
        tracker.tags(backend.version_tags(package))
        inspection = backend.load_inspection(package)
        chosen = chosen_functions.functions(self.functions, package)
        curves = {
            name: self._curve(inspection, each)
            for name, each in chosen.items()
            if not chosen_functions.is_of_vectors(each)
        }
        vectors = {
            name: self._vector_curve(inspection, each) for name, each in chosen.items() if name not in curves
        }
        apart = {name: self._apart(chosen[name], curve) for name, curve in curves.items()}
        apart |= {name: _vector_apart(chosen[name], vector) for name, vector in vectors.items()}
        known = {name: value for name, value in apart.items() if value is not None}
        return Findings(
            task="curves",
            tables=(*self._point_tables(curves), *_vector_tables(vectors), _differences(apart)),
            metrics={
                **_softmax_metrics(vectors),
                **({"largest_difference": max(known.values())} if known else {}),
                **{f"{name}/largest_difference": value for name, value in known.items()},
            },
            sentences=_sentences(vectors),
            failure=self._failure(known),
            curves=curves,
            vectors=vectors,
        )

    def _curve(self, inspection: InspectionModule, function: Component) -> Curve:
        inputs = np.linspace(self.start, self.end, self.samples)
        points = np.array(self.points, np.float64)
        every = np.concatenate([inputs, points])
        values, slopes = inspection.function(function=function, inputs=every[:, None])
        require_finite(function, inputs, values[: self.samples, 0], "task.start")
        require_finite(function, points, values[self.samples :, 0], "task.points")
        return Curve(
            inputs=inputs,
            values=values[: self.samples, 0],
            derivatives=slopes[: self.samples, 0, 0],
            points=points,
            point_values=values[self.samples :, 0],
            point_derivatives=slopes[self.samples :, 0, 0],
        )

    def _vector_curve(self, inspection: InspectionModule, function: Component) -> VectorCurve:
        vector = np.array(self.vector, np.float64)
        inputs = np.linspace(self.start, self.end, self.samples)
        # The first element goes through the range, the others stay.
        swept = np.column_stack([inputs, np.tile(vector[1:], (self.samples, 1))])
        values, slopes = inspection.function(function=function, inputs=np.vstack([vector, swept]))
        return VectorCurve(vector, values[0], slopes[0], inputs, values[1:])

    def _apart(self, function: Component, curve: Curve) -> float | None:
        """Returns the largest difference from the formula of the derivative, or None where there is no formula."""
        formula = analytic(function, np.concatenate([curve.inputs, curve.points]))
        if formula is None:
            return None
        return float(np.abs(np.concatenate([curve.derivatives, curve.point_derivatives]) - formula).max())

    def _point_tables(self, curves: dict[str, Curve]) -> tuple[Table, ...]:
        if not curves or not self.points:
            return ()
        headings = ("function", *(f"x = {point:g}" for point in self.points))
        return (
            Table("values", headings, _lines({name: curve.point_values for name, curve in curves.items()})),
            Table(
                "derivatives",
                headings,
                _lines({name: curve.point_derivatives for name, curve in curves.items()}),
            ),
        )

    def _failure(self, known: dict[str, float]) -> str | None:
        wrong = [name for name, apart in known.items() if not apart <= self.tolerance]
        if not wrong:
            return None
        return f"the derivative of {', '.join(wrong)} is not that of the formula to {self.tolerance:g}"


def analytic(function: Component, points: Floats) -> Floats | None:
    """Returns the derivative of a function of one number by its formula, or None where there is none."""
    if not chosen_functions.is_own(function):
        return None
    return derivatives.ACTIVATIONS[function.name](points, **function.arguments)


def analytic_jacobian(function: Component, vector: Floats) -> Floats:
    """Returns the derivatives of a function of a vector by its formula, (outputs, n)."""
    return derivatives.VECTOR_ACTIVATIONS[function.name](vector, **function.arguments)


def _vector_apart(function: Component, curve: VectorCurve) -> float:
    return float(np.abs(curve.jacobian - analytic_jacobian(function, curve.vector)).max())


def require_finite(function: Component, points: Floats, values: Floats, key: str) -> None:
    """Refuses points at which a function, of somebody's own perhaps, is not defined."""
    wrong = points[~np.isfinite(values)]
    if len(wrong):
        rule = f"must be where {function.name} is defined"
        raise ConfigurationError([Fault(key, rule, f"x = {wrong[0]:g}")])


def _vector_tables(vectors: dict[str, VectorCurve]) -> Iterator[Table]:
    for name, curve in vectors.items():
        outputs: list[Cell] = [*_cells(curve.values), *[""] * (len(curve.vector) - len(curve.values))]
        places: list[Cell] = [*range(len(curve.vector))]
        lines = tuple(zip(places, _cells(curve.vector), outputs, strict=True))
        yield Table(name, ("i", "x_i", f"{name}(x)_i"), lines)
        headings = (f"d {name}(x)_i / d x_j", *(f"j = {place}" for place in range(len(curve.vector))))
        rows = {f"i = {place}": row for place, row in enumerate(curve.jacobian)}
        yield Table(f"{name}_jacobian", headings, _lines(rows))


def _differences(apart: dict[str, float | None]) -> Table:
    headings = ("function", "largest difference of the derivative from its formula")
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (name, _NONE if value is None else value) for name, value in apart.items()
    )
    return Table("differences", headings, lines)


def _softmax_metrics(vectors: dict[str, VectorCurve]) -> dict[str, float]:
    if "softmax" not in vectors:
        return {}
    values = vectors["softmax"].values
    each = {f"softmax/{place}": float(value) for place, value in enumerate(values)}
    return {"softmax/sum": float(values.sum()), "softmax/class": float(values.argmax()), **each}


def _sentences(vectors: dict[str, VectorCurve]) -> tuple[str, ...]:
    if "softmax" not in vectors:
        return ()
    values = vectors["softmax"].values
    return (f"softmax: the sum is {values.sum():.6g}, and class {values.argmax()} has the largest share.",)


def _lines(rows: Mapping[str, Floats]) -> tuple[tuple[Cell, ...], ...]:
    """Returns a line for each name with its numbers."""
    return tuple((name, *_cells(values)) for name, values in rows.items())


def _cells(values: Floats) -> list[Cell]:
    return [float(value) for value in values]
