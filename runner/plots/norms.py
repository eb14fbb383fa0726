"""Figures of the size of gradients and weights: a line for each layer, from the first, dark, to the last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.plots import style
from runner.quantities import Positive, PositiveCount
from runner.results import Result

History = Mapping[str, list[float]]


def gradient_norms(
    *, result: Result, title: str, named_layers: PositiveCount, logarithmic_from: Positive
) -> Figure | None:
    """The Euclidean norm of each layer's gradient at the last step of every epoch.

    Args:
        result: what was measured.
        title: the name of the run.
        named_layers: at most so many layers have a name, evenly spaced from the first to the last.
        logarithmic_from: the axis is logarithmic where max / min is at least this.

    Returns:
        the figure, or None where no gradient was measured.
    """
    history = _by_layer([record.gradient_norms for record in result.epochs])
    return _draw(result, title, history, "gradient norm", named_layers, logarithmic_from)


def weight_norms(
    *, result: Result, title: str, named_layers: PositiveCount, logarithmic_from: Positive
) -> Figure | None:
    """The Euclidean norm of each layer's trained arrays at the end of every epoch.

    Args:
        result: what was measured.
        title: the name of the run.
        named_layers: at most so many layers have a name, evenly spaced from the first to the last.
        logarithmic_from: the axis is logarithmic where max / min is at least this.

    Returns:
        the figure, or None where no weight was measured.
    """
    history = _by_layer([record.weight_norms for record in result.epochs])
    return _draw(result, title, history, "weight norm", named_layers, logarithmic_from)


def _by_layer(norms: Sequence[Mapping[str, float]]) -> History:
    """Returns the norm of each layer, sqrt(sum of the squares of those of its arrays), for every epoch."""
    layers = dict.fromkeys(_layer(name) for epoch in norms for name in epoch)
    return {
        layer: [
            math.hypot(*(norm for name, norm in epoch.items() if _layer(name) == layer)) for epoch in norms
        ]
        for layer in layers
    }


def _layer(name: str) -> str:
    return name.rpartition("/")[0] or name


def _draw(
    result: Result, title: str, history: History, what: str, named_layers: int, logarithmic_from: float
) -> Figure | None:
    if not history:
        return None
    figure, (panel,) = style.figure(width=6.2, height=3.6, title=title)
    style.grid(panel)
    style.label(panel, horizontal="epoch", vertical=what)
    epochs = [record.epoch for record in result.epochs]
    _draw_lines(panel, epochs, history, named_layers)
    style.epochs(panel, epochs)
    drawn = [norm for norms in history.values() for norm in norms if math.isfinite(norm) and norm > 0]
    if drawn and max(drawn) >= logarithmic_from * min(drawn):
        style.logarithmic(panel, drawn)
    style.legend(panel, loc="upper left", bbox_to_anchor=(1.0, 1.03), handlelength=1.2, borderaxespad=0.2)
    return figure


def _draw_lines(panel: Axes, epochs: Sequence[int], history: History, named_layers: int) -> None:
    named = set(
        np.linspace(0, len(history) - 1, min(named_layers, len(history))).round().astype(int).tolist()
    )
    colours = style.in_order(len(history))
    for number, (layer, norms) in enumerate(history.items()):
        panel.plot(
            epochs,
            norms,
            color=colours[number],
            marker=style.marker(len(epochs)),
            markersize=3,
            linewidth=1.6,
            label=layer if number in named else "_nolegend_",
        )
