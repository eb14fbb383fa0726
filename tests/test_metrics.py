"""Metrics against scikit-learn and against figures worked out by hand."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from runner import metrics

NAMES = tuple("abcd")


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.default_rng(0)


def probabilities(draws: np.random.Generator, rows: int, classes: int) -> Any:
    powers = np.exp(draws.normal(size=(rows, classes)))
    return powers / powers.sum(axis=1, keepdims=True)


def test_multiclass_by_hand() -> None:
    targets = np.array([0, 0, 1, 2])
    outputs = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    values = metrics.final("multiclass", targets, outputs, NAMES[:3])
    # F1: 2/3 for class 0 (one of two found), 2/3 for class 1 (one false), 1 for class 2.
    # Area: class 0 wins three of its four pairs (.6 > .1 and .2, .2 > .1) and draws one; the others win all.
    assert values == pytest.approx({"accuracy": 0.75, "f1_macro": 7 / 9, "roc_auc": (3.5 / 4 + 1 + 1) / 3})


def test_multiclass_is_scikit_learns(draws: np.random.Generator) -> None:
    targets, outputs = draws.integers(0, 4, 300), probabilities(draws, 300, 4)
    predicted = outputs.argmax(axis=1)
    assert metrics.final("multiclass", targets, outputs, NAMES) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(targets, predicted),
            "f1_macro": sklearn_metrics.f1_score(targets, predicted, average="macro"),
            "roc_auc": sklearn_metrics.roc_auc_score(targets, outputs, multi_class="ovr"),
        }
    )


@pytest.mark.parametrize("columns", [1, 2])
def test_binary_is_scikit_learns(draws: np.random.Generator, columns: int) -> None:
    targets, positive = draws.integers(0, 2, 300), draws.uniform(size=300)
    outputs = positive[:, None] if columns == 1 else np.stack([1 - positive, positive], axis=1)
    assert metrics.final("binary", targets, outputs, ("no", "yes")) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(targets, positive > 0.5),
            "f1": sklearn_metrics.f1_score(targets, positive > 0.5),
            "roc_auc": sklearn_metrics.roc_auc_score(targets, positive),
        }
    )


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_is_scikit_learns(draws: np.random.Generator, width: int, offset: float) -> None:
    targets = draws.normal(size=(200, width)) + offset
    outputs = targets + 0.3 * draws.normal(size=(200, width))
    assert metrics.final("regression", targets, outputs, ()) == pytest.approx(
        {
            "r2": sklearn_metrics.r2_score(targets, outputs),
            "mean_absolute_error": sklearn_metrics.mean_absolute_error(targets, outputs),
            # Root of the mean over everything; scikit-learn would average the roots of several columns.
            "root_mean_squared_error": np.sqrt(sklearn_metrics.mean_squared_error(targets, outputs)),
        }
    )


def test_weights_count_as_scikit_learns(draws: np.random.Generator) -> None:
    weights = draws.uniform(size=200) * (draws.uniform(size=200) < 0.7)
    targets, outputs = draws.integers(0, 4, 200), probabilities(draws, 200, 4)
    predicted = outputs.argmax(axis=1)
    assert metrics.final("multiclass", targets, outputs, NAMES, weights) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(targets, predicted, sample_weight=weights),
            "f1_macro": sklearn_metrics.f1_score(targets, predicted, average="macro", sample_weight=weights),
            "roc_auc": sklearn_metrics.roc_auc_score(
                targets, outputs, multi_class="ovr", sample_weight=weights
            ),
        }
    )
    two, positive = targets % 2, outputs[:, :1]
    assert metrics.final("binary", two, positive, NAMES[:2], weights) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(two, positive[:, 0] > 0.5, sample_weight=weights),
            "f1": sklearn_metrics.f1_score(two, positive[:, 0] > 0.5, sample_weight=weights),
            "roc_auc": sklearn_metrics.roc_auc_score(two, positive[:, 0], sample_weight=weights),
        }
    )
    values, found = draws.normal(size=(200, 3)), draws.normal(size=(200, 3))
    squared = sklearn_metrics.mean_squared_error(values, found, sample_weight=weights)
    assert metrics.final("regression", values, found, (), weights) == pytest.approx(
        {
            "r2": sklearn_metrics.r2_score(values, found, sample_weight=weights),
            "mean_absolute_error": sklearn_metrics.mean_absolute_error(values, found, sample_weight=weights),
            "root_mean_squared_error": np.sqrt(squared),
        }
    )


def test_a_class_that_weighs_nothing_does_not_occur(draws: np.random.Generator) -> None:
    targets = np.arange(20) % 2
    values = metrics.final("binary", targets, draws.uniform(size=(20, 1)), NAMES[:2], 1.0 * (targets == 0))
    assert set(values) == {"accuracy", "f1"}


@pytest.mark.parametrize(("output", "expected"), [(2.0, 1.0), (3.0, 0.0)])
def test_r2_of_constant_targets_is_scikit_learns(output: float, expected: float) -> None:
    targets, outputs = np.full((5, 1), 2.0), np.full((5, 1), output)
    assert metrics.per_epoch("regression", targets, outputs)["r2"] == expected
    assert sklearn_metrics.r2_score(targets, outputs) == expected


def test_r2_of_one_row_has_no_value() -> None:
    values = metrics.per_epoch("regression", np.ones((1, 1)), np.zeros((1, 1)))
    assert np.isnan(values["r2"])
    assert values["mean_absolute_error"] == 1


def test_a_tie_goes_to_the_lower_class() -> None:
    assert metrics.predicted_classes(np.array([[0.5], [0.5 + 1e-9]])).tolist() == [0, 1]
    assert metrics.predicted_classes(np.array([[0.5, 0.5], [0.2, 0.8]])).tolist() == [0, 1]


def test_no_area_where_a_class_does_not_occur(draws: np.random.Generator) -> None:
    outputs = probabilities(draws, 20, 4)
    assert set(metrics.final("multiclass", np.arange(20) % 3, outputs, NAMES)) == {"accuracy", "f1_macro"}
    one_class = metrics.final("binary", np.zeros(20, int), outputs[:, :1] * 0.4, ("no", "yes"))
    assert one_class == {"accuracy": 1.0, "f1": 0.0}


@pytest.mark.parametrize("task", ["multiclass", "binary", "regression"])
def test_outputs_that_are_no_numbers_have_metrics_that_are_none(task: Any) -> None:
    targets = np.zeros((4, 1)) if task == "regression" else np.arange(4) % 2
    outputs = np.full((4, 1 if task == "regression" else 2), np.nan)
    values = metrics.final(task, targets, outputs, NAMES[:2])
    assert tuple(values) == metrics.names(task)
    assert np.isnan(list(values.values())).all()


def test_names_are_those_of_every_epoch_and_part_of_the_final_ones(draws: np.random.Generator) -> None:
    cases: list[tuple[Any, Any, Any]] = [
        ("multiclass", np.arange(40) % 4, probabilities(draws, 40, 4)),
        ("binary", np.arange(40) % 2, probabilities(draws, 40, 1)),
        ("regression", draws.normal(size=(40, 1)), draws.normal(size=(40, 1))),
    ]
    for task, targets, outputs in cases:
        quick = metrics.per_epoch(task, targets, outputs)
        everything = metrics.final(task, targets, outputs, NAMES[: 2 if task == "binary" else 4])
        assert tuple(quick) == metrics.names(task)
        assert quick.items() < everything.items()


@pytest.mark.parametrize(
    ("name", "higher"),
    [
        ("validation/accuracy", True),
        ("accuracy", True),
        ("test/roc_auc", True),
        ("validation/r2", True),
        ("validation/loss", False),
        ("loss", False),
        ("test/mean_absolute_error", False),
        ("root_mean_squared_error", False),
    ],
)
def test_which_way_is_better(name: str, higher: bool) -> None:
    assert metrics.higher_is_better(name) is higher


def test_the_metrics_of_an_epoch_need_no_scikit_learn() -> None:
    code = (
        "import sys, numpy as np; from runner import metrics;"
        "metrics.per_epoch('multiclass', np.array([0, 1]), np.eye(2));"
        "assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
