"""How every figure looks: one size of type, no frame, colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, Color Universal Design, 2008.
COLOURS: Mapping[str, str] = {"train": "#0072B2", "validation": "#D55E00", "test": "#009E73"}
INK = "#222222"
QUIET = "#8A8A8A"
RULE = "#DDDDDD"
DASHED = (0, (4, 3))
DOTS_PER_INCH = 150

_TITLE = 12
_LABEL = 10.5
_TICK = 9.5


def figure(*, width: float, height: float, title: str, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Returns an empty figure of ``width`` x ``height`` inches and its panels, side by side."""
    made = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    made.suptitle(title, fontsize=_TITLE, color=INK, x=0.012, ha="left", fontweight="bold")
    panels = list(made.subplots(1, columns, squeeze=False)[0])
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


def grid(panel: Axes) -> None:
    """Draws thin lines behind the data."""
    panel.grid(True, color=RULE, linewidth=0.6)
    panel.set_axisbelow(True)


def _plain(panel: Axes) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(QUIET)
    panel.tick_params(labelsize=_TICK, color=QUIET, labelcolor=INK)
