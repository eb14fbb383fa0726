"""The runs of a sweep side by side, best first: in the terminal, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from runner import metrics
from runner.description import row
from runner.metrics import number
from runner.results import Status
from runner.runs import Outcome

VERDICTS: Mapping[Status, str] = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}
# Where nobody says how wide a line may be, as in a file, a table is not squeezed.
_WIDTH_OF_A_FILE = 160
# Of the numbers that a task beside training found, so many have a column.
_MOST_FINDINGS = 4

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """What tells the runs apart, how they ended, and their metrics.

    Args:
        choices: the keys in which the runs differ, or ``run`` for their names.
        figures: the headings of the numbers.
        outcomes: the runs, best first.
        cells: a line for each run: its choices, then its figures.
    """

    choices: tuple[str, ...]
    figures: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    cells: tuple[tuple[Cell, ...], ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """Returns the headings of all columns."""
        return self.choices + self.figures


def table(outcomes: Sequence[Outcome]) -> Table:
    """Returns the table of a sweep's runs, ranked by their monitored metric; runs without one come last."""
    ranked = sorted(outcomes, key=_rank)
    keys = list(dict.fromkeys(key for outcome in ranked for key in outcome.choices))
    monitors = list(dict.fromkeys(each.result.monitor for each in ranked if each.result))
    tests = list(dict.fromkeys(name for outcome in ranked for name in final_metrics(outcome)))
    # Tasks beside training have no epochs.
    epochs = ("best epoch",) if not all(outcome.findings for outcome in ranked) else ()
    cells = []
    for outcome in ranked:
        chosen: list[Cell] = [outcome.choices.get(key) for key in keys] or [outcome.name]
        best = [best_value(outcome, name) for name in monitors]
        epoch = [outcome.result.best_epoch if outcome.result else None for _ in epochs]
        tested = [final_metrics(outcome).get(name) for name in tests]
        cells.append((*chosen, *epoch, *best, *tested, outcome.seconds))
    figures = (*epochs, *(f"best {name}" for name in monitors), *tests, "seconds")
    return Table(tuple(keys or ["run"]), figures, tuple(ranked), tuple(cells))


def print_table(stream: TextIO, outcomes: Sequence[Outcome]) -> None:
    """Prints a line for each run, and below the table why runs did not finish."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Printed

    told = table(outcomes)
    printed = Printed(box=box.SIMPLE_HEAD)
    for key in told.choices:
        printed.add_column(key, overflow="fold")
    for heading in (*told.figures, ""):
        printed.add_column(heading.replace("_", " "), justify="right")
    for outcome, cells in zip(told.outcomes, told.cells, strict=True):
        verdict = "" if outcome.status == "FINISHED" else VERDICTS[outcome.status]
        printed.add_row(*_shown(told, cells), verdict)
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    console = Console(file=stream, highlight=False, markup=False, width=width)
    console.print(printed)
    for outcome in outcomes:
        if outcome.message is not None:
            console.print(f"{outcome.name}: {last_line(outcome)}", soft_wrap=True)


def comma_separated(told: Table, run_ids: Sequence[str | None]) -> str:
    """Returns the table as CSV with every digit; ``run_ids`` are MLflow's, in the table's order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [heading.replace(" ", "_") for heading in told.headings]
    writer.writerow(["name", "status", *names, "run_id", "folder"])
    for outcome, cells, run_id in zip(told.outcomes, told.cells, run_ids, strict=True):
        writer.writerow([outcome.name, VERDICTS[outcome.status], *cells, run_id, outcome.folder])
    return text.getvalue()


def markdown(told: Table, pages: Sequence[str | None], longest: int) -> str:
    """Returns the table as Markdown, its first column a link to the run's page where there is one.

    Args:
        told: the table.
        pages: the address of each run's page, or None, in the table's order.
        longest: characters that there is room for; what does not fit is counted.
    """
    columns = [*told.headings, "status"]
    lines = [row([name.replace("_", " ") for name in columns]), row(["---"] * len(columns))]
    left = longest - sum(map(len, lines))
    for place, (outcome, cells, page) in enumerate(zip(told.outcomes, told.cells, pages, strict=True)):
        first, *others = (cell.replace("|", "\\|") for cell in _shown(told, cells))
        line = row([f"[{first}]({page})" if page else first, *others, VERDICTS[outcome.status]])
        left -= len(line)
        if left < 0:
            return "".join(lines) + f"\n{len(told.outcomes) - place} more runs are in the CSV file.\n"
        lines.append(line)
    return "".join(lines)


def last_line(outcome: Outcome) -> str:
    """Returns why a run did not finish, in one line."""
    lines = (outcome.message or "").strip().splitlines()
    return lines[-1] if lines else ""


def best_value(outcome: Outcome, monitor: str) -> float | None:
    """Returns the monitored metric at the best epoch, or None where another was monitored or none was."""
    if outcome.result is None or outcome.result.monitor != monitor:
        return None
    best = outcome.result.best_epoch
    return next(record for record in outcome.result.epochs if record.epoch == best).metrics[monitor]


def _shown(told: Table, cells: Sequence[Cell]) -> list[str]:
    return [_text(heading, cell) for heading, cell in zip(told.headings, cells, strict=True)]


def _text(heading: str, cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.1f}" if heading == "seconds" else number(cell)
    return "" if cell is None else str(cell)


def final_metrics(outcome: Outcome) -> dict[str, float]:
    """Returns the metrics of the test rows, or the first ones that another task found."""
    if outcome.findings is not None:
        return dict(itertools.islice(outcome.findings.metrics.items(), _MOST_FINDINGS))
    if outcome.result is None:
        return {}
    return {name: value for name, value in outcome.result.metrics.items() if name.startswith("test/")}


def _rank(outcome: Outcome) -> tuple[bool, float]:
    """Returns what sorts the best monitored metric first and runs without one last."""
    value = best_value(outcome, outcome.result.monitor) if outcome.result else None
    if value is None or outcome.result is None:
        return True, 0.0
    return False, -value if metrics.higher_is_better(outcome.result.monitor) else value
