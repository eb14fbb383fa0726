"""What a person asks of a table: its files and columns, looked at before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.tables import kinds, targets
from runner.data.tables.columns import Column, Kind
from runner.data.tables.faults import refuse
from runner.data.tables.reading import Place
from runner.data.tables.targets import Target, TaskChoice
from runner.errors import ConfigurationError
from runner.findings import Cell, Table
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Files:
    """Where the rows are; those of the validation and test files stand behind the others."""

    places: tuple[Place, ...]
    has_validation: bool
    has_test: bool


@dataclass(frozen=True)
class Asked:
    """What a person wants of the columns."""

    target: tuple[str, ...]
    task: TaskChoice
    chosen: tuple[str, ...] | None
    leave_out: tuple[str, ...]
    kinds: tuple[tuple[str, Kind], ...]
    weights: str | None
    divided_by: str | None
    empty_target: Literal["drop", "refuse"]
    most_categories: int


def require_columns(names: Sequence[str], place: Place, table: pd.DataFrame, asked: Asked) -> None:
    """Looks whether every column is there that a person names.

    Raises:
        ConfigurationError: one is not, or there are no rows.
    """
    if not asked.target:
        refuse("must name a column", "[]", key="data.target")
    if len(set(asked.target)) < len(asked.target):
        refuse("names a column twice", listed(asked.target), key="data.target")
    kinds.require(names, asked.target, "data.target")
    require_rows(table, place)
    if len(names) == 1:
        rule = f"has one column alone, {names[0]}"
        remedy = "There must be a target and an input; is data.delimiter another one?"
        refuse(rule, place.path, remedy=remedy)
    kinds.require(names, asked.leave_out, "data.leave_out")
    kinds.require(names, asked.chosen or (), "data.columns")
    kinds.require(names, [name for name, _ in asked.kinds], "data.kinds")
    kinds.require(names, [asked.weights] if asked.weights else (), "data.weights")
    both = sorted(set(asked.target) & {*(asked.chosen or ()), *([asked.weights] if asked.weights else [])})
    if both:
        refuse("is the target, and no input or weight at once", both[0], key="data.columns")


def require_rows(table: pd.DataFrame, place: Place) -> None:
    """Looks whether there is a row.

    Raises:
        ConfigurationError: there is none.
    """
    if len(table) == 0:
        refuse("has a line of names and no row below it", place.path, key=place.key)


def require_kinds_of(table: pd.DataFrame, columns: Sequence[Column], place: Place) -> None:
    """Looks whether the columns of a further file are what those of the first are.

    Raises:
        ConfigurationError: a value is none of its column's kind.
    """
    for column in (each for each in columns if not each.left_out):
        try:
            kinds.typed(table[column.name], column.kind)
        except ConfigurationError as error:
            (fault,) = error.faults
            refuse(fault.rule, place.path, key=place.key, remedy=fault.remedy)


def like(table: pd.DataFrame, names: Sequence[str], place: Place) -> pd.DataFrame:
    """Returns the rows of a further file with the columns of the first, in their order.

    Raises:
        ConfigurationError: one is missing.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        rule = f"has no column {listed(missing, 5)}, which data.path has"
        refuse(rule, place.path, key=place.key, remedy="All files of a data set have the same columns.")
    return table[list(names)]


def with_target(table: pd.DataFrame, asked: Asked, place: Place) -> tuple[pd.DataFrame, int]:
    """Returns the rows that have a target, and how many have none.

    Raises:
        ConfigurationError: none has one, or such rows are refused.
    """
    empty = targets.empty_rows(table, asked.target)
    count, shown = int(empty.sum()), listed(asked.target, 4)
    if count == len(table):
        refuse(f"{shown} is empty in every row of {place.path}", key="data.target")
    if count and asked.empty_target == "refuse":
        rule = f"{shown} is empty in {count} of {len(table)} rows, the first of them row {int(np.argmax(empty)) + 1}"
        refuse(rule, key="data.target", remedy="Mend them, or write data.empty_target=drop.")
    return (table[~empty] if count else table), count


