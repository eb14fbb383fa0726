"""A loss around given predictions."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.findings import Findings, Landscape
from runner.plots import style
from runner.quantities import PositiveCount


def landscape(*, findings: Findings, title: str, levels: PositiveCount) -> Figure | None:
    """The loss as each prediction alone is moved, and as a surface over the two with the largest slopes.

    Args:
        findings: what was computed.
        title: the name of the run.
        levels: contour lines of the surface.

    Returns:
        the figure, or None where there is no loss.
    """
    found = findings.landscape
    if found is None:
        return None
    has_surface = len(found.side) > 0
    figure, panels = style.figure(
        width=8.8 if has_surface else 4.8, height=3.7, title=title, columns=2 if has_surface else 1
    )
    _draw_curves(panels[0], found)
    if has_surface:
        _draw_surface(figure, panels[1], found, levels)
    return figure


def _draw_curves(panel: Axes, found: Landscape) -> None:
    style.grid(panel)
    for name, losses, slope, colour in zip(
        found.names, found.losses, found.slopes, style.class_colours(len(found.names)), strict=True
    ):
        panel.plot(found.offsets, losses, color=colour, linewidth=1.6, label=f"{name}, slope {slope:.3g}")
    middle = found.losses[:, np.abs(found.offsets).argmin()]
    panel.plot(0.0, middle[0], color=style.INK, marker="o", markersize=5, linestyle="none")
    style.label(panel, horizontal="one prediction moved by", vertical="loss")
    style.legend(panel)


def _draw_surface(figure: Figure, panel: Axes, found: Landscape, levels: int) -> None:
    first, second = found.given[0] + found.side, found.given[1] + found.side
    drawn = panel.contourf(first, second, found.surface, levels=levels, cmap="viridis")
    panel.contour(first, second, found.surface, levels=levels, colors="white", linewidths=0.4, alpha=0.6)
    length = np.hypot(*found.slopes[:2]) or 1.0
    reach = 0.2 * (found.side[-1] - found.side[0])
    downhill = -found.slopes[:2] / length * reach
    panel.annotate(
        "",
        xy=(found.given[0] + downhill[0], found.given[1] + downhill[1]),
        xytext=(found.given[0], found.given[1]),
        arrowprops={"arrowstyle": "-|>", "color": "white", "linewidth": 1.6},
    )
    panel.plot(*found.given[:2], color="white", marker="o", markersize=6, markeredgecolor=style.INK)
    style.label(panel, horizontal=found.names[0], vertical=found.names[1])
    style.note(panel, "the loss; the arrow is the direction of its negative gradient")
    figure.colorbar(drawn, ax=panel, format="%.3g")
