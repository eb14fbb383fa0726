"""Figures of probabilities, planes, layers, images and residuals, against scikit-learn and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import CLASSES, plots, result
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score

from runner import component
from runner.experiment import Component
from runner.plots import style
from runner.plots.activation import activation
from runner.plots.boundary import decision_boundary
from runner.plots.calibration import calibration
from runner.plots.curves import learning_rate
from runner.plots.drawing import draw
from runner.plots.images import reconstructions, worst_mistakes
from runner.plots.norms import gradient_norms, weight_norms
from runner.plots.regression import predicted_against_actual, residuals
from runner.plots.thresholds import precision_recall, roc
from runner.results import ActivationTrace, Boundary, Mistakes, Predictions, Reconstructions, Result
from runner.signatures import signature

LONG = (
    "optimizer.learning_rate=0.00125 architecture.hidden=[128,64,32] data=spirals costs=$5 and $6 seed=3 " * 2
)


def panels(figure: Figure | None) -> list[Axes]:
    assert figure is not None
    return list(figure.axes)


def drawn(panel: Axes) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    return {str(line.get_label()): (line.get_xdata(), line.get_ydata()) for line in panel.lines}  # type: ignore[misc]


def doubtful(classes: int, rows: int = 200) -> Result:
    """Returns a result whose model is right more often than not, with probabilities of all sizes."""
    draws = np.random.default_rng(classes)
    targets = np.arange(rows) % classes
    logits = draws.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[targets]
    outputs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple(f"class {number}" for number in range(classes))
    task = "binary" if classes == 2 else "multiclass"
    shown = Predictions(targets.astype(np.float64), outputs[:, 1:] if classes == 2 else outputs)
    return replace(result("binary"), task=task, classes=names, predictions={"test": shown})  # type: ignore[arg-type]


def everything(classes: int, epochs: int, layers: int) -> Result:
    """Returns a result to which every figure of a classification applies."""
    made = doubtful(classes)
    records = tuple(
        replace(
            record,
            metrics={**record.metrics, "learning_rate": 0.9**record.epoch},
            gradient_norms={f"dense{layer}/kernel": 0.1**layer for layer in range(layers)},
            weight_norms={f"dense{layer}/kernel": 1.0 + layer for layer in range(layers)},
        )
        for record in result("multiclass", epochs=epochs).epochs
    )
    shown = made.predictions["test"]
    mistakes = Mistakes(np.random.default_rng(0).random((7, 4, 6, 3)), shown.targets[:7], shown.outputs[:7])
    return replace(
        made,
        epochs=records,
        best_epoch=1,
        boundary=plane(classes),
        mistakes=mistakes,
        activation=trace(),
    )


def plane(classes: int) -> Boundary:
    """Returns a plane of which each class has a vertical strip of width 1."""
    first, second = np.linspace(0.05, classes - 0.05, 10 * classes), np.linspace(-1.0, 1.0, 21)
    strips = 0.8 * np.eye(classes)[first.astype(int)] + 0.2 / classes
    outputs = np.broadcast_to(strips, (len(second), *strips.shape))
    inputs = np.stack([np.linspace(0, classes - 0.01, 60), np.tile([-0.5, 0.0, 0.5], 20)], axis=1)
    return Boundary(
        first,
        second,
        outputs[..., 1:] if classes == 2 else outputs,
        inputs,
        inputs[:, 0].astype(int).astype(np.float64),
    )


def trace() -> ActivationTrace:
    """Returns relu over four bins of pre-activations, three tenths of which lie below 0."""
    inputs = np.linspace(-2.0, 2.0, 401)
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    values = np.maximum(inputs, 0.0)
    return ActivationTrace("relu", inputs, values, (inputs > 0) * 1.0, np.linspace(-2.0, 2.0, 5), shares)


# Probabilities


@pytest.mark.parametrize("classes", [2, 3, 10, 20])
def test_the_area_below_every_named_curve_is_scikit_learns(classes: int) -> None:
    made = doubtful(classes)
    shown = made.predictions["test"]
    numbers = range(classes) if classes > 2 else [1]
    columns = {made.classes[number]: shown.outputs[:, place] for place, number in enumerate(numbers)}
    belongs = {made.classes[number]: shown.targets == number for number in numbers}
    (panel,) = panels(roc(result=made, title="", split="test", named_classes=6))
    areas = {name: roc_auc_score(belongs[name], columns[name]) for name in columns}
    expected = {f"{name}  {areas[name]:.3f}" for name in sorted(areas, key=areas.__getitem__)[:6]}
    curves = {label: points for label, points in drawn(panel).items() if label in expected}
    assert len(curves) == min(len(columns), 6)
    for label, (false, true) in curves.items():
        assert np.trapezoid(true, false) == pytest.approx(areas[label.rpartition("  ")[0]], abs=1e-12)
        assert (false[-1], true[-1]) == (1.0, 1.0)
    assert len(panel.lines) == len(columns) + 1
    assert f"{np.mean(list(areas.values())):.3f}" in panel.get_title(loc="left")


def test_precision_and_recall_have_scikit_learns_average_precision() -> None:
    made = doubtful(3)
    shown = made.predictions["test"]
    (panel,) = panels(precision_recall(result=made, title="", split="test", named_classes=1))
    averages = [
        average_precision_score(shown.targets == number, shown.outputs[:, number]) for number in range(3)
    ]
    (label,) = [label for label in drawn(panel) if label.startswith("class")]
    assert label == f"class {int(np.argmin(averages))}  {min(averages):.3f}"
    recall, precision = drawn(panel)[label]
    assert -np.sum(np.diff(recall) * precision[:-1]) == pytest.approx(min(averages), abs=1e-12)
    assert "2 better classes" in drawn(panel)
    assert len(panel.lines) == 3


def test_a_class_that_does_not_occur_has_no_curve() -> None:
    made = doubtful(3)
    shown = made.predictions["test"]
    rows = shown.targets != 2
    some = replace(made, predictions={"test": Predictions(shown.targets[rows], shown.outputs[rows])})
    for figure in (roc, precision_recall):
        (panel,) = panels(figure(result=some, title="", split="test", named_classes=6))
        assert {label[:7] for label in drawn(panel) if label.startswith("class")} == {"class 0", "class 1"}
    only = rows & (shown.targets == 0)
    one = replace(made, predictions={"test": Predictions(shown.targets[only], shown.outputs[only])})
    assert roc(result=one, title="", split="test", named_classes=6) is None


def test_the_bars_and_points_of_a_calibration_are_those_worked_out_by_hand() -> None:
    probabilities = np.array([0.1, 0.2, 0.2, 0.6, 0.7, 0.8, 0.9])[:, None]
    targets = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    made = replace(result("binary"), predictions={"test": Predictions(targets, probabilities)})
    diagram, histogram = panels(calibration(result=made, title="", split="test", bins=4))
    assert [bar.get_height() for bar in histogram.patches] == [3, 0, 2, 2]  # type: ignore[attr-defined]
    assert [bar.get_x() for bar in histogram.patches] == [0.0, 0.25, 0.5, 0.75]  # type: ignore[attr-defined]
    predicted, observed = (np.asarray(values) for values in diagram.lines[-1].get_data())
    np.testing.assert_allclose(predicted, [0.5 / 3, 0.65, 0.85])
    np.testing.assert_allclose(observed, [1 / 3, 0.5, 1.0])
    # (3 (1/3 - 1/6) + 2 * 0.15 + 2 * 0.15) / 7
    assert diagram.get_title(loc="left") == "test: expected calibration error 0.157"


@pytest.mark.parametrize("classes", [2, 5])
def test_a_calibration_is_scikit_learns(classes: int) -> None:
    made = doubtful(classes)
    shown = made.predictions["test"]
    right = shown.targets == (1 if classes == 2 else shown.outputs.argmax(axis=1))
    sure = shown.outputs.max(axis=1)
    diagram, histogram = panels(calibration(result=made, title="", split="test", bins=10))
    observed, predicted = calibration_curve(right, sure, n_bins=10)
    np.testing.assert_allclose(np.asarray(diagram.lines[-1].get_data()), [predicted, observed])
    assert sum(bar.get_height() for bar in histogram.patches) == 200  # type: ignore[attr-defined]


# The plane, the layers, the activation


@pytest.mark.parametrize("classes", [2, 3, 20])
def test_the_plane_is_drawn_in_the_units_of_the_data(classes: int) -> None:
    made = replace(doubtful(classes), boundary=plane(classes))
    (panel,) = panels(decision_boundary(result=made, title="", examples=1000))
    (picture,) = panel.images
    step = (classes - 0.1) / (10 * classes - 1)
    assert picture.get_extent() == pytest.approx([0.05 - step / 2, classes - 0.05 + step / 2, -1.05, 1.05])
    assert panel.get_xlim() == pytest.approx(picture.get_extent()[:2])
    pixels = np.asarray(picture.get_array())
    assert pixels.shape == (21, 10 * classes, 3)
    # There are three times six colours.
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == min(classes, 18)
    dots = [each for each in panel.collections if str(each.get_label()).startswith("class")]
    placed = np.concatenate([np.asarray(each.get_offsets()) for each in dots])
    np.testing.assert_allclose(placed[np.argsort(placed[:, 0])], plane(classes).inputs)


def test_no_more_examples_than_wanted_lie_on_the_plane() -> None:
    made = replace(doubtful(3), boundary=plane(3))
    (panel,) = panels(decision_boundary(result=made, title="", examples=10))
    dots = [each for each in panel.collections if str(each.get_label()).startswith("class")]
    assert sum(len(np.asarray(each.get_offsets())) for each in dots) == 10


def test_the_norm_of_a_layer_is_that_of_all_its_arrays() -> None:
    made = result("multiclass", epochs=2)
    norms: Sequence[dict[str, float]] = [
        {"dense0/kernel": 3.0, "dense0/bias": 4.0, "dense1/kernel": 0.5},
        {"dense0/kernel": 5.0, "dense0/bias": 12.0, "dense1/kernel": float("nan")},
    ]
    gradients = tuple(
        replace(record, gradient_norms=each) for record, each in zip(made.epochs, norms, strict=True)
    )
    look = {"title": "", "named_layers": 12, "logarithmic_from": 10.0}
    (panel,) = panels(gradient_norms(result=replace(made, epochs=gradients), **look))  # type: ignore[arg-type]
    np.testing.assert_allclose(drawn(panel)["dense0"], [[1, 2], [5.0, 13.0]])
    np.testing.assert_allclose(drawn(panel)["dense1"], [[1, 2], [0.5, np.nan]])
    # 13 / 0.5 is 26.
    assert panel.get_yscale() == "log"
    assert weight_norms(result=replace(made, epochs=gradients), **look) is None  # type: ignore[arg-type]


def test_of_many_layers_some_have_names_the_first_and_the_last_among_them() -> None:
    made = everything(3, epochs=2, layers=30)
    (panel,) = panels(weight_norms(result=made, title="", named_layers=4, logarithmic_from=1000.0))
    assert len(panel.lines) == 30
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["dense0", "dense10", "dense19", "dense29"]


def test_the_activation_stands_over_the_share_of_its_inputs() -> None:
    made = replace(result("binary"), activation=trace())
    above, below = panels(activation(result=made, title="", small_derivative=0.01))
    inputs, values = drawn(above)["relu(x)"]
    np.testing.assert_array_equal(values, np.maximum(inputs, 0))
    np.testing.assert_array_equal(drawn(above)["its derivative"][1], inputs > 0)
    heights, edges, _ = below.patches[0].get_data()  # type: ignore[attr-defined]
    assert (heights.tolist(), edges.tolist()) == ([0.1, 0.2, 0.3, 0.4], [-2.0, -1.0, 0.0, 1.0, 2.0])
    assert above.get_title(loc="left").startswith("30% of the pre-activations")


def test_a_learning_rate_that_changes_is_drawn_and_one_that_does_not_is_left_out() -> None:
    made = everything(3, epochs=5, layers=1)
    (panel,) = panels(learning_rate(result=made, title="", logarithmic_from=10.0))
    (line,) = panel.lines
    np.testing.assert_allclose(np.asarray(line.get_data()), [[1, 2, 3, 4, 5], 0.9 ** np.arange(1, 6)])
    assert panel.get_yscale() == "linear"
    (panel,) = panels(learning_rate(result=made, title="", logarithmic_from=1.2))
    assert panel.get_yscale() == "log"
    rates = [0.1 * 3, 0.3, 0.3, 0.3, 0.3]
    epochs = tuple(
        replace(each, metrics={"learning_rate": rate}) for each, rate in zip(made.epochs, rates, strict=True)
    )
    assert learning_rate(result=replace(made, epochs=epochs), title="", logarithmic_from=10.0) is None


# Images and residuals


def test_mistakes_are_drawn_worst_first_with_both_names() -> None:
    outputs = np.array([[0.05, 0.9, 0.05], [0.7, 0.2, 0.1], [0.3, 0.5, 0.2]])
    images = np.arange(3.0)[:, None, None, None] * np.ones((3, 4, 2, 1))
    made = replace(result("multiclass"), mistakes=Mistakes(images, np.array([0.0, 2.0, 2.0]), outputs))
    (panel,) = panels(worst_mistakes(result=made, title="", examples=20, columns=2))
    captions = [text.get_text() for text in panel.texts]
    first, second, third = CLASSES
    assert captions == [
        f"{first}\n→ {second}  0.90",
        f"{third}\n→ {first}  0.70",
        f"{third}\n→ {second}  0.50",
    ]
    assert [float(np.asarray(image.get_array()).mean()) for image in panel.images] == [0.0, 0.5, 1.0]
    # Twice as high as wide, in two columns and two rows.
    ends = [image.get_extent() for image in panel.images]
    assert [(right - left, bottom - top) for left, right, bottom, top in ends] == [
        pytest.approx((0.5, 1.0))
    ] * 3
    assert ends[0][0] == ends[2][0] < ends[1][0]
    assert ends[0][2] == ends[1][2] < ends[2][2]
    (panel,) = panels(worst_mistakes(result=made, title="", examples=2, columns=5))
    assert len(panel.images) == 2


def test_the_probability_of_a_mistake_between_two_classes_is_that_of_the_one_predicted() -> None:
    mistakes = Mistakes(np.zeros((2, 2, 2, 3)), np.array([0.0, 1.0]), np.array([[0.75], [0.125]]))
    (panel,) = panels(
        worst_mistakes(result=replace(result("binary"), mistakes=mistakes), title="", examples=5, columns=5)
    )
    endings = [text.get_text().rpartition(" ")[2] for text in panel.texts]
    assert endings == ["0.75", "0.88"]


def test_residuals_are_actual_less_predicted() -> None:
    panel, side = panels(residuals(result=result("regression"), title="", split="test", bins=4))
    actual = np.linspace(-1.0, 2.0, 12)
    placed = np.asarray(panel.collections[0].get_offsets(), dtype=float)
    np.testing.assert_allclose(placed, np.stack([actual + 0.25, np.full(12, -0.25)], axis=1))
    assert sum(bar.get_width() for bar in side.patches) == 12  # type: ignore[attr-defined]
    assert panel.get_title(loc="left") == "test: residuals have mean -0.25 and deviation 0"


# All of them


def of_results() -> list[str]:
    """Returns the figures of trainings; the others are of what another task found."""
    return [name for name, plot in plots().items() if "result" in signature(plot.target).annotations]


@pytest.mark.parametrize("name", of_results())
def test_every_shipped_figure_is_left_out_where_it_does_not_apply(name: str) -> None:
    regression = name in {"predicted_against_actual", "residuals"}
    bare = replace(result("binary" if regression else "regression"), epochs=())
    assert component.build(plots()[name], result=bare, title="") is None
    empty = replace(result("regression" if regression else "multiclass"), epochs=(), predictions={})
    assert component.build(plots()[name], result=empty, title="") is None


@pytest.mark.parametrize(
    "name", ["roc", "precision_recall", "calibration", "predicted_against_actual", "residuals"]
)
def test_what_is_not_finite_is_not_drawn(name: str) -> None:
    regression = name in {"predicted_against_actual", "residuals"}
    made = result("regression" if regression else "multiclass")
    shown = made.predictions["test"]
    outputs = shown.outputs.copy()
    outputs[3] = np.nan
    broken = replace(made, predictions={"test": replace(shown, outputs=outputs)})
    assert component.build(plots()[name], result=made, title="") is not None
    assert component.build(plots()[name], result=broken, title="") is None


@pytest.mark.parametrize(("classes", "epochs", "layers"), [(2, 1, 1), (3, 300, 12), (20, 2, 30)])
def test_all_that_apply_become_files_whatever_the_size(
    tmp_path: Path, classes: int, epochs: int, layers: int
) -> None:
    done = draw(plots(), result=everything(classes, epochs, layers), title=LONG, folder=tmp_path)
    assert done.problems == ()
    left_out = {"predicted_against_actual", "reconstructions", "residuals"} | (
        {"learning_rate"} if epochs == 1 else set()
    )
    assert len(of_results()) == 14
    assert {path.stem for path in done.files} == set(of_results()) - left_out
    assert pyplot.get_fignums() == []


def of_pyplot(*, result: Result) -> Figure:
    """A figure of a user's that pyplot holds on to."""
    return pyplot.figure()


