"""Weights of rows, in whole trainings on both backends, against the same training written out in NumPy."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from oracle import losses
from support import curve, experiment, trained

from runner import metrics, weighting
from runner.data import Rows
from runner.errors import ConfigurationError
from runner.experiment import Component
from runner.tasks.preparation import prepared

Floats = NDArray[np.float64]

BACKENDS = ["torch", "keras"]
CLASS_WEIGHTS = [1.0, 4.0, 0.5]
OWN = """
import numpy as np
from runner.data import Source

def rows(*, weights: str) -> Source:
    draws = np.random.default_rng(0)
    inputs, targets = draws.normal(size=(70, 4)), draws.integers(0, 3, 70)
    chosen = draws.uniform(size=70) * (draws.uniform(size=70) < 0.6)
    if weights == "first class":
        chosen = 1.0 * (np.arange(70) < 2)
    return Source("own", "multiclass", (4,), tuple("abc"), 70, lambda: (inputs, targets, chosen), weighted=True)

def torch():
    return lambda logits, targets: ((logits - targets) ** 2).mean()

def keras():
    from keras import ops

    return lambda logits, targets: ops.mean((logits - targets) ** 2)

def three():
    def loss(logits, targets, weights):
        rows = ((logits - targets) ** 2)[:, 0]
        return rows.mean() if weights is None else (weights * rows).sum() / weights.sum()

    return loss
