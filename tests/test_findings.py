"""Findings: their two files, their tables as texts, their figures, and a sweep over a task."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from support import found

from runner import component, description, display, tables
from runner.experiment import Component
from runner.findings import Findings, Table
from runner.plots.drawing import Drawn, draw
from runner.runs import Outcome
from runner.sweep import office
from runner.sweep.table import table as sweep_table
from runner.tracking.findings_files import ARRAYS, load_findings, save_findings

CONF = Path(__file__).parents[1] / "conf"
KINDS = {
    "curves": "task=curves task.functions=[relu,tanh,softmax]",
    "loss": "task=loss",
    "polynomial": "task=gradient",
    "model": "task=gradient task.of=model data=iris task.elements=2",
    "trace": "task=trace data=iris task.rows=[0,1]",
    "small": "task=trace data=given split.validation=0 split.test=0 architecture=linear",
}
FIGURES = {
    "curves": {"functions_relu", "functions_tanh", "functions_all", "vector_functions_softmax"},
    "loss": {"landscape"},
    "polynomial": {"tangents", "differences"},
    "model": {"differences"},
    "trace": {"layer_outputs"},
    "small": {"layer_outputs"},
}
TABLE = Table("t", ("name", "number", "row"), (("a, b", 1 / 3, (1.0, 0.1)), ("c", 2, ())))


@pytest.fixture(scope="module")
def every() -> dict[str, Findings]:
    return {kind: found(*words.split())[0] for kind, words in KINDS.items()}


def figures() -> dict[str, Component]:
    shipped = yaml.safe_load((CONF / "plots" / "default.yaml").read_text(encoding="utf-8"))
    return {name: component.parse(node, f"plots.{name}") for name, node in shipped.items()}


def drawn(findings: Findings, folder: Path) -> Drawn:
    return draw(figures(), result=findings, title="a run", folder=folder)


def same(here: Any, there: Any) -> None:
    """Asserts that two values of findings are equal, arrays in every number."""
    assert type(here) is type(there)
    if isinstance(there, np.ndarray):
        np.testing.assert_array_equal(here, there, strict=True)
    elif hasattr(there, "__dataclass_fields__"):
        for name in there.__dataclass_fields__:
            same(getattr(here, name), getattr(there, name))
    elif isinstance(there, dict):
        assert list(here) == list(there)
        for name, value in there.items():
            same(here[name], value)
    else:
        assert here == there


@pytest.mark.parametrize("kind", KINDS)
def test_findings_come_back_from_their_files_as_they_were(
    kind: str, every: dict[str, Findings], tmp_path: Path
) -> None:
    save_findings(every[kind], tmp_path)
    same(load_findings(tmp_path), every[kind])
    with np.load(tmp_path / ARRAYS, allow_pickle=False) as arrays:
        assert len(arrays.files) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_that_applies_is_drawn_and_no_other(
    kind: str, every: dict[str, Findings], tmp_path: Path
) -> None:
    answer = drawn(every[kind], tmp_path)
    assert answer.problems == ()
    assert {path.stem for path in answer.files} == FIGURES[kind]
    assert all(path.stat().st_size > 5000 for path in answer.files)


def built(every: dict[str, Findings], kind: str, name: str) -> Any:
    return component.build(figures()[name], findings=every[kind], title="a run")


def test_a_function_is_drawn_with_its_derivative(every: dict[str, Findings]) -> None:
    figure = built(every, "curves", "functions")["tanh"]
    assert isinstance(figure, Figure)
    values, points, slopes = (line for line in figure.axes[0].lines if len(line.get_xdata()) != 2)
    np.testing.assert_allclose(values.get_ydata(), np.tanh(values.get_xdata()), atol=1e-15)
    np.testing.assert_allclose(slopes.get_ydata(), 1 - np.tanh(slopes.get_xdata()) ** 2, atol=1e-15)
    assert list(points.get_xdata()) == [-5.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0]


def test_the_tangent_of_a_polynomial_has_its_slope(every: dict[str, Findings]) -> None:
    _, tangent, point = built(every, "polynomial", "tangents").axes[0].lines
    (x, other), (y, its) = tangent.get_data()
    assert (its - y) / (other - x) == pytest.approx(7.0)
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (2.0, 11.0)


def test_the_figure_of_a_training_is_not_that_of_a_task(every: dict[str, Findings], tmp_path: Path) -> None:
    training = {"learning_curves": figures()["learning_curves"]}
    assert draw(training, result=every["loss"], title="", folder=tmp_path).files == ()


# Texts


def test_a_table_is_written_with_every_digit() -> None:
    headings, first, second = csv.reader(io.StringIO(tables.comma_separated(TABLE)))
    assert headings == ["name", "number", "row"]
    assert (first[0], float(first[1]), json.loads(first[2])) == ("a, b", 1 / 3, [1.0, 0.1])
    assert second == ["c", "2", "[]"]


def test_a_table_is_read_with_six_digits() -> None:
    assert tables.lines(TABLE) == [
        ["name", "number", "row"],
        ["a, b", "0.333333", "(1, 0.1)"],
        ["c", "2", "()"],
    ]


def shown(findings: Findings) -> str:
    stream = io.StringIO()
    display.findings(
        stream,
        name="a run",
        findings=findings,
        seconds=1.0,
        folder=Path("outputs/a"),
        report=None,
        next_command="again",
    )
    return stream.getvalue()


def test_a_person_reads_the_tables_and_the_sentences(every: dict[str, Findings]) -> None:
    told = shown(every["polynomial"])
    assert "y = 1 + 3 x + x^2: at x = 2, y = 11 and dy/dx = 7." in told
    assert "pass" in told
    assert "outputs/a" in told


def test_a_long_table_is_kept_and_not_printed(every: dict[str, Findings]) -> None:
    told = shown(every["model"])
    assert "dense0/kernel" in told
    assert "dense0/kernel[" not in told


def test_a_check_that_failed_is_said(every: dict[str, Findings]) -> None:
    assert "failed: it is wrong" in shown(replace(every["loss"], failure="it is wrong"))


def test_mlflow_shows_the_short_tables(every: dict[str, Findings]) -> None:
    told = description.describe(
        result=every["model"], message=None, command="again", folder=Path("a"), seconds=1.0
    )
    assert "The loss of the 4 rows is" in told
    assert "| array | elements compared |" in told
    assert "`gradient.csv` is among the artifacts." in told


# Sweeps


def outcome(backend: str, findings: Findings, **more: Any) -> Outcome:
    return Outcome(
        name=f"backend={backend}",
        choices={"backend": backend},
        folder=Path(backend),
        status=more.get("status", "FINISHED"),
        exit_code=0,
        seconds=2.0,
        message=more.get("message"),
        findings=findings,
    )


def test_a_sweep_over_a_task_has_a_column_for_its_first_numbers(every: dict[str, Findings]) -> None:
    told = sweep_table([outcome("torch", every["polynomial"]), outcome("keras", every["polynomial"])])
    names = ("y", "dy_dx", "failures", "derivatives")
    assert told.headings == ("backend", *names, "seconds")
    assert [line[0] for line in told.cells] == ["torch", "keras"]
    assert {line[1] for line in told.cells} == {11.0}


def test_a_job_is_told_by_its_numbers_or_by_why_it_failed(every: dict[str, Findings]) -> None:
    line = office.describe(outcome("torch", every["loss"]))
    assert line.startswith("backend=torch  loss 0.3143")
    failed = outcome("torch", every["loss"], status="FAILED", message="it is wrong")
    assert office.describe(failed) == "backend=torch  failed: it is wrong"
