"""Delimited text as a stream of UTF-8 whose beginning was looked at: a file, packed or not, or standard input."""

from __future__ import annotations

import codecs
import csv
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from runner.prediction.records import STANDARD_INPUT, refuse

_BEGINNING = 1 << 20
_DELIMITERS = ",;\t|"
_LINES = 50
_MARK = b"\xef\xbb\xbf"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Text:
    """An opened text.

    Args:
        stream: all of it, as UTF-8.
        beginning: its first lines, whole ones, as UTF-8.
        delimiter: what stands between cells.
        header: the names of the columns; empty where the first line has numbers already.
        encoding: what it was written in.
    """

    stream: BinaryIO
    beginning: bytes
    delimiter: str
    header: tuple[str, ...]
    encoding: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns: those of the header, or their places from 1."""
        if self.header:
            return self.header
        return tuple(str(place + 1) for place in range(len(_cells(self.beginning, self.delimiter, 1)[0])))


def opened(name: str) -> Text:
    """Opens a text; its encoding and its delimiter are found out.

    Args:
        name: a path, or ``-`` for standard input.

    Raises:
        ConfigurationError: it is not there, empty, or no text.
    """
    raw = sys.stdin.buffer if name == STANDARD_INPUT else _file(name)
    try:
        head = raw.read(_BEGINNING)
    except (OSError, EOFError) as error:
        refuse(name, f"cannot be read: {error}")
    head = head.removeprefix(_MARK)
    if not head.strip():
        refuse(name, "is empty", remedy="It needs a line of column names and a line for each example.")
    encoding = _encoding(head)
    joined: BinaryIO = cast(BinaryIO, _Joined(head, raw))
    if encoding != "utf-8":
        joined = cast(BinaryIO, _Recoded(joined, encoding))
        head = joined.read(_BEGINNING)
        joined = cast(BinaryIO, _Joined(head, joined))
    if b"\0" in head:
        refuse(
            name,
            "is no text",
            remedy="CSV, Parquet, NumPy's files and images are told apart by their endings.",
        )
    beginning = head if len(head) < _BEGINNING else _whole_lines(head)
    delimiter = _delimiter(beginning)
    first = _cells(beginning, delimiter, 1)[0]
    header = () if all(_is_number(cell) for cell in first) else tuple(first)
    return Text(joined, beginning, delimiter, header, encoding)


def _file(name: str) -> BinaryIO:
    import pyarrow as pa

    path = Path(name)
    if not path.is_file():
        refuse(name, "there is no such file" if not path.exists() else "is no file")
    try:
        # By their endings: gz, bz2, zst, lz4.
        return cast(BinaryIO, pa.input_stream(str(path), compression="detect"))
    except (OSError, ValueError) as error:
        refuse(name, f"cannot be read: {error}")


def _encoding(head: bytes) -> str:
    if head.startswith(_WIDE_MARKS):
        return "utf-16"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The beginning may end amid a character.
        return "utf-8" if error.start >= len(head) - 3 else "cp1252"
    return "utf-8"


def _whole_lines(head: bytes) -> bytes:
    """Returns the beginning up to the last line's end that is not inside of quotation marks."""
    end = len(head)
    while (end := head.rfind(b"\n", 0, end)) > 0:
        if head.count(b'"', 0, end) % 2 == 0:
            return head[: end + 1]
    return head


def _delimiter(beginning: bytes) -> str:
    """Returns what stands between cells: what parts the first lines into the same number of cells, and the most."""
    counts = {}
    for delimiter in _DELIMITERS:
        widths = {len(cells) for cells in _cells(beginning, delimiter, _LINES) if cells}
        counts[delimiter] = (len(widths) == 1, max(widths, default=0))
    split = {delimiter: each for delimiter, each in counts.items() if each[1] > 1}
    return max(split, key=lambda each: split[each], default=",")


def _cells(beginning: bytes, delimiter: str, lines: int) -> Sequence[Sequence[str]]:
    text = beginning.decode("utf-8", errors="replace")
    found: list[list[str]] = []
    with suppress(csv.Error):
        for cells in csv.reader(io.StringIO(text), delimiter=delimiter):
            found.append([cell.strip() for cell in cells])
            if len(found) == lines:
                break
    return found or [[""]]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Joined(io.RawIOBase):
    """What was read of a stream already, and the rest of it."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read() if size is None or size < 0 else self._rest.read(size)
        if size is None or size < 0:
            taken, self._head = bytes(self._head), memoryview(b"")
            return taken + self._rest.read()
        taken, self._head = bytes(self._head[:size]), self._head[size:]
        return taken


class _Recoded(io.RawIOBase):
    """A stream in another encoding, as UTF-8."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder(encoding)(errors="replace")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            block = self._source.read() if size is None or size < 0 else self._source.read(size)
            text = self._decode.decode(block, final=not block)
            if text or not block:
                return text.encode("utf-8")
