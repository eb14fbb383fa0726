"""From a file or a database to a frame of columns, at once or some rows at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.data.tables import database, text
from runner.data.tables.faults import refuse
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    import pandas as pd

_TEXT = {".csv": None, ".tsv": "\t", ".tab": "\t", ".txt": None, ".data": None, "": None}
_PARQUET = (".parquet", ".pq")
_FEATHER = (".feather", ".arrow", ".ipc")
_EXCEL = (".xlsx", ".xlsm")
_KNOWN = [*list(_TEXT)[:-1], *_PARQUET, *_FEATHER, *_EXCEL, *database.ENDINGS]
# What reads each kind of spreadsheet.
_READERS = {".xlsx": "openpyxl", ".xlsm": "openpyxl"}


# Bytes of a column that are read at once.
_BUFFER = 1 << 20


@dataclass(frozen=True)
class Place:
    """Where a table is and how it is written.

    Args:
        path: a file, or the address of a database.
        query: what is read of a database; None for its only table.
        delimiter: between the cells of a text; None to find it out.
        encoding: of a text; None to find it out.
        key: the config key that names it.
    """

    path: str
    query: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    key: str = "data.path"

    @property
    def file(self) -> Path:
        return Path(self.path).expanduser()

    @property
    def name(self) -> str:
        """What a person calls the table: ``houses`` of ``houses.csv.gz``."""
        return database.name(self.path) if self._is_database else Path(self.path).name.partition(".")[0]

    @property
    def identity(self) -> tuple[object, ...]:
        """What changes with the content; of a database nothing tells, so that it is read once in a process."""
        if "://" in self.path:
            return (self,)
        stat = self.file.stat()
        return (self, str(self.file.resolve()), stat.st_size, stat.st_mtime_ns)

    @property
    def ending(self) -> str:
        """The ending that tells the form, that of packing left out, in small letters."""
        return text.unpacked_name(self.file).suffix.lower()

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return "://" not in self.path and self.ending in _PARQUET

    @property
    def is_text(self) -> bool:
        """Whether it is a text of delimited cells."""
        return not self._is_database and self.ending in _TEXT

    @property
    def _is_database(self) -> bool:
        return "://" in self.path or self.ending in database.ENDINGS


def frame(place: Place, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Returns a table in memory.

    Args:
        place: where it is.
        columns: those that are wanted; None for all.

    Raises:
        ConfigurationError: it cannot be read.
    """
    require(place)
    if place._is_database:
        found = database.read(place.path, place.query, place.key)
    elif place.ending in _PARQUET:
        with _told(place):
            import pyarrow.parquet as parquet

            found = to_pandas(parquet.read_table(place.file, columns=columns))
    elif place.ending in _FEATHER:
        with _told(place):
            from pyarrow import feather

            found = to_pandas(feather.read_table(place.file, columns=columns))
    elif place.ending in _EXCEL:
        found = _excel(place)
    else:
        return _chosen(text.read(place.file, _delimiter(place), place.encoding, place.key), columns)
    _require_names(place, [str(each) for each in found.columns])
    found.columns = [str(each) for each in found.columns]
    return _chosen(found, columns)


