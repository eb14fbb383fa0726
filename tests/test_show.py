"""The verbs show and compare: what differs, the best of each metric, the curves in the terminal and as a figure."""

from __future__ import annotations

import io
import json
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from recorded_runs import answer_here, write_run

from runner.__main__ import main
from runner.commands.drawn_curves import print_curves
from runner.plots.runs import curves
from runner.recorded import find
from runner.recorded.side_by_side import letters, metric_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs, of which each is better in something, and one that failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    answer_here(monkeypatch)
    write_run(
        Path("outputs/1"),
        "optimizer=sgd",
        "training.epochs=3",
        name="slow",
        run_id="a" * 32,
        curves={"train/loss": (0.9, 0.7, 0.5), "validation/loss": (0.8, 0.7, 0.6)},
        final={"test/loss": 0.55, "test/accuracy": 0.5},
        steps=(1.0, 0.5, 0.25),
        age=9,
    )
    write_run(
        Path("outputs/2"),
        "training.epochs=3",
        "backend=keras",
        name="fast",
        run_id="b" * 32,
        curves={"train/loss": (0.9, 0.4, 0.1), "validation/loss": (0.7, 0.3, 0.9)},
        final={"test/loss": 0.75, "test/accuracy": 0.75},
        tags={"backend": "keras"},
        steps=(1.0, 0.75, 0.25),
        sha256="e" * 64,
        age=8,
    )
    write_run(
        Path("outputs/3"), name="broken", status="FAILED", error="diverged at step 1\nmore", curves={}, age=7
    )
    return tmp_path


def cells(text: str, name: str) -> list[str]:
    """Returns the words of the first line that begins with a name."""
    line = next(line for line in text.splitlines() if line.split()[: len(name.split())] == name.split())
    return line.split()[len(name.split()) :]


def test_runs_stand_side_by_side(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "slow", "fast", "broken"]) == 0
    said = capsys.readouterr().out
    assert cells(said, "A slow")[:2] == ["finished", "torch"]
    assert cells(said, "C broken")[:2] == ["failed", "torch"]
    assert cells(said, "optimizer") == ["sgd", "adam", "adam"]
    assert cells(said, "backend.name") == ["torch", "keras", "torch"]
    assert cells(said, "training.epochs") == ["3", "3", "30"]
    # What both adapters call adam is one optimizer, and nobody chose another activation.
    assert "activation" not in said
    assert cells(said, "test/loss") == ["0.5500", "*", "0.7500"]
    assert cells(said, "test/accuracy") == ["0.5000", "0.7500", "*"]
    # Of the kept epochs: the third and the second.
    assert cells(said, "validation/loss")[:3] == ["0.6000", "0.3000", "*"]
    assert "They learnt from different rows: their metrics are not of one and the same thing." in said
    figure = place / said.split("figure   ")[1].strip()
    assert figure == place / "outputs/comparisons/slow_and_fast_and_broken/curves.png"
    height, width, _ = matplotlib.image.imread(figure).shape
    assert width > 2 * height


def test_two_runs_say_where_their_steps_part(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "slow", "fast"]) == 0
    said = capsys.readouterr().out
    assert "The losses of their steps first differ at step 2, and most, by 0.25, at step 2." in said
    assert main(["compare", "slow", "outputs/1"]) == 0
    said = capsys.readouterr().out
    assert "Their configurations mean the same." in said
    assert "The losses of all 3 steps are the same to the last bit." in said
    assert "*" not in said


def test_one_run_is_shown_with_what_was_chosen(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "slow"]) == 0
    said = capsys.readouterr().out
    assert cells(said, "status") == ["finished"]
    assert cells(said, "MLflow") == ["a" * 32]
    assert cells(said, "data") == ["d" * 64]
    assert cells(said, "optimizer") == ["sgd", "adam"]
    assert cells(said, "training.epochs") == ["3", "30"]
    assert cells(said, "test/accuracy") == ["0.5000"]
    assert "seed" not in said
    assert (place / "outputs/comparisons/slow/curves.png").is_file()
    (place / "outputs/1/figures").mkdir()
    (place / "outputs/1/figures/learning_curves.png").touch()
    assert main(["show", "slow"]) == 0
    assert "figure   outputs/1/figures/learning_curves.png" in capsys.readouterr().out


