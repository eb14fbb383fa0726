"""The framework's own model: recorded as MLflow's flavour, read back by MLflow, against the network in plain NumPy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from examples import card
from support import experiment, trained

from runner import backend, forward
from runner.blueprint import blueprint
from runner.data import prepare
from runner.display import Silent
from runner.tasks.train import train
from runner.tracking import sent
from runner.tracking.delivery import Delivery
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.mlflow import Store
from runner.tracking.store import StoredRun, address
from runner.weights import read

# SQLAlchemy and MLflow deprecate one another's ways, and MLflow warns of its own annotations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(300),
]

BACKENDS = {"torch": "pytorch", "keras": "tensorflow"}
NETWORKS = {
    "classes": ["data=iris"],
    "value": ["data=diabetes", "activation=leaky_relu"],
    "values": ["data=robot_arm", "activation=tanh"],
    "images": ["architecture=cnn", "architecture.filters=[4,6]", "architecture.batch_norm=true"],
    "batch norm and dropout": [
        "data=wine",
        "architecture.batch_norm=true",
        "architecture.dropout=0.3",
    ],
    "probability": ["data=breast_cancer", "loss=binary_cross_entropy"],
    "count": ["data=diabetes", "loss=poisson", "standardise=false"],
}
TOLERANCES = {"32": 1e-6, "64": 1e-12, "bf16-mixed": 1e-6}

# Loads a model as a person does where this project is not installed, and where MLflow may not unpickle.
ELSEWHERE = """
import importlib, json, os, pickle, sys
import numpy as np

class Refused:
    def find_spec(self, name, path=None, target=None):
        assert name.partition(".")[0] not in ("runner", "own_activation"), name

sys.meta_path.insert(0, Refused())
import mlflow.pyfunc
folder, flavour = sys.argv[1:]
native = importlib.import_module(f"mlflow.{flavour}")
unpickled = []
sys.addaudithook(lambda event, arguments: unpickled.append(arguments) if event == "pickle.find_class" else None)
model = mlflow.pyfunc.load_model(folder)
example = np.asarray(model.input_example)
answer = model.predict(example)
native.load_model(folder)
seen = list(unpickled)
pickle.loads(pickle.dumps(os.getpid))
print(json.dumps({"answer": answer.tolist(), "unpickled": len(seen), "noticed": len(unpickled) - len(seen)}))
"""


def overrides_of(backend: str, precision: str, *more: str) -> list[str]:
    common = [f"backend={backend}", f"training.precision={precision}", "training.epochs=1", "plots=none"]
    return [*common, "tracking.model=native", *more]


def record(base: Path, folder: Path, *overrides: str) -> StoredRun:
    """Trains, and sends what the journal says to the store in ``base``."""
    journal = Journal(folder)
    journal.start(card(base, name=folder.name))
    train(experiment(*overrides), folder=folder, tracker=journal, display=Silent())
    journal.end("FINISHED", None)
    delivery = Delivery(folder, Store(address(None, base)))
    assert delivery.advance()
    assert delivery.complete
    stored = StoredRun.load(folder)
    assert stored is not None
    return stored


def rows_of(*overrides: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Returns the test rows in the units of the data."""
    known = experiment(*overrides)
    options: dict[str, Any] = {"split": known.split, "seed": known.seed, "debug": known.debug}
    return prepare(blueprint(known).source, standardise=False, **options).test.inputs


