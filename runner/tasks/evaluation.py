"""Evaluation: what trained weights are worth on rows, by the same arithmetic as at the end of their training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from runner import backend
from runner.blueprint import Blueprint
from runner.data import Splits, Units
from runner.errors import Fault, RunnerError
from runner.experiment import Component, Experiment, Split
from runner.results import Result
from runner.task import CARRIED_OUT, NETWORK, ROWS, Display
from runner.tasks.preparation import dataset, prepared, with_own_draws
from runner.tasks.train import evaluated, for_figures, illustrated
from runner.tracking import Tracker

TEST, ALL = "test", "all"
CHOICES = ("train", "validation", TEST, ALL)

_WHOLE = Split(validation=0.0, test=0.0, by="random", column=None, folds=None, fold=0)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A network with the weights that ``training.start_from`` names, on rows.

    Args:
        rows: a part of the data, or ``all`` of them: those that are the data set's own test rows, where it has some.
        units: means and scales of the training.
        epoch: the epoch from which the weights are.
    """

    rows: str
    units: Units | None
    epoch: int
    reads: frozenset[str] = NETWORK | ROWS | CARRIED_OUT | {"training.monitor", "training.batch_size"}

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields nothing: what does not fit together, the start of a training tells."""
        yield from ()

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Result:
        """Evaluates."""
        if self.rows == ALL:
            experiment = replace(experiment, split=_WHOLE)
        ready = prepared(experiment, units=self.units)
        if self.rows == ALL:
            ready = replace(ready, job=replace(ready.job, splits=_as_test(ready.job.splits)))
        tracker.dataset(dataset(ready))
        engine = backend.load(experiment.backend.package)
        tracker.tags(backend.version_tags(experiment.backend.package))
        ready = with_own_draws(ready)
        drawing, job = ready.drawing, ready.job
        name = TEST if self.rows == ALL else self.rows
        if len(getattr(job.splits, name)) == 0:
            raise RunnerError(f"there are no {name} rows")
        model = engine.build(job=job)
        shown, final = evaluated(model, experiment, drawing, job.splits, [name])
        kept = for_figures(shown, experiment, job.splits)
        result = Result(
            task=drawing.source.task,
            classes=drawing.source.classes,
            epochs=(),
            best_epoch=self.epoch,
            monitor=experiment.training.monitor,
            kept_epoch=self.epoch,
            metrics=final,
            predictions=kept,
            output=experiment.output,
            **illustrated(engine, model, job, drawing, kept),
        )
        tracker.metrics(0, final)
        tracker.result(result)
        return result


def component_of(rows: str, *, units: Units | None, epoch: int) -> Component:
    """Returns the task as a part of an experiment.

    Args:
        rows: one of ``CHOICES``.
        units: means and scales of the training, or None to learn them again from its rows.
        epoch: the epoch from which the weights are.
    """
    arguments = {"rows": rows, "units": units, "epoch": epoch}
    return Component(target=f"{__name__}.evaluate", arguments=arguments, key="task")


def evaluate(*, rows: str, units: Units | None, epoch: int) -> Evaluation:
    """Returns the task; see :func:`component_of`."""
    return Evaluation(rows=rows, units=units, epoch=epoch)


def _as_test(splits: Splits) -> Splits:
    """Returns splits of which all rows are test rows, unless there are test rows of its own."""
    return splits if len(splits.test) else replace(splits, test=splits.train)
