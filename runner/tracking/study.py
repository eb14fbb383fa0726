"""Runs from MLflow as the trials of a study: what was typed differently is what tells them apart."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from runner.study.records import Study, Trial, default_metric
from runner.tracking.gather import Gathered, GatheredRun

# What a person types that does not change what a run computes.
_NO_CHOICE = ("name", "tracking", "plots", "hydra", "sweep", "parity", "experiment", "debug")
# Groups whose option stands under another key among the parameters.
_PARAMETERS = {"backend": "backend.name"}
_UNSAID = "-"
# What a search is typed with.
_SEARCH = "hydra/sweeper=optuna"


def study(gathered: Gathered, metric: str | None) -> Study | None:
    """Returns the study of gathered runs; None where no finished run has a metric to compare by.

    Args:
        gathered: what MLflow has.
        metric: the metric that decides, or None for the usual one.
    """
    runs = _newest(gathered.runs)
    choices = [_typed(run) for run in runs]
    keys = _varying(runs, choices)
    trials = tuple(
        _trial(run, {key: _value(run, typed, key) for key in keys})
        for run, typed in zip(runs, choices, strict=True)
    )
    chosen = metric or default_metric(trials)
    if chosen is None:
        return None
    is_search = _SEARCH in shlex.split(gathered.command)
    return Study(
        name=gathered.name, trials=trials, metric=chosen, command=gathered.command, is_search=is_search
    )


def _newest(runs: Sequence[GatheredRun]) -> list[GatheredRun]:
    """Returns the runs, of several of one meaning the newest that finished, or else the newest."""
    found: dict[str, GatheredRun] = {}
    for place, run in enumerate(runs):
        meaning = run.tags.get("config_sha256", str(place))
        if meaning not in found or run.status == "FINISHED" or found[meaning].status != "FINISHED":
            found[meaning] = run
    return list(found.values())


def _typed(run: GatheredRun) -> dict[str, str]:
    """Returns what was typed for a run by key, those left out that do not change what it computes."""
    words = [word.lstrip("+") for word in shlex.split(run.tags.get("command", "")) if "=" in word]
    pairs = (word.split("=", 1) for word in words if not word.startswith("-"))
    return {key: value for key, value in pairs if key.split(".")[0].split("/")[0] not in _NO_CHOICE}


def _varying(runs: Sequence[GatheredRun], choices: Sequence[Mapping[str, str]]) -> list[str]:
    keys = list(dict.fromkeys(key for typed in choices for key in typed))
    return [
        key
        for key in keys
        if len({_value(run, typed, key) for run, typed in zip(runs, choices, strict=True)}) > 1
    ]


def _value(run: GatheredRun, typed: Mapping[str, str], key: str) -> str:
    """Returns the value of a key in a run: as it was typed, else as the run's parameters have it."""
    return typed.get(key) or run.parameters.get(_PARAMETERS.get(key, key), _UNSAID)


def _trial(run: GatheredRun, choices: Mapping[str, str]) -> Trial:
    return Trial(
        name=run.name,
        status=run.status,
        choices=choices,
        metrics=run.metrics,
        curves=run.curves,
        seconds=run.seconds,
        error=run.tags.get("error"),
        page=run.page,
        output=run.parameters.get("loss.output", ""),
        pruned=run.tags.get("pruned", ""),
    )
