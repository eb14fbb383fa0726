"""Files that are made once, for every run, in folders of the user's cache; and arrays in them, which are mapped."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from runner.data.files import cache
from runner.data.on_demand import Selected
from runner.errors import ConfigurationError, Fault
from runner.layers import Shape

# Changed where the files of an entry change what they hold.
_FORM = 1
_GIGABYTE = 10**9
_ABOUT = "about.json"
_UNFINISHED = ".part"
# Room that a disk keeps beside what is written.
_SPARE = 1 << 26

# Values of each column, of as many rows as come together.
Block = tuple[NDArray[Any], ...]
About = Mapping[str, Any]
Read = TypeVar("Read")


@dataclass(frozen=True)
class Entry:
    """A folder of the cache.

    Args:
        means: what its files are made of: the same again gives the same folder.
        bytes: how large they are.
        gigabytes: how much the cache holds at most; the entries that were used longest ago make room.
    """

    means: About
    bytes: int
    gigabytes: float

    @property
    def folder(self) -> Path:
        """Where it lies or will lie."""
        text = json.dumps([_FORM, dict(self.means)], sort_keys=True)
        return _cache() / hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def is_there(self) -> bool:
        return (self.folder / _ABOUT).is_file()

    def made(self, make: Callable[[Path], About], read: Callable[[Path, About], Read]) -> Read:
        """Returns what is read of the folder, whose files are made first where it is not there yet.

        Of several processes one makes them and the others wait. What is not whole is not there.

        Args:
            make: writes the files into a folder, and returns what is to be known of them.
            read: from the folder and what is known.

        Raises:
            ConfigurationError: the disk is full or cannot be written.
        """
        from filelock import FileLock

        try:
            _cache().mkdir(parents=True, exist_ok=True)
            with FileLock(_lock(self.folder)):
                if not self.is_there:
                    self._make_room()
                    self._write(make)
                about = self.folder / _ABOUT
                os.utime(about)
                return read(self.folder, json.loads(about.read_text(encoding="utf-8")))
        except OSError as error:
            raise self._refusal(error) from error

    def _write(self, make: Callable[[Path], About]) -> None:
        unfinished = self.folder.with_suffix(_UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            about = json.dumps(dict(make(unfinished)))
            (unfinished / _ABOUT).write_text(about, encoding="utf-8")
            unfinished.rename(self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _make_room(self) -> None:
        """Removes entries, those first that were used longest ago, until this one has its place beside the others."""
        for unfinished in _cache().glob(f"*{_UNFINISHED}"):
            # Whoever wrote there died.
            _removed(unfinished)
        sizes = {folder: _size(folder) for folder in _by_age()}
        held, free = sum(sizes.values()), shutil.disk_usage(_cache()).free
        for folder, size in sizes.items():
            if held + self.bytes <= self.gigabytes * _GIGABYTE and free >= self.bytes + _SPARE:
                return
            if _removed(folder):
                held, free = held - size, free + size
        if free < self.bytes + _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _refusal(self, error: OSError) -> ConfigurationError:
        rule = f"needs {_amount(self.bytes)} in {_cache()}, which cannot be written: {error.strerror}"
        remedy = "Make room there, or name a folder on another disk by XDG_CACHE_HOME."
        return ConfigurationError([Fault("data", rule, remedy=remedy)])


@dataclass(frozen=True)
class Column:
    """An array with a row for each example.

    Args:
        name: of its file.
        shape: of one row.
        dtype: of its numbers.
    """

    name: str
    shape: Shape
    dtype: np.dtype[Any]

    @property
    def file(self) -> str:
        return f"{self.name}.npy"

    def bytes(self, rows: int) -> int:
        """Returns how many bytes so many rows have."""
        return rows * math.prod(self.shape) * self.dtype.itemsize


def arrays(
    means: About, columns: tuple[Column, ...], rows: int, blocks: Iterable[Block], *, gigabytes: float
) -> tuple[Selected, tuple[NDArray[Any], ...]]:
    """Returns the first of several arrays as rows on demand, and the others, all mapped from files of the cache.

    Args:
        means: what they are made of.
        columns: what they are.
        rows: how many each of them has.
        blocks: all rows in their order, some at a time; they are gone through only where nobody has yet.
        gigabytes: how much the cache holds at most.

    Raises:
        ConfigurationError: the disk is full or cannot be written.
    """
    kinds = [(each.name, each.shape, each.dtype.str) for each in columns]
    entry = Entry(
        {**means, "columns": kinds, "rows": rows}, sum(each.bytes(rows) for each in columns), gigabytes
    )

    def make(folder: Path) -> About:
        return {"sha256": _fill(folder, columns, rows, blocks)}

    def read(folder: Path, about: About) -> tuple[Selected, tuple[NDArray[Any], ...]]:
        first, *others = (np.load(folder / each.file, mmap_mode="r", allow_pickle=False) for each in columns)
        return Selected(first, np.arange(rows), about["sha256"]), tuple(others)

    return entry.made(make, read)


def _fill(folder: Path, columns: tuple[Column, ...], rows: int, blocks: Iterable[Block]) -> str:
    """Writes all blocks and returns the SHA-256 of the first column, in hexadecimal."""
    digest, count = hashlib.sha256(), 0
    with ExitStack() as stack:
        files = [stack.enter_context((folder / each.file).open("wb")) for each in columns]
        for file, column in zip(files, columns, strict=True):
            _write_header(file, column, rows)
        for block in blocks:
            # Written and not mapped: on a full disk a mapped page ends the process without a word.
            written = [
                np.ascontiguousarray(values, column.dtype)
                for values, column in zip(block, columns, strict=True)
            ]
            for file, values in zip(files, written, strict=True):
                file.write(values.data)
            digest.update(written[0].data)
            count += len(written[0])
    assert count == rows, f"{count} rows were written, not {rows}"
    return digest.hexdigest()


def _write_header(file: BinaryIO, column: Column, rows: int) -> None:
    about = {"descr": np.lib.format.dtype_to_descr(column.dtype), "fortran_order": False}
    np.lib.format.write_array_header_2_0(file, about | {"shape": (rows, *column.shape)})


def _cache() -> Path:
    return cache() / "prepared"


def _amount(count: int) -> str:
    return f"{count / _GIGABYTE:.1f} GB" if count >= _GIGABYTE / 10 else f"{count / 1e6:.3g} MB"


def _lock(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _by_age() -> list[Path]:
    """Returns the folders of all entries, those first that were used longest ago."""
    return [
        about.parent for about in sorted(_cache().glob(f"*/{_ABOUT}"), key=lambda each: each.stat().st_mtime)
    ]


def _removed(folder: Path) -> bool:
    """Removes an entry, unless somebody is writing or opening it; who has mapped its files keeps them to the end."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(_lock(folder), timeout=0):
            shutil.rmtree(folder)
    except (Timeout, OSError):
        return False
    return True


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