"""
COMPONENT = Component(target="own_parts.torch", arguments={}, key="loss")
LINE = [
    "data=uneven_noise",
    "data.samples=60",
    "data.test_samples=20",
    "architecture=linear",
    "optimizer=sgd",
    "optimizer.learning_rate=0.2",
    "training.batch_size=16",
    "training.precision=64",
    "training.epochs=25",
    "plots=none",
]
CLASSES = [
    "data._target_=own_parts.rows",
    "+data.weights=some",
    "architecture=linear",
    "optimizer=sgd",
    "optimizer.learning_rate=0.2",
    "loss=cross_entropy",
    f"loss.class_weights={CLASS_WEIGHTS}".replace(" ", ""),
    "loss.label_smoothing=0.1",
    # Some batches weigh nothing at all.
    "training.batch_size=2",
    "training.precision=64",
    "training.epochs=4",
    "plots=none",
]

both = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture
def own_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_parts.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def by_hand(overrides: list[str], loss: Any) -> tuple[list[float], list[float], Floats]:
    """Returns the loss of each step, that of each epoch, and the kernel in the end, of a linear model under sgd."""
    job = prepared(experiment(*overrides)).job
    rows, plan = job.splits.train, job.plan
    counts = np.ones(len(rows)) if rows.weights is None else rows.weights
    kernel, bias = job.weights["dense0/kernel"].copy(), job.weights["dense0/bias"].copy()
    steps, epochs = [], []
    of_classes = np.array(job.experiment.loss.arguments.get("class_weights") or [1.0])
    if len(of_classes) > 1:
        counts = counts * of_classes[rows.targets]
    for epoch in range(plan.epochs):
        total = 0.0
        for batch in plan.batches(epoch):
            inputs = rows.inputs[batch]
            value, slope = losses.weighted(loss, inputs @ kernel + bias, rows.targets[batch], counts[batch])
            kernel, bias = kernel - 0.2 * inputs.T @ slope, bias - 0.2 * slope.sum(axis=0)
            steps.append(value)
            total += value * counts[batch].sum()
        epochs.append(total / counts.sum())
    return steps, epochs, kernel


def told_steps(told: Any) -> list[float]:
    return [loss for _, columns in told.all_steps for loss in columns["train/step_loss"]]


@both
def test_a_weighted_training_is_the_one_written_out(backend: str) -> None:
    overrides = [f"backend={backend}", *LINE]
    result, told = trained(*overrides)
    steps, epochs, _ = by_hand(overrides, losses.mse)
    assert len(steps) >= 100 - 25
    np.testing.assert_allclose(told_steps(told), steps, rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve(result, "train/loss"), epochs, rtol=0, atol=1e-12)
    # Another training than the one in which all rows count alike.
    plain, _ = trained(*overrides, "data.weighted=false")
    assert abs(curve(result, "train/loss")[-1] - curve(plain, "train/loss")[-1]) > 0.1


@both
def test_weights_of_rows_and_of_classes_are_multiplied(backend: str, own_parts: None) -> None:
    overrides = [f"backend={backend}", *CLASSES]
    result, told = trained(*overrides)
    rule = partial(losses.cross_entropy, label_smoothing=0.1, class_weights=None)
    steps, epochs, _ = by_hand(overrides, rule)
    # A batch whose rows weigh nothing has a loss of 0.
    assert 0 < steps.count(0.0) < len(steps)
    np.testing.assert_allclose(told_steps(told), steps, rtol=0, atol=1e-12)
    np.testing.assert_allclose(curve(result, "train/loss"), epochs, rtol=0, atol=1e-12)


@both
def test_evaluations_count_rows_by_their_weights(backend: str, own_parts: None) -> None:
    result, _ = trained(f"backend={backend}", *CLASSES)
    splits = prepared(experiment(f"backend={backend}", *CLASSES)).job.splits
    shown, rows = result.predictions["test"], splits.test
    assert shown.weights is not None
    np.testing.assert_array_equal(shown.weights, rows.weights)
    q = 0.9 * np.eye(3)[rows.targets] + 0.1 / 3
    counts = shown.weights * np.array(CLASS_WEIGHTS)[rows.targets]
    expected = -(counts * (q * np.log(shown.outputs)).sum(axis=1)).sum() / counts.sum()
    assert result.metrics["test/loss"] == pytest.approx(expected, rel=1e-12)
    # The weights of the classes are the loss's own business.
    found = metrics.final("multiclass", rows.targets, shown.outputs, tuple("abc"), rows.weights)
    assert result.metrics["test/accuracy"] == found["accuracy"]
    assert found["accuracy"] != metrics.per_epoch("multiclass", rows.targets, shown.outputs)["accuracy"]


@pytest.mark.parametrize("average", ["0.9", "null"])
def test_both_backends_take_the_same_hundred_steps(average: str) -> None:
    words = [*LINE, "training.epochs=34", "architecture=mlp", "activation=tanh", "optimizer=adam"]
    words += ["optimizer.learning_rate=0.01", f"training.weight_average={average}"]
    told = [told_steps(trained(f"backend={name}", *words)[1]) for name in BACKENDS]
    assert len(told[0]) >= 100
    np.testing.assert_allclose(*told, rtol=0, atol=1e-12)


# Losses of one's own


def test_a_loss_of_two_arguments_is_refused_where_there_are_weights() -> None:
    rows = Rows(np.zeros((2, 1)), np.zeros((2, 1)))
    plain = weighting.with_place(lambda logits, targets: logits - targets, COMPONENT, rows)
    assert plain(3, 1, None) == plain(3, 1) == 2
    heavy = Rows(rows.inputs, rows.targets, np.ones(2))
    with pytest.raises(
        ConfigurationError, match=r"loss\._target_: must return a function of \(logits, targets, weights\)"
    ):
        weighting.with_place(lambda logits, targets: logits - targets, COMPONENT, heavy)
    # A third argument is a place for weights if that is its name.
    with pytest.raises(ConfigurationError, match="because the data have weights"):
        weighting.with_place(torch.nn.functional.mse_loss, COMPONENT, heavy)


def test_a_loss_that_takes_weights_gets_them() -> None:
    class Module(torch.nn.Module):
        def forward(self, logits: Any, targets: Any, *, weights: Any) -> Any:
            return weights

    for rows in (
        Rows(np.zeros((2, 1)), np.zeros((2, 1)), np.ones(2)),
        Rows(np.zeros((2, 1)), np.zeros((2, 1))),
    ):
        for loss in (Module(), lambda logits, targets, weights: weights):
            assert weighting.with_place(loss, COMPONENT, rows)(3, 1, 7) == 7


@both
def test_both_backends_refuse_a_training_in_the_same_words(backend: str, own_parts: None) -> None:
    short = [f"backend={backend}", "loss=mse", "training.epochs=1", "plots=none"]
    plain = trained(*short, "data=sine", f"loss._target_=own_parts.{backend}")[0]
    assert np.isfinite(plain.metrics["test/loss"])
    words = (
        "loss._target_: must return a function of (logits, targets, weights), because the data have weights."
        f" Received: own_parts.{backend}. weights is (rows,), or None where there are none: L = sum_i w_i l_i / sum_i w_i."
    )
    with pytest.raises(ConfigurationError) as refused:
        trained(*short, "data=uneven_noise", f"loss._target_=own_parts.{backend}")
    assert words in str(refused.value)


def test_a_loss_of_ones_own_with_weights_trains_as_ours(own_parts: None) -> None:
    one, other = (trained(*LINE, "loss=mse", *more)[0] for more in ([], ["loss._target_=own_parts.three"]))
    np.testing.assert_allclose(curve(one, "train/loss"), curve(other, "train/loss"), rtol=0, atol=1e-12)


def test_a_part_that_weighs_nothing_is_refused(own_parts: None) -> None:
    words = [each for each in CLASSES if "data.weights" not in each]
    with pytest.raises(
        ConfigurationError, match=r"must have weights above 0, and those of its .* rows are all 0"
    ):
        prepared(experiment(*words, "+data.weights='first class'"))
