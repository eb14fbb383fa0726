"""Gradient: derivatives by automatic differentiation, by the formula and by a finite difference, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner import backend, chosen_functions
from runner.backend import InspectionModule
from runner.blueprint import Blueprint
from runner.chosen_functions import Chosen
from runner.errors import Fault
from runner.experiment import Experiment
from runner.findings import Cell, Comparison, Curve, Findings, Table
from runner.task import CARRIED_OUT, NETWORK, ROWS, Display
from runner.tasks import differentiation, rows
from runner.tasks.differentiation import Differentiated
from runner.tasks.preparation import dataset, prepared, with_own_draws
from runner.tasks.rows import SplitName
from runner.tracking import Tracker

Of = Literal["polynomial", "functions", "model"]

# How far a figure of a polynomial looks to both sides of its points, and at how many places.
_MARGIN, _SAMPLES = 3.0, 201
_PASS, _FAIL = "pass", "fail"


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """What is differentiated; see :func:`runner.tasks.shipped.gradient`."""

    of: Of
    coefficients: list[float]
    functions: Chosen
    points: list[float]
    vector: list[float]
    rows: list[int]
    split: SplitName
    elements: int
    tolerance: float
    formula_tolerance: float

    @property
    def reads(self) -> frozenset[str]:
        """The network's keys where a model is differentiated."""
        return NETWORK | ROWS | CARRIED_OUT if self.of == "model" else frozenset()

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields what is missing or unknown of what is differentiated."""
        if self.of == "polynomial" and not self.coefficients:
            yield Fault("task.coefficients", "must have at least one number", "[]")
        if self.of == "functions":
            yield from chosen_functions.faults(self.functions, experiment.backend.package)
            yield from chosen_functions.vector_faults(self.functions, self.vector)
        if self.of != "model" and not self.points:
            yield Fault("task.points", "must have at least one number", "[]")
        if drawing is not None:
            yield from rows.faults(experiment, drawing, self.split, self.rows)

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Findings:
        """Differentiates on the backend and compares."""
        package = experiment.backend.package
        tracker.tags(backend.version_tags(package))
        inspection = backend.load_inspection(package)
        curves: dict[str, Curve] = {}
        if self.of == "model":
            found = self._of_model(inspection, experiment, tracker)
        elif self.of == "polynomial":
            found = differentiation.of_polynomial(inspection, self.coefficients, self.points)
            curves = {self._polynomial_name: self._drawn(inspection, found)}
        else:
            chosen = chosen_functions.functions(self.functions, package).values()
            found = differentiation.joined(
                [
                    differentiation.of_function(inspection, each, at=self.points, vector=self.vector)
                    for each in chosen
                ]
            )
        is_wrong = self._is_wrong(found)
        return Findings(
            task="gradient",
            tables=tuple(self._tables(found, is_wrong)),
            metrics=self._metrics(found, is_wrong),
            sentences=tuple(self._sentences(found)),
            failure=self._failure(is_wrong) if is_wrong.any() else None,
            curves=curves,
            comparison=Comparison(found.names, found.formula_apart, found.apart),
        )

    @property
    def _polynomial_name(self) -> str:
        """Returns the polynomial as one writes it: ``1 + 3 x + x^2``."""
        terms = [
            _term(coefficient, power) for power, coefficient in enumerate(self.coefficients) if coefficient
        ]
        return " + ".join(terms).replace("+ -", "- ") or "0"

    def _of_model(
        self, inspection: InspectionModule, experiment: Experiment, tracker: Tracker
    ) -> Differentiated:
        # In float32 a finite difference has three digits.
        experiment = replace(experiment, training=replace(experiment.training, precision=64))
        ready = with_own_draws(prepared(experiment))
        tracker.dataset(dataset(ready))
        model = backend.load(experiment.backend.package).build(job=ready.job)
        batch = rows.taken(ready.job.splits, self.split, self.rows)
        return differentiation.of_model(
            inspection, model, batch, elements=self.elements, seed=experiment.seed
        )

    def _drawn(self, inspection: InspectionModule, found: Differentiated) -> Curve:
        points = np.array(self.points, np.float64)
        inputs = np.linspace(points.min() - _MARGIN, points.max() + _MARGIN, _SAMPLES)
        values, slopes = inspection.polynomial(coefficients=self.coefficients, inputs=inputs)
        return Curve(inputs, values, slopes, points, found.values, found.automatic)

    def _is_wrong(self, found: Differentiated) -> NDArray[np.bool_]:
        # A comparison with NaN is false: where there is no formula, only the finite difference counts.
        return ~(found.apart <= self.tolerance) | (found.formula_apart > self.formula_tolerance)

    def _tables(self, found: Differentiated, is_wrong: NDArray[np.bool_]) -> Iterator[Table]:
        lines = tuple(
            (
                name,
                *(_cell(each[place]) for each in (found.values, found.automatic, found.analytic)),
                *(_cell(each[place]) for each in (found.slopes.central, found.apart)),
                _FAIL if is_wrong[place] else _PASS,
            )
            for place, name in enumerate(found.names)
        )
        headings = (
            "derivative",
            "value",
            "automatic",
            "formula",
            "finite difference",
            "difference",
            "verdict",
        )
        yield Table("gradient", headings, lines, shown=self.of != "model")
        if self.of == "model":
            yield _array_table(found, is_wrong)

    def _metrics(self, found: Differentiated, is_wrong: NDArray[np.bool_]) -> dict[str, float]:
        metrics: dict[str, float] = {}
        if self.of == "polynomial" and len(self.points) == 1:
            metrics |= {"y": float(found.values[0]), "dy_dx": float(found.automatic[0])}
        metrics |= {"failures": float(is_wrong.sum()), "derivatives": float(len(found.names))}
        metrics["largest_difference"] = float(found.apart.max())
        if np.isfinite(found.formula_apart).any():
            metrics["largest_formula_difference"] = float(np.nanmax(found.formula_apart))
        return metrics

    def _sentences(self, found: Differentiated) -> Iterator[str]:
        if self.of == "polynomial":
            for point, value, slope in zip(self.points, found.values, found.automatic, strict=True):
                yield f"y = {self._polynomial_name}: at x = {point:g}, y = {value:.6g} and dy/dx = {slope:.6g}."
        if self.of == "model":
            yield f"The loss of the {len(self.rows)} rows is {found.values[0]:.6g}, in evaluation mode and float64."

    def _failure(self, is_wrong: NDArray[np.bool_]) -> str:
        return f"{is_wrong.sum()} of {len(is_wrong)} derivatives are wrong; the table says which"


def _array_table(found: Differentiated, is_wrong: NDArray[np.bool_]) -> Table:
    arrays: dict[str, list[int]] = {}
    for place, name in enumerate(found.names):
        arrays.setdefault(name.partition("[")[0], []).append(place)
    lines = tuple(
        (
            name,
            len(places),
            float(np.abs(found.automatic[places]).max()),
            float(found.apart[places].max()),
            _FAIL if is_wrong[places].any() else _PASS,
        )
        for name, places in arrays.items()
    )
    headings = ("array", "elements compared", "largest derivative", "largest difference", "verdict")
    return Table("arrays", headings, lines)


def _cell(value: float) -> Cell:
    return "" if np.isnan(value) else float(value)


def _term(coefficient: float, power: int) -> str:
    if power == 0:
        return f"{coefficient:g}"
    factor = {1.0: "", -1.0: "-"}.get(coefficient, f"{coefficient:g} ")
    return f"{factor}x" if power == 1 else f"{factor}x^{power}"
