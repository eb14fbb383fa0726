"""The runs of a sweep side by side, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from runner import metrics
from runner.display import number
from runner.runs import Outcome

_VERDICTS = {"FINISHED": "", "FAILED": "failed", "KILLED": "stopped"}
# Where nobody says how wide a line may be, as in a file, a table is not squeezed.
_WIDTH_OF_A_FILE = 160


def print_table(stream: TextIO, outcomes: Sequence[Outcome]) -> None:
    """Prints a line for each run: what tells it from the others, the monitored metric by which they are ranked, its test metrics."""
    from rich.console import Console

    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    console = Console(file=stream, highlight=False, markup=False, width=width)
    console.print(_table(sorted(outcomes, key=_rank)))
    for outcome in outcomes:
        if outcome.message is not None:
            console.print(f"{outcome.name}: {outcome.message}", soft_wrap=True)


def _table(ranked: Sequence[Outcome]) -> object:
    from rich import box
    from rich.table import Table

    keys = list(dict.fromkeys(key for outcome in ranked for key in outcome.choices))
    monitors = list(dict.fromkeys(each.result.monitor for each in ranked if each.result))
    tests = list(dict.fromkeys(name for outcome in ranked for name in _test_metrics(outcome)))
    table = Table(box=box.SIMPLE_HEAD)
    for key in keys or ["run"]:
        table.add_column(key, overflow="fold")
    for heading in ("best epoch", *(f"best {name}" for name in monitors), *tests, "seconds", ""):
        table.add_column(heading.replace("_", " "), justify="right")
    for outcome in ranked:
        table.add_row(
            *([outcome.choices.get(key, "") for key in keys] or [outcome.name]),
            str(outcome.result.best_epoch) if outcome.result else "",
            *(_best(outcome, name) for name in monitors),
            *(_shown(_test_metrics(outcome), name) for name in tests),
            f"{outcome.seconds:.1f}",
            _VERDICTS[outcome.status],
        )
    return table


def _test_metrics(outcome: Outcome) -> dict[str, float]:
    if outcome.result is None:
        return {}
    return {name: value for name, value in outcome.result.metrics.items() if name.startswith("test/")}


def _shown(values: dict[str, float], name: str) -> str:
    return number(values[name]) if name in values else ""


def _best(outcome: Outcome, monitor: str) -> str:
    if outcome.result is None or outcome.result.monitor != monitor:
        return ""
    return number(outcome.result.epochs[outcome.result.best_epoch - 1].metrics[monitor])


def _rank(outcome: Outcome) -> tuple[bool, float]:
    """Returns what sorts the best monitored metric first and runs without one last."""
    if outcome.result is None:
        return True, 0.0
    monitor = outcome.result.monitor
    best = outcome.result.epochs[outcome.result.best_epoch - 1].metrics[monitor]
    return False, -best if metrics.higher_is_better(monitor) else best
