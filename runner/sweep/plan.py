"""A sweep that is about to begin: its jobs, what they share, and where everything goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runner.experiment import Experiment, Sweep
from runner.results import Status
from runner.runs import Outcome, RunRequest
from runner.sweep.jobs import Grid, Job
from runner.tracking import Scalar


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep is.

    Args:
        jobs: all of them.
        grid: every key that was set, with its values.
        folder: where its files go, a folder inside it for each run.
        words: what was typed, without the program's name.
        command: the same as one line.
        experiment: that of a job which can run.
        parameters: what all jobs have alike, by dotted key.
        uri: the address of MLflow's store.
        request: makes a job's request; its argument beside the job is the folder of the run that sums all up.
    """

    jobs: tuple[Job, ...]
    grid: Grid
    folder: Path
    words: tuple[str, ...]
    command: str
    experiment: Experiment
    parameters: Mapping[str, Scalar]
    uri: str
    request: Callable[[Job, Path], RunRequest]

    @property
    def name(self) -> str:
        """The name that ties the runs of the sweep together: its folder's day and time."""
        return f"{self.folder.parent.name}_{self.folder.name}"

    @property
    def settings(self) -> Sweep:
        """How it is carried out."""
        return self.experiment.sweep

    def named(self, job: Job) -> str:
        """Returns the name of a job's run."""
        return " ".join(filter(None, [self.experiment.name, job.label])) or f"job {job.number}"

    def outcome(self, job: Job, status: Status, exit_code: int, message: str) -> Outcome:
        """Returns the outcome of a job that was never carried out."""
        return Outcome(
            name=self.named(job),
            choices=job.choices,
            folder=self.folder / str(job.number),
            status=status,
            exit_code=exit_code,
            seconds=0.0,
            message=message,
        )
