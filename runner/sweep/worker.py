"""Inside a worker of a sweep: one run after the other, and nothing left of one when the next begins."""

from __future__ import annotations

import contextlib
import gc
import resource
import socket
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from runner import workers
from runner.display import Silent
from runner.errors import Interrupted, RunnerError
from runner.runs import Outcome, RunRequest, carry_out, ended

LOG = "output.log"
STOPPED = "stopped with the sweep"
# ru_maxrss counts kilobytes, on macOS bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024

# By what somebody asked this process to end: its next run may have reached it before that.
_interrupt: Interrupted | None = None


@dataclass(frozen=True)
class Report:
    """How a run ended, and the most memory that its worker has had so far, in bytes."""

    outcome: Outcome
    memory: int


def work(request: RunRequest) -> Report:
    """Carries one request out; a person sees the parent's lines only.

    Raises:
        RunnerError: the folder of the run, which has been made, is not there.
    """
    global _interrupt
    if _interrupt is not None:
        return Report(stopped(request, _interrupt), 0)
    if not request.folder.is_dir():
        raise RunnerError(
            f"{socket.gethostname()} does not see {request.folder}: hydra.sweep.dir must be a folder of a file system"
            " that all machines of the sweep share"
        )
    with _quiet(request.folder / LOG):
        outcome = carry_out(request, display=Silent(), follow=lambda folder: None)
    if outcome.status == "KILLED":
        _interrupt = Interrupted(outcome.exit_code - 128)
    _clear()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    return reported(outcome, memory)


def _clear() -> None:
    """Removes what a run left behind; the framework, which the first one brought, is not gone through again."""
    gc.collect()
    if gc.get_freeze_count() == 0:
        gc.freeze()


def reported(outcome: Outcome, memory: int) -> Report:
    """Returns the report of a run; the arrays that figures alone are drawn from lie in its folder and stay there."""
    small = outcome.result and outcome.result.without_arrays()
    return Report(replace(outcome, result=small), memory)


def stopped(request: RunRequest, interrupt: Interrupted) -> Outcome:
    """Returns the outcome of a request that was not carried out, because the sweep was stopped."""
    return ended(request, "KILLED", 128 + interrupt.signal_number, message=STOPPED)


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    with log.open("a", encoding="utf-8") as file, workers.redirected(file.fileno()):
        warnings.simplefilter("default")
        yield
