"""What a person starts: one run, or the runs of a sweep, with one recorder beside them and a summary at the end."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from runner import display
from runner.errors import Interrupted
from runner.results import Status
from runner.runs import Outcome, RunRequest, carry_out, signals_raised
from runner.tracking.recorder import Recorder, RecorderReport

# A store that answers needs a second or two; one that does not is not waited for.
_RECORDER_SECONDS = 60.0


def run(request: RunRequest) -> Outcome:
    """Carries one run out in this process and tells how it went."""
    recorder = _recorder(request)
    try:
        with _terminal() as stream:
            outcome = carry_out(
                request, display=display.make_display(stream), follow=recorder.follow if recorder else _nobody
            )
    finally:
        report = _finished(recorder)
    if outcome.result is not None:
        display.summary(
            sys.stdout,
            name=outcome.name,
            result=outcome.result,
            seconds=outcome.seconds,
            folder=_shown(outcome.folder),
            report=report,
            sweep=None,
            next_command=_next_command(request),
        )
    else:
        print(f"{_verb(outcome.status)}: {outcome.message}", file=sys.stderr)
        display.whereabouts(sys.stderr, folder=_shown(outcome.folder), report=report, sweep=None)
    return outcome


def sweep(requests: Sequence[RunRequest]) -> list[Outcome]:
    """Carries out the runs of a sweep in worker processes and tells how they went."""
    from runner.sweep.pool import run_all
    from runner.sweep.table import print_table

    recorder = _recorder(requests[0])
    told: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        print(f"[{len(told)}/{len(requests)}] {describe(outcome)}", file=sys.stderr, flush=True)

    try:
        with signals_raised():
            outcomes = run_all(requests, follow=recorder.follow if recorder else _nobody, tell=tell)
    finally:
        report = _finished(recorder)
    print_table(sys.stdout, outcomes)
    folder = _shown(requests[0].folder.parent)
    display.whereabouts(sys.stdout, folder=folder, report=report, sweep=requests[0].sweep)
    return outcomes


def describe(outcome: Outcome) -> str:
    """Returns an outcome in one line."""
    if outcome.result is None:
        return f"{outcome.name}  {_verb(outcome.status)}: {outcome.message}"
    figures = [
        f"{name} {display.number(value)}"
        for name, value in outcome.result.metrics.items()
        if name.startswith("test/")
    ]
    return "  ".join([outcome.name, *figures[:2], f"{outcome.seconds:.1f} s"])


@contextlib.contextmanager
def _terminal() -> Iterator[TextIO]:
    """Gives standard error as a stream of its own: the process's may be held back while a framework loads."""
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stream:
        yield stream


def _recorder(request: RunRequest) -> Recorder | None:
    if not request.experiment.tracking.enabled:
        return None
    return Recorder.start(request.uri, request.folder if request.sweep is None else request.folder.parent)


def _finished(recorder: Recorder | None) -> RecorderReport | None:
    if recorder is None:
        return None
    # Whoever presses Ctrl-C here no longer waits; the recorder goes on by itself.
    with contextlib.suppress(Interrupted, KeyboardInterrupt):
        return recorder.finish(_RECORDER_SECONDS)
    return recorder.finish(0.0)


def _nobody(folder: Path) -> None:
    """Follows no journal."""


def _verb(status: Status) -> str:
    return {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}[status]


def _shown(folder: Path) -> Path:
    """Returns a folder as seen from where the command was typed."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _next_command(request: RunRequest) -> str:
    other = "keras" if request.experiment.backend.name == "torch" else "torch"
    rest = [each for each in request.overrides if not each.startswith("backend=")]
    return " ".join(["python -m runner", f"backend={other}", *rest]) + f"   (the same on {other.capitalize()})"


