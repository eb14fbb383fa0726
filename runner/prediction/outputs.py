"""Where answers go: CSV, Parquet or npz by the ending, or standard output; a file is there whole, or not at all."""

from __future__ import annotations

import contextlib
import io
import sys
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.errors import Fault
from runner.prediction.answers import PREDICTION, PROBABILITY, Answers

if TYPE_CHECKING:
    import pyarrow as pa

OUTPUT = "--output"
STANDARD_OUTPUT = "-"


class Sink(ABC):
    """What takes the answers block by block."""

    @abstractmethod
    def write(self, kept: Mapping[str, pa.Array], outputs: NDArray[np.float64]) -> None:
        """Writes the answers to some rows, with the columns that go along."""


def faults(name: str, kept: Mapping[str, Any], answers: Answers, *, force: bool) -> Iterator[Fault]:
    """Yields what is wrong with an output before anything is computed."""
    yield from path_faults(name, force=force)
    for column in answers.columns:
        if column in kept:
            rule = "is what the answers are called, and the input has such a column too"
            remedy = "Name the columns to carry along by --keep NAME,NAME, or none by --keep none."
            yield Fault(column, rule, remedy=remedy)


def path_faults(name: str, *, force: bool) -> Iterator[Fault]:
    """Yields what is wrong with the place of an output."""
    path = Path(name)
    if name == STANDARD_OUTPUT:
        return
    if path.suffix.lower() not in _SINKS:
        yield Fault(OUTPUT, "must end in .csv, .tsv, .parquet or .npz, or be -, the terminal", name)
    elif path.is_dir():
        yield Fault(OUTPUT, "is a folder", name)
    elif not path.parent.is_dir():
        yield Fault(OUTPUT, f"must lie in a folder that is there, and there is no {path.parent}", name)
    elif path.exists() and not force:
        yield Fault(OUTPUT, "is there already", name, remedy="--force replaces it.")


@contextlib.contextmanager
def opened(name: str, kept: Mapping[str, pa.DataType], answers: Answers) -> Iterator[Sink]:
    """Opens an output while it is written; it takes its name once it is whole, and is gone where that does not come.

    Args:
        name: a path, or ``-`` for standard output.
        kept: the columns that go along, with their types.
        answers: how answers become columns.
    """
    if name == STANDARD_OUTPUT:
        sys.stdout.flush()
        with _Delimited.on(sys.stdout.buffer, kept, answers, ",") as sink:
            yield sink
        return
    path = Path(name)
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with _SINKS[path.suffix.lower()](unfinished, kept, answers) as sink:
            yield sink
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Delimited(Sink):
    def __init__(self, writer: Any, schema: pa.Schema, answers: Answers) -> None:
        self._writer = writer
        self._schema = schema
        self._answers = answers

    @classmethod
    @contextlib.contextmanager
    def on(
        cls, file: Any, kept: Mapping[str, pa.DataType], answers: Answers, delimiter: str
    ) -> Iterator[_Delimited]:
        from pyarrow import csv

        schema = _schema(kept, answers)
        options = csv.WriteOptions(delimiter=delimiter, quoting_style="needed")
        with csv.CSVWriter(file, schema, write_options=options) as writer:
            yield cls(writer, schema, answers)

    def write(self, kept: Mapping[str, pa.Array], outputs: NDArray[np.float64]) -> None:
        self._writer.write_batch(_batch(self._schema, kept, outputs, self._answers))


class _Parquet(Sink):
    def __init__(self, writer: Any, schema: pa.Schema, answers: Answers) -> None:
        self._writer = writer
        self._schema = schema
        self._answers = answers

    def write(self, kept: Mapping[str, pa.Array], outputs: NDArray[np.float64]) -> None:
        self._writer.write_batch(_batch(self._schema, kept, outputs, self._answers))


