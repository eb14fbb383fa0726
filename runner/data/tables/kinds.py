"""What the columns of a table are: found out from their values, or said by a person; and their values as that."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from runner.data.tables.columns import KINDS, Column, Kind
from runner.data.tables.faults import refuse
from runner.suggestions import listed, nearest
from runner.values import shown

if TYPE_CHECKING:
    import pandas as pd

_BOOLEAN = {
    "true": 1.0,
    "false": 0.0,
    "yes": 1.0,
    "no": 0.0,
    "y": 1.0,
    "n": 0.0,
    "t": 1.0,
    "f": 0.0,
    "1": 1.0,
    "0": 0.0,
}
_DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})\b")
# Of a column that is nearly all numbers the rest is probably a mistake, and no kind of category.
_MIXED = 0.8
_SAMPLE = 200
# Numbers as people print them: 1.234,5 or 1'234 or $ 12 or 30 %.
_PRINTED = re.compile(r"[$€£]?\s*[+-]?\d{1,3}([.,' \u00a0]\d{3})*([.,]\d+)?\s*[%$€£]?")
# Squares of larger ones, and sums of these, are no numbers any more.
_LARGEST = 1e100
# Longer ones, on average, are sentences.
_LONGEST_CATEGORY = 40
_NEARLY_ALL = 0.5
NESTED = "holds lists, records or bytes"
_FEW = 50


def understood(
    table: pd.DataFrame,
    *,
    kinds: Mapping[str, Kind],
    apart: Collection[str],
    leave_out: Collection[str],
    most_categories: int,
) -> tuple[Column, ...]:
    """Returns what each column is and whether it is an input.

    Args:
        table: its rows.
        kinds: what a person says that a column is.
        apart: columns that are targets, weights or the like, and no inputs.
        leave_out: columns that a person wants to be no inputs.
        most_categories: a column of more different words is left out as text.

    Raises:
        ConfigurationError: a column has values of several kinds, or not those of the kind that it is said to be.
    """
    found = []
    for name in (each for each in table.columns if each not in apart):
        column = table[name]
        empty = int(column.isna().sum())
        if is_nested(column):
            why = "as asked" if name in leave_out else NESTED
            found.append(Column(name, "text", empty, len(column) - empty, why))
            continue
        distinct = int(column.nunique())
        if name in leave_out:
            found.append(Column(name, kinds.get(name, "text"), empty, distinct, "as asked"))
            continue
        kind = kinds.get(name) or inferred(column)
        why = _why_left_out(column, kind, distinct, most_categories, asked=name in kinds)
        found.append(Column(name, kind, empty, distinct, why))
        if not why:
            typed(column, kind)
    return tuple(found)


def inferred(column: pd.Series[Any]) -> Kind:
    """Returns what a column probably is.

    Raises:
        ConfigurationError: most of its values are numbers and some are not.
    """
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    if pd.api.types.is_numeric_dtype(column):
        # To look for the smallest and the largest costs a tenth of finding all different ones.
        may_be_true_or_false = column.min() == 0 and column.max() == 1
        return "boolean" if may_be_true_or_false and column.dropna().isin((0, 1)).all() else "number"
    values = column.dropna().astype(str).str.strip()
    different = values.unique()
    if (
        len(different)
        and {each.lower() for each in different[:_SAMPLE]} <= set(_BOOLEAN)
        and len(different) == 2
    ):
        return "boolean"
    are_numbers = pd.to_numeric(values, errors="coerce").notna()
    if len(values) and are_numbers.mean() >= _MIXED:
        if not are_numbers.all():
            place = int(np.flatnonzero(column.notna() & pd.to_numeric(column, errors="coerce").isna())[0])
            _refuse_value(column, place, "numbers")
        return "number"
    if len(different) and all(_PRINTED.fullmatch(each) for each in different[:_SAMPLE]):
        rule = f"column {column.name} has numbers that are written for people, such as {shown(different[0])}"
        remedy = f"Write them as 1234.5, or take 'data.kinds={{{column.name}: category}}'."
        refuse(rule, remedy=remedy)
    if (
        len(different)
        and all(_DATE.match(each) for each in different[:_SAMPLE])
        and _dates(values).notna().all()
    ):
        return "date"
    average = float(np.mean([len(each) for each in different[:_SAMPLE]])) if len(different) else 0.0
    is_one_each = len(different) > _FEW and len(different) > _NEARLY_ALL * len(values)
    return "text" if average > _LONGEST_CATEGORY or is_one_each else "category"


def typed(column: pd.Series[Any], kind: Kind) -> pd.Series[Any]:
    """Returns the values of a column as its kind has them: float64, words, or moments; with nothing where there is none.

    Raises:
        ConfigurationError: a value is none of that kind.
    """
    if kind == "number":
        return _numbers(column)
    if kind == "boolean":
        return _booleans(column)
    if kind == "date":
        return _moments(column)
    return words(column)


def words(column: pd.Series[Any]) -> pd.Series[Any]:
    """Returns values as words that do not hang on how a file was read: 3, 3.0 and "3" are all ``3``."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return column.map({True: "true", False: "false"}).astype(object)
    different = {each: _word(each) for each in column.dropna().unique()}
    return column.map(different).astype(object).where(column.notna(), None)


def _word(value: Any) -> str:
    text = str(value).strip()
    try:
        return f"{float(text):.15g}"
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def require(names: Sequence[str], wanted: Collection[str], key: str) -> None:
    """Looks whether a table has columns that are named by a person.

    Raises:
        ConfigurationError: one is not there.
    """
    for name in wanted:
        if name not in names:
            remedy = f"Columns: {listed(names)}."
            refuse("is no column of the table", name, key=key, suggestion=nearest(name, names), remedy=remedy)


