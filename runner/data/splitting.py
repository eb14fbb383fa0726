"""Which rows are for training, validation and test: shares of them, whole groups, stretches of time, a column, or folds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.on_demand import Indices
from runner.data.records import Source
from runner.data.remembered import Remembered
from runner.errors import ConfigurationError, Fault
from runner.experiment import Split
from runner.randomness import generator
from runner.suggestions import listed, nearest

# What a column may call each part.
_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Parts:
    """The numbers of the rows of each part."""

    train: Indices
    validation: Indices
    test: Indices

    @property
    def sizes(self) -> tuple[int, int, int]:
        return len(self.train), len(self.validation), len(self.test)


def parts(source: Source, split: Split, seed: int, limit: int | None) -> Parts:
    """Returns which rows of a data set are in which part, the same ones for the same seed.

    A share above 0 gives at least one row. Where the source has test rows of its own, those are the test rows, and the
    share for test does not apply; likewise for validation.

    Args:
        source: the data set.
        split: the shares, and by what they are taken.
        seed: decides which row goes where.
        limit: how many rows are divided at most, and of test rows of its own are taken at most; None for all.

    Raises:
        ConfigurationError: the rows cannot be divided so, or none is left for training.
    """
    _require_sense(source, split)
    shared = source.rows - source.test_rows - source.validation_rows
    if split.by == "column":
        found = _by_column(source, split, limit)
    else:
        found = _with_own(source, _shared(source, split, seed, shared, limit), shared, limit)
    faults = [*_none_for_training(source, found), *_missing_parts(split, found)]
    if faults:
        raise ConfigurationError(faults)
    return found


def sizes(source: Source, split: Split, seed: int, limit: int | None) -> tuple[int, int, int]:
    """Returns how many rows are for training, validation and test; fewer than 1 for training is too few.

    Args:
        source: the data set; its rows are read only where their number in a part hangs on what they hold.
        split: the shares, and by what they are taken.
        seed: decides which row goes where.
        limit: how many rows are divided at most; None for all.

    Raises:
        ConfigurationError: the rows cannot be divided so.
    """
    if split.by in ("column", "group", "time", "stratified"):
        return parts(source, split, seed, limit).sizes
    _require_sense(source, split)
    divided = _at_most(source.rows - source.test_rows - source.validation_rows, limit)
    test = _at_most(source.test_rows, limit) if source.test_rows else _share(divided, split.test)
    rest = divided if source.test_rows else divided - test
    if source.validation_rows:
        return rest, _at_most(source.validation_rows, limit), test
    if split.folds is not None:
        first, last = _fold(rest, split)
        return rest - (last - first), last - first, test
    validation = _share(divided, split.validation)
    return rest - validation, validation, test


def _require_sense(source: Source, split: Split) -> None:
    faults = []
    if split.column is not None and split.by not in ("group", "time", "column"):
        rule = "must be null unless split.by is group, time or column"
        faults.append(
            Fault("split.column", rule, split.column, remedy="Say by which of them it divides the rows.")
        )
    if split.folds is not None and split.by == "column":
        rule = "must be null where split.by is column, which names the validation rows itself"
        faults.append(
            Fault("split.folds", rule, str(split.folds), remedy="Take split.by=group for folds by a column.")
        )
    elif split.folds is not None and source.validation_rows:
        rule = f"must be null, because data={source.name} has validation rows of its own, so that no others take turns"
        faults.append(Fault("split.folds", rule, str(split.folds)))
    if split.by == "stratified" and source.task == "regression":
        rule = f"must not be stratified, because data={source.name} is a regression, which has no classes"
        faults.append(Fault("split.by", rule, split.by, remedy="Take split.by=auto."))
    if faults:
        raise ConfigurationError(faults)


def _shared(source: Source, split: Split, seed: int, rows: int, limit: int | None) -> Parts:
    """Returns the parts of the rows that are no part's own."""
    if split.by == "group":
        return _by_group(source, split, seed, rows, limit)
    ordered_by_time = split.by == "time"
    order = _by_time(source, split) if ordered_by_time else _order(source, split, seed, rows)
    order = order[:limit]
    times = _column(source, split) if ordered_by_time else None
    test = 0 if source.test_rows else _share(len(order), split.test)
    if ordered_by_time:
        assert times is not None
        # The latest rows are for test, those before them for validation; rows of one time stay together.
        end = _not_within_a_tie(times[order], len(order) - test)
        rest, last = order[:end], order[end:]
        if split.folds is not None:
            return _later_fold(rest, last, times, split)
        share = 0 if source.validation_rows else _share(len(order), split.validation)
        cut = _not_within_a_tie(times[rest], max(0, end - share))
        return Parts(rest[:cut], rest[cut:], last)
    rest, last = order[test:], order[:test]
    if split.folds is not None:
        begin, stop = _fold(len(rest), split)
        return Parts(np.concatenate([rest[:begin], rest[stop:]]), rest[begin:stop], last)
    validation = 0 if source.validation_rows else _share(len(order), split.validation)
    return Parts(rest[validation:], rest[:validation], last)


