"""Windows over a person's own time series: where they lie, which part they are in, and how a table can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shares import shares
from support import curve, one_tensorflow_thread, trained

from runner.data import Source, prepare, series, splitting
from runner.data.windows import Window, Windows, parts_of_rows, starts
from runner.errors import ConfigurationError
from runner.experiment import Component, Debug

WINDOW: dict[str, Any] = {"length": 3, "horizon": 1, "stride": 1, "past_target": True, "straddle": False}
WHOLE = Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)


def source(path: Path, split: Any = None, **keywords: Any) -> Source:
    window = WINDOW | {name: keywords.pop(name) for name in WINDOW if name in keywords}
    options: dict[str, Any] = {
        "target": "load",
        "time": None,
        "group": None,
        "columns": None,
        "missing": "refuse",
    }
    return series.series(
        path=str(path),
        window=Component(target="", arguments=window, key="data.window"),
        split=split or shares(0.2, 0.2),
        **(options | keywords),
    )


def written(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, "utf-8")
    return folder / "table.csv"


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Twenty rows: the load is ten times the number of the row, the heat its negative."""
    lines = [f"2024-03-01 {hour:02}:00,{10 * hour},{-hour},w{hour % 2}" for hour in range(20)]
    return written(tmp_path, "\n".join(["when,load,heat,word", *lines]))


# Where windows lie


def test_windows_by_hand(hours: Path) -> None:
    found = source(hours, time="when", length=3, horizon=2, stride=2, split=shares(0.0, 0.0))
    inputs, targets = found.read()[:2]
    # They begin at the rows 0, 2 ... 14; the next one would end after the last row.
    assert (found.rows, inputs.shape) == (8, (8, 3, 2))
    assert inputs[np.array([0, 1])].tolist() == [
        [[0, 0], [-1, 10], [-2, 20]],
        [[-2, 20], [-3, 30], [-4, 40]],
    ]
    assert targets[[0, 1, 7]].tolist() == [[30, 40], [50, 60], [170, 180]]


def test_no_window_lies_in_two_parts(hours: Path) -> None:
    found = source(hours, time="when")
    inputs, targets = found.read()[:2]
    # Of 12, 4 and 4 rows there are 9, 1 and 1 windows of 4 rows.
    assert (found.rows, found.validation_rows, found.test_rows) == (11, 1, 1)
    assert targets[:, 0].tolist() == [10 * row for row in (*range(3, 12), 15, 19)]
    assert inputs[np.array([9, 10])][:, :, 1].tolist() == [[120, 130, 140], [160, 170, 180]]
    parts = splitting.parts(found, shares(0.2, 0.2), 0, None)
    assert (sorted(parts.train), parts.validation.tolist(), parts.test.tolist()) == (
        list(range(9)),
        [9],
        [10],
    )


def test_a_window_may_look_back_into_another_part_where_that_is_asked_for(hours: Path) -> None:
    found = source(hours, time="when", straddle=True)
    assert (found.rows, found.validation_rows, found.test_rows) == (17, 4, 4)
    assert found.read()[1][:, 0].tolist() == [10 * row for row in range(3, 20)]


def test_the_past_of_the_target_can_be_left_out_and_columns_chosen(hours: Path) -> None:
    assert source(hours, past_target=False).input_shape == (3, 1)
    found = source(hours, columns=["heat"], past_target=True)
    assert found.read()[0][np.array([0])].tolist() == [[[0, 0], [-1, 10], [-2, 20]]]
    assert "data.columns: when, word hold no numbers and are left out." in source(hours).notes


def test_several_targets_come_time_by_time(hours: Path) -> None:
    found = source(hours, target=["load", "heat"], horizon=2, split=shares(0.0, 0.0))
    assert (found.target_width, found.task) == (4, "regression")
    assert found.read()[1][0].tolist() == [30, -3, 40, -4]


def test_a_class_is_predicted_too(hours: Path) -> None:
    found = source(hours, target="word", time="when")
    assert (found.task, found.classes, found.input_shape) == ("binary", ("w0", "w1"), (3, 2))
    assert found.labels().tolist() == [row % 2 for row in (*range(3, 12), 15, 19)]


