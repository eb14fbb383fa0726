"""The verb export: every form of every shipped kind of network, read by its own loader, against plain NumPy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import stored
from test_predict import NETWORKS

from runner import forward, layers
from runner.__main__ import main
from runner.exports import checking, formats
from runner.exports.checking import check, examples
from runner.exports.formats import FORMATS
from runner.prediction import predictor

OVERRIDES = NETWORKS | {
    "gru": ["architecture=rnn", "data=digits", "architecture.cell=gru", "architecture.units=[5,4]"],
    "simple rnn": ["architecture=rnn", "data=iris", "architecture.cell=simple_rnn"],
    "softmax inside": ["architecture=cnn", "activation=softmax", "activation.axis=0"],
    "values": ["data=robot_arm", "activation=tanh"],
}
PATHS = {"onnx": "m.onnx", "torch": "m.pt2", "saved_model": "saved", "safetensors": "m.safetensors"}
HEAVY = ["mlp", "cnn", "rnn"]


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("name", OVERRIDES)
def test_a_network_as_onnx(name: str, precision: int, tmp_path: Path) -> None:
    network = stored.untrained(tmp_path / "run", *OVERRIDES[name], precision=precision)
    form = FORMATS["onnx"]
    form.write(network, tmp_path / "m.onnx")
    answer, rows = form.carried_out(tmp_path / "m.onnx"), examples(network)
    expected = forward.predict(network.described, network.weights, rows)
    assert len(rows) == 33
    assert np.std(expected) > 1e-4
    np.testing.assert_allclose(answer(rows), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(answer(rows[:1]).shape, (1, expected.shape[1]))
    assert check(form, answer, predictor(network, "numpy")).passed


@pytest.mark.drawn(5)
@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("form", ["torch", "saved_model", "safetensors"])
def test_a_network_in_the_other_forms(form: str, name: str, tmp_path: Path) -> None:
    network = stored.untrained(tmp_path / "run", *OVERRIDES[name])
    FORMATS[form].write(network, tmp_path / PATHS[form])
    answer, rows = FORMATS[form].carried_out(tmp_path / PATHS[form]), examples(network)
    expected = forward.predict(network.described, network.weights, rows)
    np.testing.assert_allclose(answer(rows), expected, rtol=0, atol=1e-12)
    assert answer(rows[:1]).shape == (1, expected.shape[1])


def test_numbers_of_categories_are_looked_up(tmp_path: Path) -> None:
    tree = layers.named(
        layers.Sequence((layers.looked_up(2, [(5, 3), (2, 1)]), layers.Dense(units=2, bias=False)))
    )
    draws = np.random.default_rng(0)
    arrays = {name: draws.normal(size=each.shape) for name, each in layers.parameters(tree, (4,)).items()}
    network = stored.write(tmp_path / "run", tree, (4,), arrays)
    first, second = arrays["embedding0/table"], arrays["embedding1/table"]
    rows = examples(network)[1:]
    taken = [rows[:, :2], first[rows[:, 2].astype(int)], second[rows[:, 3].astype(int)]]
    expected = (
        stored.TARGET_SCALE * (np.concatenate(taken, axis=1) @ arrays["dense0/kernel"]) + stored.TARGET_MEAN
    )
    FORMATS["onnx"].write(network, tmp_path / "m.onnx")
    found = FORMATS["onnx"].carried_out(tmp_path / "m.onnx")(rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # The answers of the run are those of plain NumPy, whatever is installed.
    monkeypatch.setattr("runner.prediction.models.usual", lambda backend: "numpy")
    return stored.classifier(tmp_path / "run")


def test_the_command_says_what_it_wrote_and_how_near_it_is(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "run", "--output", "m.onnx"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("file     m.onnx (onnx, ")
    assert told[1] == "takes    float64 rows x 2, gives probabilities of no, yes, may, be"
    assert told[2].startswith("units    inside: ")
    assert told[3].startswith("checked  onnxruntime ")
    assert "on 33 examples: at most " in told[3]
    assert {each.name for each in Path().iterdir()} == {"run", "m.onnx"}


def test_the_description_goes_with_every_form(run: Path) -> None:
    import onnx
    import torch
    from safetensors import safe_open

    for form, path in PATHS.items():
        assert main(["export", "run", "--format", form, "--output", path]) == 0
    described = json.loads((run / "network.json").read_text())
    with safe_open("m.safetensors", framework="numpy") as file:
        assert json.loads(file.metadata()["network.json"]) == described
    texts = {"network.json": ""}
    torch.export.load("m.pt2", extra_files=texts)
    assert json.loads(texts["network.json"]) == described
    assert json.loads(Path("saved/assets.extra/network.json").read_text()) == described
    (classes,) = onnx.load("m.onnx").metadata_props
    assert (classes.key, json.loads(classes.value)) == ("classes", list(stored.CLASSES))


def test_what_says_something_else_is_not_kept(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("m.onnx").write_text("precious")
    monkeypatch.setattr(
        formats.onnx_file, "carried_out", lambda path: lambda rows: stored.probabilities(rows) + 2e-5
    )
    assert main(["export", "run", "--output", "m.onnx", "--force"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("m.onnx was not written: onnxruntime ")
    assert "at most 2.0e-05 from numpy's answers of the run, and " in told
    assert Path("m.onnx").read_text() == "precious"
    assert {each.name for each in Path().iterdir()} == {"run", "m.onnx"}
    monkeypatch.setattr(formats.onnx_file, "carried_out", lambda path: lambda rows: rows * np.nan)
    assert main(["export", "run", "--output", "n.onnx"]) == 1


FAULTS = {
    "": [
        "export: takes one run",
        "--format: must be one of onnx, torch, saved_model, safetensors",
        "--output",
    ],
    "run --output m.onxn": ["--format: must be one of"],
    "run --format onxn --output m.onnx": ["--format: is no format. Received: onxn. Did you mean onnx?"],
    "run --format torch --output m.onnx": ["--output: must end in .pt2, as torch is a file"],
    "run --format saved_model --output m.pb": ["--output: must be a folder"],
    "run --output there.onnx": ["--output: is there already. Received: there.onnx. --force replaces it."],
    "run --output no/m.onnx": ["must lie in a folder that is there, and there is no no."],
    "run --format saved_model --output run --force": ["is a folder without saved_model.pb"],
    "none --output m.onnx": ["none"],
}


@pytest.mark.parametrize("words", FAULTS)
def test_what_is_refused(words: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("there.onnx").touch()
    before = {each.name for each in Path().iterdir()}
    assert main(["export", *words.split()]) == 2
    told = capsys.readouterr().err
    for each in FAULTS[words]:
        assert each in told
    assert {each.name for each in Path().iterdir()} == before


def test_what_is_not_installed(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    assert main(["export", "run", "--output", "m.onnx"]) == 2
    told = capsys.readouterr().err
    assert "--format: needs onnx, which is not installed. Received: onnx. Type: pip install" in told
    assert "[onnx]" in told


def test_onnx_runtime_needs_nothing_of_this_project(run: Path) -> None:
    assert main(["export", "run", "--output", "m.onnx"]) == 0
    program = (
        "import sys, numpy as np, onnxruntime; "
        "print(onnxruntime.InferenceSession('m.onnx').run(None, {'inputs': np.ones((1, 2))})[0].tolist()); "
        "assert not [name for name in sys.modules if name.startswith(('runner', 'torch', 'keras'))]"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(
        json.loads(answer.stdout), stored.probabilities(np.ones((1, 2))), rtol=0, atol=1e-6
    )
    assert checking.examples(stored.read(run / "network.json", run / "weights.safetensors")).shape == (33, 2)
