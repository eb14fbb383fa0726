"""Inside the process that registers a model: one question on standard input, one answer on standard output."""

from __future__ import annotations

import json
import sys

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

_THERE_ALREADY = "RESOURCE_ALREADY_EXISTS"


def main() -> None:
    """Answers the question of :func:`runner.tracking.register.register`."""
    question = json.load(sys.stdin)
    client = mlflow.MlflowClient(question["uri"])
    outputs = client.get_run(question["run"]).outputs
    models = outputs.model_outputs if outputs is not None else []
    if not models:
        print(json.dumps({"version": None, "known": False}))
        return
    model_id, name = models[0].model_id, question["name"]
    version, known = _registered(client, name, model_id, question["run"])
    if question["alias"]:
        client.set_registered_model_alias(name, question["alias"], version.version)
    print(json.dumps({"version": str(version.version), "known": known}))


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


if __name__ == "__main__":
    main()
