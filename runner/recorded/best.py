"""The best run of a sweep or an experiment, by a metric whose direction is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from runner import metrics
from runner.errors import Fault, RunnerError, UsageError
from runner.recorded import local
from runner.recorded.here import Here
from runner.recorded.records import Record
from runner.recorded.stored import BEST, SHOWN, in_store
from runner.suggestions import listed, nearest
from runner.tracking import store
from runner.tracking.gather import LAST, Gathered, GatheredRun, gather


def best(here: Here, group: str | None, metric: str | None) -> Record:
    """Returns the finished training that is best.

    Args:
        here: where the command was typed.
        group: a sweep, an experiment, or ``last`` for the newest sweep; None for that of the newest run.
        metric: what it is best in; None for what the runs monitored.

    Raises:
        UsageError: there is no such group, or no run of it has the metric.
        RunnerError: MLflow's store could not be asked.
    """
    name, runs = _group(here, group)
    runs = [run for run in runs if run.status == "FINISHED" and run.is_training]
    if not runs:
        raise UsageError([Fault(BEST, f"{name} has no training that came to its end")])
    if metric is None:
        monitors = sorted({run.monitor for run in runs})
        if len(monitors) > 1:
            rule = f"must be named, because the runs of {name} monitored several"
            raise UsageError([Fault("--metric", rule, remedy=f"They are {listed(monitors)}.")])
        (metric,) = monitors
    known = [run for run in runs if math.isfinite(run.metrics.get(metric, math.nan))]
    if not known:
        names = dict.fromkeys(each for run in runs for each in run.metrics)
        rule = f"no finished run of {name} has this metric"
        raise UsageError(
            [Fault("--metric", rule, metric, nearest(metric, names), f"Metrics: {listed(names)}.")]
        )
    sign = -1.0 if metrics.higher_is_better(metric) else 1.0
    return min(known, key=lambda run: (sign * run.metrics[metric], run.began))


def _group(here: Here, group: str | None) -> tuple[str, list[Record]]:
    """Returns what a sweep or an experiment is called, and its runs; without a name those of the newest run's."""
    trainings = here.trainings
    if group == LAST:
        group = next(iter(local.sweeps(trainings)), LAST)
    if group is None and trainings:
        newest = trainings[0][1]
        group = newest.tags.get("sweep", newest.experiment)
    if group in local.sweeps(trainings):
        folders = [folder for folder, card in trainings if card.tags.get("sweep") == group]
        return f"sweep {group}", _read(folders)
    # A server has runs of other folders too.
    if group in local.experiments(trainings) and not store.is_server(here.uri):
        folders = [folder for folder, card in trainings if card.experiment == group]
        return f"experiment {group}", _read(folders)
    return _groupin_store(here, group)


def _groupin_store(here: Here, group: str | None) -> tuple[str, list[Record]]:
    if group is None:
        newest = in_store(LAST, here, trainings=True)
        group = newest.sweep or newest.experiment
    gathered = gather(uri=here.uri, text=group) if here.has_store else Gathered()
    if gathered.trouble:
        raise RunnerError(f"MLflow's store could not be asked for {group!r}: {gathered.trouble}")
    if not gathered.runs:
        cards = here.trainings
        names = [*local.sweeps(cards), *local.experiments(cards), *gathered.names]
        remedy = f"There are {listed(dict.fromkeys(names), SHOWN)}." if names else "There are none yet."
        rule = "is no sweep and no experiment with runs"
        raise UsageError([Fault(group, rule, suggestion=nearest(group, names), remedy=remedy)])
    return gathered.name, [_gathered(run, here.uri) for run in gathered.runs]


def _gathered(run: GatheredRun, uri: str) -> Record:
    """Returns a run as it is known among many: enough to compare it."""
    curves = {name: list(enumerate(values, 1)) for name, values in run.curves.items() if values}
    return Record(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        error=run.tags.get("error"),
        experiment="",
        uri=uri,
        folder=None,
        began=0.0,
        tags=run.tags,
        parameters=run.parameters,
        curves=curves,
        final={name: value for name, value in run.metrics.items() if name not in curves},
    )


def _read(folders: Sequence[Path]) -> list[Record]:
    return [record for folder in folders if (record := local.read(folder))]
