"""Inside the process that registers a model: one question on standard input, one answer on standard output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

_THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"


def answer(question: Mapping[str, str]) -> dict[str, Any]:
    """Answers the question of :func:`runner.tracking.register.register`."""
    client = mlflow.MlflowClient(question["uri"])
    outputs = client.get_run(question["run"]).outputs
    models = outputs.model_outputs if outputs is not None else []
    if not models:
        return {"version": None, "known": False}
    model_id, name = models[0].model_id, question["name"]
    version, known = _registered(client, name, model_id, question["run"])
    if question["alias"]:
        client.set_registered_model_alias(name, question["alias"], version.version)
    return {"version": str(version.version), "known": known}


def _registered(
    client: mlflow.MlflowClient, name: str, model_id: str, run_id: str
) -> tuple[ModelVersion, bool]:
    """Returns the version of a model under a name, made where there is none, and whether there was one."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != _THERE_ALREADY:
            raise
    model, quoted = client.get_logged_model(model_id), name.replace("'", "''")
    for version in client.search_model_versions(f"name = '{quoted}'"):
        if version.source == model.artifact_location:
            return version, True
    made = client.create_model_version(name, model.artifact_location, run_id=run_id, model_id=model_id)
    return made, False