def test_a_figure_made_with_pyplot_is_closed_too(tmp_path: Path) -> None:
    mine = {"mine": Component(target=f"{__name__}.of_pyplot", arguments={}, key="plots.mine")}
    assert len(draw(mine, result=result("binary"), title="", folder=tmp_path).files) == 1
    assert pyplot.get_fignums() == []


def test_names_are_cut_in_their_middle_and_never_read_as_formulas() -> None:
    assert style.name("a" * 24) == "a" * 24
    assert style.name("a very long name of the class number 12", 11) == "a ver…er 12"
    assert style.name("$5 and $6") == r"\$5 and \$6"


def test_colours_of_classes_differ() -> None:
    assert len({tuple(colour) for colour in style.class_colours(18)}) == 18


def several(columns: int, *, weights: Any = None) -> Result:
    """Returns a regression on columns of which each is predicted worse than the one before, the last one constant."""
    draws = np.random.default_rng(0)
    targets, noise = draws.normal(size=(40, columns)), draws.normal(size=(40, columns))
    targets[:, -1] = 3.0
    shown = Predictions(targets, targets + 0.1 * noise * np.arange(1, columns + 1), weights)
    return replace(result("regression"), predictions={"test": shown})


@pytest.mark.parametrize("weights", [None, np.arange(40.0)])
def test_several_outputs_have_a_panel_each(weights: Any) -> None:
    made = several(4, weights=weights)
    drawn_panels = panels(predicted_against_actual(result=made, title="", split="test", panels=4))
    shown = made.predictions["test"]
    for number, panel in enumerate(drawn_panels[:4]):
        (points,) = panel.collections
        expected = np.stack([shown.targets[:, number], shown.outputs[:, number]], axis=1)
        np.testing.assert_allclose(np.asarray(points.get_offsets(), dtype=float), expected)
        if number < 3:
            columns = shown.targets[:, number], shown.outputs[:, number]
            found = r2_score(*columns, sample_weight=weights)
            assert panel.get_title(loc="left") == f"test, output {number + 1}: r2 {found:.3g}"
    # Two rows of three, the last two places empty; names of axes on the outside alone.
    assert [panel.axison for panel in drawn_panels] == [True] * 4 + [False] * 2
    assert [panel.get_ylabel() for panel in drawn_panels[:4]] == ["predicted", "", "", "predicted"]
    assert [panel.get_xlabel() for panel in drawn_panels[:4]] == ["", "actual", "actual", "actual"]


