"""A table as a data set: found out what it is when it is looked at, made into inputs when its training rows are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.on_demand import Indices
from runner.data.records import Arrays, Source
from runner.data.remembered import Remembered
from runner.data.tables import kinds, large, reading, surveyed, targets, transformer
from runner.data.tables.asked import (
    Asked,
    Files,
    described,
    like,
    notes_on,
    require_columns,
    require_kinds_of,
    require_rows,
    understood,
    warnings_of_rows,
    warnings_on,
    weights_of,
    with_target,
)
from runner.data.tables.columns import Column, Kind, Settings
from runner.data.tables.faults import refuse
from runner.data.tables.fitted import FittedTable, load, plain
from runner.data.tables.kinds import require_kinds
from runner.data.tables.reading import Place
from runner.data.tables.surveyed import Bounds
from runner.data.tables.targets import Target, TaskChoice
from runner.quantities import NotNegative, PositiveCount
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd

DatePart = Literal["year", "month", "day", "weekday", "hour", "minute"]

# Tables that a process keeps: that of its run, and of a sweep over two files both.
_KEPT = 2


@dataclass(frozen=True)
class _Table:
    """A table that is understood: its rows, those of each file of its own, its columns and its target."""

    rows: pd.DataFrame
    validation_rows: int
    test_rows: int
    columns: tuple[Column, ...]
    target: Target
    weights: NDArray[np.float64] | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def own_rows(self) -> pd.DataFrame:
        """The rows of the first file."""
        return self.rows[: len(self.rows) - self.validation_rows - self.test_rows]

    @property
    def inputs(self) -> tuple[Column, ...]:
        return tuple(each for each in self.columns if not each.left_out)


def table(
    *,
    path: str,
    target: str | list[str],
    query: str | None,
    validation_path: str | None,
    test_path: str | None,
    delimiter: str | None,
    encoding: str | None,
    task: TaskChoice,
    columns: list[str] | None,
    leave_out: list[str],
    kinds: dict[str, Kind],
    weights: str | None,
    empty_target: Literal["drop", "refuse"],
    impute: Literal["mean", "median", "most_frequent", "zero"],
    indicator: bool,
    scale: Literal["standard", "robust", "min_max", "quantile", "none"],
    encode: Literal["one_hot", "embedding"],
    minimum_rows: PositiveCount,
    most_categories: PositiveCount,
    embedding_width: PositiveCount | None,
    date_parts: list[DatePart],
    cyclic: bool,
    preparation: str | None,
    divided_by: str | None,
    in_memory_gigabytes: NotNegative,
    fit_rows: PositiveCount,
    cache_gigabytes: NotNegative,
) -> Source:
    """A table of a person's own: CSV, TSV, Parquet, Feather, Excel, SQLite or any database, packed or not.

    Args:
        path: a file, or the address of a database.
        target: what is predicted: a column, or several columns of numbers.
        query: what is read of a database; null for its only table.
        validation_path: a file with the validation rows, in place of a share.
        test_path: a file with the test rows, in place of a share.
        delimiter: between the cells of a text; null to find it out.
        encoding: of a text; null to find it out.
        task: auto finds it out from the target.
        columns: the inputs; null for all that are not the target.
        leave_out: columns that are no inputs.
        kinds: what columns are, where that is not what is found out: number, category, boolean, date, text.
        weights: a column of numbers, at least 0, by which rows count.
        empty_target: whether rows without a target are dropped, or the table is refused.
        impute: what stands in for a missing number, by the training rows.
        indicator: whether a further input says that a number was missing.
        scale: how numbers are scaled, by the training rows; ``standardise=false`` leaves them as they are.
        encode: a category is one input for each of its values, or a row of a table that is learnt.
        minimum_rows: categories of fewer training rows are one together.
        most_categories: a column of more different words is left out as text.
        embedding_width: numbers in a row of a learnt table; null for a rule.
        date_parts: what a date is taken apart into.
        cyclic: whether parts that come round are points on a circle.
        preparation: the folder of a run whose preparation makes the inputs and numbers the classes; null fits one.
        divided_by: the column by which rows are divided into parts, which is no input unless ``columns`` names it.
        in_memory_gigabytes: a Parquet file or a text of more numbers, 8 bytes each, is prepared block by block into a file.
        fit_rows: training rows of such a table, drawn among all, by which its columns are prepared.
        cache_gigabytes: how much such files hold at most; those that were used longest ago make room.

    Raises:
        ConfigurationError: it cannot be read, or nothing can be learnt from it.
    """
    require_kinds(kinds)
    text = (delimiter, encoding)
    places = [Place(path, query, *text)]
    if validation_path is not None:
        places.append(Place(validation_path, None, *text, "data.validation_path"))
    if test_path is not None:
        places.append(Place(test_path, None, *text, "data.test_path"))
    for place in places:
        reading.require(place)
    _require_different(places)
    files = Files(tuple(places), validation_path is not None, test_path is not None)
    asked = Asked(
        target=(target,) if isinstance(target, str) else tuple(target),
        task=task,
        chosen=None if columns is None else tuple(columns),
        leave_out=tuple(leave_out),
        kinds=tuple(sorted(kinds.items())),
        weights=weights,
        divided_by=divided_by,
        empty_target=empty_target,
        most_categories=most_categories,
    )
    settings = Settings(
        impute=impute,
        indicator=indicator,
        scale=scale,
        encode=encode,
        minimum_rows=minimum_rows,
        embedding_width=embedding_width,
        date_parts=tuple(date_parts),
        cyclic=cyclic,
    )
    bounds = Bounds(
        in_memory_gigabytes=in_memory_gigabytes, fit_rows=fit_rows, cache_gigabytes=cache_gigabytes
    )
    if preparation is None and surveyed.is_large(files, bounds):
        return large.source(files, asked, settings, bounds)
    known = _understood(tuple(each.identity for each in places), files, asked)
    made = _source(known, places[0].name, settings)
    return made if preparation is None else _prepared(made, known, _fitted_before(preparation))


def _prepared(source: Source, known: _Table, fitted: FittedTable) -> Source:
    """Returns a table whose inputs are made and whose classes are numbered as they were before."""
    fitted.require(known.rows)
    labels = _labels(known.target, fitted)

    def read() -> Arrays:
        found = (_transformed(known, fitted), labels)
        return found if known.weights is None else (*found, known.weights)

    return replace(
        source,
        task=fitted.task,
        input_shape=(fitted.width,),
        classes=fitted.classes,
        read=read,
        targets=lambda: labels,
        fit=None,
        is_prepared=True,
        preparation=fitted,
        embedded=fitted.embedded,
    )


def _labels(target: Target, fitted: FittedTable) -> NDArray[Any]:
    """Returns the targets with the numbers that the classes had before.

    Raises:
        ConfigurationError: there is a class that was not known then, or classes where there were numbers.
    """
    if (target.task == "regression") != (fitted.task == "regression"):
        words = {True: "numbers to predict", False: "classes"}
        rule = f"has {words[target.task == 'regression']}, and the model was trained on"
        refuse(f"{rule} {words[fitted.task == 'regression']}", listed(target.names), key="data.target")
    if fitted.task == "regression":
        return target.values
    strange = [each for each in target.classes if each not in fitted.classes]
    if strange:
        rule = f"has the class {listed(strange, 5)}, which the model was not trained on"
        refuse(
            rule, listed(target.names), key="data.target", remedy=f"It knows {listed(fitted.classes, 12)}."
        )
    numbers = np.array([fitted.classes.index(each) for each in target.classes], np.int64)
    labels: NDArray[Any] = numbers[target.values]
    return labels


@lru_cache(maxsize=_KEPT)
def _fitted_before(folder: str) -> FittedTable:
    """Returns the preparation of a run, read once in a process."""
    return load(Path(folder))


def _source(known: _Table, name: str, settings: Settings) -> Source:
    def fit(training: Indices, scaled: bool) -> Source:
        fitted = _fitted(known, settings, training, scaled)

        def read() -> Arrays:
            inputs = _transformed(known, fitted)
            found = (inputs, known.target.values)
            return found if known.weights is None else (*found, known.weights)

        return replace(
            source,
            input_shape=(fitted.width,),
            read=read,
            fit=None,
            is_prepared=True,
            preparation=fitted,
            embedded=fitted.embedded,
            warnings=(*known.warnings, *_warnings_of_parts(known, fitted)),
        )

    def unread() -> Arrays:
        raise AssertionError("the inputs of a table are read once it is fitted")

    source = Source(
        name,
        known.target.task,
        (len(known.inputs),),
        known.target.classes,
        len(known.rows),
        unread,
        target_width=len(known.target.names) if known.target.task == "regression" else 1,
        weighted=known.weights is not None,
        validation_rows=known.validation_rows,
        test_rows=known.test_rows,
        columns=tuple(str(each) for each in known.rows.columns),
        column=lambda name: kinds.dividing(known.rows[name]),
        targets=lambda: known.target.values,
        fit=fit,
        notes=known.notes,
        described=described(known.own_rows, known.columns, known.target),
        warnings=known.warnings,
    )
    return source


@lru_cache(maxsize=_KEPT)
def _understood(identity: tuple[object, ...], files: Files, asked: Asked) -> _Table:
    """Returns a table that is read and understood; as long as its files stay the same a process reads them once."""
    parts = [reading.frame(place) for place in files.places]
    names = [str(each) for each in parts[0].columns]
    require_columns(names, files.places[0], parts[0], asked)
    parts = [like(part, names, place) for part, place in zip(parts, files.places, strict=True)]
    for part, place in zip(parts[1:], files.places[1:], strict=True):
        require_rows(part, place)
    pairs = [with_target(part, asked, place) for part, place in zip(parts, files.places, strict=True)]
    kept = [part for part, _ in pairs]
    rows = _joined(kept)
    found = targets.target(rows, asked.target, asked.task)
    columns = understood(kept[0], asked)
    for part, place in zip(kept[1:], files.places[1:], strict=True):
        require_kinds_of(part, columns, place)
    behind = len(kept) - 1
    return _Table(
        rows,
        len(kept[1]) if files.has_validation else 0,
        len(kept[behind]) if files.has_test else 0,
        columns,
        found,
        weights_of(rows, asked.weights),
        (found.note, *notes_on(columns, sum(count for _, count in pairs))),
        (*warnings_on(columns), *warnings_of_rows(kept[0], columns)),
    )


@lru_cache(maxsize=_KEPT)
def _fitted_by_digest(
    known: Remembered[_Table], settings: Settings, training: Remembered[Indices], scaled: bool
) -> FittedTable:
    table, numbers = known.value, training.value
    rows = table.rows.iloc[np.sort(numbers)]
    made = transformer.fitted(plain(rows, table.inputs, settings), table.inputs, settings, scaled=scaled)
    return FittedTable(
        columns=table.inputs,
        settings=settings,
        targets=table.target.names,
        task=table.target.task,
        classes=table.target.classes,
        transformer=made,
    )


@lru_cache(maxsize=_KEPT)
def _transformed_once(known: Remembered[_Table], fitted: Remembered[FittedTable]) -> NDArray[np.float64]:
    inputs: NDArray[np.float64] = fitted.value.transform(known.value.rows)
    inputs.setflags(write=False)
    return inputs


def _fitted(known: _Table, settings: Settings, training: Indices, scaled: bool) -> FittedTable:
    numbers = np.ascontiguousarray(training)
    return _fitted_by_digest(
        Remembered(id(known), known), settings, Remembered(numbers.tobytes(), numbers), scaled
    )


def _transformed(known: _Table, fitted: FittedTable) -> NDArray[np.float64]:
    return _transformed_once(Remembered(id(known), known), Remembered(id(fitted), fitted))


def _require_different(places: Sequence[Place]) -> None:
    """Looks whether every part has a file of its own.

    Raises:
        ConfigurationError: two have the same.
    """
    seen: dict[object, Place] = {}
    for place in places:
        first = seen.setdefault(place.identity[1:] or place, place)
        if first is not place:
            rule = f"is the file of {first.key} as well"
            refuse(
                rule, place.path, key=place.key, remedy="Its rows would be learnt from and judged by at once."
            )


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat(parts) if len(parts) > 1 else parts[0]


def _warnings_of_parts(known: _Table, fitted: FittedTable) -> list[str]:
    """Returns what rows of files of their own have that no training row has, a sentence each."""
    first = len(known.rows) - known.validation_rows - known.test_rows
    ends = {"validation": first + known.validation_rows, "test": len(known.rows)}
    found = []
    if known.target.task != "regression":
        learnt = set(known.target.values[:first])
        unseen = [name for number, name in enumerate(known.target.classes) if number not in learnt]
        found += [f"the class {name!r} is in no row of data.path, and cannot be learnt." for name in unseen]
    for part, end in ends.items():
        if end > first:
            for column, share in fitted.unknown(known.rows.iloc[first:end]).items():
                found.append(
                    f"{column}: {share:.0%} of the {part} rows have a category that no training row has."
                )
        first = end
    return found
