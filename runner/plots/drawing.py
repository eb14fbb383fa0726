"""Draws the figures that a run asks for into files; one that fails is a sentence, not the end."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from runner import component
from runner.experiment import Component
from runner.findings import Findings
from runner.plots import style
from runner.results import Result

_FINDINGS = "findings"
# Packed in half the time, the files are a tenth larger.
_QUICKLY = {"compress_level": 1}


@dataclass(frozen=True)
class Drawn:
    """The files of the figures that apply, and why others could not be drawn."""

    files: tuple[Path, ...]
    problems: tuple[str, ...]


def prepare(plots: Mapping[str, Component]) -> None:
    """Imports what the figures need: it takes longer than to draw them, and can be done during training."""
    for plot in plots.values():
        # A target that cannot be imported is told when its figure is to be drawn.
        with contextlib.suppress(Exception):
            importlib.import_module(plot.target.rpartition(".")[0])
    if plots:
        # The first figure has to find its font and the library that writes the file.
        figure, _ = style.figure(width=1.0, height=1.0, title="")
        save(figure, io.BytesIO())


def draw(plots: Mapping[str, Component], *, result: Result | Findings, title: str, folder: Path) -> Drawn:
    """Draws every figure as ``<folder>/<name>.png``, of several those of each name as ``<folder>/<name>_<its own>.png``.

    Args:
        plots: the figure functions by name.
        result: what they draw: those that take ``findings`` draw findings, the others the result of a training.
        title: the name of the run.
        folder: made where it is missing.
    """
    files: list[Path] = []
    problems: list[str] = []
    for name, plot in plots.items():
        try:
            if component.takes(plot, _FINDINGS) != isinstance(result, Findings):
                continue
            given = {_FINDINGS if isinstance(result, Findings) else "result": result, "title": title}
            for own, figure in _figures(component.build(plot, **given)).items():
                files.append(saved(figure, folder, f"{name}_{own}" if own else name))
        except Exception as error:
            # A figure may be anybody's function: its mistake is told with the run's report.
            problems.append(f"the figure {name} could not be drawn: {type(error).__name__}: {error}")
    return Drawn(tuple(files), tuple(problems))


def _figures(drawn: Any) -> Mapping[str, Figure]:
    """Returns the figures by their own names, of which a single one has none."""
    if drawn is None:
        return {}
    return drawn if isinstance(drawn, Mapping) else {"": drawn}


def saved(figure: Figure, folder: Path, name: str) -> Path:
    """Writes a figure into a folder, made where it is missing, and returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    save(figure, path)
    return path


def save(figure: Figure, file: Path | io.BytesIO) -> None:
    """Writes a figure and closes it; ``savefig`` would draw it twice to lay it out."""
    figure.set_dpi(style.DOTS_PER_INCH)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(file, pil_kwargs=_QUICKLY)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        # A user's function may have made its figure with pyplot, which keeps it until it is closed.
        pyplot.close(figure)
