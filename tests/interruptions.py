"""Trainings that are stopped on the way and gone on with, in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from support import experiment

from runner import checkpoints
from runner import weights as weight_files
from runner.display import Silent
from runner.errors import Interrupted
from runner.experiment import Experiment
from runner.results import EpochRecord, Result
from runner.tasks.train import Training
from runner.tracking.memory import Memory
from runner.weights import WEIGHTS


class Mortal(Memory):
    """A tracker whose process dies right after a step was told, as far as a training can see that."""

    def __init__(self, last_step: int | None) -> None:
        super().__init__()
        self._last_step = last_step

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        super().steps(first_step, values)
        last = first_step + len(values["train/step_loss"]) - 1
        if self._last_step is not None and last >= self._last_step:
            raise Interrupted(9)


@dataclass
class Course:
    """What was told of a training from its beginning to its end, however often it was stopped."""

    losses: dict[int, float] = field(default_factory=dict)
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    result: Result | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, tracker: Memory) -> None:
        """Takes what was told; what is told again must be the same to the last bit."""
        for first, columns in tracker.all_steps:
            for step, loss in enumerate(columns["train/step_loss"], first):
                assert self.losses.setdefault(step, loss) == loss, step
        for epoch, values in tracker.all_metrics:
            if epoch:
                assert self.epochs.setdefault(epoch, values) == values, epoch


def chosen(*overrides: str, resume_from: Path | None = None) -> Experiment:
    """Returns the experiment of overrides that goes on from a checkpoint."""
    found = experiment(*overrides)
    if resume_from is None:
        return found
    return replace(found, training=replace(found.training, resume_from=str(resume_from)))


def carried_out(
    folder: Path, overrides: Sequence[str], *, stops: Sequence[int] = (), ends: bool = True
) -> Course:
    """Trains in legs, each from the newest checkpoint: each ends after one of the steps to stop at, the last by itself.

    Args:
        folder: of the run.
        overrides: of every leg.
        stops: steps after which it is stopped.
        ends: whether there is a last leg, which is not stopped.
    """
    course = Course()
    # As the command does; the writer of checkpoints would make it too, but in a thread of its own and maybe too late.
    folder.mkdir(parents=True, exist_ok=True)
    for stop in [*stops, *([None] if ends else [])]:
        path = checkpoints.newest(folder / checkpoints.FOLDER).path
        tracker = Mortal(stop)
        try:
            course.result = Training().run(
                chosen(*overrides, resume_from=path), folder=folder, tracker=tracker, display=Silent()
            )
        except Interrupted:
            assert stop is not None
        course.add(tracker)
    if ends:
        course.weights = weight_files.read(folder / WEIGHTS)
    return course


def without_seconds(result: Result) -> tuple[EpochRecord, ...]:
    """Returns the records of all epochs without the time that they took."""
    return tuple(replace(record, seconds=0.0) for record in result.epochs)


def require_same(stopped: Course, unbroken: Course) -> None:
    """Looks whether a training that was stopped is, to the last bit, the one that never was."""
    assert stopped.losses == unbroken.losses
    assert stopped.epochs == unbroken.epochs
    assert stopped.result is not None
    assert unbroken.result is not None
    assert without_seconds(stopped.result) == without_seconds(unbroken.result)
    assert stopped.result.metrics == unbroken.result.metrics
    assert (stopped.result.best_epoch, stopped.result.kept_epoch) == (
        unbroken.result.best_epoch,
        unbroken.result.kept_epoch,
    )
    assert stopped.weights.keys() == unbroken.weights.keys()
    for name, array in unbroken.weights.items():
        np.testing.assert_array_equal(stopped.weights[name], array)
