"""The verb clean: dead runs are marked and deleted runs' checkpoints go, and nothing else does; dry unless asked."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from recorded_runs import NOBODY, answer_here, write_run

from runner.__main__ import main
from runner.data.files import cache
from runner.recorded import local
from runner.tracking import asking, leftovers
from runner.tracking.mlflow import Store
from runner.tracking.process import GONE, Process, this_process
from runner.tracking.store import StoredRun, address

# MLflow's own store uses what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def with_checkpoints(folder: Path) -> Path:
    """Puts two checkpoints of 1.5 MB into the folder of a run."""
    (folder / "checkpoints").mkdir()
    for number in (1, 2):
        (folder / "checkpoints" / f"{number}.safetensors").write_bytes(bytes(1_500_000))
    return folder


def test_a_store_and_its_folders_are_cleaned(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    client = Store(address(None, place)).client
    experiment = client.create_experiment("runner", str(place / "files"))
    known = {
        "host": NOBODY.host,
        "pid": str(NOBODY.pid),
        "process_started": str(NOBODY.started),
    }

    def stored(folder: Path, name: str) -> str:
        tags = {**known, "identity": str(folder), "folder": str(folder.absolute())}
        return str(client.create_run(experiment, tags=tags, run_name=name).info.run_id)

    folders = {name: Path("outputs") / name for name in ("dead", "deleted", "kept")}
    numbers = {name: stored(folder, name) for name, folder in folders.items()}
    numbers["lost"] = stored(place / "nowhere", "lost")
    for name, folder in folders.items():
        write_run(folder, name=name, status=None if name == "dead" else "FINISHED")
        StoredRun(numbers[name], experiment, address(None, place)).save(folder)
        with_checkpoints(folder)
    for name in ("deleted", "kept"):
        client.set_terminated(numbers[name])
    client.delete_run(numbers["deleted"])
    answer_here(monkeypatch)
    assert main(["clean"]) == 0
    said = capsys.readouterr().out
    assert "2 runs without an end whose process is gone:\n  dead  outputs/dead\n" in said
    assert f"  lost  {numbers['lost']}\n" in said
    assert "Checkpoints of 1 deleted run, 3.0 MB:\n  deleted  outputs/deleted/checkpoints  3.0 MB\n" in said
    assert "Nothing was changed. python -m runner clean --yes marks the runs and removes the files." in said
    assert client.get_run(numbers["dead"]).info.status == "RUNNING"
    assert all((folder / "checkpoints").is_dir() for folder in folders.values())

    assert main(["clean", "--yes"]) == 0
    assert "Done: 2 runs marked as KILLED, 3.0 MB freed." in capsys.readouterr().out
    for name in ("dead", "lost"):
        run = client.get_run(numbers[name])
        assert (run.info.status, run.data.tags["error"]) == ("KILLED", GONE)
    assert [name for name, folder in folders.items() if (folder / "checkpoints").is_dir()] == ["dead", "kept"]
    assert main(["clean"]) == 0
    assert "There is nothing to clean" in capsys.readouterr().out


def test_without_a_store_a_dead_run_is_found_by_its_journal(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(Path("outputs/1"), name="dead", status=None)
    write_run(Path("outputs/2"), name="alive", status=None, process=this_process())
    write_run(Path("outputs/3"), name="elsewhere", status=None, process=Process("another", 1, 0.0))
    write_run(Path("outputs/4"), name="done")
    assert main(["clean"]) == 0
    assert "1 run without an end whose process is gone:\n  dead  outputs/1\n" in capsys.readouterr().out
    leftovers.mark([Path("outputs/1")])
    record = local.read(Path("outputs/1"))
    assert record is not None
    assert (record.status, record.error) == ("KILLED", GONE)


def test_what_a_living_run_writes_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "mlflow.db").touch()
    for name, process in {"alive": this_process(), "elsewhere": Process("another", 1, 0.0)}.items():
        folder = with_checkpoints(write_run(Path("outputs") / name, name=name, status=None, process=process))
        StoredRun(name, "1", address(None, place)).save(folder)
    asked: list[str] = []

    def ask(module: str, question: dict[str, str]) -> tuple[dict[str, object], str]:
        asked.append(question["numbers"])
        return {"dead": {}, "deleted": []}, ""

    monkeypatch.setattr(asking, "ask", ask)
    assert leftovers.found(Path("outputs"), address(None, place), cache()).piles == ()
    assert asked == [""]


def test_half_made_files_of_the_cache_go_when_they_are_old(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, age in {"old.part": 7200, "new.part": 60, "whole": 7200}.items():
        path = cache() / "entries" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(2_000_000))
        os.utime(path, (time.time() - age, time.time() - age))
    assert main(["clean", "--yes"]) == 0
    said = capsys.readouterr().out
    assert "Files of the cache that were never finished, 2.0 MB:" in said
    assert "Done: 0 runs marked as KILLED, 2.0 MB freed." in said
    assert sorted(path.name for path in (cache() / "entries").iterdir()) == ["new.part", "whole"]


def test_a_store_that_does_not_answer_loses_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "mlflow.db").touch()
    folder = with_checkpoints(write_run(Path("outputs/1"), name="one"))
    StoredRun("a" * 32, "1", address(None, place)).save(folder)
    monkeypatch.setattr(asking, "ask", lambda module, question: ({}, "it is locked"))
    assert main(["clean", "--yes"]) == 1
    assert "could not be asked: it is locked" in capsys.readouterr().err
    assert (folder / "checkpoints").is_dir()


def test_words_that_mean_nothing_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", "everything"]) == 2
    expected = "everything: is nothing that clean takes. It takes --yes and tracking.uri=ADDRESS."
    assert expected in capsys.readouterr().err
    assert main(["clean", "--yess"]) == 2
    assert "--yess: is no flag of clean. Did you mean --yes?" in capsys.readouterr().err
