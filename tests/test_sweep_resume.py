"""A sweep that was killed goes on where it was: what is finished is kept, the rest is run, and each once."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
import sweeps

pytestmark = pytest.mark.timeout(600)

GRID = ["optimizer.learning_rate=0.1,0.01", "seed=1,2"]
JOBS = 4
KILLS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resumed")


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """A sweep that was killed three times and then resumed to its end."""
    sweep, finished, met = sweeps.killed_again_and_again(
        folder, KILLS, random.Random(5), *sweeps.TINY, *GRID, "sweep.workers=1"
    )
    assert met >= 2
    assert len(finished) == JOBS
    assert set(finished.values()) == {1}
    return sweep


def test_mlflow_has_each_configuration_once_and_nothing_under_way(folder: Path, killed: Path) -> None:
    found = sweeps.stored(folder)
    names = Counter(name for name, status in found if status == "FINISHED")
    assert names == Counter(f"lr={rate} seed={seed}" for rate in ("0.1", "0.01") for seed in (1, 2))
    assert {status for _, status in found} <= {"FINISHED", "KILLED"}
    assert sweeps.all_sent(killed)


def test_one_run_sums_up_whatever_befell_the_sweep(folder: Path, killed: Path) -> None:
    assert sweeps.summaries(folder) == [("sweep over optimizer.learning_rate, seed", "FINISHED")]
    tags = sweeps.tags(folder, "sweep over optimizer.learning_rate, seed")
    assert tags["progress"] == f"{JOBS} of {JOBS} done"


def test_a_finished_sweep_has_nothing_left_to_run(folder: Path, killed: Path) -> None:
    before = sweeps.journals(killed)
    done = sweeps.run(folder, "resume", str(killed))
    assert done.returncode == 0
    assert sweeps.journals(killed) == before
    assert done.stderr.count("test/accuracy") == JOBS


def test_another_grid_is_said_and_nothing_started(folder: Path, killed: Path) -> None:
    before = sweeps.journals(killed)
    done = sweeps.run(folder, "resume", str(killed), "seed=1,3")
    assert done.returncode == 2
    assert "in sweeps_killed seed was 1, 2 and is 1, 3" in done.stderr
    assert sweeps.journals(killed) == before


def test_the_same_command_again_takes_the_newest_sweep_of_its_grid(folder: Path) -> None:
    command = ["-m", *sweeps.TINY, "data=wine", "seed=3,4", "sweep.workers=1"]
    first = sweeps.run(folder, *command)
    assert first.returncode == 0, first.stderr
    (sweep,) = (path.parent for path in (folder / "outputs" / "sweeps").glob("*/*/sweep.json"))
    # One of its runs is made to have failed.
    journal = sweep / "1" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"status": "FINISHED"', '"status": "FAILED"'))
    again = sweeps.run(folder, *command, "sweep.resume=true", "tracking.experiment=other")
    assert again.returncode == 0, again.stderr
    assert set(sweeps.journals(sweep)) == {"0", "1", "1_2"}
    other = sweeps.run(folder, *command, "seed=3,4,5", "sweep.resume=true")
    assert other.returncode == 2
    assert "seed was 3, 4 and is 3, 4, 5" in other.stderr


def test_a_sweep_whose_folder_is_gone_goes_on_from_what_mlflow_knows(folder: Path) -> None:
    words = ["-m", *sweeps.TINY, "data=breast_cancer", "seed=3,4", "name=lost", "sweep.workers=1"]
    sweep = folder / "outputs" / "sweeps" / "2001-01-01" / "lost"
    first = sweeps.run(folder, *words, f"hydra.sweep.dir={sweep}")
    assert first.returncode == 0, first.stderr
    shutil.rmtree(sweep)
    again = sweeps.run(folder, "resume", "2001-01-01_lost")
    assert again.returncode == 0, again.stderr
    assert sweeps.journals(sweep) == {}
    assert Counter(sweeps.stored(folder))["lost seed=3", "FINISHED"] == 1


def test_what_is_no_sweep_is_refused_with_the_nearest_name(folder: Path) -> None:
    sweeps_folder = folder / "outputs" / "sweeps" / "2002-02-02" / "12-00-00"
    sweeps_folder.mkdir(parents=True)
    record = {"name": "2002-02-02_12-00-00", "words": ["-m"], "grid": {}, "jobs": 1, "working": str(folder)}
    (sweeps_folder / "sweep.json").write_text(json.dumps(record))
    wrong = sweeps.run(folder, "resume", "2002-02-02_12-00-01")
    assert wrong.returncode == 2
    assert "is no sweep. Did you mean 2002-02-02_12-00-00" in wrong.stderr
    none = sweeps.run(folder, "resume")
    assert none.returncode == 2
    assert "needs the run or the sweep that is to go on" in none.stderr
