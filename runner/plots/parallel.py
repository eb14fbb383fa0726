"""Parallel coordinates: one axis for each key, one line for each trial."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runner.plots import style
from runner.study import Study
from runner.study.records import Trial, number, shortened

_LEAST_KEYS = 3
# Two values so far apart, as a ratio, lie on a logarithmic axis.
_DECADES = 30.0
_MOST_TICKS = 8


def parallel_coordinates(*, study: Study, title: str) -> Figure | None:
    """One axis for each key and one for the metric, a line for each trial in the colour of its metric, the best on top."""
    keys = [key for key in study.keys if len(study.values(key)) > 1]
    if len(keys) < _LEAST_KEYS or len(study.finished) < _LEAST_KEYS:
        return None
    figure, (panel,) = style.figure(width=1.9 * (len(keys) + 1), height=4.2, title=title)
    values = np.array([trial.metrics[study.metric] for trial in study.finished])
    scale = Normalize(float(values.min()), float(values.max()))
    colours = colormaps["viridis" if study.sign > 0 else "viridis_r"](scale(values))
    columns = [_places(study, key) for key in keys]
    heights = np.stack([*columns, _spread(values)], axis=1)
    places = np.arange(len(keys) + 1)
    for line, colour in zip(heights[::-1], colours[::-1], strict=True):
        panel.plot(places, line, color=colour, linewidth=1.3, alpha=0.75)
    for place, key in enumerate(keys):
        ticks = _ticks(study.values(key))
        _draw_axis(panel, place, {shortened(value): _height(study, key, value) for value in ticks})
    ends = {f"{values.min():.4g}": 0.0, f"{values.max():.4g}": 1.0}
    _draw_axis(panel, len(keys), ends if np.ptp(values) else {f"{values[0]:.4g}": 0.5})
    panel.set_xticks(places, [style.wrapped(each.replace("_", " ")) for each in (*keys, study.metric)])
    panel.set_yticks([])
    panel.set_xlim(-0.2, len(keys) + 0.5)
    panel.spines[["left", "bottom"]].set_visible(False)
    return figure


def _ticks(values: list[str]) -> list[str]:
    """Returns the values that are written on an axis: of many numbers the ends and one between."""
    if len(values) <= _MOST_TICKS or any(number(value) is None for value in values):
        return values
    return [values[0], values[len(values) // 2], values[-1]]


def _draw_axis(panel: Axes, place: int, ticks: dict[str, float]) -> None:
    panel.axvline(place, color=style.QUIET, linewidth=0.8, zorder=1)
    for text, height in ticks.items():
        panel.annotate(
            style.name(text, 14),
            (place, height),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=8.5,
            color=style.INK,
        )


def _places(study: Study, key: str) -> NDArray[np.float64]:
    def height(trial: Trial) -> float:
        return _height(study, key, trial.choices[key]) if key in trial.choices else float("nan")

    return np.array([height(trial) for trial in study.finished])


def _height(study: Study, key: str, value: str) -> float:
    """Returns where a value lies on its key's axis, from 0 to 1: by its size where all are numbers, else by its place."""
    values = study.values(key)
    numbers = [each for each in map(number, values) if each is not None]
    own = number(value)
    if len(numbers) < len(values) or own is None or len(values) < 2:
        return values.index(value) / max(len(values) - 1, 1)
    low, high = min(numbers), max(numbers)
    if low > 0 and high >= _DECADES * low:
        return float(np.log(own / low) / np.log(high / low))
    return (own - low) / (high - low)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    width = np.ptp(values)
    return (values - values.min()) / width if width else np.full(len(values), 0.5)
