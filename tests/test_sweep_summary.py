"""A sweep's table and the run that sums it up, from made-up outcomes and figures read off by hand."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from examples import result
from support import experiment

from runner.results import EpochRecord, Result, Status
from runner.runs import Outcome, RunRequest
from runner.sweep.engines.local import Local
from runner.sweep.jobs import Job, grid, jobs_of
from runner.sweep.plan import Plan
from runner.sweep.summary import Summary
from runner.sweep.table import comma_separated, markdown, table
from runner.tracking import journal
from runner.tracking.journal import Journal
from runner.tracking.store import StoredRun

# Seed -> the validation accuracy of three epochs, or how a run without a result ended.
ACCURACIES: dict[str, tuple[float, ...] | Status] = {
    "0": (0.5, 0.75, 0.7),
    "1": (0.5, 0.6, 0.875),
    "2": "FAILED",
    "3": (0.8, 0.7, 0.6),
}
BEST_FIRST = ["1", "3", "0", "2"]


def monitored(accuracies: Sequence[float]) -> Result:
    epochs = tuple(
        EpochRecord(epoch=epoch, step=10 * epoch, metrics={"validation/accuracy": value}, seconds=0.5)
        for epoch, value in enumerate(accuracies, 1)
    )
    best = 1 + list(accuracies).index(max(accuracies))
    return replace(result("multiclass"), epochs=epochs, best_epoch=best, monitor="validation/accuracy")


def outcome(folder: Path, seed: str, known: tuple[float, ...] | Status) -> Outcome:
    return Outcome(
        name=f"seed={seed}",
        choices={"seed": seed},
        folder=folder / seed,
        status=known if isinstance(known, str) else "FINISHED",
        exit_code=int(isinstance(known, str)),
        seconds=1.25,
        message="it burst" if isinstance(known, str) else None,
        result=None if isinstance(known, str) else monitored(known),
    )


@pytest.fixture
def outcomes(tmp_path: Path) -> list[Outcome]:
    return [outcome(tmp_path, seed, known) for seed, known in ACCURACIES.items()]


def plan(folder: Path) -> Plan:
    overrides = [(f"seed={seed}", "data=iris") for seed in ACCURACIES]
    return Plan(
        jobs=tuple(jobs_of(overrides, 0, {"data"})),
        grid=grid(overrides),
        folder=folder / "days" / "today",
        words=("-m", "seed=0,1,2,3"),
        command="python -m runner -m seed=0,1,2,3",
        experiment=experiment("data=iris", "tracking.experiment=summaries"),
        parameters={"data": "iris"},
        uri="sqlite:////nowhere/mlflow.db",
        engine=Local(),
        request=never,
    )


def never(job: Job, summary: Path) -> RunRequest:
    raise AssertionError("no run is carried out here")


def events(folder: Path) -> dict[str, list[journal.Event]]:
    found: dict[str, list[journal.Event]] = {}
    for event, _ in journal.read(folder, 0):
        found.setdefault(event["event"], []).append(event)
    return found


def summed_up(folder: Path, outcomes: Sequence[Outcome]) -> dict[str, list[journal.Event]]:
    summary = Summary(plan(folder))
    summary.start()
    for outcome in outcomes:
        summary.tell(outcome, running=0)
    summary.end(outcomes)
    return events(summary.folder)


def test_the_best_run_comes_first_and_one_without_a_result_last(outcomes: list[Outcome]) -> None:
    made = table(outcomes)
    assert [each.choices["seed"] for each in made.outcomes] == BEST_FIRST
    assert made.headings[:3] == ("seed", "best epoch", "best validation/accuracy")
    assert [cells[:3] for cells in made.cells] == [
        ("1", 3, 0.875),
        ("3", 1, 0.8),
        ("0", 2, 0.75),
        ("2", None, None),
    ]


def test_the_table_as_a_file_has_every_digit(outcomes: list[Outcome]) -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated(table(outcomes), ["a", "b", None, None]))))
    assert [row["seed"] for row in rows] == BEST_FIRST
    assert [row["status"] for row in rows] == ["finished"] * 3 + ["failed"]
    assert [row["run_id"] for row in rows] == ["a", "b", "", ""]
    assert float(rows[0]["test/accuracy"]) == 10 / 12
    assert rows[3]["test/accuracy"] == ""


def test_a_table_that_is_too_long_says_how_much_is_left_out(outcomes: list[Outcome]) -> None:
    whole = markdown(table(outcomes), ["#/1", None, None, None], 10_000).splitlines()
    assert len(whole) == 2 + len(outcomes)
    assert whole[2].startswith("| [1](#/1) | 3 | 0.8750 |")
    assert whole[5].endswith("| failed |")
    short = markdown(table(outcomes), [None] * 4, sum(len(line) + 1 for line in whole[:3]))
    assert "3 more runs are in the CSV file." in short
    assert "| 3 | 1 |" not in short


def test_the_summary_counts_the_runs_and_names_the_best(tmp_path: Path, outcomes: list[Outcome]) -> None:
    Journal(outcomes[1].folder)
    StoredRun("abc", "7", "sqlite:////nowhere/mlflow.db").save(outcomes[1].folder)
    told = summed_up(tmp_path, outcomes)
    card = journal.card(told["start"][0])
    assert (card.name, card.experiment) == ("sweep over seed", "summaries")
    assert card.tags["sweep"] == "days_today"
    assert card.tags["role"] == "summary"
    assert card.parameters == {"data": "iris", "sweep.seed": "0, 1, 2, 3"}
    assert told["metrics"][-1]["values"] == {
        "whole_sweep/finished": 3.0,
        "whole_sweep/failed": 1.0,
        "whole_sweep/stopped": 0.0,
        "whole_sweep/best_validation_accuracy": 0.875,
        # The made-up results have 10 of 12 examples of the test right, all of them.
        "whole_sweep/mean_test_accuracy": pytest.approx(10 / 12),
        "whole_sweep/deviation_test_accuracy": pytest.approx(0.0, abs=1e-15),
        "whole_sweep/interval_low_test_accuracy": pytest.approx(10 / 12),
        "whole_sweep/interval_high_test_accuracy": pytest.approx(10 / 12),
    }
    tags = told["tags"][-1]["values"]
    assert tags["progress"] == "3 of 4 done, 1 failed"
    assert (tags["best_run"], tags["best_run_id"]) == ("seed=1", "abc")
    note = tags["mlflow.note.content"]
    assert note.startswith(
        "4 runs over seed (0, 1, 2, 3): 3 finished, 1 failed. The best validation/accuracy is"
    )
    assert "[seed=1](#/experiments/7/runs/abc?" in note
    assert "- seed=2: it burst" in note
    assert told["artifact"][0]["path"] == "runs.csv"
    assert (told["end"][0]["status"], told["end"][0]["error"]) == ("FAILED", "1 of 4 runs failed")


def test_runs_that_monitor_different_metrics_have_no_best_one(
    tmp_path: Path, outcomes: list[Outcome]
) -> None:
    told = summed_up(tmp_path, [*outcomes[:3], replace(outcomes[3], result=result("multiclass"))])
    assert "best_run" not in told["tags"][-1]["values"]
    assert not [name for name in told["metrics"][-1]["values"] if "best" in name]


def test_a_sweep_that_was_stopped_says_so(tmp_path: Path, outcomes: list[Outcome]) -> None:
    stopped = [replace(each, status="KILLED", result=None) for each in outcomes]
    told = summed_up(tmp_path, stopped)
    assert (told["end"][0]["status"], told["end"][0]["error"]) == ("KILLED", "4 of 4 runs stopped")


def test_another_portion_of_a_sweep_has_a_summary_of_its_own(tmp_path: Path, outcomes: list[Outcome]) -> None:
    for name in ("summary", "summary_2"):
        summed_up(tmp_path, outcomes)
        assert len(events(tmp_path / "days" / "today" / name)["end"]) == 1
