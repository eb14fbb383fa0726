"""Inside the process that says what MLflow's store knows of runs that may be cleaned: one question in, one answer out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from runner.tracking.journal import JOURNAL
from runner.tracking.mlflow import Store


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of :func:`runner.tracking.leftovers.of_store`."""
    store = Store(question["uri"])
    numbers = [number for number in question["numbers"].split(",") if number]
    # A run with a journal is known by its folder.
    dead = [run for run in store.dead() if not (run.folder / JOURNAL).exists()]
    return {
        "deleted": [number for number in numbers if _is_deleted(store.client, number)],
        "dead": {run.run_id: str(store.client.get_run(run.run_id).info.run_name) for run in dead},
    }


def _is_deleted(client: mlflow.MlflowClient, number: str) -> bool:
    """Returns whether a run is in MLflow's bin, or not even there any more."""
    try:
        return bool(client.get_run(number).info.lifecycle_stage == "deleted")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return True
