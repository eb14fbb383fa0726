"""The figure of a comparison: the curves of its arms, and below them how little parts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from runner.plots import style
from runner.plots.drawing import saved

Floats = NDArray[np.float64]

NAME = "comparison"

_ARM_COLOURS = ("#0072B2", "#E69F00", style.INK)
_CONTROL_LINES = ("dotted", style.DASHED)
_PRECISION_COLOURS = ("#009E73", "#D55E00")


@dataclass(frozen=True)
class Track:
    """One precision of a comparison.

    Args:
        gaps: the difference of the losses in each step, (steps,).
        floor: the largest one that perturbed first weights had up to each step, (steps,).
        allowed: the largest one that is taken for rounding, (steps,).
        first: the step, from 1, of the first difference beyond rounding, or None.
    """

    gaps: Floats
    floor: Floats
    allowed: Floats
    first: int | None


def draw(curves: Path, *, title: str, folder: Path) -> Path:
    """Draws the comparison in a file of curves and returns the figure's file in ``folder``, made where it is missing."""
    with np.load(curves, allow_pickle=False) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    losses = {key.removeprefix("loss:"): values for key, values in found.items() if key.startswith("loss:")}
    names = [key.removeprefix("gap:") for key in found if key.startswith("gap:")]
    tracks = {
        name: Track(
            gaps=found[f"gap:{name}"],
            floor=found[f"floor:{name}"],
            allowed=found[f"allowed:{name}"],
            first=_step(found[f"first:{name}"]),
        )
        for name in names
    }
    start = "control:"
    control = {key.removeprefix(start): values for key, values in found.items() if key.startswith(start)}
    return saved(comparison(losses=losses, tracks=tracks, control=control, title=title), folder, NAME)


def _step(first: Floats) -> int | None:
    return None if np.isnan(first[0]) else int(first[0])


def comparison(
    *, losses: Mapping[str, Floats], tracks: Mapping[str, Track], control: Mapping[str, Floats], title: str
) -> Figure:
    """The losses of all arms in every step above, the differences below with the floor's band of each precision.

    Args:
        losses: the losses by the name of the arm, each (steps,).
        tracks: the differences by the name of the precision.
        control: the differences of a third arm from each of the others in words, each (steps,); none without one.
        title: what was compared.
    """
    figure, (curves, differences) = style.figure(
        width=6.4, height=6.2 if control else 5.6, title=title, rows=2, heights=(1.0, 1.2), sharex=True
    )
    _draw_curves(curves, losses)
    _draw_differences(differences, tracks, control)
    differences.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _draw_curves(panel: Axes, losses: Mapping[str, Floats]) -> None:
    style.label(panel, horizontal="", vertical="loss")
    style.grid(panel)
    # The later lines are broken, so that the first is seen where they lie on each other.
    looks = (("solid", 2.4), (style.DASHED, 1.4), ("dotted", 1.2))
    for (name, values), colour, (line, width) in zip(losses.items(), _ARM_COLOURS, looks, strict=False):
        steps = np.arange(1, len(values) + 1)
        panel.plot(steps, values, color=colour, linestyle=line, linewidth=width, label=name)
    style.legend(panel)


def _draw_differences(panel: Axes, tracks: Mapping[str, Track], control: Mapping[str, Floats]) -> None:
    style.label(panel, horizontal="step", vertical="difference of the losses")
    style.grid(panel)
    panel.set_yscale("log")
    for (name, track), colour in zip(tracks.items(), _PRECISION_COLOURS, strict=False):
        _draw_track(panel, name, track, colour)
    for (words, gaps), line in zip(control.items(), _CONTROL_LINES, strict=False):
        drawn = np.where(gaps > 0, gaps, np.nan)
        panel.plot(
            np.arange(1, len(gaps) + 1), drawn, color=style.INK, linestyle=line, linewidth=0.9, label=words
        )
    style.legend(panel, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _draw_track(panel: Axes, name: str, track: Track, colour: str) -> None:
    steps = np.arange(1, len(track.gaps) + 1)
    # A difference of nothing at all has no place on a logarithmic axis: the line has a gap there.
    drawn = np.where(track.gaps > 0, track.gaps, np.nan)
    panel.plot(
        steps, drawn, color=colour, linewidth=1.1, marker="o", markersize=1.8, label=f"{name}: difference"
    )
    panel.fill_between(
        np.arange(1, len(track.floor) + 1),
        np.where(track.floor > 0, track.floor, np.nan),
        track.allowed,
        color=colour,
        alpha=0.18,
        linewidth=0,
        label=f"{name}: effect of one unit in the last place of the first weights, to its tenfold",
    )
    if track.first is not None:
        panel.axvline(
            track.first,
            color=colour,
            linewidth=1.2,
            linestyle=style.DASHED,
            label=f"{name}: first difference beyond rounding, step {track.first}",
        )
