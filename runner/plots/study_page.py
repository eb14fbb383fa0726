"""The figures and the page of a study, made from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.plots.study import draw
from runner.study.page import page
from runner.study.records import load
from runner.study.report import report

PAGE = "report.html"
FIGURES = "figures"


def make(path: Path) -> list[Path]:
    """Draws a study's figures and writes its page beside its file; returns the files, the page last."""
    study = load(path)
    figures = draw(study, title=study.name, folder=path.parent / FIGURES)
    (path.parent / PAGE).write_text(page(report(study), figures), encoding="utf-8")
    return [*figures, path.parent / PAGE]


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of a process that must not have matplotlib: the study's file, and the files made of it."""
    return {"files": [str(path) for path in make(Path(question["path"]))]}