def require_kinds(said: Mapping[str, str]) -> None:
    """Looks whether every kind that a person names is one.

    Raises:
        ConfigurationError: one is none.
    """
    for name, kind in said.items():
        if kind not in KINDS:
            rule = f"must be one of {listed(KINDS)}"
            refuse(rule, shown(kind), key=f"data.kinds.{name}", suggestion=nearest(str(kind), KINDS))


def dividing(column: pd.Series[Any]) -> NDArray[Any]:
    """Returns the values of a column by which rows are divided, as they can be compared and ordered.

    Raises:
        ConfigurationError: a row has none.
    """
    import pandas as pd

    empty = np.flatnonzero(column.isna())
    if len(empty):
        first = _row(column, empty[0])
        rule = f"{column.name} is empty in {len(empty)} of {len(column)} rows, the first of them row {first}"
        remedy = "Mend them, or take split.by=auto."
        refuse(rule, key="split.column", remedy=remedy)
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy())
    texts = column.astype(str)
    if pd.api.types.is_datetime64_any_dtype(column) or texts.map(lambda each: bool(_DATE.match(each))).all():
        return np.asarray(_moments(column).to_numpy())
    return np.asarray(texts.to_numpy(object))


def counts_rows(column: pd.Series[Any]) -> bool:
    """Returns whether a column holds whole numbers one after the other, as those of rows are."""
    values = typed(column, "number").to_numpy()
    if not (np.abs(np.diff(values[:_FEW])) == 1).all():
        return False
    return len(values) > _FEW and bool((np.abs(np.diff(values)) == 1).all()) and not np.isnan(values).any()


def is_nested(column: pd.Series[Any]) -> bool:
    """Returns whether the values of a column are lists, records or bytes."""
    if column.dtype != object:
        return False
    first = column.dropna().head(1)
    return len(first) > 0 and isinstance(first.iloc[0], list | dict | tuple | set | bytes | np.ndarray)


def _why_left_out(
    column: pd.Series[Any], kind: Kind, distinct: int, most_categories: int, *, asked: bool
) -> str:
    if distinct == 0:
        return "has no value"
    if distinct == 1 and not column.isna().any():
        return "has one value alone"
    if kind == "text":
        return "is text" if not asked else "is text, as asked"
    if kind == "category" and distinct > most_categories:
        return f"has {distinct:,} different words, more than data.most_categories"
    return ""


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    given = column.astype(str).str.strip().where(column.notna()) if _is_words(column) else column
    found = pd.to_numeric(given, errors="coerce").astype(np.float64)
    _require_every(found, column, "numbers")
    infinite = np.flatnonzero(np.isinf(found))
    if len(infinite):
        rule = f"column {column.name} is infinite in row {_row(column, infinite[0])}"
        refuse(rule, remedy=f"Empty the cell, or leave the column out: data.leave_out=[{column.name}].")
    too_large = np.flatnonzero(found.abs() > _LARGEST)
    if len(too_large):
        _refuse_value(column, int(too_large[0]), f"numbers of at most {_LARGEST:g}")
    return found


def _booleans(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    lower = words(column).map(lambda each: each if each is None else each.lower())
    found = pd.to_numeric(lower.map(_BOOLEAN), errors="coerce").astype(np.float64)
    _require_every(found, column, "true and false")
    return found


def _moments(column: pd.Series[Any]) -> pd.Series[Any]:
    found = _dates(column)
    _require_every(found, column, "dates")
    return found


def _dates(column: pd.Series[Any]) -> pd.Series[Any]:
    """Returns moments without a zone, those with one in universal time."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column):
        found = column
    else:
        texts = column.astype(str).str.strip().where(column.notna())
        first = texts.dropna().head(1)
        if len(first) == 0 or re.match(r"\d{4}", first.iloc[0]):
            found = pd.to_datetime(
                texts.str.replace(r"[/.](?=\d{1,2}\b)", "-", n=2, regex=True),
                errors="coerce",
                format="ISO8601",
            )
        else:
            found = pd.to_datetime(texts, errors="coerce", format="mixed", dayfirst=_is_day_first(texts))
    if getattr(found.dtype, "tz", None) is not None:
        found = found.dt.tz_convert("UTC").dt.tz_localize(None)
    return found


def _is_day_first(texts: pd.Series[Any]) -> bool:
    """Returns whether the first number of some date can only be a day."""
    firsts = texts.dropna().str.extract(r"^(\d{1,2})[-/.]")[0]
    return bool((firsts.astype(float) > 12).any())


def _is_words(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return not pd.api.types.is_numeric_dtype(column)


def _require_every(found: pd.Series[Any], column: pd.Series[Any], what: str) -> None:
    """Looks whether every value of a column became one of its kind.

    Raises:
        ConfigurationError: one did not.
    """
    wrong = np.flatnonzero(found.isna() & column.notna())
    if len(wrong):
        _refuse_value(column, int(wrong[0]), what)


def _refuse_value(column: pd.Series[Any], place: int, what: str) -> NoReturn:
    value = shown(str(column.iloc[place]))
    rule = f"column {column.name} has {what}, and in row {_row(column, place)} {value}"
    refuse(rule, remedy=f"Mend it, or write 'data.kinds={{{column.name}: category}}'.")


def _row(column: pd.Series[Any], place: int) -> int:
    """Returns which row of its file a value stands in, from 1."""
    return int(column.index[place]) + 1
