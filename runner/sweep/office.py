"""Who knows what the jobs of a sweep mean, and tells the recorder, the summary and the person of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from runner.errors import ConfigurationError
from runner.metrics import number
from runner.runs import Outcome, RunRequest, ended, meaning, refused, remembered
from runner.session import verb
from runner.sweep import record
from runner.sweep.begun import Begun
from runner.sweep.jobs import Job
from runner.sweep.plan import Plan
from runner.sweep.summary import Summary
from runner.sweep.table import final_metrics, last_line, verdict
from runner.tracking.recorder import Recorder


def describe(outcome: Outcome) -> str:
    """Returns an outcome in one line."""
    if outcome.status != "FINISHED":
        return f"{outcome.name}  {verb(outcome.status)}: {last_line(outcome)}"
    values = final_metrics(outcome)
    figures = [f"{name} {number(value)}" for name, value in values.items()]
    pruned = [verdict(outcome)] if outcome.result and outcome.result.pruned else []
    return "  ".join([outcome.name, *figures[:2], *pruned, f"{outcome.seconds:.1f} s"])


class Office:
    """Knows what the jobs of a sweep mean, and tells the recorder, the summary and the person of them."""

    def __init__(
        self,
        plan: Plan,
        summary: Summary,
        recorder: Recorder | None,
        done: dict[str, list[Path]],
        begun: Begun | None,
    ) -> None:
        self.plan = plan
        self.summary = summary
        self._recorder = recorder
        self._done = done
        self._begun = begun
        self._elsewhere = record.finished_elsewhere(plan.folder) if plan.settings.resume else []
        self._told = 0

    def open(self) -> None:
        """Begins the summary, and has the recorder send what an earlier process did not."""
        self.summary.start()
        if self._recorder:
            self._recorder.follow(self.summary.folder)
            for attempt in record.attempts(self.plan.folder) if self.plan.settings.resume else ():
                self._recorder.take_up(attempt.folder)

    def close(self) -> None:
        """Takes the end of the sweep, however it came."""
        if self._begun and self._recorder:
            for folder in self._begun.left():
                self._recorder.follow(folder)

    def prepare(self, job: Job) -> RunRequest | Outcome | None:
        request = self.plan.request(job, self.summary.folder)
        what = meaning(request)
        earlier = self._done.get(what)
        if earlier:
            known = remembered(earlier.pop(0), name=request.name, choices=job.choices)
            assert known is not None
            return known
        if what in self._elsewhere:
            self._elsewhere.remove(what)
            return ended(request, "FINISHED", 0)
        again = self._begun.request(request, what) if self._begun else None
        if again is None:
            return replace(request, folder=record.free(request.folder))
        assert again.resumption is not None
        print(f"{request.name}  goes on after step {again.resumption.step}", file=sys.stderr, flush=True)
        return again

    def refuse(self, job: Job, error: ConfigurationError) -> Outcome:
        plan = self.plan
        folder = record.free(plan.folder / str(job.number))
        outcome = replace(plan.outcome(job, "FAILED", 1, str(error)), folder=folder)
        self.begin(folder)
        refused(outcome, experiment=plan.experiment, uri=plan.uri, sweep=plan.name, overrides=job.overrides)
        return outcome

    def leave_out(self, job: Job, message: str, exit_code: int) -> Outcome:
        return self.plan.outcome(job, "KILLED", exit_code, message)

    def begin(self, folder: Path) -> None:
        if self._begun:
            self._begun.begin(folder)
        if self._recorder:
            self._recorder.follow(folder)

    def tell(self, outcome: Outcome, running: int) -> None:
        self._told += 1
        self.summary.tell(outcome, running)
        print(f"[{self._told}/{len(self.plan.jobs)}] {describe(outcome)}", file=sys.stderr, flush=True)
