"""What data sets need on the disk before a run starts: whether it is there, and how it comes there, with a bar."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import TextIO

from runner import chosen_data, task
from runner.data.download import Tell
from runner.data.records import Supply
from runner.errors import Fault
from runner.experiment import Experiment


def faults(experiment: Experiment, *, unread: Collection[str] = ()) -> list[Fault]:
    """Returns what is wrong with the folder that a data set is read from.

    Args:
        experiment: what would be carried out.
        unread: the first words of keys that have faults of their own, and of which nothing more is asked.
    """
    files = None if {"data", "seed", "split", "task"} & set(unread) else _files(experiment)
    found = files.fault() if files else None
    return [found] if found else []


def note(experiment: Experiment) -> str | None:
    """Returns what a run would download, or None where it has everything."""
    files = _files(experiment)
    return files.note() if files else None


def fetch(experiments: Iterable[Experiment]) -> None:
    """Brings what is not there, by download or else, and tells how far it has got on standard error.

    Raises:
        ConfigurationError: something is neither there nor to be had.
    """
    for files in map(_files, experiments):
        if files and files.missing():
            with _told(sys.stderr, files.action) as tell:
                files.fetch(tell)


def _files(experiment: Experiment) -> Supply | None:
    if not task.depends_on(task.of(experiment), "data"):
        return None
    return chosen_data.made(experiment.data, seed=experiment.seed, split=experiment.split).files


@contextlib.contextmanager
def _told(stream: TextIO, action: str) -> Iterator[Tell]:
    """Gives what shows a bar for each file in a terminal, and else writes a line for each."""
    if not stream.isatty():
        begun: set[str] = set()

        def line(name: str, size: int, total: int | None) -> None:
            if name not in begun:
                begun.add(name)
                print(f"{action} {name}{_megabytes(total)}", file=stream, flush=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=stream, highlight=False, markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), DownloadColumn())
    with Progress(*columns, TimeRemainingColumn(compact=True), console=console, expand=True) as progress:
        tasks = {}

        def bar(name: str, size: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name)
            progress.update(tasks[name], completed=size, total=total)

        yield bar


def _megabytes(total: int | None) -> str:
    return "" if total is None else f" ({total / 1e6:.1f} MB)"