class _Archive(Sink):
    """Arrays that grow in files of their own: class numbers and probabilities, or values, and what goes along."""

    def __init__(self, folder: Path, answers: Answers) -> None:
        self._folder = folder
        self._answers = answers
        self._arrays: dict[str, _Growing] = {}

    def write(self, kept: Mapping[str, pa.Array], outputs: NDArray[np.float64]) -> None:
        numbers = self._answers.numbers(outputs)
        if self._answers.classes:
            self._add(PREDICTION, self._answers.taken(outputs))
            self._add(PROBABILITY, numbers)
        else:
            self._add(PREDICTION, numbers)
        for name, column in kept.items():
            self._add(name, _plain(column))

    def _add(self, name: str, values: NDArray[Any]) -> None:
        # Some names of columns are no names of files.
        place = self._folder / str(len(self._arrays)) if name not in self._arrays else None
        growing = self._arrays.setdefault(name, _Growing(place)) if place else self._arrays[name]
        growing.add(values)

    def close(self) -> None:
        """Closes the files of the arrays."""
        for growing in self._arrays.values():
            growing.file.close()

    def finish(self, path: Path) -> None:
        """Puts all arrays into one archive."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, growing in self._arrays.items():
                growing.finish()
                archive.write(growing.path, f"{name}.npy")
            if self._answers.classes:
                content = io.BytesIO()
                np.save(content, np.array(self._answers.classes), allow_pickle=False)
                archive.writestr("classes.npy", content.getvalue())


class _Growing:
    """An array in NumPy's format whose number of rows is known at its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("w+b")
        self._rows = 0
        self._texts: list[NDArray[Any]] = []
        self._header: dict[str, Any] = {}

    def add(self, values: NDArray[Any]) -> None:
        """Adds rows; texts wait for the longest one, which decides how wide all are."""
        self._rows += len(values)
        if values.dtype.kind == "U":
            self._texts.append(values)
            return
        if not self._header:
            descr = np.lib.format.dtype_to_descr(values.dtype)
            self._header = {"descr": descr, "fortran_order": False, "shape": (0, *values.shape[1:])}
            # NumPy leaves room for as many digits as rows may ever need.
            np.lib.format.write_array_header_1_0(self.file, self._header)
        self.file.write(np.ascontiguousarray(values).data)

    def finish(self) -> None:
        """Writes how many rows there are."""
        if self._texts:
            np.save(self.file, np.concatenate(self._texts), allow_pickle=False)
        else:
            self.file.seek(0)
            shape = (self._rows, *self._header["shape"][1:])
            np.lib.format.write_array_header_1_0(self.file, self._header | {"shape": shape})
        self.file.close()


@contextlib.contextmanager
def _delimited(
    path: Path, kept: Mapping[str, pa.DataType], answers: Answers, delimiter: str
) -> Iterator[Sink]:
    with path.open("wb") as file, _Delimited.on(file, kept, answers, delimiter) as sink:
        yield sink


@contextlib.contextmanager
def _csv(path: Path, kept: Mapping[str, pa.DataType], answers: Answers) -> Iterator[Sink]:
    with _delimited(path, kept, answers, ",") as sink:
        yield sink


@contextlib.contextmanager
def _tsv(path: Path, kept: Mapping[str, pa.DataType], answers: Answers) -> Iterator[Sink]:
    with _delimited(path, kept, answers, "\t") as sink:
        yield sink


@contextlib.contextmanager
def _parquet(path: Path, kept: Mapping[str, pa.DataType], answers: Answers) -> Iterator[Sink]:
    from pyarrow import parquet

    schema = _schema(kept, answers)
    with parquet.ParquetWriter(path, schema) as writer:
        yield _Parquet(writer, schema, answers)


@contextlib.contextmanager
def _npz(path: Path, kept: Mapping[str, pa.DataType], answers: Answers) -> Iterator[Sink]:
    with TemporaryDirectory(dir=path.parent, prefix=".runner-") as folder:
        sink = _Archive(Path(folder), answers)
        with contextlib.closing(sink):
            yield sink
            sink.finish(path)


_SINKS = {".csv": _csv, ".tsv": _tsv, ".parquet": _parquet, ".npz": _npz}


def _schema(kept: Mapping[str, pa.DataType], answers: Answers) -> pa.Schema:
    import pyarrow as pa

    kinds = dict.fromkeys(answers.columns, pa.float64())
    if answers.classes:
        kinds[PREDICTION] = pa.string()
    return pa.schema([*kept.items(), *kinds.items()])


def _batch(
    schema: pa.Schema, kept: Mapping[str, pa.Array], outputs: NDArray[np.float64], answers: Answers
) -> pa.RecordBatch:
    import pyarrow as pa

    columns = {**kept, **answers.table(outputs)}
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _plain(column: pa.Array) -> NDArray[Any]:
    """Returns a column as an array that needs no pickle: numbers as numbers, everything else as text."""
    values = column.to_numpy(zero_copy_only=False)
    return values if values.dtype.kind in "biuf" else np.array([str(each) for each in column.to_pylist()])
