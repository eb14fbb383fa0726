"""What many rows would make slow or large: passes over them, metrics, and what is kept for figures."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import result
from matplotlib.figure import Figure
from numpy.typing import NDArray
from shares import shares
from support import experiment, trained

from runner import chosen_data, samples
from runner.check import combinations
from runner.data import OnDemand, Selected, Source, moments, on_demand, prepare
from runner.errors import ConfigurationError
from runner.experiment import Debug, Split
from runner.plots.calibration import calibration
from runner.plots.classification import confusion_matrix
from runner.plots.regression import residuals
from runner.plots.thresholds import roc
from runner.reading import Reading
from runner.results import Predictions

ALL = Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)
Indices = NDArray[np.int64]


class Counted(OnDemand):
    """Rows of an array that count how often each of them is read."""

    def __init__(self, array: NDArray[Any]) -> None:
        super().__init__(array.shape, array.dtype)
        self.array = array
        self.read = np.zeros(len(array), np.int64)

    def rows(self, numbers: Indices) -> NDArray[Any]:
        np.add.at(self.read, numbers, 1)
        return self.array[numbers]

    def part(self, numbers: Indices) -> Selected:
        return Selected(self.array, numbers)


def source(inputs: Any, targets: NDArray[Any], **more: Any) -> Source:
    shape = inputs.shape[1:]
    return Source("many", "binary", shape, ("no", "yes"), len(inputs), lambda: (inputs, targets), **more)


# Passes


@pytest.mark.parametrize("block", [1, 17, 1000])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("order", ["drawn", "sorted", "far"])
def test_moments_are_those_of_all_rows_at_once(block: int, together: bool, order: str) -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, (1000, 4, 3))
    values[..., 1] = 0.1
    if order == "sorted":
        values = np.sort(values, axis=0)
    if order == "far":
        values += 1e6
    found = moments.of(values.dtype, (4, 3), together=together)
    for first in range(0, 1000, block):
        found.add(values[first : first + block])
    mean, scale = found.standard()
    expected = values.reshape(-1, 3) if together else values
    constant = np.ptp(expected, axis=0) == 0
    assert constant.any()
    np.testing.assert_allclose(mean, np.broadcast_to(expected.mean(axis=0), (4, 3)), rtol=1e-13)
    deviation = np.where(constant, 1.0, expected.std(axis=0))
    np.testing.assert_allclose(
        scale, np.broadcast_to(deviation, (4, 3)), rtol=1e-9 if order == "far" else 1e-13
    )


def test_rows_on_demand_are_gone_through_once() -> None:
    inputs = np.random.default_rng(1).normal(5.0, 2.0, (300, 4)).astype(np.float32)
    targets = np.arange(300) % 2
    counted = Counted(inputs)
    found = prepare(source(counted, targets), split=shares(0.2, 0.1), standardise=True, seed=0, debug=ALL)
    assert (counted.read == 1).all()
    plain = prepare(
        source(inputs.astype(np.float64), targets),
        split=shares(0.2, 0.1),
        standardise=True,
        seed=0,
        debug=ALL,
    )
    np.testing.assert_allclose(found.input_mean, plain.input_mean, rtol=1e-13)
    np.testing.assert_allclose(found.input_scale, plain.input_scale, rtol=1e-13)
    expected = hashlib.sha256(b"(300, 4)" + inputs.tobytes() + b"(300,)" + targets.astype("<i8").tobytes())
    assert found.sha256 == expected.hexdigest()


def test_rows_whose_digest_is_known_are_not_gone_through() -> None:
    inputs, targets = np.ones((50, 2), np.float32), np.arange(50) % 2
    counted = Counted(inputs)
    counted.sha256 = hashlib.sha256(inputs.tobytes()).hexdigest()
    known = source(counted, targets, is_prepared=True)
    found = prepare(known, split=shares(0.2, 0.1), standardise=True, seed=0, debug=ALL)
    assert not counted.read.any()
    expected = hashlib.sha256(b"(50, 2)" + bytes.fromhex(counted.sha256) + b"(50,)" + targets.tobytes())
    assert found.sha256 == expected.hexdigest()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_is_found_among_rows_on_demand(bad: float) -> None:
    inputs = np.ones((50, 2), np.float32)
    inputs[49, 1] = bad
    with pytest.raises(
        ConfigurationError, match=r"data: must hold finite numbers only\. Received: NaN or inf"
    ):
        prepare(
            source(Counted(inputs), np.arange(50) % 2),
            split=shares(0.2, 0.1),
            standardise=False,
            seed=0,
            debug=ALL,
        )


def test_large_rows_come_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "_BLOCK_BYTES", 64)
    rows = Selected(np.zeros((10, 7), np.float32), np.arange(10))
    assert [len(block) for block in rows.blocks()] == [2] * 5
    wide = Selected(np.zeros((3, 70), np.float32), np.arange(3))
    assert [len(block) for block in wide.blocks()] == [1] * 3


def test_classes_are_spread_as_the_words_say() -> None:
    """Row k of a class of n rows stands at (k + 1/2) / n of the way."""
    targets = np.random.default_rng(3).permutation(np.repeat([0, 1, 2], [50, 7, 3]))
    made = Source("three", "multiclass", (1,), ("a", "b", "c"), 60, lambda: (np.zeros((60, 1)), targets))
    split = Split(validation=0.0, test=0.5, by="auto", column=None, folds=None, fold=0)
    found = prepare(made, split=split, standardise=False, seed=0, debug=ALL)
    # 25, 3 or 4, and 1 or 2 of them stand in the first half.
    counts = np.bincount(found.test.targets, minlength=3)
    assert (counts[0], counts.sum()) == (25, 30)
    assert counts[1] in (3, 4)
    assert counts[2] in (1, 2)


# Samples


def test_a_sample_is_drawn_by_the_seed_in_the_order_of_the_rows() -> None:
    assert samples.numbers(10, 10, 0) is None
    assert samples.numbers(10, None, 0) is None
    found = samples.numbers(1000, 100, 0)
    assert found is not None
    assert len(np.unique(found)) == 100
    assert (np.diff(found) > 0).all()
    again, other = samples.numbers(1000, 100, 0), samples.numbers(1000, 100, 1)
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found, other)
    # Each row is as likely as any other: of 2,000 draws of 10 of 20, a row is in 1,000, give or take 22.
    drawn = np.concatenate([samples.numbers(20, 10, seed) for seed in range(2000)])
    assert np.abs(np.bincount(drawn) - 1000).max() < 110


def test_final_metrics_of_many_training_rows_are_those_of_a_sample(tmp_path: Path) -> None:
    chosen = ("data=moons", "training.epochs=2", "tracking=none", "plots=none", "split.test=0.3")
    whole = trained(*chosen)[0]
    part = trained(*chosen, "training.sample={metrics: 40, predictions: 20}")[0]
    for name, value in whole.metrics.items():
        assert name.startswith("train/") or part.metrics[name] == value
    shown, every = part.predictions, whole.predictions
    rows = len(every["train"].targets)
    picked = samples.numbers(rows, 40, 0)
    right = every["train"].outputs[picked, 0].round() == every["train"].targets[picked]
    assert part.metrics["train/accuracy"] == pytest.approx(right.mean())
    assert {name: len(each.targets) for name, each in shown.items()} == dict.fromkeys(every, 20)
    assert {name: each.of for name, each in shown.items()} == {
        name: len(each.targets) for name, each in every.items()
    }
    again = samples.numbers(len(every["test"].targets), 20, 0)
    np.testing.assert_array_equal(shown["test"].outputs, every["test"].outputs[again])
    assert all(each.of is None for each in every.values())


def test_a_sample_is_said_beforehand() -> None:
    chosen = experiment("data=moons", "training.sample.metrics=100")
    reading = Reading(chosen, chosen_data.of(chosen), ())
    sentence = (
        "training.sample.metrics: the final metrics of training rows are those of 100 of the 700, drawn by the seed;"
        " those of validation and test rows are of all."
    )
    assert sentence in combinations(reading, ()).warnings


@pytest.mark.parametrize(
    ("draw", "task", "arguments"),
    [
        (confusion_matrix, "multiclass", {}),
        (roc, "binary", {"named_classes": 3}),
        (calibration, "binary", {"bins": 5}),
        (residuals, "regression", {"bins": 5}),
    ],
)
def test_a_figure_of_a_sample_says_so(draw: Any, task: Any, arguments: dict[str, int]) -> None:
    made = result(task)
    shown = made.predictions["test"]
    part = Predictions(shown.targets, shown.outputs, None, 1_500_000)
    sampled = replace(made, predictions={"test": part})
    figure: Figure = draw(result=sampled, title="t", split="test", **arguments)
    texts = " ".join(panel.get_title(loc="left") for panel in figure.axes)
    assert f"test, {len(shown.targets):,} of 1,500,000 rows: " in texts
