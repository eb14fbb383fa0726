"""What ``-m`` starts: the runs of a sweep, with one recorder beside them and a table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from runner import display
from runner.runs import Outcome, RunRequest, signals_raised
from runner.session import finished, nobody, recorder_for, shown, verb
from runner.sweep.pool import run_all
from runner.sweep.summary import summarise
from runner.sweep.table import print_table

# MLflow knows a run soon after it has begun, unless its store does not answer.
_STORE_SECONDS = 5.0


def run(requests: Sequence[RunRequest], *, command: str) -> list[Outcome]:
    """Carries out the runs of a sweep in worker processes, sums them up and tells how they went.

    Args:
        requests: the checked runs.
        command: what was typed.
    """
    backends = list(dict.fromkeys(request.experiment.backend.name for request in requests))
    workers = "one process" if len(backends) == 1 else f"{len(backends)} processes"
    print(f"{len(requests)} runs on {' and '.join(backends)}, in {workers}", file=sys.stderr, flush=True)
    began = time.time()
    recorder = recorder_for(requests[0])
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        print(f"[{len(told)}/{len(requests)}] {describe(outcome)}", file=sys.stderr, flush=True)

    try:
        with signals_raised():
            outcomes = run_all(requests, follow=recorder.follow if recorder else nobody, tell=tell)
            wait = _STORE_SECONDS if recorder else 0.0
            summary = summarise(requests, outcomes, command=command, began=began, wait_seconds=wait)
        if recorder:
            recorder.follow(summary)
    finally:
        report = finished(recorder)
    print_table(sys.stdout, outcomes)
    folder = shown(requests[0].folder.parent)
    display.whereabouts(sys.stdout, folder=folder, report=report, sweep=requests[0].sweep)
    return outcomes


def describe(outcome: Outcome) -> str:
    """Returns an outcome in one line."""
    if outcome.result is None:
        return f"{outcome.name}  {verb(outcome.status)}: {outcome.message}"
    figures = [
        f"{name} {display.number(value)}"
        for name, value in outcome.result.metrics.items()
        if name.startswith("test/")
    ]
    return "  ".join([outcome.name, *figures[:2], f"{outcome.seconds:.1f} s"])
