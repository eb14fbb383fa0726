"""Who a run is: digests and tags, against git itself and hashes made by hand."""

from __future__ import annotations

import hashlib
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from runner.tracking.identity import git_tags, meaning, packages

PARAMETERS = {
    "seed": 0,
    "optimizer.learning_rate": 0.001,
    "backend.name": "torch",
    "training.early_stopping.patience": None,
    "standardise": True,
}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_meaning_is_a_hash_of_sorted_json() -> None:
    text = (
        '{"backend.name":"torch","optimizer.learning_rate":0.001,"seed":0,"standardise":true,'
        '"training.early_stopping.patience":null}'
    )
    assert meaning(PARAMETERS) == hashlib.sha256(text.encode()).hexdigest()


def test_what_decides_no_number_does_not_change_the_meaning() -> None:
    shown = {"name": "mine", "tracking.uri": None, "plots.curves.logarithmic_from": 30.0, "sweep": "s"}
    assert meaning({**shown, **PARAMETERS}) == meaning(PARAMETERS)


@pytest.mark.parametrize("change", [{"seed": 1}, {"backend.name": "keras"}, {"names": "mine"}])
def test_what_decides_a_number_changes_the_meaning(change: dict[str, str | int]) -> None:
    assert meaning({**PARAMETERS, **change}) != meaning(PARAMETERS)


def test_the_commit_and_whether_followed_files_were_changed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert git_tags(tmp_path) == {}
    (tmp_path / "mine.py").write_text("a = 1\n")
    git(tmp_path, "add", "mine.py")
    git(tmp_path, "commit", "-q", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    # What a run makes itself is no change of the code.
    (tmp_path / "mlflow.db").touch()
    (tmp_path / "below").mkdir()
    assert git_tags(tmp_path / "below") == {"git_commit": commit, "git_dirty": "false"}
    (tmp_path / "mine.py").write_text("a = 2\n")
    assert git_tags(tmp_path) == {"git_commit": commit, "git_dirty": "true"}


def test_without_a_repository_or_without_git_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_tags(tmp_path) == {}
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_tags(tmp_path) == {}


def test_packages_are_those_that_python_finds() -> None:
    lines = packages().splitlines()
    assert len(lines) > 50
    assert lines == sorted(set(lines), key=str.lower)
    assert f"numpy=={metadata.version('numpy')}" in lines
