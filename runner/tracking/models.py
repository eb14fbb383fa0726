"""A run's model as MLflow keeps it: its code, its network and its weights, or its framework's own program."""

from __future__ import annotations

import json
import shutil
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
from runner.results import Program
from runner.tracking import table_models
from runner.tracking.store import StoredRun

NAME = "model"

# Where MLflow's flavour looks for a SavedModel.
_SAVED_MODEL = "tf2model"
_CODE = Path(__file__).with_name("pyfunc_model.py")
_PACKAGES = ("mlflow", "numpy")
# Returns what it is given.
_NOTHING = {
    "input_shape": [1],
    "output": "identity",
    "classes": [],
    "input_mean": [0.0],
    "input_scale": [1.0],
    "target_mean": [0.0],
    "target_scale": [1.0],
    "example": [[0.0]],
    "layers": [],
}


def send(client: mlflow.MlflowClient, stored: StoredRun, network: Path, weights: Path | Program) -> None:
    """Gives the model to MLflow, unless an earlier attempt did; what an earlier attempt began is ended.

    Args:
        client: of the store.
        stored: the run that the model came from.
        network: its ``network.json``.
        weights: its ``weights.safetensors``, or the program to keep instead of a model of plain NumPy.
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


def _write(folder: Path, about: Model, network: Path, weights: Path | Program) -> None:
    if isinstance(weights, Path) and table_models.is_table(network):
        _write_table(folder, about, network, weights)
    elif isinstance(weights, Path):
        artifacts = {"network": network, "weights": weights, "forward": forward.__file__}
        _save(
            folder,
            about,
            network,
            versions={"safetensors": metadata.version("safetensors")},
            python_model=str(_CODE),
            artifacts={name: str(path) for name, path in artifacts.items()},
        )
    elif weights.flavour == "pytorch":
        _write_pytorch(folder, about, network, weights)
    else:
        _write_tensorflow(folder, about, network, weights)
    _move_requirements(folder)


def _write_table(folder: Path, about: Model, network: Path, weights: Path) -> None:
    """Writes a model that takes the raw columns of a table, with the code that prepares them."""
    prepared = network.parent / table_models.PREPARATION
    artifacts = {"network": network, "weights": weights, "forward": forward.__file__, "preparation": prepared}
    inputs, example = table_models.described(network)
    versions = {package: metadata.version(package) for package in table_models.PACKAGES}
    with TemporaryDirectory() as temporary:
        mlflow.pyfunc.save_model(
            str(folder),
            mlflow_model=about,
            signature=ModelSignature(inputs, _signature(forward.read(network)).outputs),
            input_example=example,
            pip_requirements=_requirements(versions),
            python_model=str(table_models.CODE),
            artifacts={name: str(path) for name, path in artifacts.items()},
            code_paths=[str(table_models.write_code(Path(temporary)))],
        )


def _write_pytorch(folder: Path, about: Model, network: Path, program: Program) -> None:
    """Writes what ``mlflow.pytorch.save_model`` would, which imports PyTorch and exports the network itself."""
    data = f"data/{program.folder.name}"
    about.add_flavor("pytorch", model_data=data, pytorch_version=program.versions["torch"], code=None)
    _save(
        folder,
        about,
        network,
        versions=program.versions,
        loader_module="mlflow.pytorch",
        data_path=str(program.folder),
        # An exported program cannot be moved from the device that it was exported for.
        model_config={"device": "cpu"},
    )


def _write_tensorflow(folder: Path, about: Model, network: Path, program: Program) -> None:
    """Writes what ``mlflow.tensorflow.save_model`` would, which imports TensorFlow and saves the network itself."""
    about.add_flavor("tensorflow", saved_model_dir=_SAVED_MODEL, model_type="tf2-module", code=None)
    _save(folder, about, network, versions=program.versions, loader_module="mlflow.tensorflow")
    shutil.copytree(program.folder, folder / _SAVED_MODEL)
    about.model_size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    about.save(str(folder / "MLmodel"))


def _save(folder: Path, about: Model, network: Path, *, versions: Mapping[str, str], **form: Any) -> None:
    described = forward.read(network)
    mlflow.pyfunc.save_model(
        str(folder),
        mlflow_model=about,
        signature=_signature(described),
        input_example=np.asarray(described["example"], np.float64),
        pip_requirements=_requirements(versions),
        **form,
    )


def _requirements(versions: Mapping[str, str]) -> list[str]:
    """Returns what the model needs; MLflow would search for it in a process of its own, for seconds."""
    needed = {package: metadata.version(package) for package in _PACKAGES} | dict(versions)
    # What follows a plus sign names a build that no index may have: 2.13.0+cpu.
    return [f"{package}=={version.partition('+')[0]}" for package, version in needed.items()]


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
    outputs = len(network["classes"]) if network["output"] == "softmax" else np.size(network["target_mean"])
    number = np.dtype(np.float64)
    return ModelSignature(
        Schema([TensorSpec(number, (-1, *network["input_shape"]))]),
        Schema([TensorSpec(number, (-1, outputs))]),
    )
