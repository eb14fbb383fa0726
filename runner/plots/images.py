"""Figures of image data."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runner import metrics
from runner.plots import style
from runner.quantities import PositiveCount
from runner.results import Mistakes, Result

# The side of an image in inches; in shares of it the room between two, that of a caption and that below it.
_INCHES = 1.25
_SMALL_INCHES = 0.8
_GAP = 0.12
_CAPTION = 0.36
_ABOVE = 0.03
_NARROWEST = 3
_LONGEST_ACTUAL = 18
_LONGEST_PREDICTED = 11


def worst_mistakes(
    *, result: Result, title: str, examples: PositiveCount, columns: PositiveCount
) -> Figure | None:
    """The test images on whose class the model was most wrongly sure, the worst first.

    Args:
        result: what was mistaken.
        title: the name of the run.
        examples: at most so many images are drawn.
        columns: at most so many beside one another.

    Returns:
        the figure, or None where there are no images, no classes or no mistakes.
    """
    mistakes = result.mistakes
    if mistakes is None or result.task == "regression" or not len(mistakes.images):
        return None
    count = min(examples, len(mistakes.images))
    across = min(columns, max(count, _NARROWEST))
    down = math.ceil(count / across)
    width, height = across * (1 + _GAP) - _GAP, down * (1 + _CAPTION)
    figure, (panel,) = style.figure(width=_INCHES * width + 0.2, height=_INCHES * height + 0.6, title=title)
    # One panel for all: twenty of them take longer to lay out than all other figures together.
    panel.set_axis_off()
    panel.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    for number, picture in enumerate(_pictures(mistakes.images[:count])):
        row, column = divmod(number, across)
        left, top = column * (1 + _GAP), row * (1 + _CAPTION) + _CAPTION
        _draw_picture(panel, picture, left, top)
        _write_caption(panel, _caption(mistakes, number, result.classes), left, top)
    style.note(panel, "actual → predicted, and its probability")
    return figure


def reconstructions(*, result: Result, title: str, examples: PositiveCount) -> Figure | None:
    """Test images above what the network gives back of them, from the best given back to the worst.

    Args:
        result: what was given back.
        title: the name of the run.
        examples: at most so many images are drawn, evenly spaced from the best to the worst.

    Returns:
        the figure, or None where there are no images or they are not given back.
    """
    given_back = result.reconstructions
    if given_back is None or not np.isfinite(given_back.returned).all():
        return None
    count = min(examples, len(given_back.errors))
    chosen = np.linspace(0, len(given_back.errors) - 1, count).round().astype(np.int64)
    originals = given_back.originals[chosen]
    # Beyond black and white there is nothing to see.
    returned = np.clip(given_back.returned[chosen], originals.min(), originals.max())
    upper, lower = np.split(_pictures(np.concatenate([originals, returned])), 2)
    across = max(count, _NARROWEST)
    width, height = across * (1 + _GAP) - _GAP, 2 * (1 + _GAP) + _CAPTION / 2
    figure, (panel,) = style.figure(
        width=_SMALL_INCHES * width + 0.2, height=_SMALL_INCHES * height + 0.75, title=title
    )
    panel.set_axis_off()
    panel.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    for number in range(count):
        left = number * (1 + _GAP)
        _draw_picture(panel, upper[number], left, 0)
        _draw_picture(panel, lower[number], left, 1 + _GAP)
        _write_caption(panel, f"{given_back.errors[chosen[number]]:.3g}", left, 2 * (1 + _GAP) + _CAPTION / 2)
    style.note(panel, "test images above what is given back, the best first; root mean squared error")
    return figure


def _pictures(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns images from 0 to 1, (examples, height, width), or (examples, height, width, 3) with colours."""
    low, high = float(np.nanmin(images)), float(np.nanmax(images))
    scaled = np.nan_to_num((images - low) / (high - low if high > low else 1.0))
    return scaled if images.shape[-1] == 3 else scaled.mean(axis=-1)


def _draw_picture(panel: Axes, picture: NDArray[np.float64], left: float, top: float) -> None:
    """Draws a picture into the square of side 1 at ``left`` and ``top``, its own sides as they are."""
    high, wide = picture.shape[0] / max(picture.shape[:2]), picture.shape[1] / max(picture.shape[:2])
    extent = (left, left + wide, top + high, top)
    drawn = panel.imshow(picture, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest", extent=extent)
    drawn.set_clip_on(False)
    # Each picture would set the limits to its own.
    panel.set(autoscale_on=False)


def _caption(mistakes: Mistakes, number: int, classes: tuple[str, ...]) -> str:
    outputs = mistakes.outputs[number : number + 1]
    predicted = int(metrics.predicted_classes(outputs)[0])
    first = float(outputs[0, 0])
    probability = float(outputs[0, predicted]) if outputs.shape[1] > 1 else max(first, 1 - first)
    actual = style.name(classes[int(mistakes.targets[number])], _LONGEST_ACTUAL)
    return f"{actual}\n→ {style.name(classes[predicted], _LONGEST_PREDICTED)}  {probability:.2f}"


def _write_caption(panel: Axes, caption: str, left: float, top: float) -> None:
    place = (left, top - _ABOVE)
    text = panel.text(
        *place, caption, ha="left", va="bottom", fontsize=8.5, color=style.INK, linespacing=1.15
    )
    text.set_in_layout(False)
