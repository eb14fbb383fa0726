"""Prepared rows in the cache: written once and whole, found again, bounded, and a sentence where there is no room."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from runner.data import Selected, kept
from runner.data.kept import Block, Column, Entry, arrays
from runner.errors import ConfigurationError

ROWS = 1000
INPUTS = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
TARGETS = np.arange(ROWS) % 7
COLUMNS = (Column("inputs", (3,), np.dtype(np.float32)), Column("targets", (), np.dtype(np.int64)))
BYTES = ROWS * (3 * 4 + 8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "cache", lambda: tmp_path)
    return tmp_path / "prepared"


def mapped(
    of: str, rows: Iterable[Block], gigabytes: float = 1.0
) -> tuple[Selected, tuple[NDArray[Any], ...]]:
    return arrays({"of": of}, COLUMNS, ROWS, rows, gigabytes=gigabytes)


def folder(of: str) -> Path:
    """Where an entry lies whose files are those of this page."""
    kinds = [(each.name, each.shape, each.dtype.str) for each in COLUMNS]
    return Entry({"of": of, "columns": kinds, "rows": ROWS}, BYTES, 1.0).folder


def blocks(size: int = 300) -> Iterator[Block]:
    for first in range(0, ROWS, size):
        yield INPUTS[first : first + size], TARGETS[first : first + size]


def refused() -> Iterator[Block]:
    raise AssertionError("it was to be found")
    yield ()


def folders(cache: Path) -> list[str]:
    return sorted(each.name for each in cache.iterdir() if each.is_dir())


@pytest.mark.parametrize("size", [1, 300, ROWS])
def test_what_was_written_is_mapped_again_and_not_written_again(size: int) -> None:
    for found, (targets,) in (mapped("houses", blocks(size)), mapped("houses", refused())):
        np.testing.assert_array_equal(found[:], INPUTS)
        np.testing.assert_array_equal(targets, TARGETS)
        assert isinstance(targets, np.memmap)
        assert found.dtype == np.float32
        assert targets.dtype == np.int64
        assert found.sha256 == hashlib.sha256(INPUTS.tobytes()).hexdigest()


def test_numbers_are_made_of_the_kind_that_is_kept() -> None:
    wide = (INPUTS.astype(np.float64) + 1e-12, TARGETS.astype(np.uint8))
    found, (targets,) = mapped("houses", [wide])
    np.testing.assert_array_equal(found[:], wide[0].astype(np.float32))
    assert targets.dtype == np.int64


def test_another_meaning_another_kind_and_other_rows_are_another_entry(cache: Path) -> None:
    wide = (Column("inputs", (3,), np.dtype(np.float64)), COLUMNS[1])
    few = [(INPUTS[:9], TARGETS[:9])]
    for of, columns, rows, made in (
        ("houses", COLUMNS, ROWS, blocks()),
        ("flats", COLUMNS, ROWS, blocks()),
        ("houses", wide, ROWS, blocks()),
        ("houses", COLUMNS, 9, iter(few)),
    ):
        found, _ = arrays({"of": of}, columns, rows, made, gigabytes=1.0)
        assert (len(found), found.dtype) == (rows, columns[0].dtype)
    assert len(folders(cache)) == 4
    assert folder("houses").name in folders(cache)


def test_what_was_not_finished_is_not_there_and_is_written_again(cache: Path) -> None:
    def broken() -> Iterator[Block]:
        yield INPUTS[:300], TARGETS[:300]
        raise ValueError("line 301")

    with pytest.raises(ValueError, match="line 301"):
        mapped("houses", broken())
    assert folders(cache) == []
    # As a process leaves it that is killed, of this entry and of another one.
    for name in ("houses", "flats"):
        folder(name).with_suffix(".part").mkdir()
    found, _ = mapped("houses", blocks())
    np.testing.assert_array_equal(found[:], INPUTS)
    assert folders(cache) == [folder("houses").name]


def test_of_two_that_want_it_one_writes_and_the_other_waits() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[Block]:
        begun.set()
        go_on.wait(10)
        yield from blocks()

    found: dict[str, Any] = {}
    first = threading.Thread(target=lambda: found.update(first=mapped("houses", slowly())[0][:]))
    second = threading.Thread(target=lambda: found.update(second=mapped("houses", refused())[0][:]))
    first.start()
    assert begun.wait(10)
    second.start()
    time.sleep(0.05)
    assert not found
    go_on.set()
    first.join(10)
    second.join(10)
    np.testing.assert_array_equal(found["first"], INPUTS)
    np.testing.assert_array_equal(found["second"], INPUTS)


def test_those_that_were_used_longest_ago_make_room(cache: Path) -> None:
    bound = 2.5 * (BYTES + 600) / 1e9
    for age, name in enumerate(("old", "used", "new")):
        mapped(name, blocks())
        os.utime(folder(name) / "about.json", (age, age))
    opened, _ = mapped("old", refused())
    mapped("last", blocks(), bound)
    assert folders(cache) == sorted(folder(name).name for name in ("old", "last"))
    mapped("really last", blocks(), BYTES / 1e9)
    assert folders(cache) == [folder("really last").name]
    # Who has mapped one keeps it.
    np.testing.assert_array_equal(opened[:], INPUTS)


def test_one_that_is_being_opened_is_not_removed(cache: Path) -> None:
    mapped("held", blocks())
    with FileLock(folder("held").with_suffix(".lock")):
        mapped("last", blocks(), 0.0)
    assert folders(cache) == sorted(folder(name).name for name in ("held", "last"))


def test_a_full_disk_is_a_sentence_before_and_while_writing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = BYTES - 1

    expected = rf"data: needs 0\.02 MB in {cache}, which cannot be written: No space left on device\. Make room there"
    with monkeypatch.context() as patch:
        patch.setattr("runner.data.kept.shutil.disk_usage", lambda path: Usage)
        with pytest.raises(ConfigurationError, match=expected):
            mapped("houses", refused())

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept, "_write_header", full)
    with pytest.raises(ConfigurationError, match=expected):
        mapped("houses", blocks())
    assert folders(cache) == []
