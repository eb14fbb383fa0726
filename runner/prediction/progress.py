"""How many rows are done, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def rows_shown(rows: int | None) -> Iterator[Callable[[int], None]]:
    """Shows a bar while it lasts, or a count where nobody knows how many there are; yields what adds rows to it."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    count = "{task.completed:,} rows" if rows is None else "{task.completed:,} of {task.total:,} rows"
    columns = (BarColumn(bar_width=30), TextColumn(count), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=rows)
        yield lambda more: progress.advance(task, more)
