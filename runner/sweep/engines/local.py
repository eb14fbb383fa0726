"""Worker processes of this machine, by Pebble."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessExpired

from runner import workers
from runner.errors import Fault
from runner.experiment import Experiment
from runner.runs import RunRequest
from runner.sweep.engines.machine import Machine
from runner.sweep.worker import Report, work


@dataclass(frozen=True, kw_only=True)
class Local:
    """A process for each place."""

    def faults(self) -> list[Fault]:
        return []

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[_Site]:
        yield _Site()


class _Site(Machine):
    def open(self, experiment: Experiment) -> _Place:
        return _Place()

    def why(self, error: Exception) -> str:
        if isinstance(error, ProcessExpired):
            return workers.how_it_died(error.exitcode)
        return f"{type(error).__name__}: {error}"


class _Place:
    def __init__(self) -> None:
        self._lifetime = contextlib.ExitStack()
        self._pool = self._lifetime.enter_context(workers.pool())

    def submit(self, request: RunRequest) -> Future[Report]:
        return self._pool.schedule(work, args=(request,))

    def end(self) -> None:
        self._lifetime.close()
