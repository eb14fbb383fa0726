"""The hidden activation where the network used it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from runner.plots import style
from runner.quantities import Positive
from runner.results import ActivationTrace, Result


def activation(*, result: Result, title: str, small_derivative: Positive) -> Figure | None:
    """The activation function with its derivative, over a histogram of the pre-activations that occurred.

    Args:
        result: what was traced.
        title: the name of the run.
        small_derivative: how many pre-activations have a derivative closer to 0 than this is said.

    Returns:
        the figure, or None where there is no hidden activation that looks at one number at a time.
    """
    trace = result.activation
    if trace is None:
        return None
    figure, (above, below) = style.figure(
        width=5.4, height=4.8, title=title, rows=2, heights=[2.6, 1], sharex=True
    )
    _draw_function(above, trace)
    _draw_shares(below, trace)
    percent = 100 * _share_with_derivative_below(trace, small_derivative)
    text = f"{percent:.0f}% of the pre-activations have a derivative within {small_derivative:g} of 0"
    style.note(above, text)
    figure.align_ylabels()
    return figure


def _share_with_derivative_below(trace: ActivationTrace, bound: float) -> float:
    centres = (trace.edges[:-1] + trace.edges[1:]) / 2
    derivatives = np.interp(centres, trace.inputs, trace.derivatives)
    return float(trace.shares[np.abs(derivatives) < bound].sum())


def _draw_function(panel: Axes, trace: ActivationTrace) -> None:
    style.grid(panel)
    panel.axhline(0, color=style.QUIET, linewidth=0.8)
    panel.plot(trace.inputs, trace.values, color=style.CLASSES[0], linewidth=1.8, label=f"{trace.name}(x)")
    panel.plot(
        trace.inputs,
        trace.derivatives,
        color=style.CLASSES[1],
        linewidth=1.6,
        linestyle=style.DASHED,
        label="its derivative",
    )
    panel.set_xlim(trace.edges[0], trace.edges[-1])
    style.label(panel, horizontal="", vertical="value")
    style.legend(panel)


def _draw_shares(panel: Axes, trace: ActivationTrace) -> None:
    style.grid(panel)
    panel.grid(False, axis="x")
    panel.stairs(trace.shares, trace.edges, fill=True, color=style.FAINT)
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    panel.yaxis.set_major_locator(MaxNLocator(3))
    style.label(panel, horizontal="pre-activation x", vertical="share")
