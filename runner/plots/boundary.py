"""What a classification with two inputs says of every point of the plane."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runner.plots import style
from runner.quantities import PositiveCount
from runner.results import Boundary, Result

_MOST_IN_LEGEND = 6
_MOST_UNEQUAL = 3.0
_STRONGEST = 0.55
_SIDE = 4.6
_LONGEST_TAG = 10


def decision_boundary(*, result: Result, title: str, examples: PositiveCount) -> Figure | None:
    """The predicted class over the plane, darker where the model is surer, and training examples on it.

    Args:
        result: what was predicted.
        title: the name of the run.
        examples: at most so many training examples are drawn, evenly spaced among all.

    Returns:
        the figure, or None where there are not two inputs and classes.
    """
    boundary = result.boundary
    if boundary is None or result.task == "regression":
        return None
    colours = style.class_colours(len(result.classes))
    wide, high = np.ptp(boundary.first), np.ptp(boundary.second)
    alike = max(wide, high) <= _MOST_UNEQUAL * min(wide, high)
    ratio = float(high / wide) if alike else 1.0
    side = _SIDE / max(ratio**0.5, 1.0)
    above = 0.85 if len(result.classes) > _MOST_IN_LEGEND else 1.1
    figure, (panel,) = style.figure(width=side + 0.6, height=side * ratio + above, title=title)
    panel.set_aspect("equal" if alike else "auto")
    _draw_plane(panel, boundary, colours)
    _draw_examples(panel, boundary, result.classes, colours, examples)
    style.label(panel, horizontal="first input", vertical="second input")
    return figure


def _draw_plane(panel: Axes, boundary: Boundary, colours: NDArray[np.float64]) -> None:
    probabilities = boundary.outputs
    if probabilities.shape[-1] == 1:
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=-1)
    predicted, surest = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
    # From 1 / classes, which says nothing, to 1.
    sureness = (surest - 1 / len(colours)) / (1 - 1 / len(colours))
    strength = (_STRONGEST * np.nan_to_num(sureness))[..., None]
    panel.imshow(
        1 - strength * (1 - colours[predicted]),
        extent=_extent(boundary),
        origin="lower",
        interpolation="bilinear",
        aspect=panel.get_aspect(),
    )
    # The line where the likeliest class changes lies where its lead over the others is nothing.
    for number in np.unique(predicted)[1 if len(colours) == 2 else 0 :]:
        others = np.delete(probabilities, number, axis=-1).max(axis=-1)
        lead = probabilities[..., number] - others
        panel.contour(boundary.first, boundary.second, lead, levels=[0.0], colors=style.INK, linewidths=0.9)


def _extent(boundary: Boundary) -> tuple[float, float, float, float]:
    """Returns the ends of the picture: its outer pixels are centred on the outer values."""
    ends = []
    for values in (boundary.first, boundary.second):
        half = float(values[-1] - values[0]) / (len(values) - 1) / 2
        ends += [float(values[0]) - half, float(values[-1]) + half]
    return (ends[0], ends[1], ends[2], ends[3])


def _draw_examples(
    panel: Axes, boundary: Boundary, classes: tuple[str, ...], colours: NDArray[np.float64], examples: int
) -> None:
    chosen = np.linspace(0, len(boundary.inputs) - 1, min(examples, len(boundary.inputs))).astype(int)
    inputs, targets = boundary.inputs[chosen], boundary.targets[chosen].reshape(-1)
    for number, name in enumerate(classes):
        own = inputs[targets == number]
        panel.scatter(
            own[:, 0],
            own[:, 1],
            s=16,
            color=[0.8 * colours[number]],
            edgecolors="white",
            linewidths=0.5,
            label=style.name(name),
        )
        if len(classes) > _MOST_IN_LEGEND and len(own):
            centre = np.median(own, axis=0)
            style.tag(panel, (float(centre[0]), float(centre[1])), style.name(name, _LONGEST_TAG))
    if len(classes) <= _MOST_IN_LEGEND:
        style.legend(
            panel,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=3,
            borderpad=0,
            handletextpad=0.2,
            markerscale=1.6,
        )