def test_several_series_are_put_in_order_and_kept_apart(tmp_path: Path) -> None:
    rows = [(name, day, number * 100 + day) for number, name in enumerate(("b", "a")) for day in range(6)]
    order = np.random.default_rng(1).permutation(12)
    path = written(
        tmp_path, "\n".join(["load,day,city", *(f"{rows[n][2]},{rows[n][1]},{rows[n][0]}" for n in order)])
    )
    found = source(path, split=shares(0.0, 0.0), time="day", group="city", length=2)
    # That of a comes first; neither window begins in one and ends in the other.
    assert found.read()[1][:, 0].tolist() == [102, 103, 104, 105, 2, 3, 4, 5]
    assert found.read()[0][np.array([3, 4])].tolist() == [[[103], [104]], [[0], [1]]]
    assert found.column is not None
    assert found.column("city").tolist() == ["a"] * 4 + ["b"] * 4
    by_group = splitting.parts(
        source(path, split=shares(0.5, 0.0, by="group", column="city"), time="day", group="city", length=2),
        shares(0.5, 0.0, by="group", column="city"),
        0,
        None,
    )
    assert {tuple(sorted(part)) for part in (by_group.train, by_group.validation)} == {
        (0, 1, 2, 3),
        (4, 5, 6, 7),
    }


def test_the_parts_of_several_series_begin_at_one_time(tmp_path: Path) -> None:
    lines = [
        f"{city},{day},{day * day}" for city, days in (("a", range(10)), ("b", range(5, 10))) for day in days
    ]
    found = source(
        written(tmp_path, "\n".join(["city,day,load", *lines])),
        split=shares(0.0, 0.4),
        time="day",
        group="city",
        length=1,
    )
    # Six of fifteen rows are the last, of the days 7 to 9 of both.
    assert found.test_rows == 4
    assert found.column is not None
    assert found.column("day")[-4:].tolist() == [8, 9, 8, 9]
    assert max(found.column("day")[:-4]) == 6


def test_a_column_may_name_the_parts(tmp_path: Path) -> None:
    lines = [f"{row},{'train' if row < 8 else 'test'}" for row in range(14)]
    split = shares(0.0, 0.0, by="column", column="part")
    found = source(written(tmp_path, "\n".join(["load,part", *lines])), split=split)
    parts = splitting.parts(found, split, 0, None)
    assert found.labels()[parts.train, 0].tolist() == [3, 4, 5, 6, 7]
    assert found.labels()[parts.test, 0].tolist() == [11, 12, 13]


def test_rows_of_one_time_are_in_one_part() -> None:
    when = np.array([0, 1, 2, 3, 3, 3, 4, 5])
    assert parts_of_rows(when, shares(0.25, 0.25)).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert parts_of_rows(when, shares(0.0, 0.5)).tolist() == [0, 0, 0, 2, 2, 2, 2, 2]


def test_windows_are_views_until_they_are_asked_for() -> None:
    values = np.arange(2_000.0).reshape(1000, 2)
    found = Windows(values, starts(np.zeros(1000, np.int64), Window(**WINDOW)), 3)
    held = [each for each in vars(found).values() if isinstance(each, np.ndarray)]
    assert all(np.shares_memory(each, values) for each in held if each.dtype == np.float64)
    assert found.shape == (997, 3, 2)
    np.testing.assert_array_equal(found.part(np.array([5, 2]))[:], [values[5:8], values[2:5]])


def test_standardising_takes_the_training_windows_alone(hours: Path) -> None:
    found = source(hours, time="when")
    splits = prepare(found, split=shares(0.2, 0.2), standardise="channels", seed=0, debug=WHOLE)
    expected = np.stack(
        [[[-row, 10 * row] for row in range(first, first + 3)] for first in range(9)]
    ).reshape(-1, 2)
    np.testing.assert_allclose(splits.input_mean[0], expected.mean(axis=0))
    np.testing.assert_allclose(splits.input_scale[0], expected.std(axis=0))
    np.testing.assert_allclose(splits.target_mean, [70.0])


def test_the_simplest_forecast_is_told(hours: Path) -> None:
    told = source(hours, time="when", horizon=2, length=2).notes[-1]
    # It is off by 10 after one row and by 20 after two.
    assert (
        "on the windows for test the forecast that nothing changes has a mean absolute error of 15 " in told
    )
    assert f"a root mean squared error of {np.sqrt(250):.4g}." in told


def test_missing_numbers_take_those_before_them(tmp_path: Path) -> None:
    path = written(tmp_path, "load,city\n1,a\n,a\n3,a\n4,a\n9,b\n,b\n8,b\n7,b")
    found = source(path, missing="previous", group="city", length=2, split=shares(0.0, 0.0))
    assert found.read()[0][np.arange(4)][:, :, 0].tolist() == [[1, 1], [1, 3], [9, 9], [9, 8]]


def test_uneven_steps_are_warned_of(tmp_path: Path) -> None:
    path = written(tmp_path, "day,load\n" + "\n".join(f"{day},{day}" for day in (*range(9), 12)))
    assert source(path, time="day", split=shares(0.0, 0.0)).warnings == (
        "data.time: 1 of 9 steps are not the usual 1.0; windows count rows, not time.",
    )


