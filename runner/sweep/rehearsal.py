"""A sweep that is looked at and not carried out: its jobs, those that cannot run, and how long it would take."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runner import metrics, workers
from runner.errors import ConfigurationError
from runner.runs import Outcome, RunRequest
from runner.sweep.engines.machine import cores, cores_of
from runner.sweep.jobs import Job
from runner.sweep.plan import Plan
from runner.sweep.worker import work

# What the first job of a process takes beyond the others, of which there is one in each.
_ROUNDS = 2


def rehearse(plan: Plan) -> list[Outcome]:
    """Prints every job and whether it can run, and what the whole would take by the time of one; keeps nothing."""
    outcomes: list[Outcome] = []
    sound: list[tuple[Job, RunRequest]] = []
    for job in plan.jobs:
        try:
            sound.append((job, plan.request(job, plan.folder)))
        except ConfigurationError as error:
            outcomes.append(plan.outcome(job, "FAILED", 1, str(error)))
            print(f"{job.number:>4}  {plan.named(job)}  cannot run: {error}", flush=True)
        else:
            outcomes.append(plan.outcome(job, "FINISHED", 0, ""))
            print(f"{job.number:>4}  {plan.named(job)}", flush=True)
    print(f"{len(plan.jobs)} jobs, {len(plan.jobs) - len(sound)} of them cannot run.")
    if sound:
        print(_estimate(plan, [request for _, request in sound]))
    return outcomes


def rehearse_search(plan: Plan, probes: Sequence[Job]) -> list[Outcome]:
    """Prints what is searched and how, and what all trials would take by the time of one; keeps nothing.

    Args:
        plan: the search.
        probes: jobs that have every end and every option of the space, which were looked at.
    """
    assert plan.searched is not None
    space, settings, metric = plan.searched.space, plan.searched.settings, plan.searched.metric
    width = max(len(axis.key) for axis in space.axes)
    for axis in space.axes:
        print(f"  {axis.key:{width}}  {axis}")
    aim = "highest" if metrics.higher_is_better(metric) else "lowest"
    pruned = f", pruner {settings.pruner}" if settings.pruner != "none" else ""
    print(f"{settings.trials} trials for the {aim} {metric}: sampler {settings.sampler}{pruned}.")
    print(_estimate(plan, [plan.request(probes[0], plan.folder)] * settings.trials))
    return []


def _estimate(plan: Plan, requests: list[RunRequest]) -> str:
    """Returns what all runs would take, by the first of them; it is carried out twice, for a process begins slowly."""
    first = requests[0]
    print(f"one of them is timed: {first.name}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder, workers.pool() as pool:
        rounds = [replace(first, folder=Path(folder) / str(number)) for number in range(_ROUNDS)]
        for each in rounds:
            each.folder.mkdir()
        slow, quick = (pool.schedule(work, args=(each,)).result().outcome for each in rounds)
    if quick.status != "FINISHED":
        return f"That one failed: {quick.message}"
    backends = Counter(request.experiment.backend.package for request in requests)
    at_once = plan.settings.workers or max(1, cores() // cores_of(first.experiment))
    workers_begun = min(max(at_once, len(backends)), len(requests))
    beginning = max(0.0, slow.seconds - quick.seconds)
    seconds = quick.seconds * len(requests) / at_once + beginning * workers_begun / at_once
    one = f"One takes {quick.seconds:.1f} s, its process {beginning:.1f} s to begin"
    return f"{one}; all take about {_shown(seconds)}, {at_once} at once."


def _shown(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
