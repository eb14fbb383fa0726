"""Loss: its value and gradient for given predictions and targets, and how it changes around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import backend, finite_difference
from runner.backend import InspectionModule
from runner.blueprint import Blueprint
from runner.errors import Fault
from runner.experiment import Component, Experiment
from runner.findings import Findings, Floats, Landscape, Table
from runner.finite_difference import Slopes
from runner.task import Display
from runner.tracking import Tracker

Numbers = list[list[float] | float]

# Curves that a figure has room for, and places along each side of a surface.
_MOST_CURVES = 6
_SURFACE_SIDE = 31


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is looked at; see :func:`runner.tasks.shipped.loss`."""

    predictions: Numbers
    targets: Numbers
    reach: float
    samples: int
    tolerance: float
    reads: frozenset[str] = frozenset({"loss"})

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields predictions and targets that do not fit each other or the loss."""
        if self.samples < 2:
            yield Fault("task.samples", "must be at least 2", str(self.samples))
        shape_faults = list(_row_faults("task.predictions", self.predictions))
        shape_faults += _row_faults("task.targets", self.targets)
        if not shape_faults and len(self.predictions) != len(self.targets):
            rule = f"must be as many as the {len(self.predictions)} predictions"
            shape_faults.append(Fault("task.targets", rule, str(len(self.targets))))
        yield from shape_faults or self._target_faults(experiment)

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Findings:
        """Computes the loss and its gradient on the backend, then the same around the predictions."""
        package, function = experiment.backend.package, experiment.loss
        tracker.tags(backend.version_tags(package))
        inspection = backend.load_inspection(package)
        predictions, targets = _rows(self.predictions), self._targets(experiment)
        losses, gradients = inspection.loss(function=function, predictions=predictions[None], targets=targets)
        gradient = gradients[0]
        slopes = _slopes(inspection, function, predictions, targets, losses[0])
        distances = slopes.apart(gradient.ravel()).reshape(gradient.shape)
        apart = float(distances.max())
        return Findings(
            task="loss",
            tables=(_table(predictions, self.targets, gradient, distances),),
            metrics={
                "loss": float(losses[0]),
                "gradient_norm": float(np.linalg.norm(gradient)),
                "largest_difference": apart,
            },
            sentences=(f"{function.name}: the loss is {losses[0]:.6g}.",),
            failure=None if apart <= self.tolerance else self._failure(function, apart),
            landscape=self._landscape(inspection, function, predictions, targets, gradient),
        )

    def _target_faults(self, experiment: Experiment) -> Iterator[Fault]:
        name, output = experiment.loss.name, experiment.output
        if output == "softmax" and not (name == "cosine" and _are_rows(self.targets)):
            yield from self._class_faults(experiment)
        elif output == "sigmoid":
            yield from self._probability_faults(name)
        elif _shape(self.predictions) != _shape(self.targets):
            rule = f"must have the shape of the predictions, as {name} compares numbers"
            yield Fault("task.targets", rule, _described(self.targets))
        elif output == "exponential" and _rows(self.targets).min() < 0:
            rule = f"must be at least 0, because {name} counts"
            yield Fault("task.targets", rule, f"{_rows(self.targets).min():g}")

    def _class_faults(self, experiment: Experiment) -> Iterator[Fault]:
        name, classes = experiment.loss.name, _shape(self.predictions)[1]
        wrong = [each for each in self.targets if isinstance(each, list) or each not in range(classes)]
        if classes < 2:
            rule = f"must be rows of at least two numbers, because {name} needs one for each class"
            yield Fault("task.predictions", rule, _described(self.predictions))
        elif wrong:
            rule = (
                f"must be class numbers from 0 to {classes - 1}, because predictions have {classes} numbers"
            )
            yield Fault("task.targets", rule, str(wrong[0]))
        weights = experiment.loss.arguments.get("class_weights")
        if isinstance(weights, list) and len(weights) != classes:
            rule = f"must have one number for each of the {classes} classes of task.predictions"
            yield Fault(f"{experiment.loss.key}.class_weights", rule, f"{len(weights)} numbers")

    def _probability_faults(self, name: str) -> Iterator[Fault]:
        if _shape(self.predictions)[1] != 1:
            rule = f"must have one number for each example, because {name} tells two classes apart"
            yield Fault("task.predictions", rule, _described(self.predictions))
        flat = _rows(self.targets).ravel()
        hard = name == "hinge"
        wrong = flat[~np.isin(flat, (0, 1))] if hard else flat[(flat < 0) | (flat > 1)]
        if len(wrong):
            rule = "must be classes, 0 or 1" if hard else "must be probabilities from 0 to 1"
            yield Fault("task.targets", rule, f"{wrong[0]:g}")

    def _targets(self, experiment: Experiment) -> NDArray[Any]:
        rows = _rows(self.targets)
        if experiment.output == "softmax" and not _are_rows(self.targets):
            return rows[:, 0].astype(np.int64)
        return rows[:, 0] if experiment.output == "sigmoid" else rows

    def _landscape(
        self,
        inspection: InspectionModule,
        function: Component,
        predictions: Floats,
        targets: NDArray[Any],
        gradient: Floats,
    ) -> Landscape:
        """Returns the loss along the predictions with the largest slopes, and over the first two of these."""
        places = np.argsort(-np.abs(gradient).ravel(), kind="stable")[:_MOST_CURVES]
        offsets = np.linspace(-self.reach, self.reach, self.samples)
        side = np.linspace(-self.reach, self.reach, _SURFACE_SIDE) if len(places) > 1 else np.empty(0)
        moved = [_moved(predictions, {place: offset}) for place in places for offset in offsets]
        moved += [
            _moved(predictions, {places[0]: first, places[1]: second}) for second in side for first in side
        ]
        losses, _ = inspection.loss(function=function, predictions=np.stack(moved), targets=targets)
        along = len(places) * len(offsets)
        return Landscape(
            names=tuple(_place(predictions, place) for place in places),
            given=predictions.ravel()[places],
            slopes=gradient.ravel()[places],
            offsets=offsets,
            losses=losses[:along].reshape(len(places), len(offsets)),
            side=side,
            surface=losses[along:].reshape(len(side), len(side)),
        )

    def _failure(self, function: Component, apart: float) -> str:
        return (
            f"the gradient of {function.name} is {apart:.3g} from a finite difference,"
            f" more than {self.tolerance:g}"
        )


def _slopes(
    inspection: InspectionModule, function: Component, predictions: Floats, targets: NDArray[Any], at: float
) -> Slopes:
    """Returns the slopes of the loss along every prediction, one after the other."""
    steps = finite_difference.steps(predictions.ravel())
    moved = [_moved(predictions, {place: -step}) for place, step in enumerate(steps)]
    moved += [_moved(predictions, {place: step}) for place, step in enumerate(steps)]
    losses, _ = inspection.loss(function=function, predictions=np.stack(moved), targets=targets)
    below, above = np.split(losses, 2)
    return finite_difference.slopes(np.full(len(steps), at), below, above, steps)


def _moved(predictions: Floats, offsets: dict[Any, float]) -> Floats:
    moved = predictions.copy()
    for place, offset in offsets.items():
        moved.flat[place] += offset
    return moved


def _table(predictions: Floats, targets: Numbers, gradient: Floats, distances: Floats) -> Table:
    def cell(row: Floats) -> float | tuple[float, ...]:
        return float(row[0]) if len(row) == 1 else tuple(float(each) for each in row)

    lines = tuple(
        (
            number,
            cell(predictions[number]),
            tuple(float(each) for each in target) if isinstance(target, list) else target,
            cell(gradient[number]),
            float(distances[number].max()),
        )
        for number, target in enumerate(targets)
    )
    headings = ("example", "prediction z", "target", "dL/dz", "difference from a finite difference")
    return Table("loss", headings, lines)


def _place(predictions: Floats, place: np.int64) -> str:
    row, unit = divmod(int(place), predictions.shape[1])
    return f"z[{row}]" if predictions.shape[1] == 1 else f"z[{row}, {unit}]"


def _row_faults(key: str, numbers: Numbers) -> Iterator[Fault]:
    lengths = {len(each) if isinstance(each, list) else 1 for each in numbers}
    if not numbers or lengths == {0}:
        yield Fault(key, "must have at least one number", str(numbers))
    elif len(lengths) > 1:
        yield Fault(key, "must have rows of one length", _described(numbers))


def _are_rows(numbers: Numbers) -> bool:
    return all(isinstance(each, list) for each in numbers)


def _rows(numbers: Numbers) -> Floats:
    return np.array([each if isinstance(each, list) else [each] for each in numbers], np.float64)


def _shape(numbers: Numbers) -> tuple[int, ...]:
    return _rows(numbers).shape


def _described(numbers: Numbers) -> str:
    lengths = dict.fromkeys(len(each) if isinstance(each, list) else 1 for each in numbers)
    counted = " or ".join(map(str, lengths))
    return f"{len(numbers)} rows of {counted} number{'' if counted == '1' else 's'}"
