"""Examples that are rows of numbers in a file of columns: CSV and the like, Parquet, Feather."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.prediction import streams
from runner.prediction.records import Block, Examples, InputError, Wanted, refuse
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of text that are parsed at once.
_PORTION = 8 << 20
_SHOWN = 12
_NO_NUMBER = re.compile(
    r"In CSV column #(\d+):(?: Row #(\d+):)? CSV conversion error to \w+: invalid value '(.*)'"
)
_RAGGED = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")


class Delimited(Examples):
    """Rows of a text: numbers by their place among the columns that are no identifiers."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        import pyarrow as pa

        self.name = name
        self._wanted = wanted
        self._text = streams.opened(name)
        kinds = _kinds_of(self._text, name)
        self._inputs = chosen(name, kinds, wanted)
        self.kept = {column: pa.string() for column in carried(list(kinds), self._inputs, wanted)}
        self.notes = _ignored(name, kinds, [*self._inputs, *self.kept])
        if self._text.encoding == "cp1252":
            self.notes = (*self.notes, f"{name}: is no UTF-8, and is read as cp1252.")

    def blocks(self) -> Iterator[Block]:
        """Yields all rows in their order, some at a time."""
        import pyarrow as pa

        types = {column: pa.float64() for column in self._inputs} | dict(self.kept)
        first = 2 if self._text.header else 1
        try:
            reader = _reader(self._text, self._text.stream, types, _PORTION)
            for batch in reader:
                yield from parted(self.name, batch, self._inputs, list(self.kept), self._wanted, first)
                first += len(batch)
        except pa.ArrowInvalid as error:
            raise InputError(f"{self.name}: {_told(str(error), self._text.columns)}") from error


