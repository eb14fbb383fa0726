"""Which rows go where: groups, classes, times, columns and folds, by what scikit-learn's splitters promise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shares import shares
from support import experiment

from runner.data import Source, prepare, sizes
from runner.data.splitting import Parts, parts
from runner.errors import ConfigurationError

ROWS = 120
DRAWS = np.random.default_rng(4)
COLUMNS: dict[str, NDArray[Any]] = {
    "house": DRAWS.integers(0, 17, ROWS),
    "day": DRAWS.integers(0, 40, ROWS).astype("datetime64[D]"),
    "hour": DRAWS.permutation(ROWS),
    "part": np.array(["Train", "val ", "TEST", "training", "dev"])[np.arange(ROWS) % 5],
    "sorted": np.repeat(np.arange(6), ROWS // 6),
    "same": np.zeros(ROWS),
}
LABELS = np.repeat([0, 1, 2], [80, 30, 10])[DRAWS.permutation(ROWS)]


def source(**more: Any) -> Source:
    """Returns rows in three classes of 80, 30 and 10, with columns by which they may be divided."""
    inputs = np.zeros((ROWS, 1))
    made = Source("made", "multiclass", (1,), ("a", "b", "c"), ROWS, lambda: (inputs, LABELS))
    return replace(made, columns=tuple(COLUMNS), column=COLUMNS.__getitem__, **more)


def divided(made: Source | None = None, limit: int | None = None, seed: int = 0, **how: Any) -> Parts:
    """Returns the parts, whose sizes are those that are told beforehand, and which share no row."""
    split = shares(how.pop("validation", 0.2), how.pop("test", 0.1), **how)
    found = parts(made or source(), split, seed, limit)
    assert sizes(made or source(), split, seed, limit) == found.sizes
    together = np.concatenate([found.train, found.validation, found.test])
    assert len(np.unique(together)) == len(together)
    return found


def in_folds(folds: int, **how: Any) -> list[Parts]:
    return [divided(folds=folds, fold=fold, **how) for fold in range(folds)]


# Whole groups


@pytest.mark.parametrize("limit", [None, 70])
def test_no_group_is_in_two_parts(limit: int | None) -> None:
    found = divided(by="group", column="house", limit=limit)
    houses = [set(COLUMNS["house"][part]) for part in (found.train, found.validation, found.test)]
    assert not houses[0] & houses[1]
    assert not houses[0] & houses[2]
    assert not houses[1] & houses[2]
    rows = ROWS if limit is None else limit
    assert sum(found.sizes) == rows
    # The shares come as near as whole groups of at most 12 rows can.
    assert found.sizes[1:] == pytest.approx((0.2 * rows, 0.1 * rows), abs=6)


def test_groups_that_lie_together_in_the_file_are_not_cut_off_by_a_limit() -> None:
    # The first 40 rows are two groups alone, of which three parts cannot be made.
    found = divided(by="group", column="sorted", limit=40)
    assert len(set(COLUMNS["sorted"][np.concatenate([found.train, found.validation, found.test])])) == 6


@pytest.mark.parametrize("test", [0.0, 0.1])
def test_every_group_has_its_turn_in_one_fold(test: float) -> None:
    found = in_folds(4, by="group", column="house", test=test)
    turns = np.concatenate([each.validation for each in found])
    rest = np.setdiff1d(np.arange(ROWS), found[0].test)
    assert sorted(turns) == sorted(rest)
    houses = [set(COLUMNS["house"][each.validation]) for each in found]
    assert sum(map(len, houses)) == len(set().union(*houses))
    for each in found:
        assert sorted([*each.train, *each.validation]) == sorted(rest)
        assert not set(COLUMNS["house"][each.train]) & set(COLUMNS["house"][each.validation])
        assert set(each.test) == set(found[0].test)


def test_groups_leave_own_test_rows_alone() -> None:
    found = divided(source(test_rows=20), by="group", column="house")
    assert found.test.tolist() == list(range(100, 120))
    assert max(*found.train, *found.validation) < 100
    assert len(found.train) + len(found.validation) == 100


# Classes in proportion


@pytest.mark.parametrize("by", ["auto", "stratified"])
def test_classes_are_in_proportion(by: str) -> None:
    found = divided(by=by)
    for part, rows in zip((found.train, found.validation, found.test), (84, 24, 12), strict=True):
        assert len(part) == rows
        assert np.bincount(LABELS[part], minlength=3) == pytest.approx(
            rows * np.array([80, 30, 10]) / 120, abs=1
        )


def test_folds_cover_every_row_once_with_classes_in_proportion() -> None:
    found = in_folds(5, by="stratified", test=0.0)
    assert sorted(np.concatenate([each.validation for each in found])) == list(range(ROWS))
    for each in found:
        assert np.bincount(LABELS[each.validation]) == pytest.approx([16, 6, 2], abs=1)
        assert sorted([*each.train, *each.validation]) == list(range(ROWS))


def test_folds_at_random_cover_every_row_once_and_differ_in_size_by_one() -> None:
    found = in_folds(7, by="random", test=0.0)
    assert sorted(np.concatenate([each.validation for each in found])) == list(range(ROWS))
    assert {len(each.validation) for each in found} == {17, 18}
    other = divided(by="random", test=0.0, folds=7, seed=1)
    assert set(found[0].validation) != set(other.validation)


def test_a_limit_leaves_as_many_rows_in_folds() -> None:
    found = in_folds(5, limit=50, test=0.2)
    assert {len(each.test) for each in found} == {10}
    assert len(np.unique(np.concatenate([each.validation for each in found]))) == 40


# Stretches of time


@pytest.mark.parametrize("column", ["day", "hour"])
def test_later_rows_are_later_and_rows_of_one_time_stay_together(column: str) -> None:
    found = divided(by="time", column=column)
    times = COLUMNS[column]
    assert times[found.train].max() < times[found.validation].min()
    assert times[found.validation].max() < times[found.test].min()
    assert sum(found.sizes) == ROWS
    if column == "hour":
        assert found.sizes == (84, 24, 12)


def test_each_fold_of_time_learns_from_what_was_before_it() -> None:
    found = in_folds(4, by="time", column="hour", test=0.0)
    hours = COLUMNS["hour"]
    # As scikit-learn's TimeSeriesSplit(4) of 120 rows: 24, 48, 72 and 96 rows, each with the next 24.
    for number, each in enumerate(found, 1):
        assert sorted(hours[each.train]) == list(range(24 * number))
        assert sorted(hours[each.validation]) == list(range(24 * number, 24 * (number + 1)))


def test_a_limit_takes_the_earliest_rows() -> None:
    found = divided(by="time", column="hour", limit=30)
    assert sorted(COLUMNS["hour"][np.concatenate([found.train, found.validation, found.test])]) == list(
        range(30)
    )


def test_times_leave_own_rows_of_other_parts_alone() -> None:
    found = divided(source(test_rows=20, validation_rows=10), by="time", column="hour")
    assert found.train.max() < 90
    assert len(found.train) == 90
    assert found.validation.tolist() == list(range(90, 100))
    assert found.test.tolist() == list(range(100, 120))


# As a column says


def test_a_column_names_the_part_of_each_row_however_it_is_written() -> None:
    found = divided(by="column", column="part")
    assert set(found.train % 5) == {0, 3}
    assert set(found.validation % 5) == {1, 4}
    assert set(found.test % 5) == {2}
    assert found.sizes == (48, 48, 24)


# Own rows


def test_own_validation_rows_take_the_place_of_the_share() -> None:
    found = divided(source(validation_rows=15))
    assert found.validation.tolist() == list(range(105, 120))
    assert len(found.test) == 10  # A tenth of the 105 that are left.
    assert len(found.train) == 95


def test_a_limit_holds_for_own_rows_too() -> None:
    found = divided(source(validation_rows=15, test_rows=25), limit=12)
    assert found.sizes == (12, 12, 12)
    assert found.validation.tolist() == list(range(80, 92))
    assert found.test.tolist() == list(range(95, 107))


# What is remembered of it


def test_the_digest_of_a_part_is_that_of_the_numbers_of_its_rows() -> None:
    made, split = source(), shares(0.2, 0.1, by="group", column="house")
    debug = experiment().debug
    splits = prepare(made, split=split, standardise=False, seed=0, debug=debug)
    found = parts(made, split, 0, None)
    expected = {
        name: hashlib.sha256(
            b"".join(int(row).to_bytes(8, "little") for row in getattr(found, name))
        ).hexdigest()
        for name in ("train", "validation", "test")
    }
    assert splits.rows_sha256 == expected


# What cannot be


@pytest.mark.parametrize(
    ("how", "more", "sentence"),
    [
        ({"by": "group"}, {}, "split.column: must name the column when split.by is group. Received: null."),
        ({"by": "time", "column": "dya"}, {}, "split.column: is no column of data=made. Received: dya."),
        (
            {"column": "day"},
            {},
            "split.column: must be null unless split.by is group, time or column. Received: day. Say by which of them it"
            " divides the rows.",
        ),
        (
            {"by": "column", "column": "house"},
            {},
            "split.column: house must say train, validation, test in every row. Received: ",
        ),
        (
            {"by": "column", "column": "part", "folds": 3},
            {},
            "split.folds: must be null where split.by is column, which names the validation rows itself. Received: 3.",
        ),
        (
            {"folds": 3},
            {"validation_rows": 10},
            "split.folds: must be null, because data=made has validation rows of its own, so that no others take turns."
            " Received: 3.",
        ),
        (
            {"by": "stratified"},
            {"task": "regression", "classes": ()},
            "split.by: must not be stratified, because data=made is a regression, which has no classes."
            " Received: stratified. Take split.by=auto.",
        ),
        (
            {"by": "stratified", "folds": 12},
            {},
            "split.by: stratified needs at least 13 rows of every class, one for each part. Received: 10 of 'c'. Take"
            " split.by=auto, leave rare classes out, or make a share 0.",
        ),
        (
            {"folds": 109},
            {},
            "split.folds: must be at most the 108 rows that are left for them. Received: 109.",
        ),
        (
            {"by": "group", "column": "house", "folds": 17},
            {},
            "split.folds: must be at most the 15 groups of house that are left for them. Received: 17.",
        ),
        (
            {"by": "group", "column": "same"},
            {},
            "split: must leave at least one row for training. Received: 120 rows, of which 0 are for validation and 120"
            " for test.",
        ),
        (
            {"by": "time", "column": "same"},
            {},
            "split: must leave at least one row for training. Received: 120 rows, of which 0 are for validation and 120"
            " for test.",
        ),
    ],
)
def test_what_cannot_be_divided_so_is_said_beforehand(how: Any, more: Any, sentence: str) -> None:
    split = shares(0.2, 0.1, **how)
    for ask in (parts, sizes):
        with pytest.raises(ConfigurationError) as caught:
            ask(source(**more), split, 0, None)
        assert sentence in str(caught.value)
