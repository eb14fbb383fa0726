"""The recorded model and data set, read back by MLflow as anyone would."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from examples import card
from servers import asked, free_port, model_server

from runner import layers, network_file, weights
from runner.__main__ import main
from runner.data import Rows, Splits
from runner.network_file import Network
from runner.tracking import DatasetCard, sent
from runner.tracking.journal import Journal
from runner.tracking.recorder import Recorder
from runner.tracking.store import StoredRun, address

# SQLAlchemy and MLflow deprecate one another's ways, and MLflow warns of its own annotations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(300),
]

KERNEL = np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 0.25]])
MEAN, SCALE = np.array([1.0, 2.0, 3.0]), np.array([2.0, 1.0, 0.5])
DATA = DatasetCard(
    name="three numbers",
    input_shape=(3,),
    classes=("no", "yes"),
    rows={"train": 20, "validation": 4, "test": 4},
    sha256="0123456789abcdef" * 4,
)


def write_model(folder: Path) -> tuple[Path, Path]:
    """Writes a network of one dense layer over standardised inputs."""
    tree = layers.named(layers.Sequence((layers.Dense(units=2, bias=False),)))
    rows = Rows(np.array([[0.5, 0.0, -1.0]]), np.array([1]))
    splits = Splits(rows, rows, rows, MEAN, SCALE, np.zeros(1), np.ones(1), DATA.sha256)
    network = Network(tree=tree, input_shape=(3,), output="softmax", classes=DATA.classes, splits=splits)
    network_file.save(network, folder / "network.json")
    weights.save({"dense0/kernel": KERNEL}, folder / "weights.safetensors", precision=64)
    return folder / "network.json", folder / "weights.safetensors"


def record(base: Path) -> StoredRun:
    folder = base / "run"
    recorder = Recorder.start(address(None, base), base)
    tracker = Journal(folder)
    tracker.start(card(base))
    recorder.follow(folder)
    tracker.dataset(DATA)
    tracker.model(*write_model(folder), None)
    tracker.end("FINISHED", None)
    report = recorder.finish(120)
    assert report.sentences == ()
    assert not (base / "recorder.log").exists()
    stored = StoredRun.load(folder)
    assert stored is not None
    return stored


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("model")


@pytest.fixture(scope="module")
def stored(base: Path) -> StoredRun:
    return record(base)


@pytest.fixture
def run(base: Path, stored: StoredRun) -> Any:
    import mlflow

    return mlflow.MlflowClient(stored.uri).get_run(stored.run_id)


@pytest.fixture
def uris(stored: StoredRun, run: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The two addresses under which anyone finds the model, with MLflow looking into the right store."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", stored.uri)
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    (output,) = run.outputs.model_outputs
    return [f"runs:/{stored.run_id}/model", f"models:/{output.model_id}"]


def test_mlflow_predicts_with_it_in_the_units_of_the_data(uris: list[str]) -> None:
    import mlflow.pyfunc

    x = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 4.0], [-5.0, 2.5, 0.0]])
    powers = np.exp((x - MEAN) / SCALE @ KERNEL)
    for uri in uris:
        found = mlflow.pyfunc.load_model(uri).predict(x)
        np.testing.assert_allclose(found, powers / powers.sum(axis=1, keepdims=True), rtol=1e-12)


def test_it_has_a_signature_and_an_example_that_fits(uris: list[str]) -> None:
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(uris[0])
    (inputs,), (outputs,) = model.metadata.signature.inputs, model.metadata.signature.outputs
    assert (inputs.shape, inputs.type) == ((-1, 3), np.dtype(np.float64))
    assert (outputs.shape, outputs.type) == ((-1, 2), np.dtype(np.float64))
    example = model.input_example
    np.testing.assert_allclose(example, [[2.0, 2.0, 2.5]])
    assert model.predict(example).shape == (1, 2)
    with pytest.raises(Exception, match="shape"):
        model.predict(np.zeros((1, 4)))


def test_it_is_no_pickle_and_can_be_read_without_this_project(uris: list[str]) -> None:
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(uris[1]))
    # What Python has compiled of it, where another test has loaded it, stands beside it.
    names = {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    code = {"pyfunc_model.py", "forward.py", "network.json", "weights.safetensors"}
    about = {"MLmodel", "conda.yaml", "python_env.yaml"}
    examples = {"input_example.json", "serving_input_example.json"}
    # MLflow notes beside a model that it was read.
    assert names - {"registered_model_meta"} == code | about | examples
    program = (
        "import sys, mlflow.pyfunc, numpy as np; print(mlflow.pyfunc.load_model(sys.argv[1])"
        ".predict(np.ones((1, 3))).sum()); assert not [m for m in sys.modules if m.startswith('runner')]"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program, str(folder)], cwd=folder, capture_output=True, text=True, check=True
    )
    assert float(answer.stdout) == pytest.approx(1.0)


def test_its_environment_can_be_made_again(uris: list[str]) -> None:
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(uris[1]))
    dependencies = yaml.safe_load((folder / "python_env.yaml").read_text())["dependencies"]
    names = ("mlflow", "numpy", "safetensors")
    assert dependencies == [f"{name}=={metadata.version(name)}" for name in names]
    (pip,) = [
        each
        for each in yaml.safe_load((folder / "conda.yaml").read_text())["dependencies"]
        if isinstance(each, dict)
    ]
    assert pip == {"pip": dependencies}


def test_the_data_set_is_an_input_of_the_run(run: Any) -> None:
    (found,) = run.inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == (DATA.name, DATA.sha256[:32])
    assert json.loads(found.dataset.source)["sha256"] == DATA.sha256
    assert json.loads(found.dataset.profile)["rows"] == dict(DATA.rows)
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]


def test_the_packages_are_kept(base: Path, stored: StoredRun) -> None:
    import mlflow

    client = mlflow.MlflowClient(stored.uri)
    assert "packages.txt" in {item.path for item in client.list_artifacts(stored.run_id)}
    assert f"numpy=={np.__version__}" in (base / "run" / "packages.txt").read_text().splitlines()


def test_sending_it_again_makes_no_second_model(base: Path, stored: StoredRun) -> None:
    import mlflow

    from runner.tracking.delivery import Delivery
    from runner.tracking.mlflow import Store

    (base / "run" / "sent.json").unlink()
    delivery = Delivery(base / "run", Store(stored.uri))
    assert delivery.advance()
    assert (delivery.complete, sent.load(base / "run").problems) == (True, ())
    client = mlflow.MlflowClient(stored.uri)
    assert len(client.search_logged_models([stored.experiment_id])) == 1
    run = client.get_run(stored.run_id)
    assert (len(run.outputs.model_outputs), len(run.inputs.dataset_inputs)) == (1, 1)


JSON = {"Content-Type": "application/json"}
MALFORMED: dict[str, tuple[bytes, dict[str, str], int]] = {
    "nothing": (b"", JSON, 400),
    "no JSON": (b"{", JSON, 400),
    "a list": (b"[1, 2]", JSON, 400),
    "another key": (b'{"x": 1}', JSON, 400),
    "two keys": (b'{"inputs": [[1, 2, 3]], "instances": [[1]]}', JSON, 400),
    "another width": (b'{"inputs": [[1, 2, 3, 4]]}', JSON, 400),
    "words": (b'{"inputs": [["a", "b", "c"]]}', JSON, 400),
    "one number": (b'{"inputs": 1}', JSON, 400),
    "ragged": (b'{"inputs": [[1, 2, 3], [1]]}', JSON, 400),
    "no rows": (b'{"inputs": []}', JSON, 400),
    "by column": (b'{"inputs": {"a": [1]}}', JSON, 400),
    "a missing number": (b'{"inputs": [[1, 2, 3], [null, 2, 3]]}', JSON, 400),
    "not a number": (b'{"inputs": [[NaN, 2, 3]]}', JSON, 400),
    "infinity": (b'{"inputs": [[1e999, 2, 3]]}', JSON, 400),
    "no UTF-8": (b'\xff{"inputs"', JSON, 400),
    "a frame": (b'{"dataframe_split": {"columns": ["a"], "data": [["x"]]}}', JSON, 400),
    "CSV of words": (b"a,b\n1,x\n", {"Content-Type": "text/csv"}, 400),
    "plain text": (b"1", {"Content-Type": "text/plain"}, 415),
    "another charset": (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
}


def test_it_is_registered_once_and_served_and_nothing_takes_it_down(
    base: Path, stored: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    monkeypatch.chdir(base)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["register", "run", "--name", "three numbers", "--alias", "best"]) == 0
    assert "model    three numbers, version 1, also three numbers@best, of the run" in capsys.readouterr().out
    assert main(["register", "run", "--name", "three numbers"]) == 0
    told = capsys.readouterr().out
    assert "version 1, which was there already" in told
    client = mlflow.MlflowClient(stored.uri)
    assert client.get_model_version_by_alias("three numbers", "best").run_id == stored.run_id

    x = np.array([[1.0, 2.0, 3.0], [3.0, 1.0, 4.0], [-5.0, 2.5, 0.0]])
    powers = np.exp((x - MEAN) / SCALE @ KERNEL)
    good = json.dumps({"inputs": x.tolist()}).encode()
    model = "models:/three numbers/1"
    assert f"MLFLOW_TRACKING_URI={stored.uri} mlflow models serve -m '{model}'" in told
    with model_server(base, free_port(), model=model, uri=stored.uri) as address_of_it:
        found = {name: asked(address_of_it, *each[:2])[0] for name, each in MALFORMED.items()}
        # Too deep for the parser of MLflow's server, which says so by 500 and goes on.
        assert asked(address_of_it, b"[" * 100_000, JSON)[0] >= 400
        status, content = asked(address_of_it, good, JSON)
    assert found == {name: each[2] for name, each in MALFORMED.items()}
    assert status == 200
    np.testing.assert_allclose(
        json.loads(content)["predictions"], powers / powers.sum(axis=1, keepdims=True), rtol=1e-6
    )


def test_what_cannot_be_registered(
    base: Path, stored: StoredRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(base)
    assert main(["register", "run"]) == 2
    assert "--name: must be given." in capsys.readouterr().err
    assert main(["register", "run", "--name", "a/b"]) == 2
    assert "--name: must be a name without / and :. Received: 'a/b'." in capsys.readouterr().err
    assert main(["register", "--name", "a"]) == 2
    assert "register: takes one run." in capsys.readouterr().err
    assert main(["register", "run", "--name", "a", "colour=red"]) == 2
    assert "colour: is nothing that register takes." in capsys.readouterr().err