def in_numpy(folder: Path, rows: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    weights = read(folder / "weights.safetensors")
    return forward.predict(forward.read(folder / "network.json"), weights, rows)


def loaded(uri: str, flavour: str) -> Any:
    """Returns a function from rows to predictions of the model as its framework has it."""
    if flavour == "pytorch":
        import mlflow.pytorch
        import torch

        module = mlflow.pytorch.load_model(uri)
        return lambda rows: module(torch.from_numpy(rows)).detach().numpy()
    import mlflow.tensorflow

    program = mlflow.tensorflow.load_model(uri)
    return lambda rows: program(rows).numpy()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("native")


@pytest.fixture(autouse=True)
def environment(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow looks into the right store, and may not unpickle."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address(None, base))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


@pytest.fixture(scope="module", params=BACKENDS)
def kept(request: pytest.FixtureRequest, base: Path) -> tuple[str, Path, Path]:
    """One recorded model of each backend: its flavour, the run's folder and the model's own."""
    import mlflow

    folder = base / f"kept {request.param}"
    stored = record(base, folder, *overrides_of(request.param, "32", *NETWORKS["images"]))
    client = mlflow.MlflowClient(stored.uri)
    (output,) = client.get_run(stored.run_id).outputs.model_outputs
    return BACKENDS[request.param], folder, Path(client.get_logged_model(output.model_id).artifact_location)


@pytest.mark.drawn(8)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, precision) for name in NETWORKS for precision in ("32", "64")), ("images", "bf16-mixed")],
)
def test_it_says_the_same_as_plain_numpy(name: str, precision: str, backend: str, base: Path) -> None:
    import mlflow.pyfunc

    overrides = overrides_of(backend, precision, *NETWORKS[name])
    folder = base / f"{name} {precision} {backend}"
    stored = record(base, folder, *overrides)
    assert sent.load(folder).problems == ()
    uri = f"runs:/{stored.run_id}/model"
    rows = rows_of(*overrides)
    expected = in_numpy(folder, rows)
    assert np.std(expected) > 1e-3
    for predict in (mlflow.pyfunc.load_model(uri).predict, loaded(uri, BACKENDS[backend])):
        for count in (0, 1, 2, 3, len(rows)):
            found = predict(rows[:count])
            assert (found.dtype, found.shape) == (np.float64, (count, expected.shape[1]))
            tolerance = TOLERANCES[precision] * np.abs(expected).max()
            np.testing.assert_allclose(found, expected[:count], rtol=0, atol=tolerance)


def test_it_is_loaded_without_this_project_and_without_a_pickle(kept: tuple[str, Path, Path]) -> None:
    flavour, folder, model = kept
    answer = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, str(model), flavour],
        cwd=model,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["unpickled"], told["noticed"]) == (0, 1)
    example = np.asarray(forward.read(folder / "network.json")["example"])
    np.testing.assert_allclose(told["answer"], in_numpy(folder, example), rtol=0, atol=1e-6)


def test_its_signature_is_that_of_the_model_in_numpy(kept: tuple[str, Path, Path]) -> None:
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(kept[2]))
    (inputs,), (outputs,) = model.metadata.signature.inputs, model.metadata.signature.outputs
    assert (inputs.shape, inputs.type) == ((-1, 8, 8, 1), np.dtype(np.float64))
    assert (outputs.shape, outputs.type) == ((-1, 10), np.dtype(np.float64))
    assert model.predict(model.input_example).shape == (1, 10)
    with pytest.raises(Exception, match="type"):
        model.predict(np.zeros((1, 8, 8, 1), np.float32))


def test_mlflow_would_have_written_the_same(kept: tuple[str, Path, Path], tmp_path: Path) -> None:
    """The entries of MLmodel have the keys that the flavour's own ``save_model`` writes; its size is that of its files."""
    flavour, _, model = kept
    example = np.zeros((2, 3), np.float32)
    if flavour == "pytorch":
        import mlflow.pytorch
        import torch

        own: Any = torch.nn.Linear(3, 1)
        options: dict[str, Any] = {"serialization_format": "pt2", "input_example": example}
        mlflow.pytorch.save_model(own, str(tmp_path / "own"), pip_requirements=["torch"], **options)
    else:
        import mlflow.tensorflow
        import tensorflow as tf
        from mlflow.models import infer_signature

        own = tf.Module()
        own.__call__ = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None, 3), tf.float32)])
        options = {"signature": infer_signature(example, example)}
        mlflow.tensorflow.save_model(own, str(tmp_path / "own"), pip_requirements=["tensorflow"], **options)
    ours, theirs = (yaml.safe_load((each / "MLmodel").read_text()) for each in (model, tmp_path / "own"))
    assert ours["flavors"].keys() == theirs["flavors"].keys() == {flavour, "python_function"}
    assert ours["flavors"][flavour].keys() == theirs["flavors"][flavour].keys()
    assert ours["flavors"]["python_function"]["loader_module"] == f"mlflow.{flavour}"
    added = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "registered_model_meta"}
    files = [path for path in model.rglob("*") if path.is_file() and path.name not in added]
    assert ours["model_size_bytes"] >= sum(path.stat().st_size for path in files) > 0


def test_its_environment_can_be_made_again(kept: tuple[str, Path, Path]) -> None:
    framework = {"pytorch": "torch", "tensorflow": "tensorflow"}[kept[0]]
    dependencies = yaml.safe_load((kept[2] / "python_env.yaml").read_text())["dependencies"]
    versions = {name: metadata.version(name) for name in ("mlflow", "numpy", framework)}
    assert dependencies == [f"{name}=={version.split('+')[0]}" for name, version in versions.items()]


