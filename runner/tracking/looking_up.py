"""Inside the process that looks a run up in MLflow: one question on standard input, one answer on standard output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from runner.tracking.store import on_this_machine

LAST = "last"
_TRAIN = "train"
_STEP_LOSS = "train/step_loss"
_NAMES = 100
_NUMBER = re.compile("[0-9a-f]{8,32}")
_WHOLE = 32
_PORTION = 1000


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of :func:`runner.tracking.lookup.look_up`."""
    client = mlflow.MlflowClient(question["uri"])
    experiments = {each.experiment_id: each.name for each in client.search_experiments()}
    found = _found(client, list(experiments), question["text"], question["only"] == _TRAIN)
    told: dict[str, Any] = {"run": None, "several": [], "names": [], "groups": []}
    if len(found) == 1:
        told["run"] = _record(client, found[0], experiments)
    elif found:
        told["several"] = [run.info.run_id for run in found]
    else:
        newest = _search(client, list(experiments), "", _NAMES)
        told["names"] = list(dict.fromkeys(str(run.info.run_name) for run in newest))
        sweeps = dict.fromkeys(run.data.tags["sweep"] for run in newest if "sweep" in run.data.tags)
        told["groups"] = [*sweeps, *experiments.values()]
    return told


def _found(client: mlflow.MlflowClient, experiments: list[str], text: str, trainings: bool) -> list[Run]:
    """Returns the runs that a text names: one, none, or several whose numbers begin alike."""
    if text == LAST:
        newest = _search(client, experiments, "", _NAMES)
        runs = [run for run in newest if "role" not in run.data.tags]
        return [run for run in runs if not trainings or run.data.tags.get("task", _TRAIN) == _TRAIN][:1]
    if _NUMBER.fullmatch(text) and (known := _numbered(client, experiments, text)):
        return known
    quote = '"' if "'" in text else "'"
    return _search(client, experiments, f"attributes.run_name = {quote}{text}{quote}", 1)


def _numbered(client: mlflow.MlflowClient, experiments: list[str], digits: str) -> list[Run]:
    """Returns the runs whose numbers begin with some digits; a whole number may be that of a deleted run."""
    if len(digits) == _WHOLE:
        try:
            return [client.get_run(digits)]
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return []
    found: list[Run] = []
    token = None
    while experiments:
        # MLflow compares numbers of runs as wholes only.
        portion = client.search_runs(experiments, "", max_results=_PORTION, page_token=token)
        found += [run for run in portion if run.info.run_id.startswith(digits)]
        token = portion.token
        if not token:
            break
    return found


def _search(client: mlflow.MlflowClient, experiments: list[str], condition: str, count: int) -> list[Run]:
    order = ["attributes.start_time DESC"]
    if not experiments:
        return []
    return list(client.search_runs(experiments, condition, max_results=count, order_by=order))


def _record(client: mlflow.MlflowClient, run: Run, experiments: dict[str, str]) -> dict[str, Any]:
    info = run.info
    histories = {name: _history(client, run, name) for name in run.data.metrics}
    steps = histories.pop(_STEP_LOSS, [])
    curves = {name: [point for point in points if point[0] > 0] for name, points in histories.items()}
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": info.status,
        # A deleted experiment is not among those that are searched.
        "experiment": experiments.get(info.experiment_id, ""),
        "began": info.start_time / 1000,
        "tags": dict(run.data.tags),
        "parameters": dict(run.data.params),
        "curves": {name: points for name, points in curves.items() if points},
        "final": {name: points[0][1] for name, points in histories.items() if points and points[0][0] == 0},
        "steps": steps,
        "dataset": _dataset(run),
        "experiment_id": info.experiment_id,
        "artifacts": str(on_this_machine(info.artifact_uri) or ""),
    }


def _history(client: mlflow.MlflowClient, run: Run, name: str) -> list[tuple[int, float]]:
    """Returns a metric by step, of each step what was told last."""
    rows = sorted(client.get_metric_history(run.info.run_id, name), key=lambda row: row.timestamp)
    return sorted({row.step: row.value for row in rows}.items())


def _dataset(run: Run) -> str:
    inputs: Sequence[Any] = run.inputs.dataset_inputs if run.inputs else []
    return next((str(each.dataset.digest) for each in inputs), "")
