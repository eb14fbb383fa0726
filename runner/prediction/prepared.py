"""Examples that are rows of a table, made into inputs by what the training rows have fitted."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.data.tables import reading
from runner.data.tables.fitted import FittedTable
from runner.data.tables.reading import Place
from runner.errors import ConfigurationError, Fault, UsageError
from runner.prediction.records import INPUT, STANDARD_INPUT, Block, Examples, InputError, Wanted
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SHOWN = 12
# A share of unknown categories that is worth a word.
_MANY = 0.01


class Prepared(Examples):
    """Rows of a table: its columns by their names, in whatever order they stand."""

    def __init__(self, name: str, wanted: Wanted, fitted: FittedTable) -> None:
        self.name = name
        self._wanted = wanted
        self._fitted = fitted
        self._place = Place(_file(name), key=f"{INPUT} {name}")
        with _as_usage():
            names = reading.names(self._place)
        self._inputs = [column.name for column in fitted.columns]
        others = [each for each in names if each not in self._inputs]
        faults = [*_missing(self._place.key, self._inputs, names), *_unknown(wanted.keep, names)]
        if faults:
            raise UsageError(faults)
        kept = others if wanted.keep is None else list(wanted.keep)
        ignored = [each for each in others if each not in kept]
        kinds = _kinds(self._place)
        self.kept = {each: kinds.get(each, _text()) for each in kept}
        self.notes = (f"{name}: ignored: {listed(ignored, _SHOWN)}.",) if ignored else ()
        with _as_usage():
            first = next(reading.blocks(self._place, rows=wanted.rows), None)
            if first is None or len(first) == 0:
                raise UsageError([Fault(self._place.key, "has a line of column names and no row")])
            self.notes = (*self.notes, *_strange(name, fitted, first))

    def blocks(self) -> Iterator[Block]:
        """Yields all rows in their order, some at a time."""
        columns, done = list(dict.fromkeys([*self._inputs, *self.kept])), 0
        try:
            for block in reading.blocks(self._place, rows=self._wanted.rows, columns=columns):
                inputs = self._fitted.transform(block)
                yield Block(inputs, {each: _array(block[each], kind) for each, kind in self.kept.items()})
                done += len(block)
        except ConfigurationError as error:
            where = f"after row {done}, counted from there: " if done else ""
            said = " ".join(f"{fault.rule}." for fault in error.faults)
            raise InputError(f"{self.name}: {where}{said}") from error


def _file(name: str) -> str:
    """Returns a file to read; what standard input has is written into one, since its form is found out first."""
    if name != STANDARD_INPUT:
        return name
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="runner-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "standard_input.csv"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return str(path)


@contextmanager
def _as_usage() -> Iterator[None]:
    """Gives out what is wrong with a table as what is wrong with the words that name it."""
    try:
        yield
    except UsageError:
        raise
    except ConfigurationError as error:
        raise UsageError(error.faults) from error


def _missing(key: str, inputs: Sequence[str], names: Sequence[str]) -> list[Fault]:
    remedy = f"It has {listed(names, _SHOWN)}."
    rule = "has no column {}, which the network was trained on"
    return [
        Fault(
            key,
            rule.format(each),
            None,
            nearest(each, [name for name in names if name not in inputs]),
            remedy,
        )
        for each in inputs
        if each not in names
    ]


def _unknown(keep: Sequence[str] | None, names: Sequence[str]) -> list[Fault]:
    rule, remedy = "names a column that is not there", f"Its columns are {listed(names, _SHOWN)}."
    return [
        Fault("--keep", rule, each, nearest(each, names), remedy) for each in keep or () if each not in names
    ]


def _strange(name: str, fitted: FittedTable, block: pd.DataFrame) -> Iterator[str]:
    """Yields of which columns many of the first rows have a category that no training row has."""
    for column, share in fitted.unknown(block).items():
        if share >= _MANY:
            yield (
                f"{name}: {column}: {share:.0%} of the first {len(block):,} rows have a value that was in no training"
                " row; it counts as unknown."
            )


def _kinds(place: Place) -> dict[str, pa.DataType]:
    """Returns the types of the columns of a Parquet file; of every other, what goes along is text."""
    if place.ending != ".parquet":
        return {}
    from pyarrow import parquet, types

    schema = parquet.read_schema(place.file)
    return {
        field.name: field.type.value_type if types.is_dictionary(field.type) else field.type
        for field in schema
    }


def _text() -> pa.DataType:
    import pyarrow as pa

    return pa.string()


def _array(column: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.astype(object).where(column.notna(), None)
        return pa.array([each if each is None else str(each) for each in column], type=kind)
    return pa.array(column, type=kind, from_pandas=True, safe=False)
