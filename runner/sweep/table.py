"""The runs of a sweep side by side, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from runner import metrics
from runner.display import number
from runner.runs import Outcome

_HEADINGS = {"FINISHED": "", "FAILED": "failed", "KILLED": "stopped"}


def print_table(stream: TextIO, outcomes: Sequence[Outcome]) -> None:
    """Prints a line for each run, those that finished by their monitored metric, the others after them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, highlight=False, markup=False)
    names = list(dict.fromkeys(name for each in outcomes for name in _test_metrics(each)))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("run", overflow="fold")
    for heading in ("best epoch", *names, "seconds", ""):
        table.add_column(heading, justify="right")
    for outcome in sorted(outcomes, key=_rank):
        values = _test_metrics(outcome)
        table.add_row(
            outcome.name,
            str(outcome.result.best_epoch) if outcome.result else "",
            *(number(values[name]) if name in values else "" for name in names),
            f"{outcome.seconds:.1f}",
            _HEADINGS[outcome.status],
        )
    console.print(table)
    for outcome in outcomes:
        if outcome.message is not None:
            console.print(f"{outcome.name}: {outcome.message}", soft_wrap=True)


def _test_metrics(outcome: Outcome) -> dict[str, float]:
    if outcome.result is None:
        return {}
    return {name: value for name, value in outcome.result.metrics.items() if name.startswith("test/")}


def _rank(outcome: Outcome) -> tuple[bool, float]:
    if outcome.result is None:
        return True, 0.0
    monitor = outcome.result.monitor
    best = outcome.result.epochs[outcome.result.best_epoch - 1].metrics[monitor]
    return False, -best if metrics.higher_is_better(monitor) else best
