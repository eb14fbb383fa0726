"""Data: the shipped and the made sources, and how they are split and standardised."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from shares import shares
from shipped import BESIDE
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from runner.data import Source, Splits, made, prepare, regressions, shipped, sizes
from runner.errors import ConfigurationError
from runner.experiment import Debug, Task

CONF = Path(__file__).parents[1] / "conf" / "data"
OWN = {name for name, beside in BESIDE.items() if "{folder}" in beside}
# Those that need no file of the user's; the others have test files of their own.
OPTIONS = [path for path in sorted(CONF.glob("*.yaml")) if f"data={path.stem}" not in OWN]
SHIPPED = {
    "digits": (1797, (8, 8, 1), 10),
    "iris": (150, (4,), 3),
    "wine": (178, (13,), 3),
    "breast_cancer": (569, (30,), 2),
    "diabetes": (442, (10,), 0),
}
SHARES = shares(0.15, 0.15)


def debug(rows: int | None = None) -> Debug:
    return Debug(maximum_steps=None, rows=rows, one_batch=False, stop_below_loss=None)


def split_of(source: Source, seed: int = 0, rows: int | None = None, **keywords: Any) -> Splits:
    options: dict[str, Any] = {"split": SHARES, "standardise": False} | keywords
    return prepare(source, seed=seed, debug=debug(rows), **options)


def from_yaml(path: Path, seed: int = 0) -> Source:
    node = yaml.safe_load(path.read_text())
    module, _, name = node.pop("_target_").rpartition(".")
    function = getattr(importlib.import_module(module), name)
    drawn = {"seed": seed} if "seed" in inspect.signature(function).parameters else {}
    source: Source = function(**node, **drawn)
    return source


def numbered(rows: int, targets: Any, classes: int) -> Source:
    """A source whose only input is the number of its row."""
    names = tuple(str(number) for number in range(classes))
    inputs, labels = np.arange(float(rows))[:, None], np.asarray(targets)
    task: Task = "multiclass" if classes else "regression"
    return Source("numbered", task, (1,), names, rows, lambda: (inputs, labels))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_data_are_scikit_learns(name: str) -> None:
    rows, shape, classes = SHIPPED[name]
    source = getattr(shipped, name)()
    inputs, targets = source.read()
    bunch = getattr(datasets, f"load_{name}")()
    assert (source.rows, source.input_shape, len(source.classes)) == (rows, shape, classes)
    np.testing.assert_array_equal(inputs.reshape(rows, -1), bunch.data)
    np.testing.assert_array_equal(targets.reshape(-1), bunch.target)
    assert targets.shape == ((rows,) if classes else (rows, 1))
    assert source.classes == tuple(str(word) for word in bunch.get("target_names", ()))


def test_digits_are_upright_images() -> None:
    inputs, _ = shipped.digits().read()
    np.testing.assert_array_equal(inputs[..., 0], datasets.load_digits().images)


def test_other_classes_than_stated_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bunch = datasets.load_iris()
    bunch.target_names = bunch.target_names[::-1]
    monkeypatch.setattr(datasets, "load_iris", lambda: bunch)
    with pytest.raises(ConfigurationError, match="Received: virginica, versicolor, setosa"):
        shipped.iris().read()


def test_all_options_can_be_read_and_are_as_promised() -> None:
    assert len(OPTIONS) == 20
    for path in OPTIONS:
        source = from_yaml(path)
        assert source.name == path.stem
        if source.files:
            # What is downloaded has a test file of its own.
            assert source.test_rows > 0 or source.name == "fetched"
            continue
        splits = split_of(source, standardise=True)
        parts = (splits.train, splits.validation, splits.test)
        assert sum(len(part) for part in parts) == source.rows, path.stem
        assert all(part.inputs.dtype == np.float64 for part in parts)
        assert all(part.targets.dtype == (np.int64 if source.classes else np.float64) for part in parts)


def test_a_source_is_known_without_importing_anything_heavy() -> None:
    code = (
        "import sys; from runner.data import shipped, made; shipped.digits();"
        "made.sine(samples=9, waves=1.0, noise=0.0, seed=0).read();"
        "assert not {'sklearn', 'scipy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_moons_and_circles_without_noise_are_scikit_learns() -> None:
    for source, (points, labels) in (
        (made.moons(samples=101, noise=0.0, seed=0), datasets.make_moons((51, 50), shuffle=False)),
        (
            made.circles(samples=101, noise=0.0, inner_radius=0.3, seed=0),
            datasets.make_circles((51, 50), shuffle=False, factor=0.3),
        ),
    ):
        inputs, targets = source.read()
        np.testing.assert_allclose(inputs, points, atol=1e-15)
        np.testing.assert_array_equal(targets, labels)


def test_spirals_have_the_arms_and_the_turns_asked_for() -> None:
    inputs, targets = made.spirals(samples=3000, classes=3, turns=2.0, noise=0.0, seed=0).read()
    assert Counter(targets.tolist()) == {0: 1000, 1: 1000, 2: 1000}
    for arm in range(3):
        x, y = inputs[targets == arm].T
        angles = np.unwrap(np.arctan2(y, x))
        assert np.hypot(x, y)[[0, -1]] == pytest.approx([0.001, 1.0])
        # Two whole turns later an arm points where it started: to arm / 3 of a turn.
        direction = 2 * np.pi * arm / 3
        assert (x[-1], y[-1]) == pytest.approx((np.cos(direction), np.sin(direction)))
        assert (angles[-1] - angles[0]) / (2 * np.pi) == pytest.approx(2.0 * 999 / 1000)


def test_xor_is_decided_by_two_signs() -> None:
    inputs, targets = made.xor(samples=1000, noise=0.0, seed=3).read()
    assert all((x * y < 0) == bool(label) for (x, y), label in zip(inputs, targets, strict=True))
    assert 400 < targets.sum() < 600
    assert -1 <= inputs.min() < -0.99
    assert 0.99 < inputs.max() < 1


def test_sine_has_its_waves_and_its_noise() -> None:
    inputs, exact = made.sine(samples=4000, waves=2.0, noise=0.0, seed=1).read()
    np.testing.assert_allclose(exact, np.sin(4 * np.pi * inputs), atol=1e-12)
    again, noisy = made.sine(samples=4000, waves=2.0, noise=0.25, seed=1).read()
    np.testing.assert_array_equal(again, inputs)
    assert np.std(noisy - exact) == pytest.approx(0.25, rel=0.05)


def test_blobs_have_their_spread_around_centres_in_the_box() -> None:
    source = made.blobs(samples=6000, features=3, classes=3, spread=0.5, box=4.0, seed=0)
    inputs, targets = source.read()
    for label in range(3):
        cloud = inputs[targets == label]
        assert cloud.std(axis=0) == pytest.approx([0.5] * 3, rel=0.06)
        assert np.abs(cloud.mean(axis=0)).max() < 4.1


def test_random_classes_are_random() -> None:
    inputs, targets = made.random_classes(samples=9000, features=3, classes=3, seed=0).read()
    assert inputs.mean() == pytest.approx(0, abs=0.03)
    assert inputs.std() == pytest.approx(1, rel=0.02)
    assert all(2800 < count < 3200 for count in np.bincount(targets))


def test_adding_marks_two_numbers_and_adds_them() -> None:
    source = made.adding(samples=2000, length=7, seed=0)
    inputs, targets = source.read()
    assert source.input_shape == (7, 2)
    np.testing.assert_array_equal(inputs[..., 1].sum(axis=1), 2)
    for row, (total,) in zip(inputs, targets, strict=True):
        assert sum(number for number, mark in row if mark) == pytest.approx(total, abs=1e-15)
    # Every place is marked as often as any other, and numbers are those of U(0, 1).
    assert inputs[..., 1].mean(axis=0) == pytest.approx([2 / 7] * 7, abs=0.04)
    assert inputs[..., 0].mean() == pytest.approx(0.5, abs=0.01)
    assert 0 <= inputs[..., 0].min() < inputs[..., 0].max() < 1


def reduced(string: str) -> str:
    """What is left once pairs are crossed out."""
    while (shorter := string.replace("()", "").replace("[]", "")) != string:
        string = shorter
    return string


def test_brackets_are_balanced_where_they_are_said_to_be() -> None:
    source = made.brackets(samples=400, length=10, kinds=2, seed=0)
    inputs, targets = source.read()
    assert (source.tokens, source.classes, source.input_shape) == (4, ("unbalanced", "balanced"), (10,))
    assert Counter(targets.tolist()) == {0: 200, 1: 200}
    for row, label in zip(inputs, targets, strict=True):
        string = "".join("()[]"[int(token)] for token in row)
        assert (reduced(string) == "") == bool(label)
        # Counting does not tell the classes apart.
        assert string.count("(") == string.count(")")


def test_balanced_strings_are_equally_likely() -> None:
    inputs, targets = made.brackets(samples=20000, length=6, kinds=1, seed=1).read()
    counts = Counter(tuple(row) for row in inputs[targets == 1].astype(int).tolist())
    # The third Catalan number; a deviation of a count is 40.
    assert len(counts) == 5
    assert all(abs(count - 2000) < 200 for count in counts.values())


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: made.adding(samples=9, length=1, seed=0), "data.length: must be at least 2. Received: 1."),
        (
            lambda: made.brackets(samples=9, length=5, kinds=1, seed=0),
            "data.length: must be even. Received: 5.",
        ),
    ],
)
def test_made_sequences_need_their_length(make: Callable[[], Source], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        make()


def test_tokens_are_never_standardised() -> None:
    splits = split_of(made.brackets(samples=200, length=6, kinds=2, seed=0), standardise=True)
    assert set(np.unique(splits.train.inputs)) == {0.0, 1.0, 2.0, 3.0}
    np.testing.assert_array_equal(splits.input_mean, np.zeros(6))
    np.testing.assert_array_equal(splits.input_scale, np.ones(6))


@pytest.mark.parametrize("wrong", [0.5, 4.0, -1.0])
def test_tokens_must_be_the_whole_numbers_that_were_promised(wrong: float) -> None:
    source = made.brackets(samples=200, length=6, kinds=2, seed=0)
    inputs, targets = source.read()
    inputs[3, 2] = wrong
    with pytest.raises(
        ConfigurationError, match=r"data: must hold tokens, whole numbers from 0 to 3. Received:"
    ):
        split_of(replace(source, read=lambda: (inputs, targets)))


@pytest.mark.parametrize(
    "name", ["moons", "circles", "spirals", "blobs", "xor", "sine", "random", "adding", "brackets"]
)
def test_made_data_follow_the_seed(name: str) -> None:
    path = CONF / f"{name}.yaml"
    (first, _), (again, _), (other, _) = (from_yaml(path, seed).read() for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_made_data_need_two_classes_and_a_row_for_each() -> None:
    with pytest.raises(ConfigurationError, match=r"data.classes: must be at least 2. Received: 1."):
        made.blobs(samples=9, features=2, classes=1, spread=1.0, box=1.0, seed=0)
    with pytest.raises(ConfigurationError, match=r"data.samples: .*number of classes, 5. Received: 4."):
        made.spirals(samples=4, classes=5, turns=1.0, noise=0.0, seed=0)


def test_two_classes_are_binary_and_more_are_not() -> None:
    tasks = [made.random_classes(samples=9, features=1, classes=n, seed=0).task for n in (2, 3)]
    assert tasks == ["binary", "multiclass"]


def test_a_split_is_a_partition_that_follows_the_seed() -> None:
    source = numbered(100, np.arange(100) % 4, 4)
    first, again, other = (split_of(source, seed) for seed in (1, 1, 2))
    rows = np.concatenate([first.train.inputs, first.validation.inputs, first.test.inputs])[:, 0]
    assert sorted(rows) == list(range(100))
    assert [len(part) for part in (first.train, first.validation, first.test)] == [70, 15, 15]
    np.testing.assert_array_equal(first.test.inputs, again.test.inputs)
    assert set(first.test.inputs[:, 0]) != set(other.test.inputs[:, 0])
    # Inputs and targets stay together.
    np.testing.assert_array_equal(first.train.inputs[:, 0] % 4, first.train.targets)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_split_is_as_stratified_as_scikit_learns(name: str, seed: int) -> None:
    source = getattr(shipped, name)()
    splits = split_of(source, seed)
    _, labels = source.read()
    _, ours_at_best = train_test_split(labels, test_size=len(splits.test), stratify=labels, random_state=0)
    for part in (splits.validation, splits.test):
        np.testing.assert_allclose(
            np.bincount(part.targets, minlength=len(source.classes)),
            np.bincount(ours_at_best, minlength=len(source.classes)),
            atol=1,
        )


def test_a_class_of_one_row_is_for_training() -> None:
    targets = np.zeros(50, np.int64)
    targets[17] = 1
    for seed in range(10):
        splits = split_of(numbered(50, targets, 2), seed)
        assert splits.train.targets.sum() == 1


def test_a_regression_is_split_at_random() -> None:
    values = np.arange(1000.0)[:, None]
    splits = split_of(numbered(1000, values, 0))
    assert splits.test.targets.mean() == pytest.approx(500, abs=75)
    assert not np.array_equal(np.sort(splits.train.targets[:, 0]), splits.train.targets[:, 0])


def test_no_share_gives_no_rows_and_a_small_share_gives_one() -> None:
    source = numbered(20, np.arange(20) % 2, 2)
    none = split_of(source, split=shares(0.0, 0.0), standardise=True)
    assert [len(part) for part in (none.train, none.validation, none.test)] == [20, 0, 0]
    assert none.test.inputs.shape == (0, 1)
    one = split_of(source, split=shares(0.01, 0.01))
    assert [len(part) for part in (one.train, one.validation, one.test)] == [18, 1, 1]


@pytest.mark.parametrize(
    ("rows", "validation", "test", "expected"),
    [(1797, 0.15, 0.15, (1257, 270, 270)), (10, 0.0, 0.25, (8, 0, 2)), (2, 0.1, 0.1, (0, 1, 1))],
)
def test_sizes_by_hand(rows: int, validation: float, test: float, expected: tuple[int, int, int]) -> None:
    source = numbered(rows, np.arange(rows) % 2, 2)
    assert sizes(source, shares(validation, test), 0, None) == expected


def test_no_row_for_training_is_refused() -> None:
    source = numbered(10, np.arange(10) % 2, 2)
    with pytest.raises(
        ConfigurationError, match=r"split: must leave at least one row .* 10 rows, of which 6"
    ):
        split_of(source, split=shares(0.6, 0.4))
    with pytest.raises(ConfigurationError, match=r"debug\.rows larger"):
        split_of(source, rows=2)


def test_limited_rows_keep_the_classes_in_proportion() -> None:
    splits = split_of(shipped.digits(), rows=100)
    parts = (splits.train, splits.validation, splits.test)
    assert [len(part) for part in parts] == [70, 15, 15]
    counts = Counter(np.concatenate([part.targets for part in parts]).tolist())
    assert sorted(counts) == list(range(10))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_limited_rows_may_be_fewer_than_the_classes() -> None:
    splits = split_of(shipped.digits(), rows=5)
    assert len(splits.train) == 3


@pytest.mark.parametrize("name", ["digits", "wine"])
def test_inputs_are_standardised_by_the_training_rows(name: str) -> None:
    source = getattr(shipped, name)()
    plain, scaled = (split_of(source, standardise=choice) for choice in (False, True))
    scaler = StandardScaler().fit(plain.train.inputs.reshape(len(plain.train), -1))
    for part in ("train", "validation", "test"):
        before, after = (getattr(splits, part).inputs for splits in (plain, scaled))
        expected = scaler.transform(before.reshape(len(before), -1)).reshape(before.shape)
        np.testing.assert_allclose(after, expected, atol=1e-12)
    assert (scaled.target_mean, scaled.target_scale) == ([0.0], [1.0])


@pytest.mark.parametrize("standardise", [True, False])
def test_inputs_can_be_restored_to_the_units_of_the_data(standardise: bool) -> None:
    plain, parts = (split_of(shipped.digits(), standardise=choice) for choice in (False, standardise))
    assert parts.input_mean.shape == parts.input_scale.shape == (8, 8, 1)
    restored = parts.test.inputs * parts.input_scale + parts.input_mean
    np.testing.assert_allclose(restored, plain.test.inputs, rtol=0, atol=1e-12)
    expected = plain.train.inputs.mean(axis=0) if standardise else np.zeros((8, 8, 1))
    np.testing.assert_allclose(parts.input_mean, expected, rtol=1e-12)


def test_the_digest_is_of_the_data_and_of_nothing_else() -> None:
    inputs, targets = np.array([[1.0], [2.5], [4.0]]), np.array([0, 1, 0])
    source = Source("three", "binary", (1,), ("no", "yes"), 3, lambda: (inputs, targets))
    described = b"(3, 1)" + struct.pack("<3d", 1.0, 2.5, 4.0) + b"(3,)" + struct.pack("<3q", 0, 1, 0)
    expected = hashlib.sha256(described).hexdigest()
    assert {split_of(source, seed, standardise=seed == 1).sha256 for seed in (0, 1)} == {expected}


def test_targets_of_a_regression_are_standardised_and_can_be_restored() -> None:
    plain, scaled = (split_of(shipped.diabetes(), standardise=choice) for choice in (False, True))
    assert scaled.target_mean == pytest.approx(np.mean(plain.train.targets))
    assert scaled.target_scale == pytest.approx(np.std(plain.train.targets))
    restored = scaled.test.targets * scaled.target_scale + scaled.target_mean
    np.testing.assert_allclose(restored, plain.test.targets, rtol=1e-12)
    assert (plain.target_mean, plain.target_scale) == ([0.0], [1.0])


def test_a_constant_element_is_divided_by_one() -> None:
    inputs = np.stack([np.full(30, 0.1), np.arange(30.0)], axis=1)
    source = Source("flat", "regression", (2,), (), 30, lambda: (inputs, np.ones((30, 1))))
    splits = split_of(source, standardise=True)
    np.testing.assert_allclose(splits.train.inputs[:, 0], 0, atol=1e-15)
    np.testing.assert_array_equal(splits.train.targets, 0)
    assert splits.target_scale == 1


@pytest.mark.parametrize(
    ("rows", "targets", "classes", "words"),
    [
        (6, [0, 1, 0, 1, 0, 1], 2, "inputs of shape 6 x 1.*Received: 5 x 1"),
        (5, [0, 1, 0, 1], 2, "targets of shape 5.*Received: 4"),
        (5, [0, 1, 0, 1], 0, "targets of shape 5 x 1.*Received: 4"),
        (5, [1, 2, 1, 2, 1], 2, "number its 2 classes from 0 to 1.*Received: 1 to 2"),
        (5, [[0.0], [1.0], [np.nan], [0.0], [0.0]], 0, "finite numbers only"),
    ],
)
def test_data_that_break_their_promise_are_refused(rows: int, targets: Any, classes: int, words: str) -> None:
    inputs = np.arange(5.0)[:, None]
    names = tuple(str(number) for number in range(classes))
    task: Task = "multiclass" if classes else "regression"
    source = Source("broken", task, (1,), names, rows, lambda: (inputs, np.asarray(targets)))
    with pytest.raises(ConfigurationError, match=words):
        split_of(source)


def weighted(weights: Any, *, promised: bool = True) -> Source:
    """Returns six rows of a regression with weights."""
    inputs = np.arange(6.0)[:, None]

    def read() -> Any:
        return (inputs, 2 * inputs) if weights is None else (inputs, 2 * inputs, np.asarray(weights, float))

    return Source("weighted", "regression", (1,), (), 6, read, weighted=promised)


def test_weights_stay_with_their_rows() -> None:
    splits = split_of(weighted([0.0, 0.5, 1.0, 1.5, 2.0, 2.5]))
    for part in (splits.train, splits.validation, splits.test):
        assert part.weights is not None
        np.testing.assert_array_equal(part.weights, part.inputs[:, 0] / 2)
    plain = split_of(weighted(None, promised=False))
    assert plain.train.weights is None
    assert plain.sha256 != splits.sha256


@pytest.mark.parametrize(
    ("weights", "promised", "words"),
    [
        ([1.0] * 5, True, "weights of shape 6, .*Received: 5"),
        ([1.0, 1.0, 1.0, 1.0, 1.0, np.nan], True, "finite weights only. Received: NaN or infinity"),
        ([1.0, 1.0, 1.0, 1.0, 1.0, -0.5], True, "weights of at least 0. Received: -0.5"),
        (None, True, "must read inputs, targets and weights, because weighted is true.*Received: 2 arrays"),
        (
            [1.0] * 6,
            False,
            "must read inputs and targets alone, because weighted is false.*Received: 3 arrays",
        ),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, promised: bool, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        split_of(weighted(weights, promised=promised))


def test_several_columns_are_standardised_one_by_one() -> None:
    draws = np.random.default_rng(0)
    inputs, targets = (
        draws.normal(size=(50, 2)),
        draws.normal(size=(50, 3)) * [1.0, 10.0, 0.0] + [5.0, -3.0, 0.1],
    )
    source = Source("wide", "regression", (2,), (), 50, lambda: (inputs, targets), target_width=3)
    plain, scaled = (split_of(source, standardise=choice) for choice in (False, True))
    scaler = StandardScaler().fit(plain.train.targets)
    np.testing.assert_allclose(scaled.test.targets, scaler.transform(plain.test.targets), atol=1e-12)
    np.testing.assert_allclose(scaled.target_mean, plain.train.targets.mean(axis=0), rtol=1e-12)
    assert scaled.target_scale.shape == (3,)
    narrow = Source("wide", "regression", (2,), (), 50, lambda: (inputs, targets), target_width=2)
    with pytest.raises(ConfigurationError, match=r"targets of shape 50 x 2.*Received: 50 x 3"):
        split_of(narrow)


def test_the_hand_of_the_arm_is_where_two_turns_put_it() -> None:
    source = regressions.robot_arm(samples=40, upper_arm=2.0, forearm=0.5, noise=0.0, seed=1)
    inputs, targets = source.read()[:2]
    assert source.target_width == 2
    assert 0 <= inputs.min() < inputs.max() <= np.pi
    for (shoulder, elbow), hand in zip(inputs, targets, strict=True):
        joint = 2.0 * np.exp(1j * shoulder)
        exact = joint + 0.5 * np.exp(1j * (shoulder + elbow))
        np.testing.assert_allclose(hand, [exact.real, exact.imag], atol=1e-12)


UNEVEN = {
    "samples": 6000,
    "test_samples": 50,
    "waves": 1.0,
    "noisy_stretches": 2,
    "least_noise": 0.1,
    "most_noise": 2.0,
    "seed": 0,
}


def test_uneven_noise_is_as_large_as_its_weights_say() -> None:
    source = regressions.uneven_noise(weighted=True, **UNEVEN)
    inputs, targets, weights = source.read()
    noise = (targets - np.sin(2 * np.pi * inputs))[:, 0]
    measured, exact = slice(6000), slice(6000, None)
    np.testing.assert_allclose(noise[exact], 0, atol=1e-15)
    np.testing.assert_array_equal(weights[exact], 1)
    assert source.test_rows == 50
    # Divided by its own deviation the noise is a standard normal one everywhere.
    standard = noise[measured] * np.sqrt(weights[measured])
    assert np.std(standard) == pytest.approx(1, abs=0.03)
    quiet, loud = weights[measured] > 50, weights[measured] < 0.5
    assert np.std(standard[quiet]) == pytest.approx(1, abs=0.1)
    assert np.std(standard[loud]) == pytest.approx(1, abs=0.1)
    # Loudest in the middle of both halves: the deviation is 2 at 1/4 and 3/4, 0.1 at 0, 1/2 and 1.
    place = inputs[measured, 0]
    assert weights[measured][np.argmin(np.abs(place - 0.25))] == pytest.approx(0.25, rel=1e-3)
    assert weights[measured][np.argmin(np.abs(place - 0.5))] == pytest.approx(100, rel=1e-2)


def test_uneven_noise_without_weights_has_the_same_rows() -> None:
    with_weights, without = (
        regressions.uneven_noise(weighted=choice, **UNEVEN).read() for choice in (True, False)
    )
    assert len(without) == 2
    for one, other in zip(with_weights[:2], without, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ConfigurationError, match=r"data\.most_noise: must be at least data.least_noise"):
        regressions.uneven_noise(weighted=True, **(UNEVEN | {"most_noise": 0.05}))