def test_a_run_without_an_epoch_has_no_curve(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "broken"]) == 0
    said = capsys.readouterr().out
    assert cells(said, "error") == ["diverged", "at", "step", "1"]
    assert "figure" not in said
    assert "epoch" not in said


def test_the_curves_are_where_their_numbers_are(place: Path) -> None:
    printed = io.StringIO()
    print_curves(printed, [find("slow"), find("fast")])
    first, second, *_ = printed.getvalue().split("\n\n")
    lines = first.splitlines()
    assert lines[0].strip() == "train/loss"
    # The largest value stands above, the smallest below, and both runs begin at 0.9.
    assert (lines[2][:5], lines[-4][:5]) == ("0.90┤", "0.10┤")
    rows = {letter: [place for place, line in enumerate(lines[4:-3]) if letter in line] for letter in "ab"}
    assert max(rows["b"]) > max(rows["a"])
    assert second.splitlines()[0].strip() == "validation/loss"
    assert "\x1b" not in printed.getvalue()


def test_a_terminal_has_colours(place: Path) -> None:
    printed = Terminal()
    print_curves(printed, [find("slow"), find("fast")], width=60)
    assert "\x1b[38;2;0;114;178m" in printed.getvalue()
    assert "⠒" in printed.getvalue()


def test_a_figure_draws_every_point() -> None:
    points = [(1, 0.5), (2, 0.25), (4, 0.125)]
    runs = [
        {"label": "A: $one", "curves": {"train/loss": points}},
        {"label": "B: two", "curves": {"validation/loss": points}},
    ]
    figure = curves(runs=runs, names=["train/loss", "validation/loss"], title="both")
    for panel in figure.axes:
        (line,) = panel.lines
        np.testing.assert_array_equal(line.get_xydata(), points)
    assert [panel.get_ylabel() for panel in figure.axes] == ["train/loss", "validation/loss"]


def test_many_runs_have_names() -> None:
    assert letters(3) == ["A", "B", "C"]
    assert letters(27)[-1] == "27"


def test_a_metric_whose_direction_nobody_knows_has_no_best(place: Path) -> None:
    write_run(Path("outputs/4"), name="one", curves={}, final={"largest_difference": 1.0, "test/r2": 0.5})
    write_run(Path("outputs/5"), name="two", curves={}, final={"largest_difference": 2.0, "test/r2": 0.9})
    lines = metric_table([find("one"), find("two")]).lines
    assert lines == (("test/r2", "0.5000", "0.9000 *"), ("largest_difference", "1.0000", "2.0000"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("compare", "slow"), "compare: takes two runs or more, at most 26. Received: slow."),
        (("compare", "slo", "fst"), "slo: there is no run of this number or name"),
        (("compare", "slo", "fst"), "fst: there is no run of this number or name"),
        (("show",), "show: takes one run: its number, its name, its folder, last or best."),
        (("show", "slow", "fast"), "Received: slow fast. Write python -m runner show last, or compare"),
        (("show", "--wide", "slow"), "--wide: is no flag of show."),
    ],
)
def test_what_cannot_be_shown_is_said(
    place: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    assert said in capsys.readouterr().err


def test_the_numbers_of_a_figure_are_kept(place: Path) -> None:
    assert main(["compare", "slow", "fast"]) == 0
    kept = json.loads((place / "outputs/comparisons/slow_and_fast/curves.json").read_text())
    assert kept["names"] == ["train/loss", "validation/loss"]
    assert kept["runs"][1]["curves"]["train/loss"] == [[1, 0.9], [2, 0.4], [3, 0.1]]
