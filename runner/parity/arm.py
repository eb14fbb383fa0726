"""One arm of a comparison, carried out in a worker: a training of so many steps, recorded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner import backend, workers
from runner.conductor import Conductor
from runner.errors import Diverged
from runner.experiment import Experiment
from runner.parity.recording import Recorder
from runner.randomness import generator
from runner.results import Decision, Evaluation, Weights
from runner.tasks.preparation import Prepared, prepared, with_own_draws
from runner.training_state import TrainingState

LOG = "output.log"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What a worker is to record.

    Args:
        experiment: with the backend and the precision of the arm.
        perturbation: 0, or the number of a draw by which every first weight is moved to a neighbouring number.
        steps: how many steps are recorded at most, at least 1.
        elements: how many elements of each array are kept at most, at least 1.
        path: the file of the recording.
    """

    experiment: Experiment
    perturbation: int
    steps: int
    elements: int
    path: Path


@dataclass(frozen=True)
class Recorded:
    """What a worker says of an arm: the recording's file, the framework's versions, the step at which it diverged."""

    path: Path
    versions: Mapping[str, str]
    diverged: int | None


class _Enough(Exception):
    """Everything that was asked for is recorded."""


def record(arm: Arm) -> Recorded:
    """Trains as the arm says and writes the recording; what the framework prints goes to a file beside it."""
    arm.path.parent.mkdir(parents=True, exist_ok=True)
    with arm.path.with_name(LOG).open("a", encoding="utf-8") as log, workers.redirected(log.fileno()):
        warnings.simplefilter("default")
        return _record(arm)


def _record(arm: Arm) -> Recorded:
    # An old file must never be taken for what this arm did.
    arm.path.unlink(missing_ok=True)
    # First, for it says which engine Keras is to have, and a function of somebody's own may import Keras.
    engine = backend.load(arm.experiment.backend.package)
    ready = with_own_draws(prepared(arm.experiment))
    weights = _moved(ready.weights, arm) if arm.perturbation else ready.weights
    recorder = Recorder(weights, arm.elements)
    job = replace(ready.job, weights=weights, probe=recorder)
    model = engine.build(job=job)
    diverged = None
    try:
        engine.fit(model=model, job=job, observer=_Observer(ready, recorder, arm.steps))
    except _Enough:
        pass
    except Diverged as error:
        diverged = error.step
    recorder.recording(arm.steps).save(arm.path)
    return Recorded(arm.path, engine.versions(), diverged)


def _moved(weights: Weights, arm: Arm) -> Weights:
    """Returns the weights with every trained number moved to the next one above or below, in the arm's precision."""
    kind = np.float64 if arm.experiment.training.precision == 64 else np.float32
    draws = generator(arm.experiment.seed, "perturbation", arm.perturbation)

    def neighbour(array: NDArray[np.float64]) -> NDArray[np.float64]:
        direction = np.where(draws.uniform(array.shape) < 0.5, -np.inf, np.inf).astype(kind)
        moved: NDArray[np.float64] = np.nextafter(array.astype(kind), direction).astype(np.float64)
        return moved

    # A bias of 0 stays: its neighbour is no rounding of anything.
    return {name: np.where(array == 0, array, neighbour(array)) for name, array in weights.items()}


class _Observer:
    """Lets the conductor decide as in any training, and ends this one after its last recorded step."""

    def __init__(self, ready: Prepared, recorder: Recorder, steps: int) -> None:
        self._conductor = Conductor(
            experiment=ready.job.experiment,
            task=ready.drawing.source.task,
            splits=ready.job.splits,
            plan=ready.job.plan,
            schedule=ready.schedule,
            weights=ready.weights,
            tell=lambda record: None,
            tell_steps=lambda first_step, losses: None,
            keep=lambda weights: None,
            start=ready.job.start,
            stand=None,
        )
        self._steps_per_epoch = ready.job.plan.steps_per_epoch
        self._recorder = recorder
        self._steps = steps

    def steps(self, first_step: int, losses: NDArray[np.float64], state: Callable[[], TrainingState]) -> None:
        """Takes losses, and ends the training once enough are recorded."""
        self._conductor.steps(first_step, losses, state)
        last = first_step + len(losses) - 1
        # An epoch that ends with the last recorded step is evaluated first.
        if self._recorder.steps >= self._steps and last % self._steps_per_epoch != 0:
            raise _Enough

    def epoch(
        self,
        epoch: int,
        validation: Evaluation | None,
        weights: Callable[[], Weights],
        gradient_norms: Mapping[str, float],
        state: Callable[[], TrainingState],
    ) -> Decision:
        """Takes the end of an epoch."""
        if validation is not None:
            self._recorder.evaluation(validation)
        decision = self._conductor.epoch(epoch, validation, weights, gradient_norms, state)
        if self._recorder.steps >= self._steps:
            raise _Enough
        return decision
