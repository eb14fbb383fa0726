"""What a person sees of a run in the terminal: its progress, what came of it, and where it is."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from runner import tables
from runner.findings import Findings
from runner.findings import Table as FoundTable
from runner.metrics import number
from runner.results import SPLITS, EpochRecord, Result
from runner.tracking.store import DATABASE, StoredRun, charts_page, database

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from runner.tracking.recorder import RecorderReport

_LINES = 10
_WIDTH_OF_A_FILE = 160
# What takes less needs no bar.
_PATIENCE_SECONDS = 2.0


class Display(Protocol):
    """What is told how far a training has got."""

    def start(self, title: str, epochs: int | None) -> None:
        """Takes the name of the run and the number of its epochs, None where its task has none."""

    def epoch(self, record: EpochRecord) -> None:
        """Takes an epoch that has ended."""

    def stop(self) -> None:
        """Takes the end of the training, also one that was never started."""


def make_display(stream: TextIO) -> Display:
    """Returns a bar where ``stream`` is a terminal, else one that writes a few lines."""
    return Bar(stream) if stream.isatty() else Lines(stream)


class Silent:
    """Nothing, for runs that somebody else tells of."""

    def start(self, title: str, epochs: int | None) -> None: ...

    def epoch(self, record: EpochRecord) -> None: ...

    def stop(self) -> None: ...


class Lines:
    """Plain lines, about ten over the whole training."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._epochs = 0
        self._speed = Speed()
        self._unwritten: str | None = None

    def start(self, title: str, epochs: int | None) -> None:
        self._epochs = epochs or 0
        self._write(title)

    def epoch(self, record: EpochRecord) -> None:
        words = [f"epoch {record.epoch}/{self._epochs}"]
        words += [f"{name} {number(value)}" for name, value in record.metrics.items()]
        words.append(self._speed.of(record))
        self._unwritten = "  ".join(words)
        if record.epoch in (1, self._epochs) or record.epoch % math.ceil(self._epochs / _LINES) == 0:
            self._flush()

    def stop(self) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._unwritten is not None:
            self._write(self._unwritten)
        self._unwritten = None

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class Bar:
    """A bar that moves: epoch, loss, the first other metric of the validation rows, speed and time left."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._speed = Speed()
        self._progress: Progress | None = None

    def start(self, title: str, epochs: int | None) -> None:
        console = _console(self._stream)
        console.print(title, style="bold")
        if epochs is None:
            return
        self._progress = _progress(console)
        self._progress.add_task("training", total=epochs, figures="", speed="")
        self._progress.start()

    def epoch(self, record: EpochRecord) -> None:
        if self._progress is None:
            return
        figures = "  ".join(f"{name} {number(value)}" for name, value in _shown(record.metrics).items())
        (task,) = self._progress.task_ids
        self._progress.update(task, completed=record.epoch, figures=figures, speed=self._speed.of(record))

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class Speed:
    """The steps of one epoch over its seconds."""

    def __init__(self) -> None:
        self._step = 0

    def of(self, record: EpochRecord) -> str:
        """Returns the speed of the epoch: ``1,234 steps/s``."""
        steps, self._step = record.step - self._step, record.step
        return f"{steps / record.seconds:,.0f} steps/s" if record.seconds > 0 else ""


@contextlib.contextmanager
def sending(stream: TextIO) -> Iterator[Callable[[int, int], None]]:
    """Shows how many runs MLflow knows to have ended, once that takes longer: gives a function of these and of all runs."""
    begun = time.monotonic()
    with contextlib.ExitStack() as closing:
        bar: list[Progress] = []

        def tell(known: int, runs: int) -> None:
            if time.monotonic() - begun < _PATIENCE_SECONDS:
                return
            if not bar:
                bar.append(closing.enter_context(_counting(_console(stream))))
                bar[0].add_task("sending runs to MLflow", total=runs)
            bar[0].update(bar[0].task_ids[0], completed=known)

        yield tell


def summary(
    stream: TextIO,
    *,
    name: str,
    result: Result,
    seconds: float,
    folder: Path,
    report: RecorderReport | None,
    sweep: str | None,
    next_command: str,
) -> None:
    """Prints what came of a run, where it is, and what one may type next.

    Args:
        stream: where to print.
        name: the run's name.
        result: what came of it.
        seconds: how long it took.
        folder: where its files are.
        report: what the recorder says; None where nothing was tracked.
        sweep: the sweep that the run belongs to, or None.
        next_command: a command worth typing.
    """
    console = _console(stream)
    console.print(_table(name, result))
    console.print(kept(result, seconds), style="dim")
    whereabouts(stream, folder=folder, report=report, sweep=sweep)
    _line(console, "next", next_command)


def findings(
    stream: TextIO,
    *,
    name: str,
    findings: Findings,
    seconds: float,
    folder: Path,
    report: RecorderReport | None,
    next_command: str,
) -> None:
    """Prints what a task beside training found, where it is, and what one may type next.

    Args:
        stream: where to print.
        name: the run's name.
        findings: what it found.
        seconds: how long it took.
        folder: where its files are.
        report: what the recorder says; None where nothing was tracked.
        next_command: a command worth typing.
    """
    # A table is not squeezed where nobody says how wide a line may be, as in a file.
    console = _console(stream, width=None if stream.isatty() else _WIDTH_OF_A_FILE)
    console.print(name, style="bold")
    for table in findings.tables:
        if table.shown:
            console.print(_printed(table))
    for sentence in findings.sentences:
        console.print(sentence)
    if findings.failure is not None:
        console.print(f"failed: {findings.failure}", style="red")
    console.print(f"{seconds:.1f} s in all.", style="dim")
    whereabouts(stream, folder=folder, report=report, sweep=None, charts=False)
    _line(console, "next", next_command)


def tables_of_runs(stream: TextIO, found: Sequence[FoundTable]) -> None:
    """Prints tables, none of them squeezed where nobody says how wide a line may be."""
    console = _console(stream, width=None if stream.isatty() else _WIDTH_OF_A_FILE)
    for table in found:
        console.print(_printed(table))


def whereabouts(
    stream: TextIO, *, folder: Path, report: RecorderReport | None, sweep: str | None, charts: bool = True
) -> None:
    """Prints where a run's files are, how to see it in MLflow, and what the recorder could not do.

    Args:
        stream: where to print.
        folder: where the files are.
        report: what the recorder says; None where nothing was tracked.
        sweep: the sweep that the run belongs to, or None.
        charts: whether the page of the charts is named, or the run's own.
    """
    console = _console(stream)
    _line(console, "files", str(folder))
    runs = report.runs if report else ()
    stored = next((run.stored for run in runs if run.stored), None)
    if stored is not None:
        viewed = any(run.viewed for run in runs)
        if stored.server != stored.uri:
            _line(console, "MLflow", _viewer(stored))
        if charts:
            _line(console, "charts", charts_page(stored.server, stored.experiment_id, sweep, viewed=viewed))
        else:
            _line(console, "run", stored.page)
    for sentence in report.sentences if report else ():
        _line(console, "warning", sentence, style="yellow")


def _viewer(stored: StoredRun) -> str:
    """Returns what to type so that the pages are there to be opened."""
    if database(stored.uri) == Path.cwd() / DATABASE:
        return "python -m runner ui   (or: mlflow ui)"
    return f"mlflow ui --backend-store-uri '{stored.uri}'"


def _table(name: str, result: Result) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=name, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD)
    headings, *lines = split_table(result)
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left")
    for line in lines:
        table.add_row(*line)
    return table


def split_table(result: Result) -> list[list[str]]:
    """Returns the headings of a run's table, and a line for each split: its name, its examples and its metrics."""
    metrics = list(dict.fromkeys(key.partition("/")[2] for key in result.metrics if _split(key) in SPLITS))
    lines = [["", "examples", *(metric.replace("_", " ") for metric in metrics)]]
    for split in SPLITS:
        if split in result.predictions:
            values = [result.metrics.get(f"{split}/{metric}") for metric in metrics]
            examples = f"{result.predictions[split].rows:,}"
            lines.append([split, examples, *("" if value is None else number(value) for value in values)])
    return lines


