"""A study in words and tables: the leaderboard over seeds and folds, what is better, what mattered, what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from runner import outputs
from runner.findings import Table
from runner.metrics import number
from runner.study.comparisons import Comparison, comparisons, independent, sentences
from runner.study.groups import Group, groups
from runner.study.importance import importance
from runner.study.records import Study, save
from runner.tables import comma_separated

STUDY, LEADERBOARD, COMPARISONS = "study.json", "leaderboard.csv", "comparisons.csv"

_ALL = "All of them are in comparisons.csv."
_WIDTH_OF_A_FILE = 140
# More of them are a table.
_MOST_MEANS = 3


@dataclass(frozen=True)
class Report:
    """What there is to tell of a study.

    Args:
        study: the runs.
        groups: those over seeds and folds, as the leaderboard has them.
        comparisons: what is better than what.
        importance: the share of each key.
    """

    study: Study
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    importance: dict[str, float]

    @property
    def summary(self) -> str:
        """How many runs there are and how they ended, in one sentence."""
        study = self.study
        running = sum(each.status == "RUNNING" for each in study.trials)
        parts = [f"{len(study.finished)} finished", f"{len(study.failed)} failed" if study.failed else ""]
        parts += [f"{running} still running" if running else ""]
        return f"{len(study.trials)} runs: {', '.join(filter(None, parts))}; compared by {study.metric}."

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of the leaderboard."""
        return ("choice", "runs", self.study.metric, "deviation", "95 % interval", "seconds")

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """Those of the leaderboard, the best group first."""
        return tuple(
            (
                group.name,
                str(len(group.trials)),
                number(group.mean),
                _number(group.deviation),
                f"{number(group.low)} to {number(group.high)}" if np.isfinite(group.low) else "",
                f"{group.seconds:.1f}",
            )
            for group in self.groups
        )

    @property
    def means(self) -> tuple[str, ...]:
        """The means of the groups with several trials, in words, and the best alone where there are many."""
        several = [group for group in self.groups if len(group.trials) > 1]
        return tuple(_mean(group, self.study.metric) for group in several[:_MOST_MEANS])

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is better than what, in words."""
        return tuple(_told(self.comparisons, self.study))


def report(study: Study) -> Report:
    """Returns what there is to tell."""
    distinct, _ = independent(study)
    return Report(study, tuple(groups(distinct)), tuple(comparisons(study)), importance(study))


def write(told: Report, folder: Path) -> list[Path]:
    """Writes the tables of a study as CSV, and the study itself; returns the files, the study's last."""
    texts = {LEADERBOARD: leaderboard_csv(told), COMPARISONS: comparisons_csv(told)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    save(told.study, folder / STUDY)
    return [folder / name for name in (*texts, STUDY)]


def print_report(stream: TextIO, told: Report) -> None:
    """Prints the leaderboard and the sentences."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Printed

    width = None if stream.isatty() else _WIDTH_OF_A_FILE
    console = Console(file=stream, highlight=False, markup=False, width=width)
    console.print(told.summary)
    printed = Printed(box=box.SIMPLE_HEAD)
    for place, heading in enumerate(told.headings):
        printed.add_column(heading, justify="right" if place else "left", overflow="fold")
    for line in told.lines:
        printed.add_row(*line)
    console.print(printed)
    for each in told.sentences:
        console.print(each, soft_wrap=True)
    if told.importance:
        shares = ", ".join(f"{key} {100 * share:.0f} %" for key, share in told.importance.items())
        console.print(f"What mattered: {shares}.", soft_wrap=True)
    for trial in told.study.failed:
        console.print(f"{trial.name}: {trial.error or trial.status.lower()}", soft_wrap=True)


def leaderboard_csv(told: Report) -> str:
    """Returns the leaderboard as CSV with every digit."""
    names = ("choice", "runs", "mean", "deviation", "low", "high", "seconds")
    lines = tuple(
        (group.name, len(group.trials), group.mean, group.deviation, group.low, group.high, group.seconds)
        for group in told.groups
    )
    return comma_separated(Table("leaderboard", names, lines))


def comparisons_csv(told: Report) -> str:
    """Returns every comparison as CSV with every digit."""
    names = ("data", "key", "better", "worse", "difference", "low", "high", "pairs", "probability", "is_same")
    lines = tuple(tuple(getattr(each, name) for name in names) for each in told.comparisons)
    return comma_separated(Table("comparisons", names, lines))


def _told(found: Sequence[Comparison], study: Study) -> list[str]:
    """Returns in words how the best value of each key, on each data set, compares with the others."""
    best: dict[tuple[str, str], list[Comparison]] = {}
    for each in found:
        row = best.setdefault((each.key, each.data), [])
        if not row or row[0].better == each.better:
            row.append(each)
    told = [f"{_place(row[0])}: {words}" for row in best.values() for words in sentences(row, study)]
    if any(not each.is_same for each in found):
        told.append(
            "Pairs are runs alike in all else; p is that of Student's paired test, corrected by Holm for"
            f" {sum(not each.is_same for each in found)} comparisons. {_ALL}"
        )
    return [*told, *_outputs(study)]


def _mean(group: Group, metric: str) -> str:
    whose = f" of {group.name}" if group.choices else ""
    return (
        f"{metric}{whose} over {group.repetitions}: mean {number(group.mean)}, standard deviation"
        f" {number(group.deviation)}, 95 % interval {number(group.low)} to {number(group.high)}."
    )


def _place(comparison: Comparison) -> str:
    return f"{comparison.key} on {comparison.data}" if comparison.data else comparison.key


def _outputs(study: Study) -> list[str]:
    """Returns what stands behind the last layer for which data, and why, where several data sets were gone through."""
    by_output: dict[str, dict[str, None]] = {}
    for trial in study.trials:
        if trial.output and "data" in trial.choices:
            by_output.setdefault(trial.output, {})[trial.choices["data"]] = None
    return [
        f"Output layer of {' and '.join(data)}: {outputs.sentence(output)}."
        for output, data in by_output.items()
    ]


def _number(value: float) -> str:
    return number(value) if np.isfinite(value) else ""