def test_of_many_outputs_the_worst_are_drawn() -> None:
    made = several(12)
    figure = predicted_against_actual(result=made, title="a run", split="test", panels=3)
    assert figure is not None
    assert figure.get_suptitle() == "a run: the 3 worst of 12 outputs"
    titles = [panel.get_title(loc="left").partition(":")[0] for panel in figure.axes]
    shown = made.predictions["test"]
    # The last one is constant: it has no variance of which a share could be left.
    found = r2_score(shown.targets[:, :-1], shown.outputs[:, :-1], multioutput="raw_values")
    assert titles == [f"test, output {number + 1}" for number in np.argsort(found)[:3]]


@pytest.mark.parametrize("columns", [2, 300])
def test_the_residuals_of_several_outputs_are_ranges_of_their_deviation(columns: int) -> None:
    made = several(columns)
    (panel,) = panels(residuals(result=made, title="", split="test", bins=4))
    shown = made.predictions["test"]
    deviations = np.where(shown.targets.std(axis=0) > 0, shown.targets.std(axis=0), 1.0)
    left = (shown.targets - shown.outputs) / deviations
    wide, narrow, medians = panel.collections
    for lines, shares in ((wide, (0.05, 0.95)), (narrow, (0.25, 0.75))):
        ends = np.array([np.asarray(path.vertices) for path in lines.get_paths()])
        np.testing.assert_allclose(ends[:, :, 0], np.arange(1, columns + 1)[:, None] * [[1.0, 1.0]])
        np.testing.assert_allclose(ends[:, :, 1].T, np.quantile(left, shares, axis=0))
    np.testing.assert_allclose(np.asarray(medians.get_offsets())[:, 1], np.median(left, axis=0))


