"""Figures of many runs together: curves with bands, intervals, heat map, parallel coordinates, time, backends, a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from runner.plots import style
from runner.plots.drawing import saved
from runner.plots.history import history
from runner.plots.parallel import parallel_coordinates
from runner.study import Study
from runner.study.comparisons import independent
from runner.study.groups import Group, described, groups
from runner.study.records import Trial

_DATA, _BACKEND = "data", "backend"
_MOST_CURVES, _MOST_BARS, _MOST_PANELS, _MOST_CELLS = 6, 24, 6, 24
_WIDTH = 6.4
# Times so far apart, as a ratio, lie on a logarithmic axis.
_WIDE = 20.0


def draw(study: Study, *, title: str, folder: Path) -> list[Path]:
    """Draws every figure that applies into ``folder``, made where it is missing, and returns their files."""
    distinct, _ = independent(study)
    # Of backends that are equal, only the figure of backends shows both.
    made = {
        name: function(study=study if function is backends else distinct, title=title)
        for name, function in FIGURES.items()
    }
    return [saved(figure, folder, name) for name, figure in made.items() if figure is not None]


def intervals(*, study: Study, title: str) -> Figure | None:
    """The mean of every group with its interval of 95 % confidence, and every trial as a dot, best first.

    Where data sets were swept, each has a panel of its own, because their metrics have no common scale.
    """
    parts = _by_data(study, groups(study))
    if not parts:
        return None
    rows = max(len(found[:_MOST_BARS]) for found in parts.values())
    figure, panels = style.figure(
        width=max(_WIDTH, 3.6 * len(parts)), height=1.5 + 0.34 * rows, title=title, columns=len(parts)
    )
    for panel, (data, found) in zip(panels, parts.items(), strict=True):
        _draw_intervals(panel, study, found[:_MOST_BARS], without=_DATA if data else "")
        style.note(panel, data or _left_out(len(found), _MOST_BARS, "groups"))
        style.label(panel, horizontal=_words(study.metric), vertical="")
    return figure


def curves(*, study: Study, title: str) -> Figure | None:
    """The monitored curve of the best groups: their mean in each epoch, and all of their trials within the band."""
    name = _curve(study)
    if name is None:
        return None
    parts = _by_data(study, groups(study))
    figure, panels = style.figure(
        width=max(_WIDTH, 4.4 * len(parts)), height=4.0 + 0.2 * _MOST_CURVES, title=title, columns=len(parts)
    )
    for panel, (data, found) in zip(panels, parts.items(), strict=True):
        for group, colour in zip(found[:_MOST_CURVES], style.CLASSES, strict=False):
            _draw_band(panel, group, name, colour, without=_DATA if data else "")
        style.label(panel, horizontal="epoch", vertical=_words(name))
        style.grid(panel)
        style.epochs(panel, range(1, 1 + max(len(each.curves.get(name, ())) for each in study.finished)))
        style.note(panel, data or _left_out(len(found), _MOST_CURVES, "groups"))
        style.legend(panel, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return figure


def heat_map(*, study: Study, title: str) -> Figure | None:
    """The mean of the metric over everything else for each pair of values of the two keys with most values."""
    keys = [key for key in study.factors if 1 < len(study.values(key)) <= _MOST_CELLS and key != _BACKEND]
    # Of the values of a search hardly two trials share one.
    if len(keys) < 2 or study.is_search:
        return None
    vertical, horizontal = sorted(keys, key=lambda key: -len(study.values(key)))[:2]
    down, across = study.values(vertical), study.values(horizontal)
    means = np.array([[_mean(study, {vertical: one, horizontal: other}) for other in across] for one in down])
    figure, (panel,) = style.figure(
        width=2.6 + 0.85 * len(across), height=1.8 + 0.42 * len(down), title=title
    )
    image = panel.imshow(means, cmap="viridis" if study.sign > 0 else "viridis_r", aspect="auto")
    panel.set_xticks(range(len(across)), [style.name(each) for each in across])
    panel.set_yticks(range(len(down)), [style.name(each) for each in down])
    style.label(panel, horizontal=_words(horizontal), vertical=_words(vertical))
    style.note(panel, f"mean of {_words(study.metric)}")
    for row, column in np.argwhere(np.isfinite(means)):
        style.tag(panel, (float(column), float(row)), f"{means[row, column]:.3g}")
    figure.colorbar(image, ax=panel)
    return figure


def time_and_quality(*, study: Study, title: str) -> Figure | None:
    """The metric against the seconds of every finished trial, one colour for each value of the first key."""
    if len(study.finished) < 3:
        return None
    key = next((each for each in study.factors if 1 < len(study.values(each)) <= len(style.CLASSES)), None)
    figure, (panel,) = style.figure(width=_WIDTH, height=4.2, title=title)
    style.label(panel, horizontal="seconds", vertical=_words(study.metric))
    style.grid(panel)
    for value, colour in zip(study.values(key) if key else [""], style.CLASSES, strict=False):
        chosen = [each for each in study.finished if key is None or each.choices.get(key) == value]
        seconds, values = [each.seconds for each in chosen], _values(chosen, study.metric)
        panel.scatter(seconds, values, s=22, color=colour, alpha=0.8, linewidths=0, label=value)
    spent = [each.seconds for each in study.finished]
    if min(spent) > 0 and max(spent) > _WIDE * min(spent):
        # The first run of a worker waits for its framework.
        panel.set_xscale("log")
    if key:
        style.legend(panel, title=_words(key), title_fontsize=9.5)
    return figure


def backends(*, study: Study, title: str) -> Figure | None:
    """The metric on one backend against the other's, of trials that are alike in all else; equal ones lie on the line."""
    names = study.values(_BACKEND)
    if len(names) != 2:
        return None
    found: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for trial in study.finished:
        rest = tuple(sorted((key, value) for key, value in trial.choices.items() if key != _BACKEND))
        found.setdefault(rest, {})[trial.choices[_BACKEND]] = trial.metrics[study.metric]
    pairs = np.array([[pair[name] for name in names] for pair in found.values() if len(pair) == 2])
    if not len(pairs):
        return None
    figure, (panel,) = style.figure(width=4.8, height=4.6, title=title)
    ends = [float(pairs.min()), float(pairs.max())]
    panel.plot(ends, ends, color=style.QUIET, linewidth=1, linestyle=style.DASHED)
    panel.scatter(pairs[:, 0], pairs[:, 1], s=24, color=style.CLASSES[0], alpha=0.8, linewidths=0)
    style.label(
        panel,
        horizontal=f"{_words(study.metric)}, {names[0]}",
        vertical=f"{_words(study.metric)}, {names[1]}",
    )
    style.grid(panel)
    style.note(panel, f"largest difference {np.abs(pairs[:, 0] - pairs[:, 1]).max():.1e}")
    return figure