def _with_own(source: Source, shared: Parts, first: int, limit: int | None) -> Parts:
    """Returns the parts with those rows in place that are a part's own; they stand behind the others."""
    validation, test = shared.validation, shared.test
    if source.validation_rows:
        validation = np.arange(first, first + _at_most(source.validation_rows, limit))
    if source.test_rows:
        start = first + source.validation_rows
        test = np.arange(start, start + _at_most(source.test_rows, limit))
    return Parts(shared.train, validation, test)


def _order(source: Source, split: Split, seed: int, rows: int) -> Indices:
    """Returns the rows in random order; by default the classes are spread so that every stretch holds them in proportion.

    Row k of a class of n rows stands at (k + 1/2) / n of the way; so a class of few rows is never all in one
    end, and no class needs a row in each part.
    """
    if split.by == "random" or source.task == "regression":
        return generator(seed, "split").permutation(rows)
    targets = source.labels()[:rows]
    if split.by == "stratified":
        _require_rows_of_each_class(source, targets, split)
    digest = hashlib.sha256(np.ascontiguousarray(targets).data).digest()
    return _in_proportion(seed, Remembered((str(targets.dtype), digest), targets))


@lru_cache(maxsize=1)
def _in_proportion(seed: int, labels: Remembered[NDArray[Any]]) -> Indices:
    """Returns the rows of classes in that order; of many rows it takes seconds, and a run asks for it several times."""
    targets, rows = labels.value, len(labels.value)
    shuffled = generator(seed, "split").permutation(rows)
    _, of_rows, counts = np.unique(targets[shuffled], return_inverse=True, return_counts=True)
    by_class = np.argsort(of_rows, kind="stable")
    position = np.empty(rows)
    for members, count in zip(np.split(by_class, np.cumsum(counts)[:-1]), counts, strict=True):
        position[members] = (np.arange(count) + 0.5) / count
    order: Indices = shuffled[np.argsort(position, kind="stable")]
    order.setflags(write=False)
    return order


def _require_rows_of_each_class(source: Source, targets: NDArray[Any], split: Split) -> None:
    wanted = 1 + (split.test > 0 and not source.test_rows)
    if split.folds is not None:
        wanted += split.folds - 1
    elif split.validation > 0 and not source.validation_rows:
        wanted += 1
    counts = np.bincount(targets, minlength=len(source.classes))
    few = [(name, count) for name, count in zip(source.classes, counts, strict=True) if count < wanted]
    if few:
        name, count = few[0]
        rule = f"stratified needs at least {wanted} rows of every class, one for each part"
        received = f"{count} of {name!r}" + (f", and {len(few) - 1} more such classes" if few[1:] else "")
        remedy = "Take split.by=auto, leave rare classes out, or make a share 0."
        raise ConfigurationError([Fault("split.by", rule, received, remedy=remedy)])


def _by_group(source: Source, split: Split, seed: int, shared: int, limit: int | None) -> Parts:
    """Returns parts of whole groups: no value of the column is in two of them."""
    chosen = generator(seed, "split", 1).permutation(shared)[:limit]
    groups = _column(source, split)[chosen]
    names, of_rows, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = generator(seed, "split").permutation(len(names))
    ends = np.cumsum(counts[order])
    rows = len(groups)
    test = 0 if source.test_rows else _groups(ends, 0, rows * split.test)
    if split.folds is not None:
        begin, stop = _fold(len(order) - test, split, what=f"groups of {split.column}")
        begin, stop = test + begin, test + stop
    else:
        begin, share = test, 0 if source.validation_rows else rows * split.validation
        stop = begin + _groups(ends, begin, share)
    part_of_group = np.zeros(len(names), np.int64)
    part_of_group[order[:test]] = 2
    part_of_group[order[begin:stop]] = 1
    train, validation, last = (chosen[part_of_group[of_rows] == part] for part in range(3))
    return Parts(train, validation, last)


