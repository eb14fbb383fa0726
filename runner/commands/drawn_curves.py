"""The curves of recorded runs: in the terminal, and as a figure that another process draws."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from runner.errors import RunnerError
from runner.recorded import Record
from runner.recorded.side_by_side import letters
from runner.tracking import asking

FOLDER = Path("outputs") / "comparisons"
_CURVES = "curves.json"
_LOSSES = ("train/loss", "validation/loss")
_WIDTH, _WIDEST, _HEIGHT = 100, 120, 15
# Okabe and Ito's colours, as the figures have them.
_COLOURS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233))
_LONGEST_NAME = 80


def names(records: Sequence[Record]) -> list[str]:
    """Returns the metrics that are drawn: the losses, and what was monitored or else the first metric beside them."""
    known = dict.fromkeys(name for record in records for name in record.curves)
    monitored = [record.monitor for record in records]
    others = [name for name in known if name.startswith("validation/")]
    candidates = dict.fromkeys([*_LOSSES, *monitored, *others])
    return [name for name in candidates if name in known][:3]


def print_curves(stream: TextIO, records: Sequence[Record], width: int | None = None) -> None:
    """Prints a plot for each metric, in colours where there is a terminal and else with a letter for each run."""
    for name in names(records):
        print("\n".join(_plot(name, records, width or _columns(stream), stream.isatty())), file=stream)
        print(file=stream)


def write_figure(records: Sequence[Record], title: str, folder: Path | None = None) -> Path:
    """Has the figure drawn and returns its file.

    Raises:
        RunnerError: it could not be drawn.
    """
    folder = folder or FOLDER / re.sub(r"[^\w.-]+", "_", title)[:_LONGEST_NAME]
    folder.mkdir(parents=True, exist_ok=True)
    runs = [
        {"label": f"{letter}: {record.name}", "curves": dict(record.curves)}
        for letter, record in zip(letters(len(records)), records, strict=True)
    ]
    content = {"runs": runs, "names": names(records), "title": title}
    (folder / _CURVES).write_text(json.dumps(content) + "\n", encoding="utf-8")
    answer, trouble = asking.ask("runner.plots.runs", {"path": str(folder / _CURVES), "folder": str(folder)})
    if trouble:
        raise RunnerError(f"the figure could not be drawn: {trouble}")
    return Path(answer["path"])


def _columns(stream: TextIO) -> int:
    if not stream.isatty():
        return _WIDTH
    import shutil

    return min(_WIDEST, shutil.get_terminal_size().columns)


def _plot(name: str, records: Sequence[Record], width: int, coloured: bool) -> Iterator[str]:
    """Yields the lines of one plot."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, _HEIGHT)
    plotext.title(name)
    epochs: list[int] = []
    for place, (letter, record) in enumerate(zip(letters(len(records)), records, strict=True)):
        points = [(epoch, value) for epoch, value in record.curves.get(name, ()) if value == value]
        if not points:
            continue
        # plotext takes lists alone.
        xs, ys = [epoch for epoch, _ in points], [value for _, value in points]
        epochs += xs
        look = {"marker": "braille", "color": _COLOURS[place % len(_COLOURS)]} if coloured else {}
        plotext.plot(xs, ys, label=letter, **({"marker": letter[:1].lower()} | look))
    if not epochs:
        return
    plotext.xticks(_ticks(min(epochs), max(epochs)))
    plotext.xlabel("epoch")
    drawn = plotext.build()
    yield from (line.rstrip() for line in (drawn if coloured else plotext.uncolorize(drawn)).splitlines())


def _ticks(first: int, last: int) -> list[int]:
    """Returns some whole epochs from the first to the last."""
    step = max(1, round((last - first) / 6))
    return list(range(first, last + 1, step))