def kept(result: Result, seconds: float) -> str:
    """Returns which weights were kept, why, and how long all took."""
    if not result.epochs:
        return f"The weights of epoch {result.kept_epoch} were evaluated; {seconds:.1f} s in all."
    epochs = result.epochs[-1].epoch
    why = f"the best {result.monitor}" if result.kept_epoch == result.best_epoch else "the last"
    pruned = f"Pruned at {result.pruned}. " if result.pruned else ""
    return f"{pruned}Weights of epoch {result.kept_epoch} of {epochs} kept ({why}); {seconds:.1f} s in all."


def _shown(metrics: Mapping[str, float]) -> dict[str, float]:
    """Returns the two figures that a bar has room for, under short names."""
    validated = [name for name in metrics if _split(name) == "validation"]
    # The loss comes last, and is named in full, since the bar has that of the training rows beside it.
    second = sorted(validated, key="validation/loss".__eq__)[:1]
    short = {name: name.partition("/")[2] for name in ("train/loss", *second) if name in metrics}
    return {name if name == "validation/loss" else label: metrics[name] for name, label in short.items()}


def _split(metric: str) -> str:
    return metric.partition("/")[0]


def _line(console: Console, heading: str, text: str, style: str = "bold") -> None:
    """Prints one line that is never broken, so that an address in it can be copied."""
    from rich.text import Text

    console.print(Text.assemble((f"{heading:<9}", style), text), soft_wrap=True)


def _printed(table: FoundTable) -> Table:
    from rich import box
    from rich.table import Table

    printed = Table(title=table.name, title_style="dim", title_justify="left", box=box.SIMPLE_HEAD)
    columns = list(zip(*table.lines, strict=True)) or [()] * len(table.headings)
    for heading, cells in zip(table.headings, columns, strict=True):
        is_numeric = any(tables.is_number(cell) for cell in cells)
        printed.add_column(heading, justify="right" if is_numeric else "left", overflow="fold")
    for line in tables.lines(table)[1:]:
        printed.add_row(*line)
    return printed


def _console(stream: TextIO, width: int | None = None) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, width=width)


def _counting(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True)


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[speed]}", style="dim"),
        TimeRemainingColumn(compact=True),
        console=console,
        expand=True,
    )
