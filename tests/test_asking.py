"""What is asked of a process of its own: one for many questions, which goes when nobody asks, and what fails is said."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.tracking import asking

# Answers, and does what else it is asked for.
ORACLE = """
import os
import time
from pathlib import Path


def answer(question):
    with Path("asked.txt").open("a") as file:
        file.write(question["do"] + "\\n")
    if question["do"] == "fail":
        raise ValueError("nobody knows\\nmore of it")
    if question["do"] == "leave":
        os._exit(0)
    if question["do"] == "die":
        os._exit(3)
    if question["do"] == "sleep":
        time.sleep(60)
    if question["do"] == "ä\\n":
        print("not what was asked for")
    return {"process": os.getpid(), "word": question["do"]}
"""


@pytest.fixture(autouse=True)
def oracle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder with something that can be asked."""
    monkeypatch.chdir(tmp_path)
    Path("oracle.py").write_text(ORACLE)
    yield
    asking._Answerer.close()


def ask(do: str) -> tuple[dict[str, Any], str]:
    return asking.ask("oracle", {"do": do})


def test_one_process_answers_until_another_would_be_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, trouble = ask("ä\n")
    assert (first["word"], trouble) == ("ä\n", "")
    assert first["process"] != os.getpid()
    assert ask("fail") == ({}, "ValueError: nobody knows")
    assert asking.ask("no_such_module", {})[1] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert ask("again")[0]["process"] == first["process"]
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "somebody")
    other = ask("as another")[0]["process"]
    assert other != first["process"]
    (tmp_path / "below").mkdir()
    (tmp_path / "oracle.py").rename(tmp_path / "below" / "oracle.py")
    monkeypatch.chdir(tmp_path / "below")
    assert ask("elsewhere")[0]["process"] not in (first["process"], other)
    # Those of before are gone and not only forgotten.
    for process in (first["process"], other):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_process_that_dies_is_said_and_followed_by_another() -> None:
    first = ask("a word")[0]["process"]
    assert ask("die") == ({}, "its process died")
    assert ask("again")[0]["process"] != first
    assert Path("asked.txt").read_text().split() == ["a", "word", "die", "again"]


def test_a_process_that_left_before_it_heard_a_question_is_followed_by_one_that_hears_it() -> None:
    ask("hello")
    # Both do; who is new does not leave for having waited.
    assert ask("leave") == ({}, "its process died")
    assert Path("asked.txt").read_text().split() == ["hello", "leave", "leave"]
    living = asking._Answerer.living
    ask("hello")
    last = asking._Answerer._last
    assert last is not None
    last._process.kill()
    last._process.wait()
    assert living() is None
    assert ask("again")[1] == ""


def test_one_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ask("hello")
    monkeypatch.setattr(asking, "_SECONDS", 0.3)
    assert ask("sleep") == ({}, "no answer within 0.3 seconds")


def test_it_goes_when_nobody_asks() -> None:
    program = "from runner.tracking import answering; answering._IDLE_SECONDS = 0.1; answering.main()"
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        assert process.wait(60) == 0
