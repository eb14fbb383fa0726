"""Derivatives: a polynomial with its tangents, and how far automatic differentiation is from the other ways."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.findings import Curve, Findings
from runner.plots import style
from runner.quantities import PositiveCount

# A difference of nothing has no place on a logarithmic axis: it is drawn at the last digit of 1.
_LAST_DIGIT = 2.0**-53


def tangents(*, findings: Findings, title: str) -> Figure | None:
    """A polynomial, and at each point that was asked for the line whose slope is its derivative.

    Args:
        findings: what was differentiated.
        title: the name of the run.

    Returns:
        the figure, or None where no polynomial was differentiated.
    """
    if findings.task != "gradient" or not findings.curves:
        return None
    ((name, curve),) = findings.curves.items()
    figure, (panel,) = style.figure(width=5.4, height=4.0, title=title)
    style.grid(panel)
    panel.plot(curve.inputs, curve.values, color=style.CLASSES[0], linewidth=1.8, label=f"y = {name}")
    _draw_tangents(panel, curve)
    low, high = curve.values.min(), curve.values.max()
    margin = 0.08 * ((high - low) or 1.0)
    panel.set_ylim(low - margin, high + margin)
    panel.set_xlim(curve.inputs[0], curve.inputs[-1])
    style.label(panel, horizontal="x", vertical="y")
    style.legend(panel)
    return figure


def differences(*, findings: Findings, title: str, named: PositiveCount) -> Figure | None:
    """How far each derivative by automatic differentiation is from the formula and from a finite difference.

    Args:
        findings: what was compared.
        title: the name of the run.
        named: derivatives whose names there is room for.

    Returns:
        the figure, or None where nothing was compared.
    """
    found = findings.comparison
    if found is None:
        return None
    few = len(found.names) <= named
    height = 1.7 + 0.24 * len(found.names) if few else 4.0
    figure, (panel,) = style.figure(width=6.0, height=height, title=title)
    style.grid(panel)
    places = np.arange(len(found.names))
    ways = (("formula", found.formula), ("finite difference", found.finite))
    for (word, apart), colour in zip(ways, style.CLASSES, strict=False):
        if np.isfinite(apart).any():
            shown = np.maximum(apart, _LAST_DIGIT)
            panel.plot(shown, places, "o", color=colour, markersize=5, label=f"from the {word}")
    panel.set_xscale("log")
    panel.invert_yaxis()
    if few:
        panel.set_yticks(places, [style.name(each) for each in found.names])
    style.label(
        panel, horizontal="difference of automatic differentiation", vertical="" if few else "derivative"
    )
    style.legend(panel)
    return figure


def _draw_tangents(panel: Axes, curve: Curve) -> None:
    reach = 0.28 * (curve.inputs[-1] - curve.inputs[0])
    points = zip(curve.points, curve.point_values, curve.point_derivatives, strict=True)
    for number, (x, y, slope) in enumerate(points):
        # The first tangent tells the legend what they all are where there are many.
        ends = np.array([x - reach, x + reach])
        panel.plot(
            ends,
            y + slope * (ends - x),
            color=style.CLASSES[1],
            linewidth=1.4,
            linestyle=style.DASHED,
            label=f"slope {slope:.6g} at x = {x:g}" if number == 0 else None,
        )
        panel.plot(x, y, color=style.CLASSES[1], marker="o", markersize=6)
