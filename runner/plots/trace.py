"""What every layer of a network gave."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.findings import Findings, Floats
from runner.plots import style
from runner.quantities import PositiveCount


def layer_outputs(
    *, findings: Findings, title: str, numbers: PositiveCount, rows: PositiveCount
) -> Figure | None:
    """The numbers of every layer for the first examples: cells with their values, or what they lie between.

    Args:
        findings: what was traced.
        title: the name of the run.
        numbers: layers of at most so many are drawn as cells.
        rows: at most so many examples are drawn as cells, each in a panel of its own.

    Returns:
        the figure, or None where no network was traced.
    """
    if not findings.outputs:
        return None
    widest = max(values[0].size for values in findings.outputs.values())
    if widest > numbers:
        return _spread(findings.outputs, title)
    drawn = min(rows, len(next(iter(findings.outputs.values()))))
    return _cells(findings.outputs, title, widest, drawn)


def _cells(outputs: Mapping[str, Floats], title: str, widest: int, rows: int) -> Figure:
    width = max(2.2 + 0.72 * widest, 4.2)
    figure, panels = style.figure(width=width, height=0.7 + 0.5 * rows * len(outputs), title=title, rows=rows)
    for row, panel in enumerate(panels):
        table = np.full((len(outputs), widest), np.nan)
        for place, values in enumerate(outputs.values()):
            flat = values[row].ravel()
            table[place, : len(flat)] = flat
        style.matrix(panel, table)
        panel.set_yticks(range(len(outputs)), [style.name(name) for name in outputs])
        panel.set_xticks([])
        panel.spines[["left", "bottom"]].set_visible(False)
        if rows > 1:
            style.note(panel, f"example {row}")
    return figure


def _spread(outputs: Mapping[str, Floats], title: str) -> Figure:
    figure, (panel,) = style.figure(width=6.4, height=1.3 + 0.32 * len(outputs), title=title)
    style.grid(panel)
    panel.grid(False, axis="y")
    for place, values in enumerate(outputs.values()):
        _range(panel, place, values)
    panel.axvline(0, color=style.QUIET, linewidth=0.8)
    panel.set_yticks(range(len(outputs)), [style.name(name) for name in outputs])
    panel.invert_yaxis()
    style.note(panel, "each layer's numbers: all, the middle half, the median")
    style.label(panel, horizontal="value", vertical="")
    return figure


def _range(panel: Axes, place: int, values: Floats) -> None:
    low, lower, middle, upper, high = np.quantile(values, (0.0, 0.25, 0.5, 0.75, 1.0))
    panel.plot([low, high], [place, place], color=style.FAINT, linewidth=2.0, solid_capstyle="butt")
    panel.plot([lower, upper], [place, place], color=style.CLASSES[0], linewidth=6.0, solid_capstyle="butt")
    panel.plot(middle, place, color="white", marker="o", markersize=4, markeredgecolor=style.INK)
