"""The notes of what MLflow does not have: who may send it, and when they go."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from runner.tracking import unsent
from runner.tracking.journal import JOURNAL
from runner.tracking.mending import left_behind
from runner.tracking.mlflow import Store
from runner.tracking.process import Process, this_process
from runner.tracking.sent import Sent
from runner.tracking.store import address


@pytest.fixture
def dead() -> Process:
    return replace(this_process(), started=0.0)


def test_notes_lie_beside_a_database_and_in_the_working_folder_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert unsent.place("sqlite:////data/runs.db") == Path("/data/.unsent")
    assert unsent.place("http://tracking:5000") == tmp_path / ".unsent"


def test_a_note_is_there_until_it_is_forgotten(tmp_path: Path, dead: Process) -> None:
    uri, folders = address(None, tmp_path), [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        unsent.note(uri, folder, dead)
    assert sorted(unsent.noted(unsent.place(uri))) == [(folder, uri) for folder in folders]
    unsent.forget(uri, folders[0])
    unsent.forget(uri, folders[0])
    assert unsent.noted(unsent.place(uri)) == [(folders[1], uri)]
    assert [path.name for path in folders[0].iterdir()] == []


def test_a_run_is_taken_over_only_from_a_recorder_that_is_gone(tmp_path: Path, dead: Process) -> None:
    uri, folder, here = address(None, tmp_path), tmp_path / "a", this_process()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        from runner.tracking.process import process_of

        living = process_of(child.pid)
        unsent.note(uri, folder, living)
        assert not unsent.claim(folder, here)
        child.kill()
        child.wait()
    assert unsent.claim(folder, here)
    # The one who has it now lives.
    assert not unsent.claim(folder, dead)


def test_a_run_that_its_recorder_has_closed_meanwhile_keeps_its_end(tmp_path: Path) -> None:
    killed: list[str] = []

    class Answer:
        """A store that was asked just before: all three runs were RUNNING then."""

        uri = address(None, tmp_path)

        def dead(self) -> list[SimpleNamespace]:
            return [
                SimpleNamespace(run_id=name, folder=tmp_path / name) for name in ("open", "closed", "lost")
            ]

        def kill(self, run_id: str, time: float) -> None:
            killed.append(run_id)

    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / JOURNAL).write_text("")
    Sent(status="KILLED").save(tmp_path / "closed")
    assert left_behind(cast(Store, Answer()), this_process()) == [tmp_path / "open"]
    assert killed == ["lost"]