FIGURES: dict[str, Callable[..., Figure | None]] = {
    "intervals": intervals,
    "curves": curves,
    "heat_map": heat_map,
    "parallel_coordinates": parallel_coordinates,
    "time_and_quality": time_and_quality,
    "backends": backends,
    "history": history,
}


def _by_data(study: Study, found: Sequence[Group]) -> dict[str, list[Group]]:
    """Returns groups by their data set, or all of them under no name where they have one alone."""
    names = study.values(_DATA)
    if 1 < len(names) <= _MOST_PANELS:
        return {name: [group for group in found if group.choices.get(_DATA) == name] for name in names}
    return {"": list(found)} if found else {}


def _draw_intervals(panel: Axes, study: Study, found: Sequence[Group], without: str) -> None:
    for place, group in enumerate(found):
        values = _values(group.trials, study.metric)
        panel.scatter(values, np.full(len(values), place), s=14, color=style.FAINT, linewidths=0, zorder=2)
        if np.isfinite(group.low):
            panel.plot([group.low, group.high], [place, place], color=style.CLASSES[0], linewidth=2, zorder=3)
        panel.plot([group.mean], [place], marker="o", markersize=5.5, color=style.CLASSES[0], zorder=4)
    panel.set_yticks(range(len(found)), [_name(group, without) for group in found])
    panel.set_ylim(len(found) - 0.5, -0.5)
    panel.grid(True, axis="x", color=style.RULE, linewidth=0.6)
    panel.set_axisbelow(True)


def _draw_band(panel: Axes, group: Group, name: str, colour: str, without: str) -> None:
    drawn = [np.asarray(trial.curves[name]) for trial in group.trials if name in trial.curves]
    if not drawn:
        return
    # Some may have stopped early: the band goes as far as all of them do.
    length = min(map(len, drawn))
    stack = np.stack([each[:length] for each in drawn])
    epochs = np.arange(1, length + 1)
    panel.plot(epochs, stack.mean(axis=0), color=colour, linewidth=1.6, label=_name(group, without))
    if len(stack) > 1:
        panel.fill_between(
            epochs, stack.min(axis=0), stack.max(axis=0), color=colour, alpha=0.15, linewidth=0
        )


def _curve(study: Study) -> str | None:
    """Returns the metric of each epoch that is nearest to the one that is compared."""
    wanted = study.metric.rpartition("/")[2]
    names = [f"validation/{wanted}", "validation/loss", "train/loss"]
    known = {name for trial in study.finished for name, values in trial.curves.items() if len(values) > 1}
    return next((name for name in names if name in known), None)


def _name(group: Group, without: str) -> str:
    left = {key: value for key, value in group.choices.items() if key != without}
    return style.name(described(left), 34)


def _mean(study: Study, choices: dict[str, str]) -> float:
    chosen = [
        each
        for each in study.finished
        if all(each.choices.get(key) == value for key, value in choices.items())
    ]
    return float(np.mean(_values(chosen, study.metric))) if chosen else float("nan")


def _values(trials: Sequence[Trial], metric: str) -> NDArray[np.float64]:
    return np.array([each.metrics[metric] for each in trials], np.float64)


def _left_out(count: int, most: int, words: str) -> str:
    return f"the best {most} of {count} {words}" if count > most else ""


def _words(name: str) -> str:
    return name.replace("/", " ").replace("_", " ")
