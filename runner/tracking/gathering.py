"""Inside the process that gathers the runs of a sweep or an experiment from MLflow: one question in, one answer out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mlflow
from mlflow.entities import Run

from runner.study.records import is_curve

LAST = "last"
_NAMES = 50
_PORTION = 1000
_TAGS = ("sweep", "role", "task", "command", "error", "config_sha256", "pruned")
# A run that looks at the network of another one again.
_AGAIN = "evaluated_from"
_SUMMARY = "summary"


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of :func:`runner.tracking.gather.ask`."""
    client = mlflow.MlflowClient(question["uri"])
    experiments = {each.name: each.experiment_id for each in client.search_experiments()}
    numbers = list(experiments.values())
    name, command, runs = _found(client, question["text"], experiments, numbers)
    found: dict[str, Any] = {
        "name": name,
        "command": command,
        "runs": [_record(client, run) for run in runs],
    }
    if not runs:
        found["names"] = [*_sweeps(client, numbers), *experiments]
    return found


def _found(
    client: mlflow.MlflowClient, text: str, experiments: dict[str, str], numbers: list[str]
) -> tuple[str, str, list[Run]]:
    if text == LAST:
        text = next(iter(_sweeps(client, numbers)), "")
    quoted = text.replace("'", "")
    runs = _all(client, numbers, f"tags.sweep = '{quoted}'") if text and numbers else []
    if runs:
        summaries = [run for run in runs if run.data.tags.get("role") == _SUMMARY]
        command = summaries[0].data.tags.get("command", "") if summaries else ""
        return f"sweep {text}", command, _trainings(runs)
    if text in experiments:
        return f"experiment {text}", "", _trainings(_all(client, [experiments[text]], ""))
    return text, "", []


def _trainings(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not {"role", _AGAIN} & run.data.tags.keys()]


def _all(client: mlflow.MlflowClient, numbers: list[str], condition: str) -> list[Run]:
    found: list[Run] = []
    token = None
    while True:
        portion = client.search_runs(
            numbers, condition, max_results=_PORTION, order_by=["attributes.start_time ASC"], page_token=token
        )
        found += portion
        token = portion.token
        if not token:
            return found


def _sweeps(client: mlflow.MlflowClient, numbers: list[str]) -> list[str]:
    """Returns the names of the newest sweeps, the newest first."""
    if not numbers:
        return []
    runs = client.search_runs(
        numbers, f"tags.role = '{_SUMMARY}'", max_results=_NAMES, order_by=["attributes.start_time DESC"]
    )
    return list(dict.fromkeys(run.data.tags["sweep"] for run in runs if "sweep" in run.data.tags))


def _record(client: mlflow.MlflowClient, run: Run) -> dict[str, Any]:
    info = run.info
    return {
        "run_id": info.run_id,
        "experiment_id": info.experiment_id,
        "name": info.run_name,
        "status": info.status,
        "seconds": (info.end_time - info.start_time) / 1000 if info.end_time else 0.0,
        "parameters": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": {name: run.data.tags[name] for name in _TAGS if name in run.data.tags},
        "curves": {name: _curve(client, run, name) for name in run.data.metrics if is_curve(name)},
    }


def _curve(client: mlflow.MlflowClient, run: Run, name: str) -> list[float]:
    history = client.get_metric_history(run.info.run_id, name)
    by_step = {each.step: each.value for each in sorted(history, key=lambda each: each.timestamp)}
    # The kept weights' own value stands at step 0, beside the epochs.
    return [by_step[step] for step in sorted(by_step) if step > 0]
