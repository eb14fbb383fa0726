"""What ``-m`` starts: the runs of a sweep, with one recorder beside them and a table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from runner import display
from runner.errors import ConfigurationError, Fault
from runner.metrics import number
from runner.runs import Outcome, RunRequest, ended, meaning, refused, remembered
from runner.session import finished, shown, verb
from runner.signals import signals_raised
from runner.sweep import record
from runner.sweep.jobs import Job
from runner.sweep.plan import Plan
from runner.sweep.scheduler import Scheduler
from runner.sweep.summary import Summary
from runner.sweep.table import final_metrics, last_line, print_table
from runner.tracking.recorder import Recorder

# MLflow knows a run soon after it has begun, unless its store does not answer.
_STORE_SECONDS = 5.0
# The workers of a sweep that was killed end with it, within this time.
_END_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def run(plan: Plan) -> list[Outcome]:
    """Carries out the runs of a sweep in worker processes, sums them up and tells how they went.

    Raises:
        ConfigurationError: somebody else is at the same sweep.
    """
    with _alone(plan.folder):
        done = _left_by_others(plan.folder) if plan.settings.resume else {}
        record.save(plan)
        tracked = plan.experiment.tracking.enabled
        recorder = Recorder.start(plan.uri, plan.folder, patient=True) if tracked else None
        summary = Summary(plan)
        office = _Office(plan, summary, recorder, done)
        print(_opening(plan), file=sys.stderr, flush=True)
        try:
            with signals_raised():
                office.open()
                outcomes = Scheduler(plan.jobs, plan.settings, office).run()
                said = summary.end(outcomes, wait_seconds=_STORE_SECONDS if recorder else 0.0)
        finally:
            report = finished(recorder)
    print_table(sys.stdout, outcomes)
    for sentence in said.sentences if said and said.comparisons else ():
        print(sentence)
    display.whereabouts(sys.stdout, folder=shown(plan.folder), report=report, sweep=plan.name)
    if any(outcome.status != "FINISHED" for outcome in outcomes):
        print(f"resume: python -m runner resume {shown(plan.folder)}")
    return outcomes


def describe(outcome: Outcome) -> str:
    """Returns an outcome in one line."""
    if outcome.status != "FINISHED":
        return f"{outcome.name}  {verb(outcome.status)}: {last_line(outcome)}"
    values = final_metrics(outcome)
    figures = [f"{name} {number(value)}" for name, value in values.items()]
    return "  ".join([outcome.name, *figures[:2], f"{outcome.seconds:.1f} s"])


class _Office:
    """Knows what the jobs of a sweep mean, and tells the recorder, the summary and the person of them."""

    def __init__(
        self, plan: Plan, summary: Summary, recorder: Recorder | None, done: dict[str, list[Path]]
    ) -> None:
        self._plan = plan
        self._summary = summary
        self._recorder = recorder
        self._done = done
        self._elsewhere = record.finished_elsewhere(plan.folder) if plan.settings.resume else []
        self._told = 0

    def open(self) -> None:
        """Begins the summary, and has the recorder send what an earlier process did not."""
        self._summary.start()
        if self._recorder:
            self._recorder.follow(self._summary.folder)
            for attempt in record.attempts(self._plan.folder) if self._plan.settings.resume else ():
                self._recorder.take_up(attempt.folder)

    def prepare(self, job: Job) -> RunRequest | Outcome:
        request = self._plan.request(job, self._summary.folder)
        earlier = self._done.get(meaning(request))
        if earlier:
            known = remembered(earlier.pop(0), name=request.name, choices=job.choices)
            assert known is not None
            return known
        if meaning(request) in self._elsewhere:
            self._elsewhere.remove(meaning(request))
            return ended(request, "FINISHED", 0)
        return replace(request, folder=record.free(request.folder))

    def refuse(self, job: Job, error: ConfigurationError) -> Outcome:
        plan = self._plan
        folder = record.free(plan.folder / str(job.number))
        outcome = replace(plan.outcome(job, "FAILED", 1, str(error)), folder=folder)
        self.begin(folder)
        refused(outcome, experiment=plan.experiment, uri=plan.uri, sweep=plan.name, overrides=job.overrides)
        return outcome

    def leave_out(self, job: Job, message: str, exit_code: int) -> Outcome:
        return self._plan.outcome(job, "KILLED", exit_code, message)

    def begin(self, folder: Path) -> None:
        if self._recorder:
            self._recorder.follow(folder)

    def tell(self, outcome: Outcome, running: int) -> None:
        self._told += 1
        self._summary.tell(outcome, running)
        print(f"[{self._told}/{len(self._plan.jobs)}] {describe(outcome)}", file=sys.stderr, flush=True)


def _opening(plan: Plan) -> str:
    count = len(plan.jobs)
    return f"{count} {'run' if count == 1 else 'runs'}: {plan.name}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps others from the same sweep while this process, or nobody, is at it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / record.LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        rule = "is under way in another process"
        raise ConfigurationError(
            [Fault(shown(folder).as_posix(), rule, remedy="Wait for its end.")]
        ) from None
    try:
        yield
    finally:
        lock.release()


def _left_by_others(folder: Path) -> dict[str, list[Path]]:
    """Returns what an earlier process has finished, once its last worker has come to an end."""
    end = time.monotonic() + _END_SECONDS
    while alive := [each for each in record.attempts(folder) if each.is_alive]:
        if time.monotonic() > end:
            pids = ", ".join(str(each.card.process.pid) for each in alive)
            rule = f"has runs under way in processes {pids}"
            raise ConfigurationError([Fault(shown(folder).as_posix(), rule, remedy="Wait for their end.")])
        time.sleep(_LOOK_SECONDS)
    return {each: list(folders) for each, folders in record.finished(folder).items()}
