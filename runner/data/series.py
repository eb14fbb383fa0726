"""Time series of a person's own: windows over the rows of a table, of one series or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data import labels, windows
from runner.data.on_demand import Indices
from runner.data.records import Source
from runner.data.tables import reading
from runner.data.tables.reading import Place
from runner.data.windows import NOWHERE, Window, Windows
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Split, Task
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    import pandas as pd

Missing = Literal["refuse", "previous"]
_PARTS = ("training", "validation", "test")


@dataclass(frozen=True)
class _Table:
    """Rows in the order of their series and, in each, of time.

    Args:
        frame: all columns.
        values: the inputs, (rows, columns).
        names: of these columns.
        targets: (rows, columns) of numbers, or (rows, 1) of class numbers.
        task: what is predicted.
        classes: the names of the classes; empty for numbers.
        series: the number of the series of each row.
        when: the time of each row, as a number in order.
        notes: what was found, a sentence each.
        warnings: what is probably a mistake, a sentence each.
    """

    frame: pd.DataFrame
    values: NDArray[np.float64]
    names: tuple[str, ...]
    targets: NDArray[Any]
    task: Task
    classes: tuple[str, ...]
    series: Indices
    when: NDArray[Any]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def series(
    *,
    path: str,
    target: str | list[str],
    time: str | None,
    group: str | None,
    columns: list[str] | None,
    missing: Literal["refuse", "previous"],
    window: Component,
    split: Split,
) -> Source:
    """Windows over a table in the order of time, to predict what comes after each.

    By default the parts are stretches of time, the latest for test, and no window lies in two of them.

    Args:
        path: the file, of any form that a table may have, or a database's address.
        target: the column that is predicted, or several of numbers.
        time: the column of the time, by which rows are ordered; None where they stand in order.
        group: the column that tells several series apart; None for one.
        columns: those that are looked at; None for all numbers but time and group.
        missing: refuse a table with missing numbers, or take the previous one of the series.
        window: how long it is, how far it looks ahead, and how far apart windows are.
        split: how rows are divided.

    Raises:
        ConfigurationError: the table cannot be read, or holds no window.
    """
    chosen = Window(**window.arguments)
    wanted = (target,) if isinstance(target, str) else tuple(target)
    place = Place(path)
    reading.require(place)
    asked = _Asked(
        wanted, time, group, None if columns is None else tuple(columns), missing, chosen.past_target
    )
    known = _known(place.identity, place, asked)
    if known.classes and chosen.horizon > 1:
        rule = "must be 1 where a class is predicted"
        raise ConfigurationError([Fault("data.window.horizon", rule, str(chosen.horizon))])
    begins, counts = _divided(known, chosen, split)
    targets = windows.targets_of(known.targets, begins, chosen)
    targets = targets[:, 0].astype(np.int64) if known.classes else targets.astype(np.float64)
    last = begins + chosen.rows - 1
    return Source(
        "series",
        known.task,
        (chosen.length, len(known.names)),
        known.classes,
        len(begins),
        lambda: (Windows(known.values, begins, chosen.length), targets),
        target_width=1 if known.classes else targets.shape[1],
        validation_rows=counts[1],
        test_rows=counts[2],
        columns=tuple(known.frame.columns),
        column=lambda name: known.frame[name].to_numpy()[last],
        targets=lambda: targets,
        notes=(
            *known.notes,
            *_told(known, begins, counts, chosen),
            *_persistence(known, begins, counts, chosen),
        ),
        warnings=known.warnings,
    )


@dataclass(frozen=True)
class _Asked:
    """What is asked of the columns of a table."""

    targets: tuple[str, ...]
    time: str | None
    group: str | None
    columns: tuple[str, ...] | None
    missing: Missing
    past_target: bool


@lru_cache(maxsize=4)
def _known(identity: tuple[object, ...], place: Place, asked: _Asked) -> _Table:
    """Returns the table in the state that its identity tells; a run asks for it several times."""
    frame = reading.frame(place)
    _require_columns(frame, asked)
    frame, when, warnings = _ordered(frame, asked)
    series = np.zeros(len(frame), np.int64)
    if asked.group is not None:
        series = np.unique(frame[asked.group].to_numpy(str), return_inverse=True)[1]
    names, notes = _inputs(frame, asked)
    values = np.stack([_numbers(frame, name, "data.columns", series, asked) for name in names], axis=1)
    target = frame[asked.targets[0]]
    if len(asked.targets) == 1 and target.dtype.kind not in "biuf":
        if target.isna().any():
            row = int(np.flatnonzero(target.isna())[0])
            raise ConfigurationError(
                [Fault("data.target", "must say a class in every row", f"nothing in row {row + 1}")]
            )
        found = labels.read(target.to_numpy(str), task=None, most_classes=0, key="data.target")
        targets, task, classes = found.targets[:, None], found.task, found.classes
        notes = (*notes, found.note)
    else:
        targets = np.stack(
            [_numbers(frame, name, "data.target", series, asked) for name in asked.targets], axis=1
        )
        task, classes = "regression", ()
        if (targets.min(axis=0) == targets.max(axis=0)).any():
            rule = "must differ between rows, or there is nothing to learn"
            raise ConfigurationError([Fault("data.target", rule, f"{targets[0, 0]:g} in every row")])
    return _Table(frame, values, names, targets, task, classes, series, when, notes, warnings)


def _require_columns(frame: pd.DataFrame, asked: _Asked) -> None:
    there = [str(name) for name in frame.columns]
    named = [
        *(("data.target", name) for name in asked.targets),
        ("data.time", asked.time),
        ("data.group", asked.group),
        *(("data.columns", name) for name in asked.columns or ()),
    ]
    faults = [
        Fault(key, "is no column of the table", name, nearest(name, there), f"Columns: {listed(there)}.")
        for key, name in named
        if name is not None and name not in there
    ]
    if not asked.targets:
        faults.append(Fault("data.target", "must name a column", "[]", remedy=f"Columns: {listed(there)}."))
    if not len(frame):
        faults.append(Fault("data.path", "must have rows", "a line of names alone"))
    if faults:
        raise ConfigurationError(faults)


def _ordered(frame: pd.DataFrame, asked: _Asked) -> tuple[pd.DataFrame, NDArray[Any], tuple[str, ...]]:
    """Returns the rows of each series together and in the order of time, the time of each, and what is odd about it."""
    for key, name in (("data.group", asked.group), ("data.time", asked.time)):
        if name is not None and frame[name].isna().any():
            row = int(np.flatnonzero(frame[name].isna())[0])
            raise ConfigurationError(
                [Fault(key, f"must have a value in every row of {name}", f"nothing in row {row + 1}")]
            )
    if asked.time is not None and frame[asked.time].dtype.kind not in "biufM":
        rule = f"must hold dates or numbers, and {asked.time} holds words that are no dates"
        raise ConfigurationError([Fault("data.time", rule, repr(str(frame[asked.time].iloc[0])))])
    by = [name for name in (asked.group, asked.time) if name is not None]
    ordered = frame.sort_values(by, kind="stable") if by else frame
    ordered = ordered.reset_index(drop=True)
    groups = ordered.groupby(asked.group, sort=False) if asked.group is not None else None
    if asked.time is None:
        place = np.arange(len(ordered)) if groups is None else groups.cumcount().to_numpy()
        return ordered, place, ()
    steps = ordered[asked.time].diff() if groups is None else groups[asked.time].diff()
    steps = steps.dropna()
    zero = steps.iloc[:0].sum() if len(steps) else 0
    twice = steps[steps == zero]
    if len(twice):
        row = ordered.loc[twice.index[0]]
        rule = f"must tell the rows of a series apart, and {asked.time} has {row[asked.time]} twice"
        remedy = (
            "Name the column that tells several series apart by data.group." if asked.group is None else None
        )
        received = None if asked.group is None else f"{asked.group} {row[asked.group]}"
        raise ConfigurationError([Fault("data.time", rule, received, remedy=remedy)])
    usual = steps.mode().iloc[0] if len(steps) else None
    odd = int((steps != usual).sum())
    warning = (
        f"data.time: {odd:,} of {len(steps):,} steps are not the usual {usual}; windows count rows, not time."
    )
    return ordered, ordered[asked.time].rank(method="dense").to_numpy(np.int64), (warning,) if odd else ()


def _inputs(frame: pd.DataFrame, asked: _Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the columns that are looked at, and a note of those that are left out."""
    apart = {asked.time, asked.group}
    if asked.columns is not None:
        names = [name for name in asked.columns if name not in asked.targets]
        left: list[str] = []
    else:
        others = [str(name) for name in frame.columns if name not in apart and name not in asked.targets]
        names = [name for name in others if frame[name].dtype.kind in "biuf"]
        left = [name for name in others if name not in names]
    if asked.past_target:
        names += [name for name in asked.targets if frame[name].dtype.kind in "biuf"]
    if not names:
        rule = "leaves nothing to look at"
        remedy = "Name columns of numbers, or write data.window.past_target=true."
        raise ConfigurationError(
            [Fault("data.columns", rule, listed(asked.columns or ()) or None, remedy=remedy)]
        )
    note = f"data.columns: {listed(left)} hold no numbers and are left out."
    return tuple(names), (note,) if left else ()


