"""What stands on top of a run's page in MLflow."""

from __future__ import annotations

from pathlib import Path

from examples import result

from runner.description import describe
from runner.metrics import number

AGAIN = {"command": "python -m runner seed=1", "folder": Path("/runs/1"), "seconds": 2.0}


def test_a_run_that_finished_is_told_by_its_figures_its_command_and_a_table() -> None:
    made = result("binary")
    first, *where, table = describe(result=made, message=None, **AGAIN).split("\n\n")  # type: ignore[arg-type]  # Of several types.
    loss = number(made.metrics["test/loss"])
    assert first.startswith(f"Test: loss {loss}")
    assert first.endswith("Weights of epoch 3 of 4 kept (the best validation/loss); 2.0 s in all.")
    assert where == ["Again: `python -m runner seed=1`", "Files: `/runs/1`"]
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert lines[0][:2] == ["", "examples"]
    assert set(lines[1]) == {"---"}
    (test,) = (line for line in lines if line[0] == "test")
    assert test[lines[0].index("loss")] == loss


def test_a_run_that_failed_is_told_by_its_reason() -> None:
    told = describe(result=None, message="diverged at step 3", **AGAIN)  # type: ignore[arg-type]  # Of several types.
    assert told == "diverged at step 3\n\nAgain: `python -m runner seed=1`\n\nFiles: `/runs/1`"
