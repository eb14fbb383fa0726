"""Weights and states that travel between the backends: what one has trained, the other predicts with and goes on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shipped
from numpy.typing import NDArray
from support import curve, experiment, trained

from runner import backend, training_state, weights
from runner.conductor import predictions
from runner.display import Silent
from runner.experiment import Experiment
from runner.results import SPLITS, Result
from runner.tasks.preparation import prepared
from runner.tasks.train import train
from runner.tracking.memory import Memory
from runner.training_state import STATE
from runner.weights import WEIGHTS

BACKENDS = ("torch", "keras")
OTHER = {"torch": "keras", "keras": "torch"}
SMALL = (
    "data=iris",
    "architecture.hidden_sizes=[6]",
    "architecture.dropout=0.2",
    "training.precision=64",
    "training.batch_size=32",
    "training.keep=last",
    "schedule=step",
    "schedule.every_epochs=3",
    "plots=none",
    "tracking=none",
)
OPTIMIZERS = {
    "sgd": ["optimizer.momentum=0.9", "optimizer.nesterov=true"],
    "adam": ["optimizer.l2=0.01"],
    "adamw": [],
    "amsgrad": [],
    "nadam": ["schedule=exponential", "schedule.factor=0.9"],
    "adamax": [],
    "rmsprop": ["optimizer.momentum=0.5", "optimizer.centered=true", "optimizer.epsilon=1e-3"],
    "adagrad": ["optimizer.initial_accumulator=0.1"],
    "adadelta": ["optimizer.learning_rate=0.5"],
    "lion": [],
    "accumulation and averages": [
        "optimizer=adam",
        "training.accumulation=2",
        "training.weight_average=0.9",
        "architecture.batch_norm=true",
    ],
    "plateau": [
        "optimizer=sgd",
        "schedule=reduce_on_plateau",
        "schedule.patience=1",
        "schedule.minimum_improvement=0.05",
    ],
}


def overrides(case: str) -> list[str]:
    """Returns the command line of a case; a schedule of its own brings its own keys."""
    more = OPTIMIZERS[case]
    own = any(each.startswith("schedule=") for each in more)
    small = [each for each in SMALL if not (own and each.startswith("schedule"))]
    chosen = [f"optimizer={case}"] if not any(each.startswith("optimizer=") for each in more) else []
    return [*small, *chosen, *more]


def test_every_optimizer_has_a_case() -> None:
    assert set(shipped.names("optimizer")) <= OPTIMIZERS.keys()


@pytest.mark.drawn(5)
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_a_training_goes_on_in_the_other_framework(case: str, tmp_path: Path) -> None:
    on = {name: experiment(f"backend={name}", *overrides(case)) for name in BACKENDS}
    whole = _trained(on["torch"], _made(tmp_path / "whole"), epochs=20)
    for name in BACKENDS:
        half, rest = (_made(tmp_path / f"{name}_{part}") for part in ("half", "rest"))
        _trained(on[name], half, epochs=10)
        result = _trained(on[OTHER[name]], rest, epochs=20, start_from=str(half), start_with="state")
        _require_same_end(result, whole, tmp_path / "whole", rest)
        slots = {place.partition("/")[0] for place in training_state.read(half / STATE).slots}
        assert slots == set(training_state.slot_names(on[name]) or ())


def _trained(checked: Experiment, folder: Path, **training: object) -> Result:
    """Trains an experiment with other values for some keys of its training."""
    changed = replace(checked, training=replace(checked.training, **training))
    return train(changed, folder=folder, tracker=Memory(), display=Silent())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _require_same_end(result: Result, whole: Result, whole_folder: Path, folder: Path) -> None:
    near = {"rtol": 1e-10, "atol": 1e-10}
    assert [(record.epoch, record.step) for record in result.epochs] == [
        (record.epoch, record.step) for record in whole.epochs[10:]
    ]
    assert result.kept_epoch == whole.kept_epoch == 20
    for name in whole.epochs[0].metrics:
        np.testing.assert_allclose(curve(result, name), curve(whole, name)[10:], **near)
    ours, theirs = (training_state.read(each / STATE) for each in (folder, whole_folder))
    assert (ours.epoch, ours.step, ours.updates) == (theirs.epoch, theirs.step, theirs.updates)
    np.testing.assert_allclose(ours.history, theirs.history, **near)
    for group in ("weights", "slots", "averages"):
        mine, other = getattr(ours, group), getattr(theirs, group)
        assert mine.keys() == other.keys()
        for name, array in mine.items():
            np.testing.assert_allclose(array, other[name], **near, err_msg=name)
    assert all(np.abs(array).max() > 0 for array in ours.slots.values())


@pytest.mark.parametrize("name", BACKENDS)
def test_slots_in_float32_are_those_of_the_equation(name: str, tmp_path: Path) -> None:
    chosen = [*SMALL, "optimizer=amsgrad", "optimizer.beta2=0.9999", "training.epochs=4"]
    for precision in (32, 64):
        folder = _made(tmp_path / str(precision))
        trained(f"backend={name}", *chosen, f"training.precision={precision}", folder=folder)
    single, double = (training_state.read(tmp_path / each / STATE) for each in ("32", "64"))
    for place, array in double.slots.items():
        # 1 - 0.9999 in float32 is off by 1.7e-4, which nothing may leave in the arrays.
        np.testing.assert_allclose(single.slots[place], array, rtol=3e-5, atol=1e-6 * np.abs(array).max())


@pytest.mark.parametrize("name", BACKENDS)
def test_weights_trained_on_one_predict_the_same_on_the_other(name: str, tmp_path: Path) -> None:
    network = ("architecture=cnn", "architecture.batch_norm=true", "plots=none", "tracking=none")
    limits = ("debug.rows=200", "training.epochs=1", "training.keep=last")
    here, there = (_made(tmp_path / place) for place in ("here", "there"))
    first, told = trained(f"backend={name}", *network, *limits, folder=here)
    start = f"training.start_from={here / WEIGHTS}"
    _, again = trained(f"backend={OTHER[name]}", *network, *limits, start, folder=there)
    assert again.all_tags["initial_weights_sha256"] == weights.digest(weights.read(here / WEIGHTS))
    assert again.all_tags["initial_weights_sha256"] != told.all_tags["initial_weights_sha256"]
    shown = predicted(OTHER[name], here / WEIGHTS, *network, *limits)
    for split, answer in first.predictions.items():
        assert len(answer.outputs) > 0
        np.testing.assert_allclose(shown[split], answer.outputs, atol=1e-6)


def predicted(name: str, path: Path, *chosen: str) -> dict[str, NDArray[np.float64]]:
    """Returns what a backend's network answers with the weights of a file, without training it."""
    checked = experiment(f"backend={name}", *chosen, f"training.start_from={path}")
    job = prepared(checked).job
    model = backend.load(checked.backend.package).build(job=job)
    found = {}
    for split in SPLITS:
        rows = getattr(job.splits, split)
        answer = model.evaluate(rows)
        found[split] = predictions(checked.output, job.splits, rows.targets, answer.logits).outputs
    return found
