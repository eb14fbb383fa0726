"""The help of each verb: held against what the verb itself takes and refuses, and its example against the verb."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

from runner.__main__ import VERBS, main
from runner.commands import explain, options, report
from runner.commands.options import Words
from runner.commands.usage import USAGES
from runner.errors import UsageError
from runner.exports.formats import FORMATS
from runner.prediction import CHOICES
from runner.tasks import evaluation

# What takes a configuration, and what says by itself which keys it takes.
CONFIGURED, KEYED = ("train", "check", "parity", "explain", "list"), ("report", "sync", "ui")
FLAGGED = [verb for verb in VERBS if verb not in (*CONFIGURED, *KEYED)]
OF_HYDRA = {"--config-dir", "--config-name", "--cfg"}


class Taken(Exception):
    """What a verb takes, in place of carrying it out."""

    def __init__(self, values: Collection[str], switches: Collection[str]) -> None:
        super().__init__(values, switches)
        self.values, self.switches = values, switches


def taken(verb: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Returns the flags that a verb asks for; what was typed has to be understood first."""
    read = options.read

    def noted(
        verb: str, words: Sequence[str], *, values: Collection[str], switches: Collection[str]
    ) -> NoReturn:
        typed: Words = read(verb, words, values=values, switches=switches)
        assert len(typed.names) + len(typed.values) + len(typed.switches) <= len(words)
        raise Taken(values, switches)

    monkeypatch.setattr(options, "read", noted)
    with pytest.raises(Taken) as caught:
        import_module(VERBS[verb][0]).run(list(words))
    return caught.value


def documented(verb: str) -> list[str]:
    return [name for name, _ in USAGES[verb].options]


def test_every_verb_has_its_help() -> None:
    assert list(USAGES) == list(VERBS)
    assert len(FLAGGED) == 9


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_is_short_and_whole(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    lines, usage = said.splitlines(), USAGES[verb]
    assert lines[0] == f"Usage: python -m runner {verb} {usage.words}"
    assert usage.about in lines
    assert f"  python -m runner {verb} {usage.example}".rstrip() in lines
    for name, meaning in usage.options:
        assert any(line.startswith(f"  {name} ") and line.endswith(f"  {meaning}") for line in lines)
    assert len(lines) < 25
    # The first words of the line say no flag that is not explained below it.
    flags = {name.partition(" ")[0] for name in documented(verb)}
    assert set(re.findall(r"--[a-z]+", usage.words)) <= flags
    for words in (["help", verb], [verb, "-h"], [verb, "something", "key=value", "--help"]):
        assert main(words) == 0
        assert capsys.readouterr().out == said


@pytest.mark.parametrize("verb", FLAGGED)
def test_every_flag_is_explained(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = taken(verb, shlex.split(USAGES[verb].example), monkeypatch)
    flags = [name for name in documented(verb) if name.startswith("--")]
    assert {name.partition(" ")[0] for name in flags if " " in name} == set(found.values)
    assert {name for name in flags if " " not in name} == set(found.switches)


@pytest.mark.parametrize("verb", ["sync", "ui", "clean"])
def test_what_a_verb_says_it_takes_is_what_its_help_says(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        import_module(VERBS[verb][0]).run(["nothing"])
    said = str(caught.value).partition("It takes ")[2]
    assert set(re.findall(r"[\w.=-]+\w", said)) - {"and"} == set(documented(verb))


def test_the_other_words_are_those_that_there_are() -> None:
    keys = {name.partition("=")[0] for name in documented("report") if "=" in name}
    assert keys == set(report._KEYS)
    flags = {name for name in documented("explain") if name.startswith("--")}
    own = {explain._MARKDOWN, explain._CHECK, explain._DIFFERENCES}
    assert {name.partition(" ")[0] for name in flags} - OF_HYDRA == own
    for verb, flag, choices in (
        ("evaluate", "--rows", evaluation.CHOICES),
        ("predict", "--backend", CHOICES),
        ("export", "--format", FORMATS),
    ):
        (meaning,) = (text for name, text in USAGES[verb].options if name.startswith(flag))
        assert re.findall(
            r"\w+", meaning.partition(" rows")[0].partition(";")[0].replace(" or ", " ")
        ) == list(choices)


@pytest.mark.parametrize("verb", CONFIGURED)
def test_examples_of_configurations_would_run(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(USAGES[verb].example)
    assert words
    assert main([verb if verb == "list" else "check", *words]) == 0


def test_the_help_of_a_verb_needs_the_standard_library_alone(tmp_path: Path) -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\nfrom runner.__main__ import VERBS, main\n"
        "codes = {main([verb, '--help']) for verb in VERBS}\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - sys.stdlib_module_names), codes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "['runner'] {0}"


@pytest.mark.parametrize("words", [["evalute", "--help"], ["help", "evalute"]])
def test_the_help_of_no_verb_names_the_nearest(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "evalute: is neither a verb nor key=value. Did you mean evaluate?" in capsys.readouterr().err


def test_overrides_before_the_flag_are_no_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data=iris", "--help"]) == 0
    assert "\nVerbs\n" in capsys.readouterr().out