def _numbers(frame: pd.DataFrame, name: str, key: str, series: Indices, asked: _Asked) -> NDArray[np.float64]:
    """Returns a column as numbers, what is missing refused or taken from the row before."""
    column = frame[name]
    if column.dtype.kind not in "biuf":
        rule = f"must name columns of numbers, and {name} holds other values"
        raise ConfigurationError([Fault(key, rule, repr(str(column.iloc[0])))])
    if asked.missing == "previous":
        column = column.groupby(series).ffill()
    values: NDArray[np.float64] = column.to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        rule = f"must hold finite numbers, and {name} has {len(wrong):,} rows without one"
        remedy = "Write data.missing=previous to take the number before it."
        if asked.missing == "previous":
            remedy = "There is no number before it in its series; fill it in the file."
        when = "" if asked.time is None else f", {asked.time} {frame[asked.time].iloc[wrong[0]]}"
        received = f"{values[wrong[0]]:g} in row {wrong[0] + 1} in the order of time{when}"
        raise ConfigurationError([Fault(key, rule, received, remedy=remedy)])
    return values


def _divided(known: _Table, window: Window, split: Split) -> tuple[Indices, tuple[int, int, int]]:
    """Returns where windows begin, those of each part together, and how many are in each; in one where others divide."""
    begins = windows.starts(known.series, window)
    if not len(begins):
        longest = int(np.bincount(known.series).max())
        rule = f"is too long: length {window.length} and horizon {window.horizon} together take {window.rows} rows"
        raise ConfigurationError([Fault("data.window", rule, f"{longest} rows in the longest series")])
    if split.by not in ("auto", "time"):
        if split.by == "column" and split.column in known.frame.columns:
            of_rows = np.unique(known.frame[split.column].to_numpy(str), return_inverse=True)[1]
            begins = begins[windows.parts_of_windows(begins, of_rows, window) != NOWHERE]
        return begins, (len(begins), 0, 0)
    if split.folds is not None:
        rule = "has no place where the parts of a series are stretches of time"
        raise ConfigurationError(
            [Fault("split.folds", rule, str(split.folds), remedy="Write split.by=random or group.")]
        )
    part = windows.parts_of_windows(begins, windows.parts_of_rows(known.when, split), window)
    wanted = (True, split.validation > 0, split.test > 0)
    counts = tuple(int((part == number).sum()) for number in range(3))
    faults = [
        Fault(
            "data.window",
            f"leaves no window for {name}: the rows of that part are fewer than the {window.rows} of a window",
            remedy="Make length or horizon smaller, the part larger, or write data.window.straddle=true.",
        )
        for name, count, is_wanted in zip(_PARTS, counts, wanted, strict=True)
        if is_wanted and not count
    ]
    if faults:
        raise ConfigurationError(faults)
    ordered = np.concatenate([begins[part == number] for number in range(3)])
    return ordered, (counts[0], counts[1], counts[2])


