"""How every figure looks: one size of type, no frame, colours that colour-blind readers tell apart."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

# Okabe and Ito's colours, Color Universal Design, 2008.
COLOURS: Mapping[str, str] = {"train": "#0072B2", "validation": "#D55E00", "test": "#009E73"}
CLASSES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK = "#222222"
QUIET = "#757575"
FAINT = "#BBBBBB"
RULE = "#DDDDDD"
DASHED = (0, (4, 3))
DOTS_PER_INCH = 150
FEW_POINTS = 30

_TITLE = 12
_LABEL = 10.5
_TICK = 9.5
# A bold letter of the title's size is about this wide, in inches.
_LETTER = 0.104
_TITLE_LINES = 2
_LONGEST_NAME = 24
_FEW_DECADES = 2.5
# From this share of the largest value on a cell is so dark that its number is white.
_DARK = 0.6
_FINE_TICKS = (1, 2, 5)


def figure(
    *,
    width: float,
    height: float,
    title: str,
    rows: int = 1,
    columns: int = 1,
    widths: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Returns an empty figure of ``width`` x ``height`` inches and its panels, row by row.

    Args:
        width: of the figure in inches.
        height: of the figure in inches.
        title: the name of the run, broken into lines where it is long.
        rows: of panels.
        columns: of panels.
        widths: of the columns, as shares of one another.
        heights: of the rows, as shares of one another.
        sharex: whether the panels have one horizontal axis.
        sharey: whether the panels have one vertical axis.
    """
    made = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    heading = _title(title, width)
    made.suptitle(heading, fontsize=_TITLE, color=INK, x=0.012, ha="left", fontweight="bold")
    grid: NDArray[Any] = made.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=sharex,
        sharey=sharey,
        width_ratios=widths,
        height_ratios=heights,
    )
    panels: list[Axes] = list(grid.reshape(-1))
    for panel in panels:
        _plain(panel)
    return made, panels


def label(panel: Axes, *, horizontal: str, vertical: str) -> None:
    """Names both axes."""
    panel.set_xlabel(horizontal, fontsize=_LABEL, color=INK)
    panel.set_ylabel(vertical, fontsize=_LABEL, color=INK)


def note(panel: Axes, text: str) -> None:
    """Writes a quiet line above a panel."""
    panel.set_title(text, fontsize=_TICK, color=QUIET, loc="left")


def tag(panel: Axes, place: tuple[float, float], text: str) -> None:
    """Writes a word that stays readable on what is drawn there; ``place`` is in the units of the data."""
    halo = [withStroke(linewidth=2.5, foreground="white")]
    panel.annotate(text, place, ha="center", va="center", fontsize=_TICK, color=INK, path_effects=halo)


def grid(panel: Axes) -> None:
    """Draws thin lines behind the data."""
    panel.grid(True, color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)


def legend(panel: Axes, **place: Any) -> Legend:
    """Names what is drawn in a panel, without a frame; ``place`` is as in matplotlib's ``Axes.legend``."""
    return panel.legend(edgecolor="none", framealpha=0.8, fontsize=_TICK, labelcolor=INK, **place)


def legend_below(figure: Figure, panel: Axes, columns: int) -> Legend:
    """Names what is drawn in a panel in columns under the whole figure."""
    handles, labels = panel.get_legend_handles_labels()
    return figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=_TICK,
        labelcolor=INK,
    )


def matrix(panel: Axes, values: NDArray[np.float64]) -> None:
    """Draws a matrix as cells with their numbers, blue below 0 and red above; NaN is no cell."""
    largest = float(np.nanmax(np.abs(values))) or 1.0
    panel.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if abs(value) > _DARK * largest else INK
            text = f"{value:.3g}"
            panel.text(column, row, text, ha="center", va="center", fontsize=_TICK - 1, color=colour)
    panel.set_xticks(range(values.shape[1]))
    panel.set_yticks(range(values.shape[0]))


def logarithmic(panel: Axes, values: Sequence[float]) -> None:
    """Gives a panel a logarithmic vertical axis with plain numbers for ``values``, all above 0."""
    panel.set_yscale("log")
    decades = np.log10(max(values)) - np.log10(min(values))
    panel.yaxis.set_major_locator(LogLocator(subs=_FINE_TICKS if decades < _FEW_DECADES else (1,)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


def epochs(panel: Axes, drawn: Sequence[int]) -> None:
    """Gives a panel a horizontal axis of whole epochs; ``drawn`` are those there are."""
    panel.xaxis.set_major_locator(MaxNLocator(steps=(1, 2, 5, 10), integer=True, min_n_ticks=1))
    if len(set(drawn)) == 1:
        panel.set_xlim(drawn[0] - 1, drawn[0] + 1)


def marker(points: int) -> str | None:
    """Returns how a point of a line with so many of them is marked."""
    return "o" if points <= FEW_POINTS else None


def name(text: str, longest: int = _LONGEST_NAME) -> str:
    """Returns a class's name as figures show it: without its middle where it is long, never a formula."""
    head = longest // 2
    cut = text if len(text) <= longest else f"{text[:head]}…{text[head + 1 - longest :]}"
    return _literal(cut)


def wrapped(text: str) -> str:
    """Returns a text in lines as long as a name may be."""
    return _literal("\n".join(textwrap.wrap(text, _LONGEST_NAME)))


def class_colours(classes: int) -> NDArray[np.float64]:
    """Returns a colour for each class, (classes, 3); after six they come again, darker, then lighter."""
    base = np.array([to_rgb(colour) for colour in CLASSES])
    towards = (None, 0.0, 1.0)
    made = [
        base[each % len(base)]
        if (end := towards[each // len(base) % len(towards)]) is None
        else 0.55 * base[each % len(base)] + 0.45 * end
        for each in range(classes)
    ]
    return np.array(made)


def in_order(count: int) -> list[Any]:
    """Returns colours for things that have an order, from dark to light."""
    return [colormaps["viridis"](place) for place in np.linspace(0.0, 0.8, max(count, 2))[:count]]


def _title(text: str, width: float) -> str:
    lines = textwrap.wrap(text, max(int(width / _LETTER), 10), max_lines=_TITLE_LINES, placeholder=" …")
    return _literal("\n".join(lines))


def _literal(text: str) -> str:
    """Returns a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def _plain(panel: Axes) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(QUIET)
    panel.tick_params(labelsize=_TICK, color=QUIET, labelcolor=INK)
