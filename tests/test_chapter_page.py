"""The page of the chapter: every command is there, and prints what stands under it."""

from __future__ import annotations

import importlib.util
import math
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runner.__main__ import main

DOCS = Path(__file__).parents[1] / "docs"
# A finite difference and the last digits of a sum are another on another processor.
TOLERANCE, ROUNDING = 1e-3, 1e-6
# 120 runs, and trainings of minutes on files that are downloaded.
LONG = {"experiment=chapter/which_activation", "experiment=chapter/mnist_mlp", "experiment=chapter/mnist_cnn"}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def maker() -> ModuleType:
    specification = importlib.util.spec_from_file_location("make_chapter", DOCS / "make_chapter.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


MAKER = maker()
STEPS = MAKER.steps()
PAGE = MAKER.PAGE.read_text(encoding="utf-8")


def block(command: str) -> list[str]:
    """Returns the lines that the page shows under a command."""
    found = re.search(
        rf"^\$ python -m runner {re.escape(command)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"{command} is not on the page"
    return [line for line in found[1].splitlines() if line.strip()]


def words(line: str) -> list[str]:
    """Returns a line without its numbers, rulers and gaps."""
    return re.sub(r"[─\s]+", " ", NUMBER.sub("#", line)).split()


def are_near(ours: str, theirs: str) -> bool:
    """Returns whether two lines have the same words, and numbers that differ by rounding alone."""
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=False)
    same = words(ours) == words(theirs)
    return same and all(
        math.isclose(float(one), float(other), rel_tol=TOLERANCE, abs_tol=ROUNDING) for one, other in pairs
    )


def test_lines_are_compared_by_words_and_by_numbers() -> None:
    assert are_near("  x 1.00001  3e-12 ──", "x 1.00002 7e-13 ─")
    assert not are_near("x 1.01", "x 1.02")
    assert not are_near("x 1.01", "y 1.01")
    assert not are_near("x 1.01", "x 1.01 1")


def test_the_page_has_every_experiment_of_the_chapter_and_its_pictures() -> None:
    folder = DOCS.parent / "experiments" / "chapter"
    chapter = {f"experiment=chapter/{path.stem}" for path in folder.glob("*.yaml")}
    assert len(chapter) == 11
    assert chapter <= {step.command for step in STEPS}
    assert {step.command for step in STEPS} > LONG
    pictures = re.findall(r"!\[[^]]+\]\(chapter/([^)]+)\)", PAGE)
    assert sorted(pictures) == sorted(path.name for path in MAKER.PICTURES.iterdir())
    assert len(pictures) == sum(bool(step.figure) for step in STEPS)


def test_the_texts_of_the_page_are_those_it_is_made_from() -> None:
    source = MAKER.TEXT.read_text(encoding="utf-8")
    for paragraph in re.split(r"<!-- run: .*? -->", source):
        assert paragraph.strip() in PAGE


@pytest.mark.parametrize(
    "step", [each for each in STEPS if each.command not in LONG], ids=lambda step: step.command
)
def test_a_command_prints_what_the_page_shows(
    step: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(MAKER.WIDTH))
    words = shlex.split(step.command)
    assert main([*words, *([] if words[0] == "explain" else ["tracking=none", "training.threads=0"])]) == 0
    told = [line for line in MAKER.kept(capsys.readouterr().out) if line.strip()]
    shown = block(step.command)
    whole = shown[:-1] if shown[-1] == "..." else shown
    assert len(whole) >= 3
    assert len(told) == len(whole) or shown[-1] == "..."
    for ours, theirs in zip(told, whole, strict=False):
        assert are_near(ours, theirs), f"printed: {ours}\nshown:   {theirs}"
