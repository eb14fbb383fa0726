"""The README's commands, each run as it stands in one folder, and what it shows of their output."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = "python -m runner"
SET_UP = [
    'pip install -e ".[all]" && python -m runner backend=torch',
    'pip install -e ".[all,test]" && pytest',
]
# They wait for a person to end them.
SERVERS = {"mlflow ui", "python -m runner ui"}
REFUSAL = "This configuration cannot run"

_BLOCK = re.compile(
    r"(?:<!-- not run:(?P<reason>[^>]*?)-->\s*\n)?^```(?P<kind>bash|console)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(
    r"^```yaml\n# (?P<path>\S+\.yaml), run by: python -m runner (?P<words>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MODULE = re.compile(r"^```python\n# (?P<path>\S+\.py), [^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A command line of the README, the output shown under it, and why it is not run, or None where it is."""

    text: str
    shown: tuple[str, ...]
    reason: str | None


def lines(document: str) -> list[Line]:
    """Returns the command lines of every block; in a console they stand behind a dollar."""
    found: list[Line] = []
    for block in _BLOCK.finditer(document):
        reason = block["reason"] and block["reason"].strip()
        joined = block["text"].replace("\\\n", " ")
        if block["kind"] == "bash":
            typed = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
            found += [Line(" ".join(line.split()), (), reason) for line in typed]
            continue
        for part in re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            found.append(Line(" ".join(command.split()), tuple(filter(str.strip, shown)), reason))
    return found


def commands(found: list[Line]) -> dict[str, tuple[str, ...]]:
    """Returns the program's commands that are run, each once, with all output that is shown for it."""
    shown: dict[str, tuple[str, ...]] = {}
    for line in found:
        for part in line.text.split(" && "):
            if part.startswith(PROGRAM) and part not in SERVERS and line.reason is None:
                shown[part] = shown.get(part, ()) + line.shown
    return shown


def without_numbers(text: str) -> str:
    """Returns a line with every number as the same sign and every gap as one space."""
    return " ".join(re.sub(r"\d[\d.,]*", "#", text).split())


LINES = lines(README)
COMMANDS = commands(LINES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a newcomer's folder")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_lines_are_found_where_they_stand() -> None:
    document = (
        "```bash\n# a remark\npython -m runner \\\n  seed=1\n\nmlflow ui\n```\n"
        "<!-- not run: takes an hour -->\n```bash\npython -m runner seed=2 && python -m runner seed=3\n```\n"
        "```console\n$ python -m runner seed=4\nsome output\n$ python -m runner seed=1\n```\n"
        "```yaml\npython -m runner seed=5\n```\n"
    )
    assert lines(document) == [
        Line("python -m runner seed=1", (), None),
        Line("mlflow ui", (), None),
        Line("python -m runner seed=2 && python -m runner seed=3", (), "takes an hour"),
        Line("python -m runner seed=4", ("some output",), None),
        Line("python -m runner seed=1", (), None),
    ]
    assert commands(lines(document)) == {
        "python -m runner seed=1": (),
        "python -m runner seed=4": ("some output",),
    }


def test_there_are_commands_of_every_kind() -> None:
    assert len(COMMANDS) >= 10
    words = " ".join(COMMANDS)
    for part in ("backend=torch", "backend=keras", "-m backend=torch,keras", "--help", "experiment="):
        assert part in words


def test_the_set_up_is_two_commands() -> None:
    assert [line.text for line in LINES if "pip install" in line.text] == SET_UP


def test_nothing_else_is_typed() -> None:
    others = {line.text for line in LINES if not line.text.startswith(PROGRAM) and line.text not in SET_UP}
    assert others <= SERVERS
    assert "mlflow ui" in others


def test_what_is_not_run_has_a_reason() -> None:
    reasons = [line.reason for line in LINES if line.reason is not None]
    assert all(len(reason.split()) >= 3 for reason in reasons)
    assert len(reasons) <= len(COMMANDS) // 2
    marks = re.findall(r"<!-- not run:[^>]*-->\s*\n```(?:bash|console)\n", README)
    assert README.count("<!-- not run") == len(marks)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.timeout(600)
def test_a_command_does_what_is_shown(command: str, folder: Path) -> None:
    answer = run(command, folder)
    shown = COMMANDS[command]
    refused = any(line.startswith(REFUSAL) for line in shown)
    assert answer.returncode == (2 if refused else 0), answer.stderr
    said = answer.stdout + answer.stderr
    assert said.strip()
    assert "Traceback" not in said
    told = [line if refused else without_numbers(line) for line in said.splitlines()]
    for line in shown:
        parts = [part if refused else without_numbers(part) for part in line.split("...")]
        assert any(all(part in each for part in parts) for each in told), f"not said: {line}\n{said}"


def test_the_files_that_are_shown_can_be_used(tmp_path: Path) -> None:
    files, modules = list(_FILE.finditer(README)), list(_MODULE.finditer(README))
    assert len(files) == README.count(", run by: python -m runner") == 2
    assert len(modules) == README.count("```python") == 1
    for file in [*modules, *files]:
        path = tmp_path / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["text"], encoding="utf-8")
    for file in files:
        short = "training.epochs=1 plots=none tracking=none"
        answer = run(f"{PROGRAM} {file['words']} {short}", tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert "Traceback" not in answer.stderr
