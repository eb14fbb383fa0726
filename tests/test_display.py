"""What a person reads: the words and figures that stand in the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from examples import history, result

from runner.display import Bar, Display, Lines, make_display, summary, whereabouts
from runner.metrics import number
from runner.tracking.recorder import RecorderReport, RunReport
from runner.tracking.store import StoredRun


class Terminal(io.StringIO):
    """A text stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(display: Display, stream: io.StringIO, epochs: int, ended: int | None = None) -> list[str]:
    """Returns what is printed of a training that ends after ``ended`` of its epochs."""
    display.start("digits mlp", epochs)
    for record in history(epochs, "accuracy")[:ended]:
        display.epoch(record)
    display.stop()
    return stream.getvalue().splitlines()


def report(*sentences: str, uri: str = "sqlite:////data/mlflow.db", viewed: bool = False) -> RecorderReport:
    run = RunReport(Path("outputs/1"), StoredRun("r", "3", uri), "FINISHED", 0, sentences, viewed)
    return RecorderReport((run,), None)


def test_the_bar_is_for_terminals_and_lines_for_the_rest() -> None:
    assert isinstance(make_display(Terminal()), Bar)
    assert isinstance(make_display(io.StringIO()), Lines)


def test_a_line_has_epoch_metrics_and_speed() -> None:
    stream = io.StringIO()
    title, first, *_ = shown(Lines(stream), stream, 4)
    assert title == "digits mlp"
    assert first == (
        "epoch 1/4  train/loss 0.5000  validation/loss 0.5500  validation/accuracy 0.5000  20 steps/s"
    )


@pytest.mark.parametrize(("epochs", "most"), [(1, 1), (4, 4), (30, 11), (300, 11), (1000, 11)])
def test_a_long_training_prints_few_lines_with_the_first_and_the_last(epochs: int, most: int) -> None:
    stream = io.StringIO()
    _, *lines = shown(Lines(stream), stream, epochs)
    assert len(lines) == most
    assert lines[0].startswith(f"epoch 1/{epochs} ")
    assert lines[-1].startswith(f"epoch {epochs}/{epochs} ")


def test_a_training_that_stops_early_still_prints_its_last_epoch() -> None:
    stream = io.StringIO()
    lines = shown(Lines(stream), stream, 100, ended=37)
    assert lines[-1].startswith("epoch 37/100 ")


def test_the_bar_shows_epoch_loss_metric_and_speed() -> None:
    stream = Terminal()
    text = "\n".join(shown(Bar(stream), stream, 4))
    for words in ("digits mlp", "4/4", "loss 0.0625", "accuracy 0.9375", "20 steps/s"):
        assert words in text


@pytest.mark.parametrize("make", [Bar, Lines])
def test_a_display_may_be_stopped_without_a_start(make: type[Bar] | type[Lines]) -> None:
    stream = io.StringIO()
    make(stream).stop()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.12345, "0.1235"),
        (-2.5, "-2.5000"),
        (0.00012345, "0.000123"),
        (123456.0, "1.23e+05"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_keep_their_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_the_summary_says_what_came_of_the_run_and_what_to_type() -> None:
    stream = io.StringIO()
    summary(
        stream,
        name="iris mlp",
        result=result("multiclass"),
        seconds=4.25,
        folder=Path("outputs/1"),
        report=report("a figure failed"),
        sweep="a1",
        next_command="python -m runner backend=keras",
    )
    text = stream.getvalue()
    rows = [line.split() for line in text.splitlines()]
    assert ["examples", "loss", "accuracy"] in rows
    assert ["test", "12", "0.3000", "0.8333"] in rows
    assert "Weights of epoch 3 of 4 kept (the best validation/loss); 4.2 s in all." in text
    assert rows[-1] == ["next", "python", "-m", "runner", "backend=keras"]
    assert "a figure failed" in text
    # An address must stay in one line, however long, so that it can be opened.
    assert "#/experiments/3/runs?workflowType=machine_learning&compareRunsMode=CHART&searchFilter=" in text


def test_the_last_weights_are_called_the_last() -> None:
    stream = io.StringIO()
    made = replace(result("regression"), kept_epoch=4)
    arguments = {"name": "", "seconds": 1.0, "folder": Path("x"), "report": None, "sweep": None}
    summary(stream, result=made, next_command="", **arguments)  # type: ignore[arg-type]
    assert "Weights of epoch 4 of 4 kept (the last)" in stream.getvalue()


def test_the_command_to_look_at_a_run_fits_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(uri: str) -> dict[str, str]:
        stream = io.StringIO()
        whereabouts(stream, folder=Path("outputs/1"), report=report(uri=uri), sweep=None)
        return {line.split()[0]: line[9:] for line in stream.getvalue().splitlines()}

    monkeypatch.chdir(tmp_path)
    page = "#/experiments/3/runs?workflowType=machine_learning&compareRunsMode=CHART"
    here = lines(f"sqlite:///{Path.cwd().as_posix()}/mlflow.db")
    assert here["MLflow"] == "python -m runner ui   (or: mlflow ui)"
    assert here["charts"] == f"http://127.0.0.1:5000/{page}"
    elsewhere = lines("sqlite:////data/mlflow.db")
    assert elsewhere["MLflow"] == "mlflow ui --backend-store-uri 'sqlite:////data/mlflow.db'"
    server = lines("http://tracking:8080")
    assert server == {"files": "outputs/1", "charts": f"http://tracking:8080/{page}"}


@pytest.mark.parametrize(("sweep", "key"), [(None, "all"), ("a1", "a1")])
def test_the_charts_are_those_of_the_view_where_there_is_one(sweep: str | None, key: str) -> None:
    stream = io.StringIO()
    whereabouts(stream, folder=Path("outputs/1"), report=report(viewed=True), sweep=sweep)
    assert stream.getvalue().rstrip().endswith(f"&compareRunsMode=CHART&viewStateShareKey={key}")
