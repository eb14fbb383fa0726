"""The figure of recorded runs side by side: the curves of all, a panel for each metric."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from runner.plots import style
from runner.plots.drawing import saved

NAME = "curves"
_LINES = ("solid", style.DASHED, "dotted", "dashdot")


def curves(*, runs: Sequence[Mapping[str, Any]], names: Sequence[str], title: str) -> Figure:
    """The metrics of every epoch, one line for each run.

    Args:
        runs: each with a ``label`` and its ``curves``: (epoch, value) by the name of the metric.
        names: of the metrics, one for each panel.
        title: what is compared.
    """
    figure, panels = style.figure(width=4.8 * len(names), height=4.0, title=title, columns=len(names))
    for panel, name in zip(panels, names, strict=True):
        style.label(panel, horizontal="epoch", vertical=name.replace("_", " "))
        style.grid(panel)
        drawn: list[int] = []
        for place, run in enumerate(runs):
            points = run["curves"].get(name, [])
            if not points:
                continue
            epochs, values = zip(*points, strict=True)
            drawn += epochs
            panel.plot(
                epochs,
                values,
                color=style.CLASSES[place % len(style.CLASSES)],
                # The lines of runs that are equal are seen through one another.
                linestyle=_LINES[place % len(_LINES)],
                linewidth=2.2 if place == 0 else 1.5,
                marker=style.marker(len(points)),
                markersize=3,
                label=style.name(run["label"]),
            )
        style.epochs(panel, drawn)
    style.legend_below(figure, panels[0], columns=min(len(runs), 2 * len(names)))
    return figure


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of a process that must not have matplotlib: the file of the runs, and where the figure goes."""
    content = json.loads(Path(question["path"]).read_text(encoding="utf-8"))
    path = saved(curves(**content), Path(question["folder"]), NAME)
    return {"path": str(path)}
