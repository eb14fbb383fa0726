"""Figures show the numbers that they were given, read back from matplotlib's objects and from the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import CLASSES, plots, result
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from runner.experiment import Component, Task
from runner.plots.classification import confusion_matrix
from runner.plots.curves import learning_curves
from runner.plots.drawing import draw
from runner.plots.regression import predicted_against_actual
from runner.results import Result

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def curves(made: Result, logarithmic_from: float = 30.0) -> list[Axes]:
    figure = learning_curves(result=made, title="a run", logarithmic_from=logarithmic_from)
    assert isinstance(figure, Figure)
    return list(figure.axes)


def lines(panel: Axes) -> dict[str, tuple[Any, Any]]:
    drawn: list[Any] = list(panel.lines)
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in drawn}


def test_the_curves_are_the_history_and_the_best_epoch_is_marked() -> None:
    loss, accuracy = curves(result("multiclass"))
    drawn = lines(loss)
    assert drawn["train"] == ([1, 2, 3, 4], [0.5, 0.25, 0.125, 0.0625])
    assert drawn["validation"] == ([1, 2, 3, 4], pytest.approx([0.55, 0.275, 0.1375, 0.06875]))
    assert drawn["best epoch: 3"][0] == [3, 3]
    assert lines(accuracy)["validation"] == ([1, 2, 3, 4], [0.5, 0.75, 0.875, 0.9375])
    assert (loss.get_ylabel(), accuracy.get_ylabel(), loss.get_xlabel()) == ("loss", "accuracy", "epoch")


def test_the_metric_beside_the_loss_is_the_tasks_or_the_monitored_one() -> None:
    assert [panel.get_ylabel() for panel in curves(result("regression"))] == ["loss", "r2"]
    made = result("multiclass")
    epochs = tuple(replace(each, metrics={**each.metrics, "validation/f1": 0.5}) for each in made.epochs)
    watched = replace(made, epochs=epochs, monitor="validation/f1")
    assert [panel.get_ylabel() for panel in curves(watched)] == ["loss", "f1"]
    only = tuple(replace(each, metrics={"train/loss": 1.0}) for each in made.epochs)
    assert [panel.get_ylabel() for panel in curves(replace(made, epochs=only))] == ["loss"]


@pytest.mark.parametrize(("logarithmic_from", "scale"), [(8.7, "log"), (8.9, "linear")])
def test_the_loss_is_logarithmic_where_it_spans_far_enough(logarithmic_from: float, scale: str) -> None:
    # The example's losses lie between 0.0625 and 0.55, a ratio of 8.8.
    assert curves(result("multiclass"), logarithmic_from)[0].get_yscale() == scale


def test_a_loss_that_is_not_finite_or_not_positive_is_drawn_all_the_same() -> None:
    made = result("multiclass")
    worst, *rest = made.epochs
    for value, scale in ((float("nan"), "linear"), (float("inf"), "linear"), (0.0, "linear")):
        epochs = (replace(worst, metrics={**worst.metrics, "train/loss": value}), *rest)
        panel, _ = curves(replace(made, epochs=epochs))
        assert panel.get_yscale() == scale
    assert learning_curves(result=replace(made, epochs=()), title="", logarithmic_from=30.0) is None


def cells(figure: Figure) -> list[list[int]]:
    (panel,) = figure.axes
    texts = [int(text.get_text()) for text in panel.texts]
    side = int(len(texts) ** 0.5)
    return np.reshape(texts, (side, side)).tolist()


@pytest.mark.parametrize(
    ("task", "counts"),
    [("multiclass", [[4, 0, 0], [2, 2, 0], [0, 0, 4]]), ("binary", [[6, 0], [2, 4]])],
)
def test_the_confusion_matrix_counts_actual_by_predicted(task: Task, counts: list[list[int]]) -> None:
    # Twelve examples in turn of each class; the first two of class 1 are taken for class 0.
    figure = confusion_matrix(result=result(task), title="a run", split="test")
    assert figure is not None
    (panel,) = figure.axes
    assert cells(figure) == counts
    assert [label.get_text() for label in panel.get_yticklabels()] == list(CLASSES[: len(counts)])
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "actual")
    assert panel.get_title(loc="left") == "test: 10 of 12 right, accuracy 0.833"


def test_a_class_that_does_not_occur_keeps_its_row() -> None:
    made = replace(result("binary"), task="multiclass", classes=("a", "b", "c"))
    outputs = np.tile([0.2, 0.7, 0.1], (12, 1))
    shown = replace(made.predictions["test"], outputs=outputs)
    figure = confusion_matrix(result=replace(made, predictions={"test": shown}), title="", split="test")
    assert figure is not None
    assert cells(figure) == [[0, 6, 0], [0, 6, 0], [0, 0, 0]]


def test_predictions_are_drawn_against_actual_values() -> None:
    figure = predicted_against_actual(result=result("regression"), title="a run", split="test", panels=9)
    assert figure is not None
    (panel,) = figure.axes
    (points,) = panel.collections
    actual = np.linspace(-1.0, 2.0, 12)
    np.testing.assert_allclose(
        np.asarray(points.get_offsets(), dtype=float), np.stack([actual, actual + 0.25], axis=1)
    )
    assert panel.get_title(loc="left") == "test: 12 examples, mean absolute error 0.25"


def test_a_figure_that_does_not_apply_is_none() -> None:
    classes, values = result("multiclass"), result("regression")
    assert predicted_against_actual(result=classes, title="", split="test", panels=9) is None
    assert confusion_matrix(result=values, title="", split="test") is None
    assert confusion_matrix(result=classes, title="", split="validation") is None
    assert predicted_against_actual(result=values, title="", split="train", panels=9) is None


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("multiclass", ["learning_curves", "confusion_matrix", "roc", "precision_recall", "calibration"]),
        ("regression", ["learning_curves", "predicted_against_actual", "residuals"]),
    ],
)
def test_the_shipped_figures_become_files_as_they_apply(tmp_path: Path, task: Task, names: list[str]) -> None:
    drawn = draw(plots(), result=result(task), title="a run", folder=tmp_path / "figures")
    assert drawn.problems == ()
    assert [path.name for path in drawn.files] == [f"{name}.png" for name in names]
    assert all(path.read_bytes().startswith(SIGNATURE) for path in drawn.files)


def broken(*, result: Result) -> Figure:
    """A figure of a user's that does not work."""
    raise ValueError(f"no figure of {result.task}")


def test_a_figure_that_raises_is_a_sentence_and_the_others_are_drawn(tmp_path: Path) -> None:
    wanted = {"mine": Component(target=f"{__name__}.broken", arguments={}, key="plots.mine"), **plots()}
    drawn = draw(wanted, result=result("binary"), title="a run", folder=tmp_path)
    assert drawn.problems == ("the figure mine could not be drawn: ValueError: no figure of binary",)
    assert [path.stem for path in drawn.files][:2] == ["learning_curves", "confusion_matrix"]
