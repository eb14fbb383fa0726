"""Which worker carries out which job of a sweep, and when: one framework in each, replaced when it dies."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from runner.errors import ConfigurationError, Interrupted, RunnerError
from runner.experiment import Experiment, Sweep
from runner.runs import Outcome, RunRequest, close
from runner.sweep.engines import Place, Site
from runner.sweep.jobs import Job
from runner.sweep.worker import STOPPED, Report, stopped
from runner.tracking import journal

# What a framework takes when it is loaded, until a worker has told how much it really was.
_FIRST_MEMORY = 1 << 30
# How often is looked whether a run that waits for its worker has begun.
_LOOK_SECONDS = 0.2


class Office(Protocol):
    """Who knows what a job means, and is told what becomes of it."""

    def prepare(self, job: Job) -> RunRequest | Outcome | None:
        """Returns what is to be carried out, or how an earlier sweep has done it; asked once for each job.

        None says that neither this job nor any after it is wanted, which only a search finds out so late.

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
    """A place of one framework, for runs like its first one, and the run that it has."""

    framework: str
    first: Experiment
    place: Place
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
        site: where the places of the engine are.
        one_by_one: whether a job is prepared only when it can begin, because it follows from those that have ended;
            then those that never begin have no outcome.
    """

    jobs: Sequence[Job]
    settings: Sweep
    office: Office
    site: Site
    one_by_one: bool = False
    _outcomes: dict[int, Outcome] = field(default_factory=dict)
    _waiting: dict[str, deque[tuple[int, RunRequest]]] = field(default_factory=dict)
    _slots: list[_Slot] = field(default_factory=list)
    _ended: queue.SimpleQueue[tuple[_Slot, Future[Report]]] = field(default_factory=queue.SimpleQueue)
    _memory: int = _FIRST_MEMORY
    _is_stopping: bool = False

    def run(self) -> list[Outcome]:
        """Returns the outcomes of the jobs in their order, whatever happens to a worker."""
        left = in_turn(self.jobs)
        reason, exit_code = "not started, because another job failed and sweep.on_error=stop", 1
        try:
            while (left or self._has_waiting or self._busy) and not (self._is_stopping and not self._busy):
                if not left:
                    self._dismiss(self._useless)
                self._start(all_composed=not left or self.one_by_one)
                if left and not self._is_stopping and self._ended.empty() and self._may_compose():
                    self._compose(left)
                else:
                    self._wait()
        except Interrupted as interrupt:
            reason, exit_code = STOPPED, 128 + interrupt.signal_number
            for slot in self._busy:
                self._stop(slot, interrupt)
        finally:
            self._dismiss(list(self._slots))
        for number, job in enumerate(self.jobs):
            if number not in self._outcomes and not self.one_by_one:
                self._outcomes[number] = self.office.leave_out(job, reason, exit_code)
        return [self._outcomes[number] for number in sorted(self._outcomes)]

    @property
    def _busy(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.request is not None]

    @property
    def _has_waiting(self) -> bool:
        return any(self._waiting.values())

    def _may_compose(self) -> bool:
        """Returns whether it is time for the next job: always, or when one more like the last could begin."""
        if not self.one_by_one:
            return True
        busy = [slot.request.experiment for slot in self._busy if slot.request is not None]
        return not self._has_waiting and (not busy or self._has_room(busy[-1]))

    def _compose(self, left: deque[int]) -> None:
        number = left.popleft()
        job = self.jobs[number]
        try:
            found = self.office.prepare(job)
        except ConfigurationError as error:
            found = self.office.refuse(job, error)
        if found is None:
            left.clear()
        elif isinstance(found, Outcome):
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
                slot = self._free_slot(framework, waiting[0][1].experiment, all_composed)
                if slot is not None:
                    self._give(slot, *waiting.popleft())
                    started = True

    def _has_room(self, experiment: Experiment) -> bool:
        """Returns whether one more run can be under way."""
        busy = [slot.request.experiment for slot in self._busy if slot.request is not None]
        if self.settings.workers is not None:
            return len(busy) < self.settings.workers
        return self.site.has_room([*busy, experiment])

    def _free_slot(self, framework: str, experiment: Experiment, all_composed: bool) -> _Slot | None:
        """Returns a worker without a run: one of the framework, a new one, or one in the place of another's."""
        for slot in self._slots:
            if slot.request is None and slot.framework == framework:
                return slot
        useless = self._useless if all_composed else []
        while useless and not self._has_place(experiment):
            self._dismiss([useless.pop(0)])
        if not self._has_place(experiment):
            return None
        slot = _Slot(framework, experiment, self.site.open(experiment))
        self._slots.append(slot)
        return slot

    def _has_place(self, experiment: Experiment) -> bool:
        if self.settings.workers is not None:
            return len(self._slots) < self.settings.workers
        return self.site.has_place([*(slot.first for slot in self._slots), experiment], self._memory)

    @property
    def _useless(self) -> list[_Slot]:
        """The workers without a run for whose framework no run waits."""
        return [
            slot for slot in self._slots if slot.request is None and not self._waiting.get(slot.framework)
        ]

    def _dismiss(self, slots: Sequence[_Slot]) -> None:
        for slot in slots:
            slot.place.end()
            self._slots.remove(slot)

    def _give(self, slot: _Slot, number: int, request: RunRequest) -> None:
        self.office.begin(request.folder)
        # A worker elsewhere that does not find it can tell that it does not see what is seen here.
        request.folder.mkdir(parents=True, exist_ok=True)
        slot.number, slot.request = number, request
        slot.future = slot.place.submit(request)
        slot.future.add_done_callback(lambda future: self._ended.put((slot, future)))

    def _wait(self) -> None:
        """Waits for the next run that ends, or has taken too long."""
        try:
            slot, future = self._ended.get(timeout=self._patience())
        except queue.Empty:
            for slot in self._busy:
                if slot.due is not None and slot.due <= time.monotonic():
                    self._time_out(slot)
            return
        # What is told of a run that has taken too long comes too late.
        if future is slot.future:
            assert slot.request is not None
            if future.exception() is not None:
                self._dismiss([slot])
            self._free(slot, self._outcome(future, slot.request))

    def _patience(self) -> float | None:
        """Returns how many seconds nothing can happen but the end of a run; a run's time counts from when it begins."""
        limit, now = self.settings.job_timeout, time.monotonic()
        if limit is None:
            return None
        for slot in self._busy:
            if slot.due is None and slot.future is not None and slot.future.running():
                slot.due = now + limit
        waits = (_LOOK_SECONDS if slot.due is None else max(0.0, slot.due - now) for slot in self._busy)
        return min(waits, default=None)

    def _free(self, slot: _Slot, outcome: Outcome) -> None:
        number, slot.request, slot.future, slot.due = slot.number, None, None, None
        self._end(number, outcome)

    def _time_out(self, slot: _Slot) -> None:
        """Ends a worker whose run has taken too long; what it says from then on does not count."""
        assert slot.request is not None
        limit = self.settings.job_timeout
        outcome = close(slot.request, message=f"timed out after {limit:g} s (sweep.job_timeout)")
        self._dismiss([slot])
        self._free(slot, outcome)

    def _stop(self, slot: _Slot, interrupt: Interrupted) -> None:
        """Ends a worker with the sweep; what it could not say itself is said for it."""
        assert slot.request is not None
        slot.place.end()
        if journal.beginning(slot.request.folder) is not None:
            close(slot.request, message=STOPPED, status="KILLED")
        self._outcomes[slot.number] = stopped(slot.request, interrupt)

    def _outcome(self, future: Future[Report], request: RunRequest) -> Outcome:
        try:
            report = future.result()
        except RunnerError as error:
            return close(request, message=str(error))
        except Exception as error:
            return close(request, message=self.site.why(error))
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
    fixed = (training.threads, training.deterministic, training.accelerator, training.devices)
    return " ".join([experiment.backend.package, *map(str, fixed)])
