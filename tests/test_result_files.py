"""A result comes back from its two files as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from examples import result

from runner.results import ActivationTrace, Boundary, Mistakes, Predictions, Reconstructions, Result
from runner.tracking.result_files import ARRAYS, RESULT, load_result, save_result

EXTRAS: dict[str, Any] = {
    "boundary": Boundary(
        np.arange(3.0), np.arange(2.0), np.ones((2, 3, 1)), np.ones((4, 2)), np.array([0.0, 1.0, 1.0, 0.0])
    ),
    "mistakes": Mistakes(np.ones((2, 8, 8, 1)), np.array([1.0, 0.0]), np.array([[0.2], [0.9]])),
    "reconstructions": Reconstructions(np.ones((2, 8, 8, 1)), np.zeros((2, 8, 8, 1)), np.array([1.0, 1.5])),
    "activation": ActivationTrace(
        "relu", np.arange(5.0), np.arange(5.0), np.ones(5), np.arange(3.0), np.array([0.25, 0.75])
    ),
}
BARE = dict.fromkeys(EXTRAS)


def same(found: Any, expected: Any) -> bool:
    """Returns whether two records of arrays and texts are equal, NaN to NaN."""
    assert type(found) is type(expected)
    for field in fields(expected):
        here, there = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(there, np.ndarray):
            np.testing.assert_array_equal(here, there, strict=True)
        else:
            assert here == there
    return True


@pytest.mark.parametrize("given", [{}, *({name: extra} for name, extra in EXTRAS.items()), EXTRAS])
def test_what_further_figures_need_comes_back(tmp_path: Path, given: dict[str, Any]) -> None:
    written = replace(result("binary"), **given)
    save_result(written, tmp_path)
    found = load_result(tmp_path)
    assert replace(found, predictions={}, **BARE) == replace(written, predictions={}, **BARE)
    assert {name for name in EXTRAS if getattr(found, name) is not None} == set(given)
    assert all(same(getattr(found, name), extra) for name, extra in given.items())


def test_norms_come_back_whatever_kind_of_mapping_they_were(tmp_path: Path) -> None:
    made = result("multiclass", epochs=2)
    norms = MappingProxyType({"dense0/kernel": 0.1, "dense0/bias": float("inf")})
    epochs = tuple(replace(each, gradient_norms=norms, weight_norms=norms) for each in made.epochs)
    save_result(replace(made, epochs=epochs), tmp_path)
    assert [dict(each.gradient_norms) for each in load_result(tmp_path).epochs] == [dict(norms)] * 2
    assert [dict(each.weight_norms) for each in load_result(tmp_path).epochs] == [dict(norms)] * 2


def test_every_split_keeps_its_predictions_and_their_types(tmp_path: Path) -> None:
    made: Result = result("binary")
    shown = {
        "train": Predictions(np.array([0, 1]), np.array([[np.nan], [0.5]])),  # type: ignore[arg-type]
        "test": made.predictions["test"],
    }
    save_result(replace(made, predictions=shown), tmp_path)
    found = load_result(tmp_path).predictions
    assert list(found) == ["train", "test"]
    assert all(same(found[split], predictions) for split, predictions in shown.items())


def test_the_files_hold_no_pickle(tmp_path: Path) -> None:
    save_result(replace(result("multiclass"), **EXTRAS), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {RESULT, ARRAYS}
    with np.load(tmp_path / ARRAYS, allow_pickle=False) as arrays:
        assert len(arrays.files) == 2 + 5 + 3 + 3 + 5
        assert all(arrays[name].dtype != object for name in arrays.files)
