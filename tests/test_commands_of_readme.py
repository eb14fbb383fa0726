"""The README's commands, those of a block as they stand in one folder, and what it shows of their output."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
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
    """A command line of the README, the output shown under it, why it is not run, or None where it is, and its block."""

    text: str
    shown: tuple[str, ...]
    reason: str | None
    block: int


def lines(document: str) -> list[Line]:
    """Returns the command lines of every block; in a console they stand behind a dollar."""
    found: list[Line] = []
    for number, block in enumerate(_BLOCK.finditer(document)):
        reason = block["reason"] and block["reason"].strip()
        joined = block["text"].replace("\\\n", " ")
        if block["kind"] == "bash":
            typed = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
            found += [Line(" ".join(line.split()), (), reason, number) for line in typed]
            continue
        for part in re.split(r"^\$ ", joined, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            told = tuple(filter(str.strip, shown))
            found.append(Line(" ".join(command.split()), told, reason, number))
    return found


def commands(found: Sequence[Line]) -> dict[str, tuple[str, ...]]:
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


def blocks(found: list[Line]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Returns the commands of each block in which any is run, by the first of them; each is in one block."""
    known: dict[str, tuple[str, ...]] = {}
    by_block: dict[str, dict[str, tuple[str, ...]]] = {}
    everything = commands(found)
    for _, together in itertools.groupby(found, lambda line: line.block):
        new = {command: everything[command] for command in commands([*together]) if command not in known}
        known |= new
        if new:
            by_block[next(iter(new))] = new
    return by_block


LINES = lines(README)
COMMANDS = commands(LINES)
BLOCKS = blocks(LINES)
# What a newcomer types first, and what costs next to nothing.
ALWAYS = 3


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
        Line("python -m runner seed=1", (), None, 0),
        Line("mlflow ui", (), None, 0),
        Line("python -m runner seed=2 && python -m runner seed=3", (), "takes an hour", 1),
        Line("python -m runner seed=4", ("some output",), None, 2),
        Line("python -m runner seed=1", (), None, 2),
    ]
    assert blocks(lines(document)) == {
        "python -m runner seed=1": {"python -m runner seed=1": ()},
        "python -m runner seed=4": {"python -m runner seed=4": ("some output",)},
    }
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


@pytest.mark.parametrize("first", [*BLOCKS][:ALWAYS])
@pytest.mark.timeout(600)
def test_what_a_newcomer_types_does_what_is_shown(first: str, tmp_path: Path) -> None:
    for command, shown in BLOCKS[first].items():
        require_shown(command, shown, tmp_path)


@pytest.mark.drawn(5)
@pytest.mark.parametrize("first", [*BLOCKS][ALWAYS:])
@pytest.mark.timeout(600)
def test_a_block_does_what_is_shown(first: str, tmp_path: Path) -> None:
    for command, shown in BLOCKS[first].items():
        require_shown(command, shown, tmp_path)


def test_every_command_is_in_a_block() -> None:
    assert [command for block in BLOCKS.values() for command in block] == [*COMMANDS]


def require_shown(command: str, shown: tuple[str, ...], folder: Path) -> None:
    """Types a command in a folder, and looks whether it says what is shown."""
    answer = run(command, folder)
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
