"""The runs of a sweep side by side, best first: in the terminal, as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from runner import metrics
from runner.description import row
from runner.metrics import number
from runner.results import Status
from runner.runs import Outcome
from runner.study.records import shortened

VERDICTS: Mapping[Status, str] = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}
# Where nobody says how wide a line may be, as in a file, a table is not squeezed.
_WIDTH_OF_A_FILE = 160
# More lines push the best ones, which come first, out of a window.
MOST_LINES = 40
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


def table(outcomes: Sequence[Outcome], metric: str | None = None) -> Table:
    """Returns the table of a sweep's runs, the best first; runs without a metric come last.

    Args:
        outcomes: how they ended.
        metric: what they are ranked by; None for the metric that each monitors.
    """
    ranked = sorted(outcomes, key=lambda outcome: _rank(outcome, metric))
    keys = list(dict.fromkeys(key for outcome in ranked for key in outcome.choices))
    monitors = list(dict.fromkeys(metric or each.result.monitor for each in ranked if each.result))
    tests = list(dict.fromkeys(name for outcome in ranked for name in final_metrics(outcome)))
    # Tasks beside training have no epochs.
    epochs = ("best epoch",) if not all(outcome.findings for outcome in ranked) else ()
    cells = []
    for outcome in ranked:
        chosen: list[Cell] = [outcome.choices.get(key) for key in keys] or [outcome.name]
        best = [best_value(outcome, name) if metric else monitored(outcome, name) for name in monitors]
        epoch = [outcome.result.best_epoch if outcome.result else None for _ in epochs]
        tested = [final_metrics(outcome).get(name) for name in tests]
        cells.append((*chosen, *epoch, *best, *tested, outcome.seconds))
    figures = (*epochs, *(f"best {name}" for name in monitors), *tests, "seconds")
    return Table(tuple(keys or ["run"]), figures, tuple(ranked), tuple(cells))


def print_table(
    stream: TextIO, outcomes: Sequence[Outcome], metric: str | None = None, *, whole: Path
) -> None:
    """Prints a line for each run, ranked as in :func:`table`, and below them why runs did not finish.

    Args:
        stream: where to.
        outcomes: how the runs ended.
        metric: by which they are ranked; by default that which chose their best epochs.
        whole: the file that has every run, where there are more than one wants to read.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table as Printed

    told = table(outcomes, metric)
    printed = Printed(box=box.SIMPLE_HEAD)
    for key in told.choices:
        printed.add_column(key, overflow="fold")
    for heading in (*told.figures, ""):
        printed.add_column(heading.replace("_", " "), justify="right")
    shown = list(zip(told.outcomes, told.cells, strict=True))[:MOST_LINES]
    for outcome, cells in shown:
        said = verdict(outcome)
        printed.add_row(*_shown(told, cells), "" if said == VERDICTS["FINISHED"] else said)
    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    console = Console(file=stream, highlight=False, markup=False, width=width)
    console.print(printed)
    if len(shown) < len(outcomes):
        console.print(
            f"These are {len(shown)} of {len(outcomes)} runs; all are in {whole}.\n", soft_wrap=True
        )
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
        writer.writerow([outcome.name, verdict(outcome), *cells, run_id, outcome.folder])
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
        line = row([f"[{first}]({page})" if page else first, *others, verdict(outcome)])
        left -= len(line)
        if left < 0:
            return "".join(lines) + f"\n{len(told.outcomes) - place} more runs are in the CSV file.\n"
        lines.append(line)
    return "".join(lines)


def verdict(outcome: Outcome) -> str:
    """Returns how a run ended, in a word, or when a search ended it without hope."""
    pruned = outcome.result.pruned if outcome.result else ""
    return f"pruned at {pruned}" if pruned else VERDICTS[outcome.status]


def last_line(outcome: Outcome) -> str:
    """Returns why a run did not finish, in one line."""
    lines = (outcome.message or "").strip().splitlines()
    return lines[-1] if lines else ""


def monitored(outcome: Outcome, monitor: str) -> float | None:
    """Returns the monitored metric at the best epoch, or None where another was monitored or none was."""
    is_monitor = outcome.result is not None and outcome.result.monitor == monitor
    return best_value(outcome, monitor) if is_monitor else None


def best_value(outcome: Outcome, metric: str) -> float | None:
    """Returns a metric at the best epoch, or None where there is none."""
    if outcome.result is None:
        return None
    best = outcome.result.best_epoch
    return next(record for record in outcome.result.epochs if record.epoch == best).metrics.get(metric)


def _shown(told: Table, cells: Sequence[Cell]) -> list[str]:
    return [_text(heading, cell) for heading, cell in zip(told.headings, cells, strict=True)]


def _text(heading: str, cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:.1f}" if heading == "seconds" else number(cell)
    return "" if cell is None else shortened(str(cell))


def final_metrics(outcome: Outcome) -> dict[str, float]:
    """Returns the metrics of the test rows, or the first ones that another task found."""
    if outcome.findings is not None:
        return dict(itertools.islice(outcome.findings.metrics.items(), _MOST_FINDINGS))
    if outcome.result is None:
        return {}
    return {name: value for name, value in outcome.result.metrics.items() if name.startswith("test/")}


def _rank(outcome: Outcome, metric: str | None) -> tuple[bool, float]:
    """Returns what sorts the best metric first and runs without one last."""
    name = metric or (outcome.result.monitor if outcome.result else "")
    value = best_value(outcome, name)
    if value is None:
        return True, 0.0
    return False, -value if metrics.higher_is_better(name) else value
