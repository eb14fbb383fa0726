"""The conductor: what happens between epochs, decided once for every backend."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import metrics, semantics, signals, stopping, weighting
from runner.checkpointing import Checkpoints
from runner.checkpoints import Checkpoint
from runner.data import Splits
from runner.errors import Diverged
from runner.experiment import Experiment, Output, Task
from runner.plan import Plan
from runner.results import Decision, EpochRecord, Evaluation, Predictions, Weights
from runner.schedules import Schedule
from runner.training_state import TrainingState
from runner.weights import are_finite


def predictions(
    output: Output,
    splits: Splits,
    targets: NDArray[Any],
    logits: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> Predictions:
    """Returns what is shown of logits: probabilities, or values in the units of the data.

    softmax(z)_k = exp(z_k) / sum_j exp(z_j); sigmoid(z) = 1 / (1 + exp(-z)).
    """
    if output == "softmax":
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Predictions(targets, powers / powers.sum(axis=1, keepdims=True), weights)
    if output == "sigmoid":
        # Half the tanh of half the argument does not overflow.
        return Predictions(targets, 0.5 * (1.0 + np.tanh(0.5 * logits)), weights)
    if output == "exponential":
        with np.errstate(over="ignore"):
            return Predictions(targets, np.exp(logits), weights)
    scale, mean = splits.target_scale, splits.target_mean
    return Predictions(targets * scale + mean, logits * scale + mean, weights)


class Conductor:
    """Observes a training: keeps its history and its best weights, stops it, and slows its learning rate.

    Args:
        experiment: the rules.
        task: what is predicted.
        splits: the rows, for the units of their targets.
        plan: sizes of batches and planned learning rates.
        schedule: how the learning rate reacts to the history.
        weights: the first weights, the last that are known to be finite until an epoch has ended.
        tell: called with every epoch's record.
        tell_steps: called with the first step, from 1, and the losses of consecutive steps.
        keep: called with weights that are better than all before.
        start: where an earlier training stood that goes on, or None.
        stand: called with where the training stands after its last epoch, or None where nobody asks.
        checkpoint: where this training itself stood before it was stopped, or None.
        checkpoints: who writes down where it stands, or None where nobody does.
        is_hopeless: called with every epoch's record, says whether to end the training; None where nobody judges.
    """

    def __init__(
        self,
        *,
        experiment: Experiment,
        task: Task,
        splits: Splits,
        plan: Plan,
        schedule: Schedule,
        weights: Weights,
        tell: Callable[[EpochRecord], None],
        tell_steps: Callable[[int, NDArray[np.float64]], None],
        keep: Callable[[Weights], None],
        start: TrainingState | None,
        stand: Callable[[TrainingState], None] | None,
        checkpoint: Checkpoint | None = None,
        checkpoints: Checkpoints | None = None,
        is_hopeless: Callable[[EpochRecord], bool] | None = None,
    ) -> None:
        self._experiment = experiment
        self._task: Task = task
        self._splits = splits
        self._plan = plan
        self._schedule = schedule
        self._counts = weighting.counts(experiment, splits.train) if _divides_by_weights(experiment) else None
        self._tell = tell
        self._tell_steps = tell_steps
        self._keep = keep
        self._losses: list[NDArray[np.float64]] = []
        self._stand = stand
        self._is_hopeless = is_hopeless
        self._checkpoints = checkpoints
        self._first_epoch = start.epoch if start else 0
        self._earlier = earlier_history(experiment, start)
        self._factor = schedule.reaction(self._earlier)
        self._started = time.perf_counter()
        self.history: list[float] = []
        self.records: list[EpochRecord] = []
        self.kept_epoch = 0
        self.kept_weights = weights
        self.finite_epoch = self._first_epoch
        self.finite_weights = weights
        self.is_pruned = False
        if checkpoint is not None:
            self._go_on(checkpoint)

    def _go_on(self, checkpoint: Checkpoint) -> None:
        """Takes what this training knew before it was stopped."""
        self._losses = [checkpoint.losses] if len(checkpoint.losses) else []
        self._first_epoch = checkpoint.first_epoch
        self.records = list(checkpoint.records)
        self.history = [self._monitored(record) for record in self.records]
        self._earlier = self._earlier[: max(len(self._earlier) - len(self.history), 0)]
        self.kept_epoch, self.finite_epoch = checkpoint.kept_epoch, checkpoint.finite_epoch
        self.finite_weights = checkpoint.finite_weights
        if self.kept_epoch > 0:
            self.kept_weights = checkpoint.kept_weights
            # What lies there may be of a later epoch, which comes again.
            self._keep(self.kept_weights)

    @property
    def is_over(self) -> bool:
        """Whether the last epoch has ended already, as far as its records tell."""
        if not self.records:
            return False
        return self.records[-1].epoch >= self._plan.epochs or self._should_stop(self.records[-1])

    def steps(self, first_step: int, losses: NDArray[np.float64], state: Callable[[], TrainingState]) -> None:
        """Takes the losses of consecutive steps, the first of them numbered from 1.

        Raises:
            Diverged: at the first loss that is NaN or infinite.
            Interrupted: where somebody asked for it, and where the training stands is written.
        """
        self._tell_steps(first_step, losses)
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad):
            raise Diverged(first_step + int(bad[0]))
        self._losses.append(losses)
        step = first_step + len(losses) - 1
        # What ends an epoch is written down with its record.
        if step % self._plan.steps_per_epoch:
            self._write_down(step, None, state)

    def epoch(
        self,
        epoch: int,
        validation: Evaluation | None,
        weights: Callable[[], Weights],
        gradient_norms: Mapping[str, float],
        state: Callable[[], TrainingState],
    ) -> Decision:
        """Takes the end of an epoch, numbered from 1, and says how to go on."""
        present = weights()
        record = self._record(epoch, validation, gradient_norms, present)
        self.records.append(record)
        self.history.append(self._monitored(record))
        self._keep_weights(epoch, present)
        self._tell(record)
        self._factor = self._schedule.reaction((*self._earlier, *self.history))
        stop = self._should_stop(record)
        is_last = stop or epoch == self._plan.epochs
        # The last epoch is told as well, for others are compared with it.
        is_hopeless = self._is_hopeless is not None and self._is_hopeless(record)
        self.is_pruned = is_hopeless and not is_last
        if self._stand and (is_last or self.is_pruned):
            self._stand(self._with_history(state()))
        self._write_down(record.step, epoch, state, is_last=is_last)
        return Decision(stop=stop or self.is_pruned, learning_rate_factor=self._factor)

    @property
    def best_epoch(self) -> int:
        """The epoch of this training, numbered from 1, with the best monitored metric; 0 before the first has ended."""
        return self._first_epoch + stopping.best_epoch(self.history) + 1 if self.history else 0

    def _write_down(
        self, step: int, epoch: int | None, state: Callable[[], TrainingState], *, is_last: bool = False
    ) -> None:
        """Writes down where the training stands, where that is due, and ends it where somebody asked for that."""
        if self._checkpoints is None:
            return
        if is_last or signals.is_pending() or self._checkpoints.is_due(step, epoch):
            self._checkpoints.save(
                Checkpoint(
                    state=self._with_history(state()),
                    losses=np.concatenate([np.empty(0), *self._losses]),
                    records=tuple(self.records),
                    first_epoch=self._first_epoch,
                    kept_epoch=self.kept_epoch,
                    kept_weights=self.kept_weights if self.kept_epoch else {},
                    finite_epoch=self.finite_epoch,
                    finite_weights=self.finite_weights,
                    data=self._splits.sha256,
                )
            )
        self._checkpoints.raise_if_stopped()

    def _with_history(self, state: TrainingState) -> TrainingState:
        history = (*self._earlier, *self.history)
        return replace(state, monitor=self._experiment.training.monitor, history=history)

    def _record(
        self,
        epoch: int,
        validation: Evaluation | None,
        gradient_norms: Mapping[str, float],
        weights: Weights,
    ) -> EpochRecord:
        step, update = epoch * self._plan.steps_per_epoch, epoch * self._plan.updates_per_epoch
        losses = np.concatenate(self._losses)
        self._losses.clear()
        totals = weighting.of_steps(self._plan, epoch - 1, self._counts)
        values = {
            # Steps whose rows all weigh nothing have a loss of 0.
            "train/loss": float((losses * totals).sum() / (totals.sum() or 1.0)),
            "learning_rate": float(self._plan.learning_rates[update - 1]) * self._factor,
            "gradient_norm": math.hypot(*gradient_norms.values()),
        }
        if validation is not None:
            values |= self._validation_metrics(validation)
        now = time.perf_counter()
        seconds, self._started = now - self._started, now
        norms = {name: float(np.linalg.norm(weights[name])) for name in gradient_norms}
        return EpochRecord(epoch, step, values, seconds, dict(gradient_norms), norms)

    def _validation_metrics(self, validation: Evaluation) -> dict[str, float]:
        rows = self._splits.validation
        shown = predictions(self._experiment.output, self._splits, rows.targets, validation.logits)
        values = metrics.per_epoch(self._task, shown.targets, shown.outputs, rows.weights)
        named = {f"validation/{name}": value for name, value in values.items()}
        return {"validation/loss": validation.loss} | named

    def _monitored(self, record: EpochRecord) -> float:
        name = self._experiment.training.monitor
        sign = -1.0 if metrics.higher_is_better(name) else 1.0
        return sign * record.metrics[name]

    def _keep_weights(self, epoch: int, weights: Weights) -> None:
        if are_finite(weights):
            self.finite_epoch, self.finite_weights = epoch, weights
        if self._experiment.training.keep == "last" or self.best_epoch == epoch:
            self.kept_epoch, self.kept_weights = epoch, weights
            self._keep(weights)

    def _should_stop(self, record: EpochRecord) -> bool:
        bound = self._experiment.debug.stop_below_loss
        reached = bound is not None and record.metrics["train/loss"] < bound
        return reached or stopping.should_stop(self.history, self._experiment.training.early_stopping)


def earlier_history(experiment: Experiment, start: TrainingState | None) -> tuple[float, ...]:
    """Returns the monitored metric of the epochs before a start, lower is better; nothing where it was another metric."""
    same = start is not None and start.monitor == experiment.training.monitor
    return start.history if start is not None and same else ()


def _divides_by_weights(experiment: Experiment) -> bool:
    """Returns whether the loss of a step is a mean by weights, and not one of a framework's own by rows."""
    own = "losses" in semantics.left_native(experiment.backend)
    by_rows = experiment.backend.name == "keras" or experiment.loss.name == "binary_cross_entropy"
    return not (own and by_rows)


def shortened(splits: Splits, rows: int) -> Splits:
    """Returns the splits with only the first ``rows`` training rows."""
    return replace(splits, train=splits.train.part(slice(rows)))