# Wrong


def refused(path: Path, **keywords: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        source(path, **keywords)
    return str(error.value)


def test_columns_that_are_not_there(hours: Path) -> None:
    said = refused(hours, target="laod", time="whe", columns=["heat", "het"])
    assert "data.target: is no column of the table. Received: laod. Did you mean load?" in said
    assert "data.time: is no column of the table. Received: whe. Did you mean when?" in said
    assert "data.columns: is no column of the table. Received: het. Did you mean heat?" in said


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        (
            {"length": 20},
            "is too long: length 20 and horizon 1 together take 21 rows. Received: 20 rows",
        ),
        (
            {"length": 5, "time": "when"},
            "no window for validation: the rows of that part are fewer than the 6",
        ),
        (
            {"target": "word", "horizon": 2},
            "data.window.horizon: must be 1 where a class is predicted. Received: 2.",
        ),
        (
            {"columns": ["word"]},
            "must name columns of numbers, and word holds other values. Received: 'w0'.",
        ),
        (
            {"columns": [], "past_target": False},
            "data.columns: leaves nothing to look at. Name columns of numbers",
        ),
        (
            {"target": ["load", "word"]},
            "data.target: must name columns of numbers, and word holds",
        ),
        ({"time": "word"}, "must hold dates or numbers, and word holds words that are no dates."),
        (
            {"split": shares(0.2, 0.2, folds=4)},
            "has no place where the parts of a series are stretches",
        ),
        ({"target": []}, "data.target: must name a column. Received: []. Columns: when, load, heat, word."),
    ],
)
def test_what_cannot_be_asked_for(hours: Path, keywords: Any, sentence: str) -> None:
    assert sentence in refused(hours, **keywords)


@pytest.mark.parametrize(
    ("text", "keywords", "sentence"),
    [
        (
            "day,load\n1,2\n1,3\n",
            {"time": "day"},
            "and day has 1 twice. Name the column that tells several series",
        ),
        (
            "day,load\n1,2\n,3\n",
            {"time": "day"},
            "data.time: must have a value in every row of day. Received: nothing in row 2.",
        ),
        (
            "day,load\n1,2\n2,\n",
            {"time": "day"},
            "load has 1 rows without one. Received: nan in row 2 in the order of time, day 2",
        ),
        (
            "load\n2\n1\n",
            {},
            "data.window: is too long: length 3 and horizon 1 together take 4 rows. Received: 2",
        ),
        (
            "load,x\n,1\n3,1\n4,2\n",
            {"missing": "previous"},
            "There is no number before it in its series; fill it in the file.",
        ),
        (
            "load,x\n5,1\n5,2\n5,3\n5,3\n",
            {},
            "data.target: must differ between rows, or there is nothing to learn. Received: 5 in",
        ),
        (
            "load,kind\n5,a\n6,\n",
            {"target": "kind"},
            "data.target: must say a class in every row. Received: nothing in row 2.",
        ),
    ],
)
def test_tables_that_are_no_series(tmp_path: Path, text: str, keywords: Any, sentence: str) -> None:
    assert sentence in refused(written(tmp_path, text), **keywords)


# Trained


def test_both_backends_learn_a_series_alike(tmp_path: Path) -> None:
    one_tensorflow_thread()
    steps = np.arange(120)
    load = np.sin(steps / 3) + np.random.default_rng(2).normal(size=120) / 10
    path = written(
        tmp_path,
        "\n".join(
            ["load,hour", *(f"{value:.6f},{step % 24}" for step, value in zip(steps, load, strict=True))]
        ),
    )
    chosen = (
        "data=series",
        f"data.path={path}",
        "data.target=load",
        "data.window.length=6",
        "standardise=channels",
    )
    network = ("architecture=rnn", "architecture.units=[4]", "architecture.cell=gru")
    short = ("training.epochs=2", "training.precision=64", "plots=none", "tracking=none")
    results = {
        backend: trained(f"backend={backend}", *chosen, *network, *short)[0] for backend in ("torch", "keras")
    }
    for metric in ("train/loss", "validation/loss", "gradient_norm"):
        np.testing.assert_allclose(
            curve(results["keras"], metric), curve(results["torch"], metric), rtol=1e-10
        )
    # Of 120 rows 84, 18 and 18, less the six that come before the first target of each.
    assert [len(results["torch"].predictions[name].targets) for name in ("train", "validation", "test")] == [
        78,
        12,
        12,
    ]
