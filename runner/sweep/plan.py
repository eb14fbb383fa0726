"""A sweep that is about to begin: its jobs, what they share, and where everything goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.experiment import Experiment, Sweep
from runner.results import Status
from runner.runs import Outcome, RunRequest
from runner.search.settings import Settings
from runner.search.space import Space
from runner.sweep.engines import Engine
from runner.sweep.jobs import Grid, Job, values
from runner.tracking import Scalar


@dataclass(frozen=True)
class Searched:
    """What a search is: its space, how it is carried out, and the metric that is made best."""

    space: Space
    settings: Settings
    metric: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep is.

    Args:
        jobs: all of them; of a search one for each trial, of which nothing is known yet.
        grid: every key that was set, with its values.
        folder: where its files go, a folder inside it for each run.
        words: what was typed, without the program's name.
        command: the same as one line.
        experiment: that of a job which can run.
        parameters: what all jobs have alike, by dotted key.
        uri: the address of MLflow's store.
        engine: who carries its runs out.
        request: makes a job's request; its argument beside the job is the folder of the run that sums all up.
        groups: the keys that choose an option.
        searched: what is searched, or None where all jobs are known.
    """

    jobs: tuple[Job, ...]
    grid: Grid
    folder: Path
    words: tuple[str, ...]
    command: str
    experiment: Experiment
    parameters: Mapping[str, Scalar]
    uri: str
    engine: Engine
    request: Callable[[Job, Path], RunRequest]
    groups: Collection[str] = ()
    searched: Searched | None = None

    @property
    def name(self) -> str:
        """The name that ties the runs of the sweep together: its folder's day and time."""
        return f"{self.folder.parent.name}_{self.folder.name}"

    @property
    def settings(self) -> Sweep:
        """How it is carried out."""
        return self.experiment.sweep

    @property
    def metric(self) -> str | None:
        """What a search makes best, or None where every run has a metric of its own."""
        return self.searched.metric if self.searched else None

    @property
    def over(self) -> Mapping[str, Sequence[str]]:
        """The keys in which jobs differ, each with its values, or with the space in which they lie."""
        return values(self.jobs) if self.searched is None else self.searched.space.texts

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