def blocks(place: Place, *, rows: int, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """Yields a table some rows at a time, in its order; a text and a Parquet file are never in memory as a whole.

    Args:
        place: where it is.
        rows: how many at most.
        columns: those that are wanted; None for all.

    Raises:
        ConfigurationError: it cannot be read.
    """
    require(place)
    if place.ending in _PARQUET:
        with _told(place):
            import pyarrow.parquet as parquet

            # Otherwise all bytes of the file would be read ahead and kept until its last block.
            with parquet.ParquetFile(place.file, pre_buffer=False, buffer_size=_BUFFER) as file:
                _require_names(place, file.schema_arrow.names)
                for batch in file.iter_batches(batch_size=rows, columns=columns):
                    yield to_pandas(batch)
    elif place.ending in _TEXT:
        for part in text.blocks(place.file, _delimiter(place), place.encoding, place.key, rows):
            yield _chosen(part, columns)
    else:
        whole = frame(place, columns)
        for first in range(0, len(whole), rows):
            yield whole.iloc[first : first + rows]


def names(place: Place) -> tuple[str, ...]:
    """Returns the names of the columns, of a text or a Parquet file without reading more.

    Raises:
        ConfigurationError: it cannot be read.
    """
    require(place)
    if place.ending in _PARQUET:
        with _told(place):
            import pyarrow.parquet as parquet

            found: tuple[str, ...] = tuple(parquet.read_schema(place.file).names)
            return found
    if place.ending in _TEXT and not place._is_database:
        return tuple(text.header(place.file, _delimiter(place), place.encoding, place.key))
    return tuple(str(each) for each in frame(place).columns)


def require(place: Place) -> None:
    """Looks whether there is a file of a known form.

    Raises:
        ConfigurationError: there is none.
    """
    if "://" in place.path:
        return
    if place.file.is_dir():
        remedy = f"Name a file in it{_files(place.file)}."
        refuse("is a folder, and a table is one file", place.path, key=place.key, remedy=remedy)
    if not place.file.is_file():
        folder = place.file.parent
        there = [str(folder / each.name) for each in folder.iterdir()] if folder.is_dir() else []
        known = nearest(str(place.file), there)
        where = None if folder.is_dir() else f"There is no folder {folder} either."
        refuse("there is no such file", place.path, key=place.key, suggestion=known, remedy=where)
    if place.ending not in (*_KNOWN, ""):
        remedy = f"Forms: {', '.join(each[1:] for each in _KNOWN)}; texts also packed as .gz, .bz2, .xz, .zst or .zip."
        refuse("has an ending of no table", place.path, key=place.key, remedy=remedy)
    if place.file.stat().st_size == 0:
        refuse("is empty", place.path, key=place.key, remedy="A table has a line of names and rows below it.")
    if place.query is not None and not place._is_database:
        rule = "is for a database, and data.path is a file"
        refuse(rule, place.query, key="data.query", remedy="Leave it null.")


def _files(folder: Path) -> str:
    found = sorted(each.name for each in folder.iterdir() if each.suffix.lower() in _KNOWN)
    return f", such as {listed(found, 3)}" if found else ""


def _delimiter(place: Place) -> str | None:
    return place.delimiter if place.delimiter is not None else _TEXT.get(place.ending)


def to_pandas(table: Any) -> pd.DataFrame:
    """Returns a table of Arrow as a frame."""
    found: pd.DataFrame = table.to_pandas(date_as_object=False, ignore_metadata=True)
    for name in found.select_dtypes("timedelta"):
        found[name] = found[name].dt.total_seconds()
    return found


def _chosen(found: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    return found if columns is None else found[[name for name in columns if name in found.columns]]


@contextlib.contextmanager
def _told(place: Place) -> Iterator[None]:
    """Turns what pyarrow says of a damaged file into a sentence."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        refuse(f"cannot be read as {place.ending[1:]}: {reason}", place.path, key=place.key)


def _excel(place: Place) -> pd.DataFrame:
    import pandas as pd

    from runner import extras

    missing = extras.missing(_READERS[place.ending], place.key, place.path, extra="excel")
    if missing:
        from runner.errors import ConfigurationError

        raise ConfigurationError(missing)
    try:
        found: pd.DataFrame = pd.read_excel(place.file)
    except Exception as error:
        # The readers raise whatever the library below them does.
        reason = str(error).strip().partition("\n")[0]
        refuse(f"cannot be read as {place.ending[1:]}: {reason}", place.path, key=place.key)
    return found


def _require_names(place: Place, found: Sequence[str]) -> None:
    text.require_names(found, place.path, place.key)