def test_it_names_no_folder_of_this_machine(kept: tuple[str, Path, Path]) -> None:
    here = str(Path(forward.__file__).parents[1]).encode()
    for path in (path for path in kept[1].joinpath("program").rglob("*") if path.is_file()):
        contents = [path.read_bytes()]
        if zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(path)
            contents += [archive.read(name) for name in archive.namelist()]
        assert not any(here in each for each in contents), path


@pytest.mark.parametrize("name", BACKENDS)
def test_a_function_of_a_users_own_goes_with_it(
    name: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow.pyfunc

    framework = {"torch": "torch", "keras": "tensorflow"}[name]
    code = f"import {framework}\n\n\ndef snake():\n    return lambda x: x + {framework}.sin(x) ** 2\n"
    (tmp_path / f"own_activation_{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    target = f"own_activation_{name}.snake"
    overrides = overrides_of(name, "32", "data=iris", f"activation={{_target_: {target}}}")
    stored = record(base, tmp_path / "run", *overrides)
    monkeypatch.setitem(forward.ACTIVATIONS, target, lambda x: x + np.sin(x) ** 2)
    rows = rows_of(*overrides)
    found = mlflow.pyfunc.load_model(f"runs:/{stored.run_id}/model").predict(rows)
    np.testing.assert_allclose(found, in_numpy(tmp_path / "run", rows), rtol=0, atol=1e-6)


# What trains and cannot be written down: a choice by a number, a variable that no layer owns.
UNWRITABLE = {
    "torch": "def odd():\n    return lambda x: x * 2 if x.detach().sum() > 0 else x\n",
    "keras": "import tensorflow as tf\n\n\ndef odd():\n    rate = tf.Variable(2.0)\n    return lambda x: x * rate\n",
}


@pytest.mark.parametrize("name", BACKENDS)
def test_an_export_that_fails_is_said_and_the_run_goes_on(
    name: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    (tmp_path / f"unwritable_{name}.py").write_text(UNWRITABLE[name], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    activation = f"activation={{_target_: unwritable_{name}.odd}}"
    stored = record(base, tmp_path / "run", *overrides_of(name, "32", "data=iris", activation))
    (sentence,) = sent.load(tmp_path / "run").problems
    assert sentence.startswith(
        "tracking.model: MLflow has the weights alone, because the network could not be"
    )
    assert len(sentence.splitlines()) == 1
    assert not any("forward" in each for each in capfd.readouterr())
    client = mlflow.MlflowClient(stored.uri)
    run = client.get_run(stored.run_id)
    assert (run.info.status, run.outputs.model_outputs) == ("FINISHED", [])
    assert "weights.safetensors" in {item.path for item in client.list_artifacts(stored.run_id)}


@pytest.mark.parametrize("overrides", [[], ["tracking=none", "tracking.model=native"]])
def test_nothing_is_exported_unless_it_is_asked_for(
    overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "load_export", lambda package: pytest.fail("it was exported"))
    _, tracker = trained("data=iris", "training.epochs=1", *overrides)
    assert (tracker.program, tracker.problems) == (None, [])
    assert tracker.model_files is not None


def test_a_journal_that_knows_no_flavours_is_read(base: Path) -> None:
    """What was written before there was a choice is a model of plain NumPy."""
    import mlflow.pyfunc

    folder = base / "old"
    journal = Journal(folder)
    journal.start(card(base, name="old"))
    overrides = ["data=iris", "training.epochs=1", "plots=none"]
    train(experiment(*overrides), folder=folder, tracker=journal, display=Silent())
    journal.end("FINISHED", None)
    lines = (folder / JOURNAL).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    (model,) = [event for event in events if event["event"] == "model"]
    assert model.pop("flavour") == "numpy"
    (folder / JOURNAL).write_text("".join(f"{json.dumps(event)}\n" for event in events))
    delivery = Delivery(folder, Store(address(None, base)))
    assert delivery.advance()
    stored = StoredRun.load(folder)
    assert stored is not None
    rows = rows_of(*overrides)
    found = mlflow.pyfunc.load_model(f"runs:/{stored.run_id}/model").predict(rows)
    np.testing.assert_array_equal(found, in_numpy(folder, rows))
