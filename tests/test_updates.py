"""From the gradients of batches to averaged weights, against NumPy by hand and against the other framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support import curve, experiment, trained

from runner import training_state
from runner.plan import Plan
from runner.tasks.preparation import Prepared, prepared
from runner.tracking.memory import Memory
from runner.training_state import STATE
from runner.weights import WEIGHTS, read

Floats = NDArray[np.float64]

BACKENDS = ("torch", "keras")
# Five batches in an epoch, of which the last has 4 rows and the others 8; chunks that end within groups.
LINEAR = (
    "data=sine",
    "data.samples=40",
    "architecture=linear",
    "loss=mse",
    "optimizer=sgd",
    "optimizer.learning_rate=0.2",
    "schedule=exponential",
    "schedule.factor=0.8",
    "training.precision=64",
    "training.batch_size=8",
    "training.epochs=3",
    "training.steps_per_execution=3",
    "training.keep=last",
    "split.validation=0.1",
    "split.test=0",
    "plots=none",
    "tracking=none",
)


@dataclass
class ByHand:
    """y = x k + b by gradient descent, every step written out.

    Args:
        ready: the rows, their order and the first weights.
        accumulation: batches in an update.
        decay: of the averaged weights.
        largest: the norm to which a gradient is clipped.
    """

    ready: Prepared
    accumulation: int = 1
    decay: float = 0.0
    largest: float = np.inf
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)

    def train(self) -> None:
        rows = self.ready.job.splits.train
        self.weights = np.array([each.item() for each in self.ready.weights.values()])
        self.average: Floats | None = None
        for epoch in range(3):
            batches = self.ready.job.plan.batches(epoch)
            assert [len(batch) for batch in batches] == [8, 8, 8, 8, 4]
            groups = [batches[start : start + self.accumulation] for start in range(0, 5, self.accumulation)]
            for group in groups:
                gradients = [self.gradient(rows.inputs[batch], rows.targets[batch]) for batch in group]
                self.update(np.mean(gradients, axis=0), 0.2 * 0.8**epoch)
            self.validation.append(self.loss_of(self.ready.job.splits.validation, self.shown))

    @property
    def shown(self) -> Floats:
        assert self.average is not None
        return self.average if self.decay else self.weights

    def gradient(self, inputs: Floats, targets: Floats) -> Floats:
        errors = inputs * self.weights[0] + self.weights[1] - targets
        self.losses.append(float(np.mean(errors**2)))
        return np.array([np.mean(2 * errors * inputs), np.mean(2 * errors)])

    def update(self, gradient: Floats, rate: float) -> None:
        norm = float(np.sqrt(np.sum(gradient**2)))
        self.rates.append(rate)
        self.gradient_norms.append(norm)
        self.weights = self.weights - rate * gradient * min(1, self.largest / (norm + 1e-6))
        first = self.average is None
        self.average = self.weights if first else self.decay * self.average + (1 - self.decay) * self.weights

    @staticmethod
    def loss_of(rows: object, weights: Floats) -> float:
        return float(np.mean((rows.inputs * weights[0] + weights[1] - rows.targets) ** 2))


def step_losses(told: Memory) -> list[float]:
    return [loss for _, columns in told.all_steps for loss in columns["train/step_loss"]]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("accumulation", "decay", "largest"), [(2, 0.0, np.inf), (2, 0.0, 0.5), (1, 0.7, np.inf), (3, 0.9, 0.5)]
)
def test_updates_are_those_written_out_by_hand(
    backend: str, accumulation: int, decay: float, largest: float, tmp_path: Path
) -> None:
    chosen = [
        f"backend={backend}",
        *LINEAR,
        f"training.accumulation={accumulation}",
        f"training.weight_average={decay or 'null'}",
        f"training.clipping.global_norm={largest if np.isfinite(largest) else 'null'}",
    ]
    hand = ByHand(prepared(experiment(*chosen)), accumulation, decay, largest)
    hand.train()
    updates = -(-5 // accumulation)
    assert len(hand.rates) == 3 * updates
    result, told = trained(*chosen, folder=tmp_path)
    near = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(step_losses(told), hand.losses, **near)
    np.testing.assert_allclose(curve(result, "learning_rate"), hand.rates[updates - 1 :: updates], **near)
    np.testing.assert_allclose(
        curve(result, "gradient_norm"), hand.gradient_norms[updates - 1 :: updates], **near
    )
    np.testing.assert_allclose(curve(result, "validation/loss"), hand.validation, **near)
    assert result.metrics["validation/loss"] == pytest.approx(hand.validation[-1], rel=1e-12)
    kept = read(tmp_path / WEIGHTS)
    np.testing.assert_allclose([kept[name].item() for name in hand.ready.weights], hand.shown, **near)
    state = training_state.read(tmp_path / STATE)
    assert (state.epoch, state.step, state.updates) == (3, 15, 3 * updates)
    np.testing.assert_allclose(
        [state.weights[name].item() for name in hand.ready.weights], hand.weights, **near
    )
    if decay:
        # The two are not the same, or nothing would have been averaged.
        assert np.abs(hand.weights - hand.shown).max() > 1e-3
        np.testing.assert_allclose(
            [state.averages[name].item() for name in hand.ready.weights], hand.average, **near
        )
    else:
        assert state.averages == {}


MIXED = (
    "architecture.batch_norm=true",
    "architecture.dropout=0.3",
    "architecture.hidden_sizes=[12]",
    "data=iris",
    "optimizer=adam",
    "optimizer.decoupled_weight_decay=0.01",
    "schedule=warmup_cosine",
    "training.batch_size=16",
    "training.accumulation=3",
    "training.weight_average=0.95",
    "training.clipping.value=0.05",
    "training.epochs=4",
    "plots=none",
    "tracking=none",
)


def test_both_backends_average_gradients_and_weights_alike() -> None:
    results = [trained(f"backend={name}", *MIXED, "training.precision=64")[0] for name in BACKENDS]
    assert results[0].kept_epoch == results[1].kept_epoch
    for name in results[0].epochs[0].metrics:
        np.testing.assert_allclose(*(curve(result, name) for result in results), rtol=1e-12, atol=1e-12)
    for split, shown in results[0].predictions.items():
        np.testing.assert_allclose(
            shown.outputs, results[1].predictions[split].outputs, rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_evaluation_of_averages_leaves_the_training_as_it_was(backend: str) -> None:
    overrides = (f"backend={backend}", *MIXED, "training.keep=last")
    averaged, plain = (
        step_losses(trained(*overrides, f"training.weight_average={decay}")[1]) for decay in (0.95, "null")
    )
    # Bit for bit: the weights are read, exchanged and put back.
    assert averaged == plain


def test_groups_end_with_the_epoch() -> None:
    plan = Plan(0, 10, 2, 2, 5, np.ones(6), accumulation=2)
    assert plan.updates_per_epoch == 3
    ends = [plan.ends_group(step) for step in range(10)]
    assert ends == [False, True, False, True, True] * 2