def test_an_error_under_weights_is_said_to_be_one() -> None:
    shown = replace(result("regression").predictions["test"], weights=np.arange(12.0))
    shown = replace(shown, outputs=shown.targets + np.arange(12.0)[:, None])
    made = replace(result("regression"), predictions={"test": shown})
    (panel,) = panels(predicted_against_actual(result=made, title="", split="test", panels=9))
    # sum w e / sum w with w = e = 0, 1, ..., 11.
    assert panel.get_title(loc="left") == f"test: 12 examples, weighted mean absolute error {506 / 66:.3g}"


def test_images_stand_above_what_is_given_back_of_them() -> None:
    originals = np.arange(5.0)[:, None, None, None] * np.ones((5, 4, 4, 1))
    # Beyond the darkest and the brightest nothing can be drawn.
    returned = originals + np.array([0.0, 1.0, -9.0, 9.0, 0.5])[:, None, None, None]
    found = Reconstructions(originals, returned, np.array([0.5, 1.0, 1.5, 2.0, 12.25]))
    made = replace(result("regression"), reconstructions=found)
    (panel,) = panels(reconstructions(result=made, title="", examples=3))
    shades = [float(np.asarray(image.get_array()).mean()) for image in panel.images]
    assert shades == [0.0, 0.0, 0.5, 0.0, 1.0, 1.0]
    assert [text.get_text() for text in panel.texts] == ["0.5", "1.5", "12.2"]
    tops = [image.get_extent()[3] for image in panel.images]
    assert tops[0] == tops[2] == tops[4] < tops[1] == tops[3] == tops[5]
    assert reconstructions(result=result("regression"), title="", examples=3) is None
    beyond = replace(found, returned=np.full_like(returned, np.inf))
    assert reconstructions(result=replace(made, reconstructions=beyond), title="", examples=3) is None
