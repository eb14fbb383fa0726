"""Downloads against mirrors on this machine, good and bad ones, and the folders that files come from."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from mirrors import NAMES, Mirrors, arrays, collection, dead, packed, serving, source, write

from runner import supplies
from runner.data import files as data_files
from runner.data import images
from runner.data.files import Files
from runner.errors import ConfigurationError

ROOT = Path(__file__).parents[1]
IMAGES, LABELS = NAMES[:2]
LENGTH = len(packed(IMAGES))


@pytest.fixture
def mirrors() -> Iterator[Mirrors]:
    with serving() as served:
        yield served


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    for module in (data_files, images):
        monkeypatch.setattr(module, "cache", lambda: folder)
    return folder


def fetched(*addresses: str) -> Files:
    files = collection(None, addresses)
    files.fetch(lambda name, size, total: None)
    return files


def assert_complete(folder: Path) -> None:
    """Everything is there as published, and no part of anything."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*(f"{name}.gz" for name in NAMES), "in_use.lock"]
    )
    assert all((folder / f"{name}.gz").read_bytes() == packed(name) for name in NAMES)


def refusal(*addresses: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        fetched(*addresses)
    return str(error.value)


def test_the_first_good_mirror_is_enough(mirrors: Mirrors, cache: Path) -> None:
    files = fetched(mirrors.address("good"), mirrors.address("plain"))
    assert_complete(cache / "small")
    assert [(mirror, name) for mirror, name, _ in mirrors.asked] == [("good", f"{name}.gz") for name in NAMES]
    assert files.missing() == []
    assert files.note() is None


def test_what_is_there_is_not_asked_for_again(mirrors: Mirrors, cache: Path) -> None:
    write(cache / "small", pack=True)
    (cache / "small" / f"{LABELS}.gz").unlink()
    fetched(mirrors.address("good"))
    fetched(mirrors.address("good"))
    assert mirrors.asked == [("good", f"{LABELS}.gz", None)]


@pytest.mark.parametrize("bad", ["missing", "damaged", "longer"])
def test_after_a_bad_mirror_comes_the_next(mirrors: Mirrors, cache: Path, bad: str) -> None:
    fetched(dead(), mirrors.address(bad), mirrors.address("good"))
    assert_complete(cache / "small")
    assert mirrors.ranges(bad, IMAGES) == [None]
    # Nothing of what was wrong is kept.
    assert mirrors.ranges("good", IMAGES) == [None]


def test_a_mirror_that_breaks_off_is_asked_for_the_rest(mirrors: Mirrors, cache: Path) -> None:
    write(cache / "small", pack=True)
    (cache / "small" / f"{IMAGES}.gz").unlink()
    (cache / "small" / f"{IMAGES}.gz.part").write_bytes(packed(IMAGES)[: LENGTH - 7000])
    fetched(mirrors.address("breaks"))
    asked = [f"bytes={LENGTH - left}-" for left in (7000, 4000, 1000)]
    assert mirrors.ranges("breaks", IMAGES) == asked
    assert (cache / "small" / f"{IMAGES}.gz").read_bytes() == packed(IMAGES)


def test_what_one_mirror_has_begun_another_ends(mirrors: Mirrors, cache: Path) -> None:
    fetched(mirrors.address("stuck"), mirrors.address("good"))
    assert mirrors.ranges("stuck", IMAGES) == [None, "bytes=3000-"]
    assert mirrors.ranges("good", IMAGES) == ["bytes=3000-"]
    assert_complete(cache / "small")


def test_a_later_run_goes_on_with_a_part(mirrors: Mirrors, cache: Path) -> None:
    assert "stuck" not in refusal(mirrors.address("stuck"))
    assert (cache / "small" / f"{IMAGES}.gz.part").stat().st_size == 3000
    fetched(mirrors.address("good"))
    assert mirrors.ranges("good", IMAGES) == ["bytes=3000-"]
    assert_complete(cache / "small")


def test_a_mirror_without_ranges_sends_everything_again(mirrors: Mirrors, cache: Path) -> None:
    fetched(mirrors.address("stuck"), mirrors.address("plain"))
    assert mirrors.ranges("plain", IMAGES) == ["bytes=3000-"]
    assert_complete(cache / "small")


@pytest.mark.parametrize("length", [10, LENGTH, LENGTH + 10])
def test_a_part_of_something_else_is_thrown_away(mirrors: Mirrors, cache: Path, length: int) -> None:
    (cache / "small").mkdir(parents=True)
    (cache / "small" / f"{IMAGES}.gz.part").write_bytes(b"\1" * length)
    fetched(mirrors.address("good"))
    assert mirrors.ranges("good", IMAGES) == [f"bytes={length}-", None]
    assert_complete(cache / "small")


def test_a_whole_part_is_taken_as_it_is(mirrors: Mirrors, cache: Path) -> None:
    (cache / "small").mkdir(parents=True)
    (cache / "small" / f"{IMAGES}.gz.part").write_bytes(packed(IMAGES))
    fetched(mirrors.address("good"))
    assert mirrors.ranges("good", IMAGES) == [f"bytes={LENGTH}-"]
    assert_complete(cache / "small")


def test_without_a_good_mirror_one_message_says_what_to_put_where(mirrors: Mirrors, cache: Path) -> None:
    nobody = dead()
    found = refusal(nobody, *(mirrors.address(habit) for habit in ("missing", "damaged", "breaks")))
    here = f"127.0.0.1:{mirrors.port}"
    assert found == (
        f"data.root: small is not there, and {IMAGES}.gz could not be downloaded"
        f" ({nobody[7:-1]}: Connection refused; {here}: 404 Not Found;"
        f" {here}: its file has another SHA-256 than was published;"
        f" {here}: the connection broke off again and again)."
        f" Put {', '.join(NAMES)}, packed as .gz or not, into {cache / 'small'},"
        " or name a folder that holds them by data.root=FOLDER."
    )
    assert not (cache / "small" / f"{IMAGES}.gz").exists()


def test_of_several_that_need_a_file_one_downloads_it(mirrors: Mirrors, cache: Path) -> None:
    failures: list[BaseException] = []

    def fetch() -> None:
        try:
            fetched(mirrors.address("slow"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [name for _, name, _ in mirrors.asked] == [f"{name}.gz" for name in NAMES]
    assert_complete(cache / "small")


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(data_files, "cache", lambda: tmp_path / "file")
    found = refusal(dead())
    assert found.startswith(f"data.root: needs {tmp_path / 'file' / 'small'}, which cannot be written: ")
    assert found.endswith("Name a folder that holds the files by data.root=FOLDER.")


# A folder of the user's


@pytest.mark.parametrize("pack", [False, True])
def test_a_folder_is_read_packed_or_not_and_left_alone(tmp_path: Path, cache: Path, pack: bool) -> None:
    folder = write(tmp_path / "mine", pack=pack)
    before = sorted(folder.iterdir())
    inputs, targets = source(root=str(folder), mirrors=[dead()], memory_map=False).read()[:2]
    there = arrays()
    expected = np.concatenate([there[NAMES[0]], there[NAMES[2]]])
    np.testing.assert_array_equal(inputs[..., 0], expected)
    np.testing.assert_array_equal(targets, np.concatenate([there[NAMES[1]], there[NAMES[3]]]))
    assert (inputs.dtype, inputs.shape, targets.dtype) == (np.uint8, (52, 28, 28, 1), np.int64)
    assert sorted(folder.iterdir()) == before
    assert not cache.exists()


def test_of_a_packed_and_an_unpacked_file_the_unpacked_one_counts(tmp_path: Path) -> None:
    folder = write(write(tmp_path, pack=True))
    (folder / f"{IMAGES}.gz").write_bytes(b"damaged")
    assert source(root=str(folder), mirrors=[], memory_map=False).read()[0].shape == (52, 28, 28, 1)


def test_a_folder_that_lacks_a_file_is_a_fault_and_nothing_is_downloaded(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    folder = write(tmp_path)
    (folder / LABELS).unlink()
    files = collection(folder, [mirrors.address("good")])
    sentence = (
        f"data.root: has no {LABELS}. Received: {folder}. Put {', '.join(NAMES)} there, packed as .gz or not,"
        " or leave data.root at null to download them."
    )
    assert str(files.fault()) == sentence
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        files.fetch(lambda name, size, total: None)
    assert mirrors.asked == []
    assert "is no folder" in str(collection(tmp_path / "nowhere").fault())


@pytest.mark.parametrize("memory_map", [False, True])
def test_a_damaged_file_is_named_and_refused(tmp_path: Path, cache: Path, memory_map: bool) -> None:
    folder = write(tmp_path / "mine")
    content = (folder / IMAGES).read_bytes()
    (folder / IMAGES).write_bytes(content[:-100])
    words = f"data.root: {folder / IMAGES} is cut off: .* Put a sound copy in its place."
    with pytest.raises(ConfigurationError, match=words):
        source(root=str(folder), mirrors=[], memory_map=memory_map).read()
    assert not list(cache.rglob("*.npy")) + list(cache.rglob("*.part"))


def test_a_damaged_file_of_the_cache_says_what_to_remove(cache: Path) -> None:
    write(cache / "small", pack=True)
    (cache / "small" / f"{LABELS}.gz").write_bytes(b"something else")
    words = f"{LABELS}.gz cannot be unpacked: .* Remove it to have it downloaded again."
    with pytest.raises(ConfigurationError, match=words):
        source(root=None, mirrors=[], memory_map=False).read()


def test_a_mapped_file_belongs_to_the_files_that_it_was_made_of(tmp_path: Path, cache: Path) -> None:
    folder = write(tmp_path / "mine", pack=True)
    plain = source(root=str(folder), mirrors=[], memory_map=False).read()[0]
    for _ in range(2):
        mapped = source(root=str(folder), mirrors=[], memory_map=True).read()[0]
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(mapped, plain)
    assert len(list((cache / "mapped").glob("*.npy"))) == 1
    again = source(root=str(write(tmp_path / "plain")), mirrors=[], memory_map=True).read()[0]
    np.testing.assert_array_equal(again, plain)
    assert len(list((cache / "mapped").glob("*.npy"))) == 2
    assert not list((cache / "mapped").glob("*.part"))


# What a person sees


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_and_a_file_one_line_each(mirrors: Mirrors, cache: Path) -> None:
    files = collection(None, [mirrors.address("good")])
    screen = Terminal()
    with supplies._told(screen, "downloading") as tell:
        files.fetch(tell)
    for name in NAMES:
        assert f"{name}.gz" in screen.getvalue()
        (cache / "small" / f"{name}.gz").unlink()
    assert "bytes" in screen.getvalue()
    log = io.StringIO()
    with supplies._told(log, "downloading") as tell:
        files.fetch(tell)
    assert log.getvalue().splitlines() == [
        f"downloading {name}.gz ({len(packed(name)) / 1e6:.1f} MB)" for name in NAMES
    ]


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Types a command in a folder whose ``data=small`` is downloaded, with a cache in it."""
    home = {name: str(folder / "home") for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    paths = [str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", "runner", *words],
        cwd=folder,
        env=os.environ | home | {"PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )


def option(folder: Path, *addresses: str) -> None:
    node = {"_target_": "mirrors.source", "root": None, "mirrors": list(addresses), "memory_map": False}
    (folder / "conf" / "data").mkdir(parents=True)
    (folder / "conf" / "data" / "small.yaml").write_text(f"# Small.\n{yaml.safe_dump(node)}")


SMALL = ("data=small", "debug=fast", "tracking=none", "plots=none", "architecture=linear")


def test_a_run_downloads_first_and_check_only_says_so(mirrors: Mirrors, tmp_path: Path) -> None:
    option(tmp_path, mirrors.address("good"))
    checked = command(tmp_path, "check", *SMALL)
    assert checked.returncode == 0, checked.stderr
    assert "34 for training, 6 for validation, 12 for test, the data set's own whatever split.test says" in (
        checked.stdout
    )
    assert f"Note: data.root: a run would download {', '.join(NAMES)} of small to " in checked.stdout
    assert mirrors.asked == []
    ran = command(tmp_path, *SMALL)
    assert ran.returncode == 0, ran.stderr
    told = [line for line in ran.stderr.splitlines() if line.startswith("downloading ")]
    assert [line.split()[1] for line in told] == [f"{name}.gz" for name in NAMES]
    assert len(mirrors.asked) == 4
    again = command(tmp_path, "check", *SMALL)
    assert "download" not in again.stdout + again.stderr


@pytest.mark.parametrize("words", [SMALL, ("-m", *SMALL, "seed=0,1"), ("parity", *SMALL[:-2])])
def test_where_nothing_can_be_downloaded_nothing_is_started(tmp_path: Path, words: tuple[str, ...]) -> None:
    option(tmp_path, dead())
    ran = command(tmp_path, *words)
    assert ran.returncode == 2, ran.stderr
    assert "small is not there" in ran.stderr
    assert "Nothing was started." in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.glob("outputs/**/config.yaml"))
