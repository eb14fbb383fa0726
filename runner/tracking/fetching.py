"""Inside the process that fetches a file of a run: one question on standard input, one answer on standard output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from runner.tracking.store import on_this_machine

_NAMES = 100


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of :func:`runner.tracking.fetch.ask`."""
    client = mlflow.MlflowClient(question["uri"])
    run = _run(client, question["run"])
    if run is None:
        names = [each.info.run_name for each in _newest(client, "", _NAMES)]
        return {"path": None, "found": False, "names": names}
    path = _path(client, run, question["name"], question["folder"])
    return {"path": path, "found": True, "names": []}


def _run(client: mlflow.MlflowClient, text: str) -> Run | None:
    if re.fullmatch("[0-9a-f]{32}", text):
        try:
            return client.get_run(text)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
    quote = '"' if "'" in text else "'"
    found = _newest(client, f"attributes.run_name = {quote}{text}{quote}", 1)
    return found[0] if found else None


def _newest(client: mlflow.MlflowClient, condition: str, count: int) -> Sequence[Run]:
    numbers = [each.experiment_id for each in client.search_experiments()]
    order = ["attributes.start_time DESC"]
    return client.search_runs(numbers, condition, max_results=count, order_by=order) if numbers else []


def _path(client: mlflow.MlflowClient, run: Run, name: str, folder: str) -> str | None:
    """Returns where the file is on this machine, fetched where it is not; None where the run has none."""
    folder_there = on_this_machine(run.info.artifact_uri)
    if folder_there is not None and (folder_there / name).is_file():
        return str(folder_there / name)
    # None lists what lies at the top.
    parent = str(PurePosixPath(name).parent)
    beside = client.list_artifacts(run.info.run_id, None if parent == "." else parent)
    if name not in {item.path for item in beside}:
        return None
    return str(client.download_artifacts(run.info.run_id, name, folder))