def understood(rows: pd.DataFrame, asked: Asked) -> tuple[Column, ...]:
    """Returns what each column is that is no target, no weight and not left aside, and whether it is an input.

    Raises:
        ConfigurationError: none can be an input, or one holds values of several kinds.
    """
    names = [str(each) for each in rows.columns]
    apart = {*asked.target, *([asked.weights] if asked.weights else [])}
    if asked.chosen is not None:
        apart |= set(names) - set(asked.chosen)
    elif asked.divided_by is not None:
        apart.add(asked.divided_by)
    columns = kinds.understood(
        rows,
        kinds=dict(asked.kinds),
        apart=apart,
        leave_out=asked.leave_out,
        most_categories=asked.most_categories,
    )
    if all(each.left_out for each in columns):
        shown = [f"{each.name} {each.left_out}" for each in columns] or ["there is no column but the target"]
        refuse(
            "has no column that could be an input", listed(shown, 5), remedy="Say what one is, by data.kinds."
        )
    return columns


def weights_of(rows: pd.DataFrame, name: str | None) -> NDArray[np.float64] | None:
    """Returns the weights of rows, or None where no column has them.

    Raises:
        ConfigurationError: one is no number of at least 0.
    """
    if name is None:
        return None
    try:
        found: NDArray[np.float64] = kinds.typed(rows[name], "number").to_numpy(np.float64)
    except ConfigurationError as error:
        (fault,) = error.faults
        refuse(fault.rule, key="data.weights", remedy="Mend it, or name another column.")
    bad = np.flatnonzero(~(found >= 0))
    if len(bad):
        shown = "nothing" if np.isnan(found[bad[0]]) else f"{found[bad[0]]:g}"
        row = int(rows.index[bad[0]]) + 1
        refuse(
            f"{name} must be a number of at least 0 in every row, and in row {row} is {shown}",
            key="data.weights",
        )
    return found


def notes_on(columns: Sequence[Column], dropped: int) -> list[str]:
    """Returns what became of the columns, and how many rows were dropped, a sentence each."""
    inputs = [each.kind for each in columns if not each.left_out]
    told = [f"{inputs.count(kind)} {kind}" for kind in dict.fromkeys(inputs)]
    what = "1 column is an input" if len(inputs) == 1 else f"{len(inputs)} columns are inputs"
    found = [f"{what}: {listed(told)}."]
    text = [each.name for each in columns if each.left_out == "is text"]
    if text:
        found.append(f"{listed(text, 5)}: left out, for text is no input; data.kinds says otherwise.")
    if dropped:
        found.append(f"{dropped:,} rows without a target are dropped.")
    return found


def described(rows: pd.DataFrame, columns: Sequence[Column], target: Target) -> Table:
    """Returns what each column is and what becomes of it.

    Args:
        rows: those that were looked at.
        columns: what they are.
        target: what is predicted.
    """
    lines: list[tuple[Cell, ...]] = [
        (name, target.task, "0 %", int(rows[name].nunique()), "target") for name in target.names
    ]
    for each in columns:
        fate = f"left out: it {each.left_out}" if each.left_out else "input"
        if each.left_out == "as asked":
            fate = "left out, as asked"
        lines.append((each.name, each.kind, f"{100 * each.empty / len(rows):.3g} %", each.distinct, fate))
    return Table("columns", ("column", "kind", "empty", "different", "becomes"), tuple(lines))


def warnings_on(columns: Sequence[Column]) -> list[str]:
    """Returns what is probably a mistake, a sentence each."""
    found = []
    for each in columns:
        if (
            each.left_out in ("has no value", "has one value alone", kinds.NESTED)
            or "different words" in each.left_out
        ):
            found.append(f"{each.name} is left out, because it {each.left_out}.")
    return found


def warnings_of_rows(table: pd.DataFrame, columns: Sequence[Column]) -> list[str]:
    """Returns which inputs are probably the numbers of the rows, a sentence each."""
    return [
        f"{each.name} looks like the number of a row, which tells nothing of other rows: data.leave_out=[{each.name}]."
        for each in columns
        if each.kind == "number" and not each.left_out and kinds.counts_rows(table[each.name])
    ]
