"""What MLflow shows on top of a run's page, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner import tables
from runner.display import kept, split_table
from runner.findings import Findings
from runner.metrics import number
from runner.results import Result

# The tag in which MLflow keeps it.
DESCRIPTION = "mlflow.note.content"

_TESTED = "test/"
_LONGEST_TABLE = 40


def describe(
    *, result: Result | Findings | None, message: str | None, command: str, folder: Path, seconds: float
) -> str:
    """Returns how a run ended, the command that repeats it, where its files are, and its table.

    Args:
        result: what came of it; None where it did not finish.
        message: why it did not.
        command: what starts the same run again.
        folder: where its files are.
        seconds: how long it took.
    """
    where = f"Again: `{command}`\n\nFiles: `{folder}`"
    if result is None:
        return f"{message}\n\n{where}"
    if isinstance(result, Findings):
        return _found(result, message, where)
    # MLflow folds what is longer than a few lines: so these come first.
    ended = f"{_tested(result)}{kept(result, seconds)}"
    return f"{ended}\n\n{where}\n\n{table(split_table(result))}"


def table(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines as a table, the first of them its headings."""
    headings, *rows = lines
    return "".join(row(cells) for cells in [headings, ["---"] * len(headings), *rows])


def row(cells: Sequence[str]) -> str:
    """Returns one line of a table."""
    return f"| {' | '.join(cells)} |\n"


def _found(findings: Findings, message: str | None, where: str) -> str:
    """Returns what a task beside training found, its long tables as their files."""
    told = [*([f"{message}."] if message else []), *findings.sentences]
    parts = [" ".join(told), where] if told else [where]
    for found in findings.tables:
        is_short = found.shown and len(found.lines) <= _LONGEST_TABLE
        parts.append(
            table(tables.lines(found)) if is_short else f"`{found.name}.csv` is among the artifacts."
        )
    return "\n\n".join(parts)


def _tested(result: Result) -> str:
    metrics = {name: value for name, value in result.metrics.items() if name.startswith(_TESTED)}
    figures = [
        f"{name.removeprefix(_TESTED).replace('_', ' ')} {number(value)}" for name, value in metrics.items()
    ]
    return f"Test: {', '.join(figures)}. " if figures else ""
