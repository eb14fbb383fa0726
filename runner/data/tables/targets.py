"""What is predicted of a table: classes or values, found out from the column and said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.tables import kinds
from runner.data.tables.faults import refuse
from runner.errors import ConfigurationError
from runner.experiment import Task
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd

TaskChoice = Literal["auto", "binary", "multiclass", "regression"]
_KEY = "data.target"
# Whole numbers of so few values, each in so many rows, are the numbers of classes.
_MOST_WHOLE = 20
_ROWS_OF_EACH = 5


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Args:
        names: of the columns.
        task: classes or values.
        classes: their names in the order of their numbers; empty for a regression.
        values: of each row: int64 (rows,) or float64 (rows, columns).
        note: what was found out, as a sentence.
    """

    names: tuple[str, ...]
    task: Task
    classes: tuple[str, ...]
    values: NDArray[Any]
    note: str


def empty_rows(table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.bool_]:
    """Returns which rows have no target."""
    found: NDArray[np.bool_] = table[list(names)].isna().any(axis=1).to_numpy()
    return found


def target(table: pd.DataFrame, names: Sequence[str], task: TaskChoice) -> Target:
    """Returns what is predicted of rows that all have a target.

    Raises:
        ConfigurationError: nothing can be learnt of it.
    """
    for name in names:
        if kinds.is_nested(table[name]):
            refuse(
                f"{name} {kinds.NESTED}",
                key=_KEY,
                remedy="A target is a class or a number; name another column.",
            )
        if table[name].nunique() < 2:
            rule = f"{name} has one value alone, {table[name].iloc[0]}, in all {len(table)} rows"
            refuse(rule, key=_KEY, remedy="There is nothing to learn; name another column.")
    if len(names) > 1 or _is_regression(table[names[0]], task):
        return _values(table, names, task)
    return _classes(table[names[0]], task, len(table))


def _is_regression(column: pd.Series[Any], task: TaskChoice) -> bool:
    import pandas as pd

    if task != "auto":
        return task == "regression"
    if _kind(column) != "number":
        return False
    is_number = pd.api.types.is_numeric_dtype(column)
    values = column if is_number else column.astype(str).astype(float)
    whole = bool((values == np.round(values)).all())
    different = int(column.nunique())
    return not (whole and different <= _MOST_WHOLE and len(column) >= _ROWS_OF_EACH * different)


def _kind(column: pd.Series[Any]) -> str:
    try:
        return kinds.inferred(column)
    except ConfigurationError as error:
        (fault,) = error.faults
        remedy = "Mend it, or take data.task=multiclass if it is the name of a class."
        refuse(fault.rule, key=_KEY, remedy=remedy)


def _values(table: pd.DataFrame, names: Sequence[str], task: TaskChoice) -> Target:
    if task in ("binary", "multiclass"):
        rule = f"{task} has one target, and there are {len(names)}: {listed(names)}"
        refuse(rule, key="data.task", remedy="Take data.task=regression, or name one.")
    try:
        columns = [kinds.typed(table[name], "number").to_numpy() for name in names]
    except ConfigurationError as error:
        (fault,) = error.faults
        remedy = "Mend it, or take data.task=multiclass." if len(names) == 1 else "Mend it."
        refuse(fault.rule, key=_KEY, remedy=remedy)
    low, high = (np.min(columns, axis=1), np.max(columns, axis=1))
    ranges = [f"{name} from {a:g} to {b:g}" for name, a, b in zip(names, low, high, strict=True)]
    note = f"{listed(names)}: regression of {len(table):,} rows, {listed(ranges, 4)}."
    return Target(tuple(names), "regression", (), np.stack(columns, axis=1), note)


def _classes(column: pd.Series[Any], task: TaskChoice, rows: int) -> Target:
    labels = kinds.words(column)
    names = sorted(set(labels), key=_rank)
    if len(names) > rows // 2 or (task == "auto" and _kind(column) == "text"):
        rule = f"{column.name} has {len(names):,} different values in {rows:,} rows, too many for classes"
        refuse(
            rule, key=_KEY, remedy="Take data.task=regression if they are numbers, or name another column."
        )
    if task == "binary" and len(names) != 2:
        rule = f"binary needs two classes, and {column.name} has {len(names)}: {listed(names, 5)}"
        refuse(rule, key="data.task", remedy="Take data.task=auto.")
    number = {name: place for place, name in enumerate(names)}
    values = labels.map(number).to_numpy(np.int64)
    counts = np.bincount(values, minlength=len(names))
    shown = listed([f"{name} ({count:,})" for name, count in zip(names, counts, strict=True)], 6)
    what = "binary" if len(names) == 2 else f"{len(names)} classes"
    note = f"{column.name}: {what} in {rows:,} rows, {shown}."
    if task == "auto" and _kind(column) == "number":
        note += " Its whole numbers are taken for classes; data.task=regression takes them for values."
    return Target(
        (str(column.name),), "binary" if len(names) == 2 else "multiclass", tuple(names), values, note
    )


def _rank(name: str) -> tuple[bool, float, str]:
    """Returns what sorts numbers by their size and before words."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