def _groups(ends: Indices, begin: int, rows: float) -> int:
    """Returns how many groups from one on come nearest to so many rows, at least one where any rows are wanted."""
    if rows <= 0 or begin >= len(ends):
        return 0
    before = ends[begin - 1] if begin else 0
    return int(np.argmin(np.abs(ends[begin:] - before - rows))) + 1


def _by_time(source: Source, split: Split) -> Indices:
    rows = source.rows - source.test_rows - source.validation_rows
    return np.argsort(_column(source, split)[:rows], kind="stable")


def _later_fold(rest: Indices, last: Indices, times: NDArray[Any], split: Split) -> Parts:
    """Returns a fold of time: the stretch after those before it, which alone it is learnt from."""
    assert split.folds is not None
    stretches = split.folds + 1
    ends = [
        _not_within_a_tie(times[rest], len(rest) * number // stretches) for number in range(stretches + 1)
    ]
    return Parts(rest[: ends[split.fold + 1]], rest[ends[split.fold + 1] : ends[split.fold + 2]], last)


def _not_within_a_tie(times: NDArray[Any], cut: int) -> int:
    """Returns the nearest place at or before a cut of ordered times that has two different ones on its sides."""
    while 0 < cut < len(times) and times[cut - 1] == times[cut]:
        cut -= 1
    return cut


def _by_column(source: Source, split: Split, limit: int | None) -> Parts:
    values = [str(each).strip().lower() for each in _column(source, split)[:limit]]
    known = {word: part for part, words in _NAMES.items() for word in words}
    unknown = next((each for each in values if each not in known), None)
    if unknown is not None:
        rule = f"{split.column} must say {listed(_NAMES)} in every row"
        raise ConfigurationError([Fault("split.column", rule, unknown or "nothing")])
    named = np.array([known[each] for each in values])
    return Parts(*(np.flatnonzero(named == part) for part in _NAMES))


def _column(source: Source, split: Split) -> NDArray[Any]:
    """Returns the value of the column by which rows are divided, of each row."""
    if split.column is None:
        rule = f"must name the column when split.by is {split.by}"
        remedy = f"Columns: {listed(source.columns)}." if source.columns else None
        raise ConfigurationError([Fault("split.column", rule, "null", remedy=remedy)])
    if split.column not in source.columns or source.column is None:
        rule = f"is no column of data={source.name}"
        suggestion = nearest(split.column, source.columns)
        remedy = (
            f"Columns: {listed(source.columns)}." if source.columns else "It has none; take split.by=auto."
        )
        raise ConfigurationError([Fault("split.column", rule, split.column, suggestion, remedy)])
    return source.column(split.column)


def _fold(rows: int, split: Split, what: str = "rows") -> tuple[int, int]:
    """Returns where a fold begins and ends among so many rows or groups."""
    assert split.folds is not None
    if rows < split.folds:
        rule = f"must be at most the {rows} {what} that are left for them"
        raise ConfigurationError([Fault("split.folds", rule, str(split.folds))])
    return rows * split.fold // split.folds, rows * (split.fold + 1) // split.folds


def _none_for_training(source: Source, found: Parts) -> Iterator[Fault]:
    train, validation, test = found.sizes
    if train < 1:
        rows = validation if source.test_rows else validation + test
        received = f"{rows} rows, of which {validation} are for validation"
        received += "" if source.test_rows else f" and {test} for test"
        remedy = "Make split.validation or split.test smaller, or debug.rows larger."
        yield Fault("split", "must leave at least one row for training", received, remedy=remedy)


def _missing_parts(split: Split, found: Parts) -> Iterator[Fault]:
    """Yields what was asked for and has no row; by shares each part has one."""
    if split.by in ("group", "time"):
        for name, rows in (("validation", found.validation), ("test", found.test)):
            wanted = getattr(split, name) > 0 or (name == "validation" and split.folds is not None)
            if wanted and not len(rows):
                rule = f"leaves no row for {name}, because split.by={split.by} keeps rows of one {split.by} together"
                yield Fault(f"split.{name}", rule, f"{getattr(split, name):g}")


def _at_most(rows: int, limit: int | None) -> int:
    return rows if limit is None else min(rows, limit)


def _share(rows: int, fraction: float) -> int:
    return max(1, round(rows * fraction)) if fraction > 0 else 0
