"""Activation functions and their derivatives: one figure for each, and all of them over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.findings import Curve, Findings, VectorCurve
from runner.plots import style
from runner.quantities import PositiveCount

ALL = "all"

# For each of them there are as many functions as colours that are told apart.
_LINES = ("-", style.DASHED, ":", "-.")


def functions(*, findings: Findings, title: str, columns: PositiveCount) -> Mapping[str, Figure] | None:
    """Each function of one number with its derivative, and an overview of all with a panel for each kind.

    Args:
        findings: what was drawn and at which points.
        title: the name of the run.
        columns: in which the names of all functions stand.

    Returns:
        a figure for each function by its name, and one of all; None where there are no such functions.
    """
    if not findings.curves or findings.task != "curves":
        return None
    figures = {name: _single(name, curve, title) for name, curve in findings.curves.items()}
    return figures | ({ALL: _overlay(findings.curves, title, columns)} if len(figures) > 1 else {})


def vector_functions(*, findings: Findings, title: str) -> Mapping[str, Figure] | None:
    """Each function of a vector: its outputs as the first number changes, and its matrix of derivatives.

    Args:
        findings: what was drawn.
        title: the name of the run.

    Returns:
        a figure for each function by its name, or None where there are none.
    """
    return {name: _vector(name, curve, title) for name, curve in findings.vectors.items()} or None


def _single(name: str, curve: Curve, title: str) -> Figure:
    figure, (panel,) = style.figure(width=5.0, height=3.6, title=title)
    _axes(panel)
    colour, other = style.CLASSES[:2]
    panel.plot(curve.inputs, curve.values, color=colour, linewidth=1.8, label=f"{name}(x)")
    panel.plot(curve.points, curve.point_values, color=colour, marker="o", markersize=4.5, linestyle="none")
    panel.plot(
        curve.inputs,
        curve.derivatives,
        color=other,
        linewidth=1.6,
        linestyle=style.DASHED,
        label="its derivative",
    )
    style.label(panel, horizontal="x", vertical="value")
    panel.set_xlim(curve.inputs[0], curve.inputs[-1])
    style.legend(panel)
    return figure


def _overlay(curves: Mapping[str, Curve], title: str, columns: int) -> Figure:
    rows = -(-len(curves) // columns)
    figure, (values, slopes) = style.figure(
        width=9.0, height=4.0 + 0.19 * rows, title=title, columns=2, sharex=True
    )
    colours = style.class_colours(len(style.CLASSES))
    for number, (name, curve) in enumerate(curves.items()):
        look = {
            "color": colours[number % len(colours)],
            "linestyle": _LINES[number // len(colours) % len(_LINES)],
            "linewidth": 1.4,
        }
        values.plot(curve.inputs, curve.values, label=name, **look)
        slopes.plot(curve.inputs, curve.derivatives, **look)
    for panel, vertical in ((values, "f(x)"), (slopes, "f'(x)")):
        _axes(panel)
        style.label(panel, horizontal="x", vertical=vertical)
    first = next(iter(curves.values()))
    values.set_xlim(first.inputs[0], first.inputs[-1])
    # What grows without bound would leave no room for what does not.
    values.set_ylim(*_middle([curve.values for curve in curves.values()]))
    style.legend_below(figure, values, columns)
    return figure


def _vector(name: str, curve: VectorCurve, title: str) -> Figure:
    figure, (panel, matrix) = style.figure(width=8.4, height=3.6, title=title, columns=2, widths=(1.3, 1.0))
    _axes(panel)
    colours = style.class_colours(curve.swept.shape[1])
    for place in range(curve.swept.shape[1]):
        panel.plot(curve.inputs, curve.swept[:, place], color=colours[place], label=f"{name}(x)[{place}]")
        panel.plot(curve.vector[0], curve.values[place], color=colours[place], marker="o", markersize=4.5)
    panel.set_xlim(curve.inputs[0], curve.inputs[-1])
    rest = ", ".join(f"{each:g}" for each in curve.vector[1:])
    style.label(panel, horizontal=f"t in x = (t{', ' if rest else ''}{rest})", vertical="value")
    style.legend(panel)
    style.matrix(matrix, curve.jacobian)
    style.note(matrix, f"derivatives at x = ({', '.join(f'{each:g}' for each in curve.vector)})")
    style.label(matrix, horizontal="by x[j]", vertical=f"of {name}(x)[i]")
    return figure


def _axes(panel: Axes) -> None:
    style.grid(panel)
    panel.axhline(0, color=style.QUIET, linewidth=0.8)
    panel.axvline(0, color=style.QUIET, linewidth=0.8)


def _middle(values: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> tuple[float, float]:
    """Returns bounds in which most functions can be seen."""
    every = np.concatenate(list(values))
    low, high = np.quantile(every, (0.03, 0.97))
    margin = 0.08 * (high - low)
    return float(low - margin), float(high + margin)
