"""What a task beside training leaves behind: tables, single numbers, and what its figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A tuple is a row of numbers that belong together, such as the outputs of a layer.
Cell = str | int | float | tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """Lines of cells under headings; its name is that of its file, and not every table is printed."""

    name: str
    headings: tuple[str, ...]
    lines: tuple[tuple[Cell, ...], ...]
    shown: bool = True


@dataclass(frozen=True)
class Curve:
    """A function of one number.

    Args:
        inputs: evenly spaced x, (samples,).
        values: f(x), (samples,).
        derivatives: f'(x) by the framework's own automatic differentiation, (samples,).
        points: the x that were asked for, (points,).
        point_values: f there, (points,).
        point_derivatives: f' there, (points,).
    """

    inputs: Floats
    values: Floats
    derivatives: Floats
    points: Floats
    point_values: Floats
    point_derivatives: Floats


@dataclass(frozen=True)
class VectorCurve:
    """A function of a whole vector.

    Args:
        vector: x, (n,).
        values: f(x), (m,).
        jacobian: df_i / dx_j by the framework's own automatic differentiation, (m, n).
        inputs: evenly spaced values of x_1, the others being kept, (samples,).
        swept: f there, (samples, m).
    """

    vector: Floats
    values: Floats
    jacobian: Floats
    inputs: Floats
    swept: Floats


@dataclass(frozen=True)
class Landscape:
    """A loss around given predictions.

    Args:
        names: of the predictions that are moved, ``z[0, 2]``.
        given: their values, (predictions,).
        slopes: dL/dz there, (predictions,).
        offsets: how far each of them is moved while the others are kept, (samples,).
        losses: L there, (predictions, samples).
        side: offsets of the surface over the first two, (side,); empty where there is only one.
        surface: L at (second, first), (side, side).
    """

    names: tuple[str, ...]
    given: Floats
    slopes: Floats
    offsets: Floats
    losses: Floats
    side: Floats
    surface: Floats


@dataclass(frozen=True)
class Comparison:
    """How far derivatives by automatic differentiation are from what else they are found by.

    Args:
        names: of the derivatives, ``relu'(2)`` or ``dense0/kernel[1, 0]``.
        formula: the difference from the formula; NaN where there is none, (derivatives,).
        finite: the difference from a finite difference, (derivatives,).
    """

    names: tuple[str, ...]
    formula: Floats
    finite: Floats


@dataclass(frozen=True)
class Findings:
    """What a task found.

    Args:
        task: its name.
        tables: what is printed and kept.
        metrics: single numbers by name, ``softmax/sum``.
        sentences: what to say of it.
        failure: why a check did not pass; None where it did, or where nothing was checked.
        curves: by the name of the function.
        vectors: by the name of the function.
        landscape: of a loss.
        comparison: of derivatives.
        outputs: of each layer by name in the order of the layers, (rows, ...).
    """

    task: str
    tables: tuple[Table, ...]
    metrics: Mapping[str, float]
    sentences: tuple[str, ...] = ()
    failure: str | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    vectors: Mapping[str, VectorCurve] = field(default_factory=dict)
    landscape: Landscape | None = None
    comparison: Comparison | None = None
    outputs: Mapping[str, Floats] = field(default_factory=dict)
