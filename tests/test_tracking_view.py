"""The view in which MLflow shows the runs: what is in it, how runs add to it, and when it is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from examples import card, result

from runner.tracking.view import View, tag, view_of

FULL = View(
    sweep="a1",
    name="sweep over seed",
    parameters=("backend.name", "seed"),
    results=("validation/loss", "test/accuracy"),
    curves=("train/loss", "validation/loss"),
    figures=("learning_curves", "roc"),
)


def state(saved: str | None) -> dict[str, Any]:
    """Returns what MLflow makes of a tag: it reads the state out of the envelope."""
    assert saved is not None
    found: dict[str, Any] = json.loads(json.loads(saved)["state"])
    return found


def panels(saved: str | None, kind: str) -> list[dict[str, Any]]:
    return [each for each in state(saved)["compareRunCharts"] if each["type"] == kind]


def test_a_view_has_a_name_its_times_and_the_filter_of_its_sweep() -> None:
    saved = FULL.saved(None, 1000)
    assert saved is not None
    envelope = json.loads(saved)
    assert (envelope["name"], envelope["createdAt"], envelope["updatedAt"]) == ("sweep over seed", 1000, 1000)
    assert state(saved)["searchFilter"] == 'tags.sweep="a1"'
    assert FULL.tag == tag("a1") == "mlflow.sharedViewState.a1"


def test_a_view_of_every_run_filters_nothing() -> None:
    every = replace(FULL, sweep=None, name=None)
    saved = every.saved(None, 1000)
    assert saved is not None
    assert state(saved)["searchFilter"] == ""
    assert json.loads(saved)["name"] == "every run"
    assert every.tag == "mlflow.sharedViewState.all"


def test_each_curve_has_a_panel_and_all_figures_have_one_without_the_parameters() -> None:
    saved = FULL.saved(None, 1000)
    assert [each["metricKey"] for each in panels(saved, "LINE")] == ["train/loss", "validation/loss"]
    seen, *gone = panels(saved, "IMAGE")
    assert (seen["imageKeys"], seen["deleted"], seen["showRunParams"]) == (
        ["learning_curves", "roc"],
        False,
        False,
    )
    assert [(each["imageKeys"], each["deleted"]) for each in gone] == [
        (["learning_curves"], True),
        (["roc"], True),
    ]
    sections = {each["uuid"]: each for each in state(saved)["compareRunSections"]}
    assert {each["metricSectionId"] for each in state(saved)["compareRunCharts"]} <= sections.keys()
    assert [name for name, each in sections.items() if each["display"]] == ["curves", "test", "figures"]


def test_no_two_panels_have_one_number() -> None:
    numbers = [each["uuid"] for each in state(FULL.saved(None, 0))["compareRunCharts"]]
    assert len(set(numbers)) == len(numbers) == 5


def test_the_columns_of_the_table_are_the_choices_and_the_results() -> None:
    chosen = [
        "params.`backend.name`",
        "params.`seed`",
        "metrics.`validation/loss`",
        "metrics.`test/accuracy`",
    ]
    found = state(FULL.saved(None, 1000))
    assert found["selectedColumns"] == [*chosen, "attributes.`Duration`"]
    assert [each for each in found["columnOrder"] if "`" in each] == ["attributes.`Run Name`", *chosen]
    assert found["columnWidths"].keys() == {"attributes.`Run Name`", *chosen}


def test_a_further_run_adds_what_it_has_and_keeps_the_rest() -> None:
    before = FULL.saved(None, 1000)
    more = View(
        sweep="a1", parameters=("data",), curves=("train/loss", "validation/r2"), figures=("residuals",)
    )
    after = more.saved(before, 2000)
    assert after is not None
    envelope = json.loads(after)
    assert (envelope["name"], envelope["createdAt"], envelope["updatedAt"]) == ("sweep over seed", 1000, 2000)
    curves = [each["metricKey"] for each in panels(after, "LINE")]
    assert curves == ["train/loss", "validation/loss", "validation/r2"]
    assert panels(after, "IMAGE")[0]["imageKeys"] == ["learning_curves", "roc", "residuals"]
    assert more.saved(after, 3000) is None


def test_a_view_that_a_person_has_saved_is_left_alone() -> None:
    theirs = json.dumps({"name": "mine", "createdAt": 1, "updatedAt": 2, "state": "deflate;eJyrrgUAAXUA+Q=="})
    assert FULL.saved(theirs, 3000) is None


def test_only_the_last_choices_of_many_runs_are_columns() -> None:
    saved = None
    for number in range(20):
        saved = View(sweep=None, parameters=(f"key{number}",)).saved(saved, number)
    shown = [name for name in state(saved)["selectedColumns"] if name.startswith("params.")]
    assert shown == [f"params.`key{number}`" for number in range(12, 20)]


def test_a_run_shows_its_curves_two_results_and_the_figures_that_were_sent(tmp_path: Path) -> None:
    made = result("multiclass")
    shown = view_of(card(tmp_path), made, ("roc",))
    assert (shown.sweep, shown.name, shown.parameters) == (None, None, ("seed",))
    assert shown.results == (made.monitor, *[name for name in made.metrics if name.startswith("test/")][:2])
    assert shown.curves == tuple(name for name in made.epochs[0].metrics if "/" in name) != ()
    assert shown.figures == ("roc",)


def test_the_summary_of_a_sweep_names_its_view(tmp_path: Path) -> None:
    known = card(tmp_path, name="sweep over seed")
    shown = view_of(replace(known, tags={"sweep": "a1", "role": "summary"}), None, ())
    assert (shown.sweep, shown.name) == ("a1", "sweep over seed")
    run = view_of(replace(known, tags={"sweep": "a1"}), None, ())
    assert (run.sweep, run.name) == ("a1", None)
