"""Prepared rows in files of the user's cache, which are mapped and never read as a whole; written once, for every run."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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

# Inputs, targets, and weights where rows have some, of as many rows as come together.
Block = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Column:
    """An array of an entry.

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


@dataclass(frozen=True)
class Entry:
    """Arrays that belong together, with a row for each example, in a folder of the cache.

    Args:
        means: what they were made of: the same again gives the same folder.
        columns: the arrays; the first are the inputs.
        rows: how many each of them has.
        gigabytes: how much the cache holds at most; the entries that were used longest ago make room.
    """

    means: Mapping[str, Any]
    columns: tuple[Column, ...]
    rows: int
    gigabytes: float

    @property
    def folder(self) -> Path:
        """Where it lies or will lie."""
        columns = [(each.name, each.shape, str(each.dtype)) for each in self.columns]
        text = json.dumps([_FORM, dict(self.means), columns, self.rows], sort_keys=True)
        return _cache() / hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def is_there(self) -> bool:
        return (self.folder / _ABOUT).is_file()

    def arrays(self, blocks: Iterable[Block]) -> tuple[Selected, tuple[NDArray[Any], ...]]:
        """Returns the inputs, and the other arrays, all mapped; writes them first where they are not there yet.

        Of several processes one writes and the others wait. What is not whole is not there.

        Args:
            blocks: all rows in their order, some at a time; they are gone through only where they are written.

        Raises:
            ConfigurationError: the disk is full or cannot be written.
        """
        from filelock import FileLock

        try:
            _cache().mkdir(parents=True, exist_ok=True)
            with FileLock(_lock(self.folder)):
                if not self.is_there:
                    self._make_room()
                    self._write(blocks)
                return self._mapped()
        except OSError as error:
            raise self._refusal(error) from error

    def _mapped(self) -> tuple[Selected, tuple[NDArray[Any], ...]]:
        about = self.folder / _ABOUT
        os.utime(about)
        digest = json.loads(about.read_text(encoding="utf-8"))["sha256"]
        inputs, *others = (
            np.load(self.folder / each.file, mmap_mode="r", allow_pickle=False) for each in self.columns
        )
        return Selected(inputs, np.arange(self.rows), digest), tuple(others)

    def _write(self, blocks: Iterable[Block]) -> None:
        unfinished = self.folder.with_suffix(_UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            digest = self._fill(unfinished, blocks)
            about = {"sha256": digest, **self.means}
            (unfinished / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
            unfinished.rename(self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _fill(self, folder: Path, blocks: Iterable[Block]) -> str:
        """Writes all blocks and returns the SHA-256 of the inputs, in hexadecimal."""
        digest, count = hashlib.sha256(), 0
        with ExitStack() as stack:
            files = [stack.enter_context((folder / each.file).open("wb")) for each in self.columns]
            for file, column in zip(files, self.columns, strict=True):
                _write_header(file, column, self.rows)
            for block in blocks:
                for file, column, values in zip(files, self.columns, block, strict=True):
                    # Written and not mapped: on a full disk a mapped page ends the process without a word.
                    file.write(np.ascontiguousarray(values, column.dtype).data)
                digest.update(np.ascontiguousarray(block[0], self.columns[0].dtype).data)
                count += len(block[0])
        assert count == self.rows, f"{count} rows were written, not {self.rows}"
        return digest.hexdigest()

    @property
    def _bytes(self) -> int:
        return sum(column.bytes(self.rows) for column in self.columns)

    def _make_room(self) -> None:
        """Removes entries, those first that were used longest ago, until this one has its place beside the others."""
        for unfinished in _cache().glob(f"*{_UNFINISHED}"):
            # Whoever wrote there died.
            _removed(unfinished)
        sizes = {folder: _size(folder) for folder in _by_age()}
        held, free = sum(sizes.values()), shutil.disk_usage(_cache()).free
        for folder, size in sizes.items():
            if held + self._bytes <= self.gigabytes * _GIGABYTE and free >= self._bytes + _SPARE:
                return
            if _removed(folder):
                held, free = held - size, free + size
        if free < self._bytes + _SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _refusal(self, error: OSError) -> ConfigurationError:
        rule = f"needs {_amount(self._bytes)} in {_cache()}, which cannot be written: {error.strerror}"
        remedy = "Make room there, or name a folder on another disk by XDG_CACHE_HOME."
        return ConfigurationError([Fault("data", rule, remedy=remedy)])


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
    return sum(path.stat().st_size for path in folder.iterdir())


def _write_header(file: BinaryIO, column: Column, rows: int) -> None:
    about = {"descr": np.lib.format.dtype_to_descr(column.dtype), "fortran_order": False}
    np.lib.format.write_array_header_2_0(file, about | {"shape": (rows, *column.shape)})
