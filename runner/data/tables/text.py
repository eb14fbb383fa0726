"""Tables written as text: their encoding and delimiter are found out, and what cannot be read is told by its row."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from runner.data.tables.faults import refuse
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd

# What stands for nothing in tables that people publish.
NOTHING = ["", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "null", "None", "#N/A", "<NA>", "?", "-", "."]
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_DELIMITERS = (",", ";", "\t", "|")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAMPLE_BYTES = 1 << 16
_SAMPLE_LINES = 50
_BLOCK_BYTES = 1 << 24
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+")


@dataclass(frozen=True)
class _Form:
    """How a text is written: its encoding, what stands between cells and before decimals, and its first line."""

    encoding: str
    delimiter: str
    decimal: str
    names: tuple[str, ...]


def unpacked_name(path: Path) -> Path:
    """Returns a file's name without the ending of its packing."""
    return path.with_suffix("") if path.suffix.lower() in _PACKED else path


def read(path: Path, delimiter: str | None, encoding: str | None, key: str) -> pd.DataFrame:
    """Returns a text as a frame.

    Args:
        path: the file, packed or not.
        delimiter: between cells; None to find it out.
        encoding: of its letters; None to find it out.
        key: the config key that names it.

    Raises:
        ConfigurationError: it cannot be read, with the row where that is known.
    """
    import pyarrow.csv as arrow

    form = _form(path, delimiter, encoding, key)
    with _opened(path, key) as file:
        try:
            table = arrow.read_csv(file, **_options(form))
        except Exception as error:
            _refuse_text(path, form, key, error)
    return _frame(table, path, key)


