"""What a person starts: a run with its recorder beside it and a summary at the end."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from runner import checkpoints, display, own_network
from runner.errors import Interrupted
from runner.folders import shown
from runner.results import Status
from runner.runs import Outcome, RunRequest, carry_out
from runner.tracking.recorder import Recorder, RecorderReport

# A store that answers needs a second or two for a run; one that does not is not waited for.
_RECORDER_SECONDS = 60.0
_TITLES = {"torch": "PyTorch", "keras": "Keras"}


def run(request: RunRequest) -> Outcome:
    """Carries one run out in this process and tells how it went."""
    outcome, report = carried_out(request)
    if outcome.findings is not None:
        display.findings(
            sys.stdout,
            name=outcome.name,
            findings=outcome.findings,
            seconds=outcome.seconds,
            folder=shown(outcome.folder),
            report=report,
            next_command=_next_command(request),
        )
    elif outcome.result is not None:
        display.summary(
            sys.stdout,
            name=outcome.name,
            result=outcome.result,
            seconds=outcome.seconds,
            folder=shown(outcome.folder),
            report=report,
            sweep=None,
            next_command=_next_command(request),
        )
    else:
        print(f"{verb(outcome.status)}: {outcome.message}", file=sys.stderr)
        display.whereabouts(sys.stderr, folder=shown(outcome.folder), report=report, sweep=None)
        if checkpoints.paths(outcome.folder / checkpoints.FOLDER) and not is_divergence(outcome.message):
            command = shlex.join(["python", "-m", "runner", "resume", str(shown(outcome.folder))])
            print(f"resume   {command}", file=sys.stderr)
    return outcome


def carried_out(request: RunRequest) -> tuple[Outcome, RecorderReport | None]:
    """Carries one run out in this process, its recorder beside it; returns how it went, and what MLflow has of it."""
    recorder = recorder_for(request)
    try:
        with _terminal() as stream:
            outcome = carry_out(
                request, display=display.make_display(stream), follow=recorder.follow if recorder else nobody
            )
    finally:
        report = finished(recorder)
    return outcome, report


def is_divergence(message: str | None) -> bool:
    """Returns whether a run ended because its loss was no number, as it would again."""
    return message is not None and message.startswith("diverged at step")


@contextlib.contextmanager
def _terminal() -> Iterator[TextIO]:
    """Gives standard error as a stream of its own: the process's may be held back while a framework loads."""
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stream:
        yield stream


def recorder_for(request: RunRequest) -> Recorder | None:
    """Starts the recorder of a run or of its whole sweep; returns None where nothing is tracked."""
    if not request.experiment.tracking.enabled:
        return None
    return Recorder.start(request.uri, request.folder if request.sweep is None else request.folder.parent)


def finished(recorder: Recorder | None) -> RecorderReport | None:
    """Waits until the recorder has sent everything, but not for ever."""
    if recorder is None:
        return None
    # Whoever presses Ctrl-C here no longer waits; the recorder goes on by itself.
    with contextlib.suppress(Interrupted, KeyboardInterrupt), display.sending(sys.stderr) as tell:
        return recorder.finish(_RECORDER_SECONDS, tell)
    return recorder.finish(0.0)


def nobody(folder: Path) -> None:
    """Follows no journal."""


def verb(status: Status) -> str:
    """Returns a status as a person says it."""
    return {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}[status]


def _next_command(request: RunRequest) -> str:
    if request.origin:
        words = ["compare", *request.origin.values(), str(shown(request.folder))]
        return shlex.join(["python", "-m", "runner", *words])
    other = "keras" if request.experiment.backend.name == "torch" else "torch"
    rest = [each for each in request.overrides if not each.startswith("backend=")]
    if own_network.maker(request.experiment.architecture):
        return "python -m runner list architecture   (networks that both frameworks have)"
    command = shlex.join(["python", "-m", "runner", f"backend={other}", *rest])
    return f"{command}   (the same on {_TITLES[other]})"