class Columnar(Examples):
    """Rows of a Parquet or Feather file."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        import pyarrow as pa

        self.name = name
        self._wanted = wanted
        try:
            self._file: Any = _opened(Path(name))
        except (pa.ArrowInvalid, OSError) as error:
            refuse(name, f"cannot be read: {first_line(error)}")
        self.rows, schema = _rows(self._file), _schema(self._file)
        if self.rows == 0:
            refuse(name, "has no rows")
        kinds = {field.name: _is_numeric(field.type) for field in schema}
        if len(kinds) < len(schema):
            refuse(name, "has several columns of one name", listed(_doubles(schema.names)))
        self._inputs = chosen(name, kinds, wanted)
        self.kept = {
            column: _plain(schema.field(column).type) for column in carried(list(kinds), self._inputs, wanted)
        }
        self.notes = _ignored(name, kinds, [*self._inputs, *self.kept])

    def blocks(self) -> Iterator[Block]:
        """Yields all rows in their order, some at a time."""
        import pyarrow as pa

        first, columns = 1, [*self._inputs, *self.kept]
        try:
            for batch in _batches(self._file, columns, self._wanted.rows):
                yield from parted(self.name, batch, self._inputs, list(self.kept), self._wanted, first)
                first += len(batch)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{self.name}: cannot be read after row {first}: {first_line(error)}") from error


def chosen(name: str, kinds: Mapping[str, bool], wanted: Wanted) -> list[str]:
    """Returns the columns that are the network's inputs, in their order: those of numbers that are not to be kept.

    Args:
        name: of the input.
        kinds: whether each column has numbers.
        wanted: what the network takes.

    Raises:
        ConfigurationError: there are others than it takes.
    """
    width = math.prod(wanted.shape)
    unknown = [column for column in wanted.keep or () if column not in kinds]
    if unknown:
        raise_unknown(unknown, kinds, f"Its columns are {listed(kinds, _SHOWN)}.")
    columns = [column for column in kinds if column not in (wanted.keep or ())]
    numeric = [column for column in columns if kinds[column]]
    if len(numeric) == width:
        return numeric
    if len(columns) == width:
        texts = [column for column in columns if not kinds[column]]
        refuse(name, f"must have numbers in its columns, and {listed(texts, _SHOWN)} has text")
    rule = f"must have {width} columns of numbers, which the network takes in their order"
    remedy = "Name those that are no inputs: --keep NAME,NAME." if len(numeric) > width else None
    refuse(name, rule, f"{len(numeric)}: {listed(numeric, _SHOWN)}" if numeric else "none", remedy=remedy)


def carried(columns: Sequence[str], inputs: Sequence[str], wanted: Wanted) -> list[str]:
    """Returns the columns that go along to the output."""
    return (
        [column for column in columns if column not in inputs] if wanted.keep is None else list(wanted.keep)
    )


def raise_unknown(unknown: Sequence[str], known: Mapping[str, Any], remedy: str) -> None:
    """Refuses columns that are to be kept and are not there.

    Raises:
        ConfigurationError: always.
    """
    from runner.errors import Fault, UsageError

    rule = "names a column that is not there"
    raise UsageError([Fault("--keep", rule, column, nearest(column, known), remedy) for column in unknown])


def parted(
    name: str, batch: pa.RecordBatch, inputs: Sequence[str], kept: Sequence[str], wanted: Wanted, first: int
) -> Iterator[Block]:
    """Yields the rows of a batch; ``first`` is the number of its first row, for messages.

    Raises:
        InputError: a number is missing or not finite.
    """
    if len(batch) == 0:
        return
    numbers = np.empty((len(inputs), len(batch)))
    for place, column in enumerate(inputs):
        numbers[place] = _numbers(batch.column(column))
    if not np.isfinite(numbers).all():
        place, row = np.argwhere(~np.isfinite(numbers))[0]
        value = batch.column(inputs[place])[int(row)].as_py()
        said = "is empty" if value is None else f"is {value}"
        raise InputError(
            f"{name}: row {first + row}: {inputs[place]} {said}, and the network takes numbers alone"
        )
    examples = np.ascontiguousarray(numbers.T).reshape(len(batch), *wanted.shape)
    yield Block(examples, {column: batch.column(column) for column in kept})


def _ignored(name: str, columns: Iterable[str], used: Sequence[str]) -> tuple[str, ...]:
    """Returns which columns are neither inputs nor kept, in a sentence where there are some."""
    ignored = [column for column in columns if column not in used]
    return (f"{name}: ignored: {listed(ignored, _SHOWN)}.",) if ignored else ()


def first_line(error: Exception) -> str:
    """Returns the first line of what an error says."""
    return str(error).partition("\n")[0]


def _kinds_of(text: streams.Text, name: str) -> dict[str, bool]:
    """Returns whether each column of a text has numbers, as far as its beginning tells."""
    import io

    import pyarrow as pa

    doubles = _doubles(text.columns)
    if doubles or not all(text.columns):
        rule = "must have a name of its own above each column"
        refuse(name, rule, listed(doubles) if doubles else f"none above column {text.columns.index('') + 1}")
    try:
        batch = _reader(text, io.BytesIO(text.beginning), {}, len(text.beginning) + 1).read_next_batch()
    except StopIteration:
        refuse(name, "has a line of column names and no row")
    except pa.ArrowInvalid as error:
        refuse(name, _told(str(error), text.columns))
    if len(batch) == 0:
        refuse(name, "has a line of column names and no row")
    return {field.name: _is_numeric(field.type) for field in batch.schema}


def _reader(text: streams.Text, stream: Any, types: Mapping[str, Any], portion: int) -> Any:
    from pyarrow import csv

    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(
            block_size=portion,
            column_names=list(text.columns),
            skip_rows=1 if text.header else 0,
            use_threads=False,
        ),
        parse_options=csv.ParseOptions(delimiter=text.delimiter, newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict(types),
            include_columns=list(types),
            strings_can_be_null=False,
        ),
    )


def _told(said: str, columns: Sequence[str]) -> str:
    """Returns what Arrow says of a text, in a sentence."""
    if found := _NO_NUMBER.search(said):
        column, row, value = found.groups()
        where = f"row {row}: " if row else ""
        return f"{where}{columns[int(column)]} has {value!r}, and the network takes numbers alone"
    if found := _RAGGED.search(said):
        row, expected, there = found.groups()
        where = f"row {row}" if row else "a row"
        return f"{where} has {there} cells, and there are {expected} columns"
    if "invalid UTF8" in said:
        return "is no UTF-8 throughout"
    return first_line(Exception(said))


def _doubles(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _is_numeric(kind: pa.DataType) -> bool:
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
    return any(test(kind) for test in tests)


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    import pyarrow as pa

    if pa.types.is_boolean(column.type) or pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Returns the type of the values themselves, where a file numbers them."""
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _opened(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    if path.suffix.lower() == ".parquet":
        # Without it all columns of the file would be in memory before the last of them is read.
        return parquet.ParquetFile(path, pre_buffer=False)
    return pa.ipc.open_file(pa.memory_map(str(path)))


def _rows(file: Any) -> int:
    from pyarrow import parquet

    if isinstance(file, parquet.ParquetFile):
        return int(file.metadata.num_rows)
    return sum(file.get_batch(place).num_rows for place in range(file.num_record_batches))


def _schema(file: Any) -> Any:
    from pyarrow import parquet

    return file.schema_arrow if isinstance(file, parquet.ParquetFile) else file.schema


def _batches(file: Any, columns: Sequence[str], rows: int) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    if isinstance(file, parquet.ParquetFile):
        batches = (
            batch
            for group in range(file.num_row_groups)
            for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=list(columns))
        )
    else:
        batches = (file.get_batch(place) for place in range(file.num_record_batches))
    for batch in batches:
        chosen_columns = [_decoded(batch.column(column)) for column in columns]
        yield pa.RecordBatch.from_arrays(chosen_columns, names=list(columns))


def _decoded(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
