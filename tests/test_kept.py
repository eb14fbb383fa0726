"""Prepared rows in the cache: written once and whole, found again, bounded, and a sentence where there is no room."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from runner.data import kept
from runner.data.kept import Block, Column, Entry
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


def entry(of: str = "houses", gigabytes: float = 1.0) -> Entry:
    return Entry({"of": of}, COLUMNS, ROWS, gigabytes)


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
    for found, (targets,) in (entry().arrays(blocks(size)), entry().arrays(refused())):
        np.testing.assert_array_equal(found[:], INPUTS)
        np.testing.assert_array_equal(targets, TARGETS)
        assert isinstance(targets, np.memmap)
        assert found.dtype == np.float32
        assert targets.dtype == np.int64
        assert found.sha256 == hashlib.sha256(INPUTS.tobytes()).hexdigest()


def test_numbers_are_made_of_the_kind_that_is_kept() -> None:
    wide = (INPUTS.astype(np.float64) + 1e-12, TARGETS.astype(np.uint8))
    found, (targets,) = entry().arrays([wide])
    np.testing.assert_array_equal(found[:], wide[0].astype(np.float32))
    assert targets.dtype == np.int64


def test_another_meaning_another_kind_and_other_rows_are_another_entry() -> None:
    first = entry()
    others = [
        entry("flats"),
        Entry({"of": "houses"}, COLUMNS, ROWS + 1, 1.0),
        Entry({"of": "houses"}, (Column("inputs", (3,), np.dtype(np.float64)), COLUMNS[1]), ROWS, 1.0),
    ]
    assert len({each.folder for each in (first, *others)}) == 4
    assert first.folder == entry(gigabytes=2.0).folder


def test_what_was_not_finished_is_not_there_and_is_written_again(cache: Path) -> None:
    def broken() -> Iterator[Block]:
        yield INPUTS[:300], TARGETS[:300]
        raise ValueError("line 301")

    with pytest.raises(ValueError, match="line 301"):
        entry().arrays(broken())
    assert folders(cache) == []
    # As a process leaves it that is killed, of this entry and of another one.
    for name in (entry().folder, entry("flats").folder):
        name.with_suffix(".part").mkdir()
    found, _ = entry().arrays(blocks())
    np.testing.assert_array_equal(found[:], INPUTS)
    assert folders(cache) == [entry().folder.name]


def test_of_two_that_want_it_one_writes_and_the_other_waits() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[Block]:
        begun.set()
        go_on.wait(10)
        yield from blocks()

    found: dict[str, Any] = {}
    first = threading.Thread(target=lambda: found.update(first=entry().arrays(slowly())[0][:]))
    second = threading.Thread(target=lambda: found.update(second=entry().arrays(refused())[0][:]))
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
        entry(name).arrays(blocks())
        os.utime(entry(name).folder / "about.json", (age, age))
    mapped, _ = entry("old").arrays(refused())
    entry("last", bound).arrays(blocks())
    assert folders(cache) == sorted(entry(name).folder.name for name in ("old", "last"))
    entry("really last", BYTES / 1e9).arrays(blocks())
    assert folders(cache) == [entry("really last").folder.name]
    # Who has mapped one keeps it.
    np.testing.assert_array_equal(mapped[:], INPUTS)


def test_one_that_is_being_opened_is_not_removed(cache: Path) -> None:
    entry("held").arrays(blocks())
    with FileLock(entry("held").folder.with_suffix(".lock")):
        entry("last", 0.0).arrays(blocks())
    assert folders(cache) == sorted(entry(name).folder.name for name in ("held", "last"))


def test_a_full_disk_is_a_sentence_before_and_while_writing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = BYTES - 1

    expected = rf"data: needs 0\.02 MB in {cache}, which cannot be written: No space left on device\. Make room there"
    with monkeypatch.context() as patch:
        patch.setattr("runner.data.kept.shutil.disk_usage", lambda path: Usage)
        with pytest.raises(ConfigurationError, match=expected):
            entry().arrays(refused())

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(kept, "_write_header", full)
    with pytest.raises(ConfigurationError, match=expected):
        entry().arrays(blocks())
    assert folders(cache) == []
