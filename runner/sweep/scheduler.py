"""Which worker carries out which job of a sweep, and when: one framework in each, replaced when it dies."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pebble import ProcessExpired, ProcessPool

from runner import workers
from runner.errors import ConfigurationError, Interrupted
from runner.experiment import Experiment, Sweep
from runner.runs import Outcome, RunRequest, close
from runner.sweep.jobs import Job
from runner.sweep.worker import Report, stopped, work
from runner.tracking import journal

# What a framework takes when it is loaded, until a worker has told how much it really was.
_FIRST_MEMORY = 1 << 30
_GPU = Path("/dev/nvidia0")


class Office(Protocol):
    """Who knows what a job means, and is told what becomes of it."""

    def prepare(self, job: Job) -> RunRequest | Outcome:
        """Returns what is to be carried out, or how an earlier sweep has done it; asked once for each job.

        Raises:
            ConfigurationError: the job cannot run.
        """

    def refuse(self, job: Job, error: ConfigurationError) -> Outcome:
        """Returns the outcome of a job that cannot run."""

    def leave_out(self, job: Job, message: str, exit_code: int) -> Outcome:
        """Returns the outcome of a job that is not started any more."""

    def begin(self, folder: Path) -> None:
        """Takes the folder of a run before its worker has it."""

    def tell(self, outcome: Outcome, running: int) -> None:
        """Takes an outcome as it comes, and the number of runs that are under way."""


@dataclass(eq=False)
class _Slot:
    """A place for one worker, and the run that it has."""

    framework: str
    pool: ProcessPool
    lifetime: contextlib.ExitStack
    number: int = -1
    request: RunRequest | None = None
    future: Future[Report] | None = None
    due: float | None = None


@dataclass(eq=False)
class Scheduler:
    """Carries out the jobs of a sweep.

    Args:
        jobs: all of them.
        settings: how many at once, for how long, and what a failure means.
        office: who knows the jobs and is told of them.
    """

    jobs: Sequence[Job]
    settings: Sweep
    office: Office
    _outcomes: dict[int, Outcome] = field(default_factory=dict)
    _waiting: dict[str, deque[tuple[int, RunRequest]]] = field(default_factory=dict)
    _slots: list[_Slot] = field(default_factory=list)
    _ended: queue.SimpleQueue[tuple[_Slot, Future[Report]]] = field(default_factory=queue.SimpleQueue)
    _memory: int = _FIRST_MEMORY
    _is_stopping: bool = False

    def run(self) -> list[Outcome]:
        """Returns the outcome of every job in their order, whatever happens to a worker."""
        left = in_turn(self.jobs)
        reason, exit_code = "not started, because another job failed and sweep.on_error=stop", 1
        try:
            while len(self._outcomes) < len(self.jobs) and not (self._is_stopping and not self._busy):
                self._start(all_composed=not left)
                if left and not self._is_stopping and self._ended.empty():
                    self._compose(left.popleft())
                else:
                    self._wait()
        except Interrupted as interrupt:
            reason, exit_code = "stopped with the sweep", 128 + interrupt.signal_number
            for slot in self._busy:
                assert slot.request is not None
                self._outcomes[slot.number] = stopped(slot.request, interrupt)
        finally:
            for slot in self._slots:
                slot.lifetime.close()
        for number, job in enumerate(self.jobs):
            if number not in self._outcomes:
                self._outcomes[number] = self.office.leave_out(job, reason, exit_code)
        return [self._outcomes[number] for number in range(len(self.jobs))]

    @property
    def _busy(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.request is not None]

    def _compose(self, number: int) -> None:
        job = self.jobs[number]
        try:
            found = self.office.prepare(job)
        except ConfigurationError as error:
            found = self.office.refuse(job, error)
        if isinstance(found, Outcome):
            self._end(number, found)
        else:
            self._waiting.setdefault(process_of(found.experiment), deque()).append((number, found))

    def _start(self, *, all_composed: bool) -> None:
        """Gives every worker that is free its next run, one of each framework in turn."""
        if self._is_stopping:
            return
        started = True
        while started:
            started = False
            for framework, waiting in self._waiting.items():
                if not waiting or not self._has_room(waiting[0][1].experiment):
                    continue
                slot = self._free_slot(framework, all_composed)
                if slot is not None:
                    self._give(slot, *waiting.popleft())
                    started = True

    def _has_room(self, experiment: Experiment) -> bool:
        """Returns whether the cores are enough for one more run."""
        busy = [slot.request.experiment for slot in self._busy if slot.request is not None]
        if self.settings.workers is not None:
            return len(busy) < self.settings.workers
        return not busy or sum(map(cores_of, [*busy, experiment])) <= cores()

    def _free_slot(self, framework: str, all_composed: bool) -> _Slot | None:
        """Returns a worker without a run: one of the framework, a new one, or one in the place of another's."""
        free = [slot for slot in self._slots if slot.request is None]
        of_framework = [slot for slot in free if slot.framework == framework]
        if of_framework:
            return of_framework[0]
        if len(self._slots) < (self.settings.workers or cores()):
            return self._opened(framework) if not self._slots or self._has_memory() else None
        useless = [slot for slot in free if not self._waiting.get(slot.framework)] if all_composed else []
        if not useless:
            return None
        useless[0].lifetime.close()
        self._slots.remove(useless[0])
        return self._opened(framework)

    def _has_memory(self) -> bool:
        import psutil

        return self.settings.workers is not None or psutil.virtual_memory().available > self._memory

    def _opened(self, framework: str) -> _Slot:
        lifetime = contextlib.ExitStack()
        slot = _Slot(framework, lifetime.enter_context(workers.pool()), lifetime)
        self._slots.append(slot)
        return slot

    def _give(self, slot: _Slot, number: int, request: RunRequest) -> None:
        self.office.begin(request.folder)
        slot.number, slot.request = number, request
        limit = self.settings.job_timeout
        slot.due = None if limit is None else time.monotonic() + limit
        slot.future = slot.pool.schedule(work, args=(request,))
        slot.future.add_done_callback(lambda future: self._ended.put((slot, future)))

    def _wait(self) -> None:
        """Waits for the next run that ends, or has taken too long."""
        due = min((slot.due for slot in self._slots if slot.due is not None), default=None)
        try:
            seconds = None if due is None else max(0.0, due - time.monotonic())
            slot, future = self._ended.get(timeout=seconds)
        except queue.Empty:
            for slot in self._busy:
                if slot.due is not None and slot.due <= time.monotonic():
                    self._time_out(slot)
            return
        # What is told of a run that has taken too long comes too late.
        if future is slot.future:
            assert slot.request is not None
            self._free(slot, self._outcome(future, slot.request))

    def _free(self, slot: _Slot, outcome: Outcome) -> None:
        number, slot.request, slot.future, slot.due = slot.number, None, None, None
        self._end(number, outcome)

    def _time_out(self, slot: _Slot) -> None:
        """Ends a worker whose run has taken too long; what it then could no longer say is said for it."""
        assert slot.request is not None
        begun = journal.beginning(slot.request.folder)
        if begun is not None:
            # Held still first, so that it cannot come to an end of its own between these lines.
            os.kill(begun.process.pid, signal.SIGSTOP)
        limit = self.settings.job_timeout
        outcome = close(slot.request, message=f"timed out after {limit:g} s (sweep.job_timeout)")
        if begun is not None:
            os.kill(begun.process.pid, signal.SIGKILL)
        # The pool goes as well: the worker may not have written its first line yet.
        slot.lifetime.close()
        self._slots.remove(slot)
        self._free(slot, outcome)

    def _outcome(self, future: Future[Report], request: RunRequest) -> Outcome:
        try:
            report = future.result()
        except ProcessExpired as error:
            return close(request, message=workers.how_it_died(error))
        except Exception as error:
            return close(request, message=f"{type(error).__name__}: {error}")
        self._memory = max(self._memory, report.memory)
        return report.outcome

    def _end(self, number: int, outcome: Outcome) -> None:
        self._outcomes[number] = outcome
        self.office.tell(outcome, len(self._busy))
        if outcome.status == "FAILED" and self.settings.on_error == "stop":
            self._is_stopping = True


def in_turn(jobs: Sequence[Job]) -> deque[int]:
    """Returns the places of the jobs so that the first of every backend come together, then the second ones."""
    counts: dict[str, int] = {}
    turns = []
    for number, job in enumerate(jobs):
        backend = job.choices.get("backend", "")
        turns.append((counts.setdefault(backend, 0), number))
        counts[backend] += 1
    return deque(number for _, number in sorted(turns))


def process_of(experiment: Experiment) -> str:
    """Returns what a process has for as long as it lives: its framework, and what that fixes at its first work."""
    training = experiment.training
    fixed = (training.threads, training.deterministic, training.accelerator)
    return " ".join([experiment.backend.package, *map(str, fixed)])


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_of(experiment: Experiment) -> int:
    """Returns how many cores a run takes: its threads, or all where it takes what is there, or a device of its own."""
    training = experiment.training
    on_device = training.accelerator == "gpu" or (training.accelerator == "auto" and _GPU.exists())
    return cores() if on_device else training.threads or cores()