def blocks(
    path: Path, delimiter: str | None, encoding: str | None, key: str, rows: int
) -> Iterator[pd.DataFrame]:
    """Yields a text some rows at a time, every cell as text, so that no block decides what the others are.

    Raises:
        ConfigurationError: it cannot be read, with the row where that is known.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow

    form = _form(path, delimiter, encoding, key)
    options = _options(form)
    options["convert_options"].column_types = dict.fromkeys(form.names, pa.string())
    with _opened(path, key) as file:
        try:
            with arrow.open_csv(file, **options) as reader:
                for batch in reader:
                    for first in range(0, len(batch), rows):
                        yield _frame(pa.Table.from_batches([batch.slice(first, rows)]), path, key)
        except pa.ArrowInvalid as error:
            _refuse_text(path, form, key, error)


def header(path: Path, delimiter: str | None, encoding: str | None, key: str) -> tuple[str, ...]:
    """Returns the names in the first line.

    Raises:
        ConfigurationError: there is none, or a name is blank or there twice.
    """
    names = _form(path, delimiter, encoding, key).names
    return tuple(name.strip() for name in (names[1:] if _is_index(names) else names))


def require_names(names: Sequence[str], path: str, key: str) -> None:
    """Looks whether every column has a name of its own.

    Raises:
        ConfigurationError: one has none, or two have the same.
    """
    blank = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if blank:
        rule = f"has columns without a name: number {listed(blank, 5)}"
        refuse(rule, path, key=key, remedy="Give each column a name in the first line.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        rule = f"has several columns of one name: {listed(twice, 5)}"
        refuse(rule, path, key=key, remedy="Rename all but one of them.")


def _form(path: Path, delimiter: str | None, encoding: str | None, key: str) -> _Form:
    with _opened(path, key) as file:
        try:
            sample = file.read(_SAMPLE_BYTES)
        except (OSError, EOFError) as error:
            refuse(f"cannot be unpacked: {error}", str(path), key=key)
    if not sample.strip():
        refuse("is empty", str(path), key=key, remedy="A table has a line of names and rows below it.")
    chosen = encoding or _encoding(path, sample, key)
    try:
        decoded = codecs.getincrementaldecoder(chosen)().decode(sample)
    except LookupError:
        refuse(
            "is no encoding that Python knows", encoding, key="data.encoding", remedy="Try utf-8 or cp1252."
        )
    except UnicodeDecodeError as error:
        rule = f"does not fit {path}: byte {error.start} cannot be read by it"
        refuse(rule, chosen, key="data.encoding", remedy="Leave it null to have it found out.")
    if "\0" in decoded:
        refuse(
            "is no text: it has bytes of 0",
            str(path),
            key=key,
            remedy="Name a CSV file, or give data.encoding.",
        )
    lines = decoded.lstrip("\ufeff").splitlines()[:_SAMPLE_LINES]
    found = delimiter if delimiter is not None else _most_regular(lines)
    if len(found) != 1:
        refuse("must be one character", repr(found), key="data.delimiter")
    names = tuple(next(csv.reader(io.StringIO(lines[0]), delimiter=found)))
    require_names([name.strip() for name in (names[1:] if _is_index(names) else names)], str(path), key)
    return _Form(chosen, found, _decimal(lines[1:], found), names)


def _is_index(names: Sequence[str]) -> bool:
    """Returns whether the first column is the numbers of the rows, which pandas writes without a name."""
    return len(names) > 2 and names[0] in ("", "Unnamed: 0") and "" not in names[1:]


def _encoding(path: Path, sample: bytes, key: str) -> str:
    for mark, name in _MARKS.items():
        if sample.startswith(mark):
            return name
    with _opened(path, key) as file:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252" if not re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample) else "latin-1"
        except (OSError, EOFError) as error:
            refuse(f"cannot be unpacked: {error}", str(path), key=key)
    return "utf-8"


def _most_regular(lines: Sequence[str]) -> str:
    """Returns the delimiter that is in every line as often as in the first, and of several the one that is there most."""
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        cells = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        regular = sum(count == cells[0] for count in cells) if cells and cells[0] > 1 else 0
        if regular * cells[0] > most:
            best, most = delimiter, regular * cells[0]
    return best


def _decimal(lines: Sequence[str], delimiter: str) -> str:
    cells = [cell.strip() for row in csv.reader(lines, delimiter=delimiter) for cell in row]
    commas = sum(bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in cells)
    points = sum(bool(_DECIMAL_POINT.fullmatch(cell)) for cell in cells)
    return "," if delimiter != "," and commas > points else "."


def _options(form: _Form) -> dict[str, Any]:
    import pyarrow.csv as arrow

    return {
        "read_options": arrow.ReadOptions(encoding=form.encoding, block_size=_BLOCK_BYTES),
        "parse_options": arrow.ParseOptions(delimiter=form.delimiter, newlines_in_values=True),
        "convert_options": arrow.ConvertOptions(
            null_values=NOTHING, strings_can_be_null=True, decimal_point=form.decimal
        ),
    }


def _frame(table: Any, path: Path, key: str) -> pd.DataFrame:
    found: pd.DataFrame = table.to_pandas(date_as_object=False)
    # Where a mark of the encoding is before the first name, it is no part of it.
    found.columns = [str(name).lstrip("\ufeff").strip() for name in found.columns]
    if _is_index(list(found.columns)):
        found = found.iloc[:, 1:]
    for name in found.columns:
        swallowed = _swallowed(found[name])
        if swallowed is not None:
            rule = f"has a quote that is opened in row {swallowed + 1} of column {name} and never closed"
            refuse(
                rule,
                str(path),
                key=key,
                remedy="Close it, or write two quotes for one that belongs to the text.",
            )
    return found


def _swallowed(column: pd.Series[Any]) -> int | None:
    """Returns the row of a cell that holds the rest of the file, as an unclosed quote has it; None where there is none."""
    last = column.iloc[-1] if len(column) else None
    return len(column) - 1 if isinstance(last, str) and last.endswith("\n") and last.count("\n") > 1 else None


def _refuse_text(path: Path, form: _Form, key: str, error: Exception) -> None:
    """Says of a text that cannot be read in which row and why.

    Raises:
        ConfigurationError: always.
    """
    with _opened(path, key) as file:
        decoded = io.TextIOWrapper(cast(Any, file), encoding=form.encoding, errors="replace", newline="")
        rows = csv.reader(decoded, delimiter=form.delimiter)
        try:
            for cells in rows:
                if cells and len(cells) != len(form.names):
                    rule = f"has {len(cells)} cells in line {rows.line_num} and {len(form.names)} columns"
                    remedy = (
                        f"Mend the line, quote a cell that holds {form.delimiter!r}, or give data.delimiter."
                    )
                    if any(cell.endswith("\n") for cell in cells):
                        remedy = "A quote before it is opened and never closed."
                    refuse(rule, str(path), key=key, remedy=remedy)
        except csv.Error as found:
            if "field larger" in str(found):
                remedy = "A quote before it is opened and never closed."
                refuse(
                    f"has a cell in line {rows.line_num} that does not end", str(path), key=key, remedy=remedy
                )
            refuse(f"cannot be read in line {rows.line_num}: {found}", str(path), key=key)
    if "Empty CSV" in str(error):
        refuse("has a line of names and no row below it", str(path), key=key)
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    refuse(f"cannot be read as text: {reason}", str(path), key=key)


def _opened(path: Path, key: str) -> BinaryIO:
    """Returns the bytes of a file, unpacked as they are read."""
    ending = path.suffix.lower()
    try:
        if ending == ".gz":
            import gzip

            return cast(BinaryIO, gzip.open(path, "rb"))
        if ending == ".bz2":
            import bz2

            return cast(BinaryIO, bz2.open(path, "rb"))
        if ending == ".xz":
            import lzma

            return cast(BinaryIO, lzma.open(path, "rb"))
        if ending == ".zst":
            import pyarrow as pa

            return cast(BinaryIO, pa.input_stream(str(path), compression="zstd"))
        return _zipped(path, key) if ending == ".zip" else path.open("rb")
    except OSError as error:
        refuse(f"cannot be opened: {error.strerror or error}", str(path), key=key)


def _zipped(path: Path, key: str) -> BinaryIO:
    import zipfile

    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        refuse(f"cannot be unpacked: {error}", str(path), key=key)
    members = [each for each in archive.namelist() if not each.endswith("/")]
    if len(members) != 1:
        rule = f"must hold one file, and there are {len(members)}: {listed(members, 5)}"
        refuse(rule, str(path), key=key, remedy="Unpack it and name the file.")
    return cast(BinaryIO, archive.open(members[0]))
