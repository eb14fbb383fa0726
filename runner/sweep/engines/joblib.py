"""Worker processes of this machine, by joblib's executor loky."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from pathlib import Path

from runner import workers
from runner.errors import Fault
from runner.experiment import Experiment
from runner.runs import RunRequest
from runner.sweep.engines.machine import Machine
from runner.sweep.worker import Report, work

# So loky writes how its worker ended: {SIGKILL(-9)}, {EXIT(3)}.
_EXIT_CODE = re.compile(r"exit codes of the workers are \{\w+\((-?\d+)\)")


@dataclass(frozen=True, kw_only=True)
class Joblib:
    """An executor of one worker for each place: of an executor of several, a worker that dies takes the others with it."""

    def faults(self) -> list[Fault]:
        return []

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[_Site]:
        yield _Site()


class _Site(Machine):
    def open(self, experiment: Experiment) -> _Place:
        return _Place()

    def why(self, error: Exception) -> str:
        code = _EXIT_CODE.search(str(error)) if isinstance(error, BrokenExecutor) else None
        return workers.how_it_died(int(code[1])) if code else f"{type(error).__name__}: {error}"


class _Place:
    def __init__(self) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        self._executor = ProcessPoolExecutor(
            max_workers=1, initializer=workers.end_with, initargs=(os.getpid(),)
        )

    def submit(self, request: RunRequest) -> Future[Report]:
        future: Future[Report] = self._executor.submit(work, request)
        return future

    def end(self) -> None:
        self._executor.shutdown(wait=True, kill_workers=True)
