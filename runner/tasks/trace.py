"""Trace: a forward pass, and what every layer of the network makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runner import backend, layers, weights
from runner.blueprint import Blueprint
from runner.conductor import predictions
from runner.errors import Fault
from runner.experiment import Experiment
from runner.findings import Cell, Findings, Floats, Table
from runner.layers import describe, is_native
from runner.task import CARRIED_OUT, NETWORK, ROWS, Display
from runner.tasks import rows
from runner.tasks.preparation import Prepared, dataset, prepared, with_own_draws
from runner.tasks.rows import SplitName
from runner.tracking import Tracker

TRACE = "trace.safetensors"

_INPUT, _OUTPUT = "input", "output"
# Single numbers of MLflow's: so many outputs at most.
_MOST_METRICS = 16


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What is looked at; see :func:`runner.tasks.shipped.trace`."""

    inputs: list[Any] | None
    rows: list[int]
    split: SplitName
    listed: int
    reads: frozenset[str] = NETWORK | ROWS | CARRIED_OUT

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields a network without layers to look at, inputs of another shape, and rows that are not there."""
        assert drawing is not None
        if is_native(drawing.tree):
            rule = "has no layers that trace knows: it is a network of one framework's own"
            yield Fault("architecture", rule, experiment.architecture.target)
        if self.inputs is None:
            yield from rows.faults(experiment, drawing, self.split, self.rows)
        else:
            yield from _input_faults(self.inputs, drawing)

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Findings:
        """Sends the examples through the network and returns what every layer gave."""
        package = experiment.backend.package
        ready = prepared(experiment)
        tracker.dataset(dataset(ready))
        tracker.tags(backend.version_tags(package))
        engine = backend.load(package)
        ready = with_own_draws(ready)
        model = engine.build(job=ready.job)
        places = {row.layer.name: row for row in layers.rows(ready.job.tree, ready.job.input_shape)}
        entering = self._inputs(ready)
        found = backend.load_inspection(package).outputs(model=model, names=list(places), inputs=entering)
        logits = found[next(reversed(places))]
        shown = predictions(experiment.output, ready.job.splits, np.zeros(len(entering)), logits).outputs
        outputs = {_INPUT: entering, **{name: found[name] for name in places}, _OUTPUT: shown}
        kinds = {name: layers.word(row.layer) for name, row in places.items()}
        arrays = model.weights()
        weights.save(outputs | arrays, folder / TRACE, precision=experiment.training.precision)
        tracker.artifact(folder / TRACE)
        return Findings(
            task="trace",
            tables=(
                *((self._array_table(arrays),) if arrays else ()),
                self._layer_table(outputs, kinds | {_OUTPUT: experiment.output}),
            ),
            metrics=_metrics(shown),
            sentences=(f"{TRACE} has every number: arrays, and the output of every layer.",),
            outputs=outputs,
        )

    def _inputs(self, ready: Prepared) -> Floats:
        splits = ready.job.splits
        if self.inputs is None:
            return rows.taken(splits, self.split, self.rows).numbers()
        given = np.array(self.inputs, np.float64)
        return np.asarray((given - splits.input_mean) / splits.input_scale)

    def _array_table(self, arrays: Mapping[str, Floats]) -> Table:
        lines = tuple((name, describe(array.shape), *self._numbers(array)) for name, array in arrays.items())
        return Table("arrays", ("array", "shape", "values", "smallest", "mean", "largest"), lines)

    def _layer_table(self, outputs: Mapping[str, Floats], kinds: Mapping[str, str]) -> Table:
        lines = tuple(
            (row, name, kinds.get(name, ""), describe(values.shape[1:]), *self._numbers(values[row]))
            for row in range(len(outputs[_INPUT]))
            for name, values in outputs.items()
        )
        headings = ("row", "layer", "kind", "shape", "values", "smallest", "mean", "largest")
        return Table("layers", headings, lines)

    def _numbers(self, values: Floats) -> tuple[Cell, ...]:
        """Returns the numbers themselves where they are few, and what they lie between."""
        flat = tuple(float(each) for each in values.ravel())
        cell: Cell = flat if len(flat) <= self.listed else f"{len(flat):,} numbers"
        return cell, min(flat), float(np.mean(flat)), max(flat)


def _input_faults(inputs: list[Any], drawing: Blueprint) -> Iterator[Fault]:
    source = drawing.source
    expected = describe(drawing.input_shape)
    rule = f"must be a list of examples of {expected} numbers, as data={source.name} has"
    try:
        given = np.array(inputs, np.float64)
    except (TypeError, ValueError):
        yield Fault("task.inputs", rule, str(inputs))
        return
    if given.shape[1:] != drawing.input_shape or len(given) == 0:
        sides = describe(given.shape[1:])
        received = (f"examples of {sides} numbers" if sides else "single numbers") if len(given) else "[]"
        yield Fault("task.inputs", rule, received)
    elif not np.isfinite(given).all():
        yield Fault("task.inputs", "must be finite numbers", str(inputs))
    elif source.tokens is not None and not np.isin(given, np.arange(source.tokens)).all():
        tokens = f"must be tokens, whole numbers from 0 to {source.tokens - 1}"
        yield Fault("task.inputs", tokens, str(inputs))


def _metrics(shown: Floats) -> dict[str, float]:
    if shown.size > _MOST_METRICS:
        return {}
    return {f"output/{'_'.join(map(str, place))}": float(value) for place, value in np.ndenumerate(shown)}
