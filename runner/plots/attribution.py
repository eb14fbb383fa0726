"""The figure of an attribution: how far two frameworks are apart before and after each correction."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runner.plots import style
from runner.plots.drawing import saved

NAME = "attribution"

_BEFORE, _AFTER = style.FAINT, "#0072B2"
# Where two losses are equal to the last bit, the bar ends here.
_NOTHING = 1e-17
_BAR = 0.36

Floats = NDArray[np.float64]
Row = tuple[str, float, float]


def draw(table: Path, *, title: str, folder: Path) -> Path:
    """Draws the table of corrections and returns the figure's file in ``folder``, made where it is missing."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(line["words"], float(line["before"]), float(line["after"])) for line in csv.DictReader(file)]
    return saved(attribution(rows=rows, title=title), folder, NAME)


def attribution(*, rows: Sequence[Row], title: str) -> Figure:
    """Two bars for each correction, from the first to the last.

    Args:
        rows: what is corrected, and the largest difference of the losses before and after it.
        title: what was compared.
    """
    height = 1.6 + 0.62 * len(rows)
    figure, (panel,) = style.figure(width=7.2, height=height, title=title)
    style.label(panel, horizontal="largest difference of the losses", vertical="")
    style.note(panel, "corrected one after the other, in float64")
    panel.set_xscale("log")
    panel.set_xlim(_NOTHING, 10 ** np.ceil(np.log10(max(_drawn(before) for _, before, _ in rows)) + 2))
    panel.grid(True, axis="x", color=style.RULE, linewidth=0.6)
    panel.set_axisbelow(True)
    places = np.arange(len(rows), dtype=np.float64)
    _draw_bars(panel, places - _BAR / 2, [before for _, before, _ in rows], _BEFORE, "before")
    _draw_bars(panel, places + _BAR / 2, [after for _, _, after in rows], _AFTER, "after")
    panel.set_yticks(places, [style.wrapped(words) for words, _, _ in rows])
    panel.invert_yaxis()
    style.legend(panel, loc="upper center", bbox_to_anchor=(0.5, -0.9 / height), ncols=2)
    return figure


def _draw_bars(panel: Axes, places: Floats, gaps: list[float], colour: str, name: str) -> None:
    bars = panel.barh(places, [_drawn(gap) for gap in gaps], height=_BAR, color=colour, label=name)
    texts = ["0" if gap == 0 else f"{gap:.1e}" for gap in gaps]
    panel.bar_label(bars, labels=texts, padding=3, fontsize=8.5, color=style.INK)


def _drawn(gap: float) -> float:
    return min(max(gap, _NOTHING), 1e3)
