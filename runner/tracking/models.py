"""A run's model as MLflow keeps it: its code, its network and its weights, and no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec
from safetensors.numpy import save_file

from runner import forward
from runner.tracking.store import StoredRun

NAME = "model"

_CODE = Path(__file__).with_name("pyfunc_model.py")
_PACKAGES = ("mlflow", "numpy", "safetensors")
# Returns what it is given.
_NOTHING = {
    "input_shape": [1],
    "output": "identity",
    "classes": [],
    "input_mean": [0.0],
    "input_scale": [1.0],
    "target_mean": 0.0,
    "target_scale": 1.0,
    "example": [[0.0]],
    "layers": [],
}


def send(client: mlflow.MlflowClient, stored: StoredRun, network: Path, weights: Path) -> None:
    """Gives the model to MLflow, unless an earlier attempt did; what an earlier attempt began is ended.

    Args:
        client: of the store.
        stored: the run that the model came from.
        network: its ``network.json``.
        weights: its ``weights.safetensors``.
    """
    same = f"source_run_id = '{stored.run_id}'"
    known = client.search_logged_models([stored.experiment_id], same, max_results=1)
    model = known[0] if known else _new(client, stored, network)
    if model.status != LoggedModelStatus.READY:
        with TemporaryDirectory() as temporary:
            folder = Path(temporary) / NAME
            _write(folder, _about(model, network), network, weights)
            client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    outputs = client.get_run(stored.run_id).outputs
    if outputs is None or not outputs.model_outputs:
        client.log_outputs(stored.run_id, [LoggedModelOutput(model.model_id, step=0)])


def prepare() -> None:
    """Saves a model of nothing: MLflow's first one in a process waits until every package was looked at."""
    with TemporaryDirectory() as temporary:
        network, weights = Path(temporary) / "network.json", Path(temporary) / "weights.safetensors"
        network.write_text(json.dumps(_NOTHING), encoding="utf-8")
        save_file({}, weights)
        _write(Path(temporary) / NAME, Model(), network, weights)


def _new(client: mlflow.MlflowClient, stored: StoredRun, network: Path) -> LoggedModel:
    kind = "classifier" if forward.read(network)["classes"] else "regressor"
    return client.create_logged_model(
        stored.experiment_id, NAME, source_run_id=stored.run_id, model_type=kind
    )


def _about(model: LoggedModel, network: Path) -> Model:
    return Model(
        artifact_path=model.artifact_location,
        model_uuid=model.model_id,
        model_id=model.model_id,
        run_id=model.source_run_id,
        metadata={"classes": json.dumps(forward.read(network)["classes"])},
    )


def _write(folder: Path, about: Model, network: Path, weights: Path) -> None:
    described = forward.read(network)
    mlflow.pyfunc.save_model(
        str(folder),
        mlflow_model=about,
        python_model=str(_CODE),
        artifacts={"network": str(network), "weights": str(weights), "forward": str(forward.__file__)},
        signature=_signature(described),
        input_example=np.asarray(described["example"], np.float64),
        pip_requirements=_requirements(),
    )
    _move_requirements(folder)


def _requirements() -> list[str]:
    """Returns what the model needs; MLflow would search for it in a process of its own, for seconds."""
    return [f"{package}=={metadata.version(package)}" for package in _PACKAGES]


def _move_requirements(folder: Path) -> None:
    """Puts the requirements into ``python_env.yaml`` itself, where ``conda.yaml`` has them too.

    MLflow compares ``requirements.txt`` with every installed package when it loads a model, which takes
    several times as long as the loading.
    """
    environment, listed = folder / "python_env.yaml", folder / "requirements.txt"
    text, reference = environment.read_text(encoding="utf-8"), "- -r requirements.txt"
    if reference in text:
        lines = [f"- {line}" for line in listed.read_text(encoding="utf-8").splitlines()]
        environment.write_text(text.replace(reference, "\n".join(lines)), encoding="utf-8")
        listed.unlink()


def _signature(network: Mapping[str, Any]) -> ModelSignature:
    outputs = len(network["classes"]) if network["output"] == "softmax" else 1
    number = np.dtype(np.float64)
    return ModelSignature(
        Schema([TensorSpec(number, (-1, *network["input_shape"]))]),
        Schema([TensorSpec(number, (-1, outputs))]),
    )
