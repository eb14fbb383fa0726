"""Every experiment: its header, its configuration, and its first steps, on both backends."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import mirrors
import pytest
import yaml
from support import carried_out

from runner import compose, folders, request
from runner.__main__ import main
from runner.errors import ConfigurationError
from runner.findings import Findings

FILES = sorted(folders.experiments().rglob("*.yaml"))
COUNT = 30
BACKENDS = ("torch", "keras")
ENTRIES = ("Question", "Source", "Expected", "Time", "Run")
NAMES = [path.relative_to(folders.experiments()).with_suffix("").as_posix() for path in FILES]


def typed(path: Path) -> str:
    """Returns what a person types for a file."""
    return NAMES[FILES.index(path)]


def header(path: Path) -> list[str]:
    """Returns the comments at the beginning of a file without their signs."""
    lines = path.read_text(encoding="utf-8").splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#").strip() for line in lines[:length]]


def entries(path: Path) -> dict[str, str]:
    """Returns the header's entries by name, their lines joined."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in header(path)[1:]:
        word, separator, rest = line.partition(":")
        if separator and word in ENTRIES:
            name, line = word, rest.strip()
            assert name not in found, f"{path.name} has {name} twice"
        if name:
            found.setdefault(name, []).append(line)
    return {name: " ".join(lines).strip() for name, lines in found.items()}


def parameters(path: Path) -> dict[str, Any]:
    """Returns what a file sweeps over by itself: key -> values."""
    hydra = yaml.safe_load(path.read_text(encoding="utf-8")).get("hydra", {})
    assert (hydra.get("mode") == "MULTIRUN") == bool(hydra), "a sweep has a mode and parameters"
    return hydra["sweeper"]["params"] if hydra else {}


def answer(*words: str, every_job: bool = False) -> request.Answer:
    """Returns what the program finds about a command line."""
    asked = request.parse(words)
    with compose.session(asked.config_dir):
        return request.answer(asked, every_job=every_job)


def jobs(path: Path) -> int:
    """Returns how many runs a file declares; a list in brackets is one value."""
    return math.prod(len(re.findall(r"\[[^]]*\]|[^,\[\]]+", str(each))) for each in parameters(path).values())


def test_all_experiments_are_found() -> None:
    assert len(FILES) == COUNT
    assert folders.option_names(folders.EXPERIMENT) == sorted(NAMES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_header_answers_everything_in_order(path: Path) -> None:
    assert header(path)[0].endswith("?")
    assert folders.headline(path) == header(path)[0]
    assert tuple(entries(path)) == ENTRIES
    assert all(len(text) > 10 for text in entries(path).values())


def test_list_shows_what_each_asks_expects_and_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "experiment"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for path in FILES:
        found = entries(path)
        words = " ".join(
            f"{name}: {' '.join(found[name].split())}" for name in ("Question", "Expected", "Time")
        )
        assert f" {typed(path)} {header(path)[0]} {words} " in shown


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_source_names_a_year_and_expected_names_figures(path: Path) -> None:
    found = entries(path)
    assert re.search(r"\b(19|20)\d\d\b", found["Source"])
    assert re.search(r"\d\.\d", found["Expected"])
    assert all(f"{backend} " in found["Time"] for backend in BACKENDS)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_run_command_is_the_experiment_alone(path: Path) -> None:
    assert entries(path)["Run"] == f"python -m runner experiment={typed(path)}"


@pytest.mark.drawn(12)
@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_every_job_passes_all_checks(path: Path) -> None:
    words = shlex.split(entries(path)["Run"])[3:]
    # What goes for one seed goes for all.
    seeds = "seed" in parameters(path)
    found = answer(*words, every_job=not seeds)
    assert found.multirun == (jobs(path) > 1)
    assert found.jobs == (jobs(path) if found.multirun else None)
    each = answer(*words, "seed=0", every_job=True) if seeds else found
    assert each.checked.experiment.backend.name == "torch"
    assert each.checked.warnings == ()


@pytest.mark.drawn(12)
@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_both_backends_can_be_asked_for(path: Path) -> None:
    found = answer(f"experiment={typed(path)}", "backend=keras,torch", "-m")
    assert found.jobs == 2 * jobs(path)
    assert found.checked.experiment.backend.name == "keras"
    assert found.checked.warnings == ()


def test_a_faulty_value_beside_an_experiment_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="learning_rate"):
        answer("experiment=momentum", "optimizer.learning_rate=-1")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Returns a folder with a few made-up images in MNIST's files."""
    return str(mirrors.write(tmp_path_factory.mktemp("digits")))


@pytest.mark.drawn(10)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_runs(name: str, backend: str, digits: str, tmp_path: Path) -> None:
    """Two steps of the first run of each, or the whole of a task without steps, with its own settings otherwise."""
    found = answer(
        f"experiment={name}", f"backend={backend}", "debug=fast", "training.threads=0", "tracking=none"
    )
    chosen = found.checked.experiment
    if chosen.data.target.endswith("images.mnist"):
        made_up = {"root": digits, "mirrors": [], "memory_map": False}
        chosen = replace(chosen, data=replace(chosen.data, target="mirrors.source", arguments=made_up))
    result, _ = carried_out(chosen, tmp_path)
    if isinstance(result, Findings):
        assert result.tables
        assert all(table.lines for table in result.tables)
    else:
        assert result.epochs[-1].step == 2
        assert all(math.isfinite(value) for value in result.metrics.values())
        assert "test/loss" in result.metrics