def _told(known: _Table, begins: Indices, counts: Sequence[int], window: Window) -> tuple[str, ...]:
    several = len(np.unique(known.series))
    what = f"{len(begins):,} windows of {window.length} rows over {len(known.values):,}"
    what += f" of {several} series" if several > 1 else ""
    by_time = (
        f", by time: {listed(f'{count:,} for {name}' for name, count in zip(_PARTS, counts, strict=True))}"
    )
    looks = f"data.columns: each row has {listed(known.names)}."
    return f"data.window: {what}{by_time if counts[1] or counts[2] else ''}.", looks


def _persistence(known: _Table, begins: Indices, counts: Sequence[int], window: Window) -> tuple[str, ...]:
    """Returns how far off the simplest forecast is, that nothing changes, on the last part that there is."""
    if known.classes:
        return ()
    number = max(place for place, count in enumerate(counts) if count)
    first = sum(counts[:number])
    of_part = begins[first : first + counts[number]]
    targets = windows.targets_of(known.targets, of_part, window)
    now = np.tile(known.targets[of_part + window.length - 1], window.horizon)
    error = targets - now
    mae, rmse = np.abs(error).mean(), np.sqrt((error**2).mean())
    told = f"that nothing changes has a mean absolute error of {mae:.4g} and a root mean squared error of {rmse:.4g}"
    return (f"data.target: on the windows for {_PARTS[number]} the forecast {told}.",)
