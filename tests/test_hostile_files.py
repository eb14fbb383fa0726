"""Files from someone else execute nothing: a payload in every file that is read leaves no mark, and is refused."""

from __future__ import annotations

import ast
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import stored
from examples import result
from pyarrow import parquet

import runner
from runner.__main__ import main
from runner.errors import UsageError
from runner.findings import Findings
from runner.parity import recording
from runner.recorded.records import Record
from runner.tracking import findings_files, result_files
from runner.tracking.findings_files import load_findings, save_findings
from runner.tracking.result_files import load_result, save_result

MARK = "marked by a stranger"
SOURCES = sorted(Path(runner.__file__).parent.rglob("*.py"))


class Payload:
    """What makes a folder as soon as it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (MARK,)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with a network; afterwards nothing is marked."""
    monkeypatch.chdir(tmp_path)
    stored.classifier(tmp_path / "run")
    yield tmp_path
    assert not Path(MARK).exists()


def test_the_payload_would_leave_its_mark() -> None:
    pickle.loads(pickle.dumps(Payload()))
    assert Path(MARK).is_dir()
    Path(MARK).rmdir()
    np.save("x.npy", np.array([Payload()], object), allow_pickle=True)
    np.load("x.npy", allow_pickle=True)
    assert Path(MARK).is_dir()
    Path(MARK).rmdir()


def hostile(name: str) -> str:
    """Writes a file of the kind of its ending with the payload in it, and returns its name."""
    path, payload = Path(name), np.array([[Payload(), Payload()]], object)
    if path.suffix == ".npy":
        np.save(path, payload, allow_pickle=True)
    elif path.suffix == ".npz":
        np.savez(path, x=payload, losses=payload, train_targets=payload)
    elif path.suffix in (".pt", ".ckpt", ".pth"):
        # As torch.save writes it: an archive with a pickle in it.
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{path.stem}/data.pkl", pickle.dumps({"state_dict": Payload()}))
            archive.writestr(f"{path.stem}/version", "3\n")
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(keras_model()))
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
            archive.writestr("model.weights.h5", b"")
    elif path.suffix in (".parquet", ".feather"):
        table = pa.table([pa.array([1.0]), pa.array([2.0])], schema=hostile_schema())
        if path.suffix == ".parquet":
            parquet.write_table(table, path)
        else:
            with pa.ipc.new_file(str(path), table.schema) as writer:
                writer.write_table(table)
    else:
        path.write_bytes(pickle.dumps(Payload()))
    return name


def keras_model() -> dict[str, Any]:
    """Returns the description of a Keras model whose Lambda layer holds code."""
    code = compile(f"__import__('os').mkdir({MARK!r})", "lambda", "exec").co_code.hex()
    function = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    layer = {"class_name": "Lambda", "module": "keras.layers", "config": {"function": function}}
    return {"class_name": "Sequential", "module": "keras", "config": {"layers": [layer]}}


def hostile_schema() -> pa.Schema:
    """Returns columns of a type that older readers unpickled; of the newest field metadata may hold anything."""
    kind = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Payload()),
    }
    about = {b"pandas": pickle.dumps(Payload())}
    return pa.schema([pa.field(name, pa.float64(), metadata=kind) for name in ("a", "b")], metadata=about)


INPUTS = {
    "x.npy": "it has objects, which only a pickle could hold, and a pickle may do anything",
    "x.npz": "it has objects, which only a pickle could hold, and a pickle may do anything",
    "x.safetensors": "cannot be read",
    "x.pt": "is no text",
    "x.ckpt": "is no text",
    "x.pkl": "is no text",
    "x.keras": "is no text",
    "x.csv": "is no text",
    "x.png": "is no picture that can be read",
}


@pytest.mark.parametrize("name", INPUTS)
def test_an_input_of_predict(name: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = "run"
    if name.endswith(".png"):
        from runner import layers

        tree = layers.named(layers.Sequence((layers.Flatten(), layers.Dense(units=1, bias=False))))
        stored.write(place / "pixels", tree, (2, 2, 1), {"dense0/kernel": np.ones((4, 1))})
        run = "pixels"
    words = ["--input", hostile(name), "--output", "y.csv", "--backend", "numpy"]
    assert main(["predict", run, *words]) == 2
    assert INPUTS[name] in capsys.readouterr().err
    assert not Path("y.csv").exists()


@pytest.mark.parametrize("name", ["x.parquet", "x.feather"])
def test_columns_of_a_type_that_was_unpickled_once_are_numbers(name: str) -> None:
    words = ["--input", hostile(name), "--output", "y.csv", "--backend", "numpy"]
    assert main(["predict", "run", *words]) == 0


def test_a_formula_in_csv_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.csv").write_text(f"a,b\n1,=cmd|' /C mkdir {MARK}'!A0\n")
    words = ["--input", "x.csv", "--output", "y.csv", "--backend", "numpy"]
    assert main(["predict", "run", *words]) == 2
    assert "must have numbers in its columns, and b has text" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["m.pt", "m.ckpt", "m.keras", "m.npz", "m.pkl", "m.safetensors"])
def test_a_network(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("x.npy", np.zeros((1, 2)))
    for verb, words in (
        ("predict", ["--input", "x.npy", "--output", "y.csv"]),
        ("export", ["--output", "y.onnx"]),
    ):
        assert main([verb, hostile(name), *words]) == 2
        assert name in capsys.readouterr().err
        # In the place of the weights of a run.
        shutil.copy(name, "run/weights.safetensors")
        assert main([verb, "run", *words]) == 2
        assert "weights.safetensors: is no safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["m.pt", "m.ckpt", "m.keras", "m.npz", "m.npy", "m.pkl", "m.safetensors"])
@pytest.mark.parametrize("what", ["weights", "state"])
def test_what_a_training_starts_from(name: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    start = [f"training.start_from=./{hostile(name)}", f"training.start_with={what}"]
    assert main(["data=iris", "tracking=none", *start]) == 2
    assert "training.start_from: is no safetensors file" in capsys.readouterr().err
    assert not Path("outputs").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"layers": [{"activation": {"name": "a", "function": "os.mkdir", "arguments": {"path": MARK}}}]},
        {"layers": [{"activation": {"name": "a", "function": {"_target_": "os.mkdir", "path": MARK}}}]},
        {"layers": [{"native": {"name": "n", "module": {"_target_": "os.mkdir", "path": MARK}}}]},
        {"output": {"_target_": "os.mkdir", "path": MARK}},
        {"classes": [{"_target_": "os.mkdir", "path": MARK}]},
    ],
    ids=["function", "target", "native", "output", "classes"],
)
def test_a_description_of_a_network(change: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("run/network.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for backend in ("numpy", "torch"):
        assert main(["predict", "run", "--input", "x.npy", "--output", "y.csv", "--backend", backend]) == 2
        assert "network.json: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        f"_target_: os.mkdir\npath: {MARK}\n",
        f"_target_: builtins.exec\n_args_: ['import os; os.mkdir(\"{MARK}\")']\n",
        f'!!python/object/apply:os.mkdir ["{MARK}"]\n',
        f'_target_: runner.data.shipped.iris\nx: !!python/object/apply:os.mkdir ["{MARK}"]\n',
        f'_target_: runner.data.shipped.iris\nx: !!python/object/new:os.mkdir ["{MARK}"]\n',
    ],
    ids=["os", "builtins", "apply", "apply inside", "new"],
)
def test_a_configuration(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("conf/data").mkdir(parents=True)
    Path("conf/data/strange.yaml").write_text(text)
    for words in (["check", "data=strange"], ["data=strange", "tracking=none"]):
        assert main(words) == 2
        assert "data" in capsys.readouterr().err


def test_the_configuration_of_a_run(place: Path) -> None:
    (place / "run" / "config.yaml").write_text(f'!!python/object/apply:os.mkdir ["{MARK}"]\n')
    record = Record(
        run_id=None,
        name="run",
        status="FINISHED",
        error=None,
        experiment="",
        uri="",
        folder=place / "run",
        began=0.0,
        tags={},
        parameters={},
    )
    with pytest.raises(UsageError, match=r"its config\.yaml cannot be read"):
        _ = record.config


def test_arrays_that_are_kept_of_a_run(place: Path) -> None:
    save_result(result("multiclass"), place)
    outputs = {"a": np.zeros(2)}
    save_findings(Findings("curves", (), {}, (), None, outputs=outputs), place)
    readers: dict[str, Callable[[], Any]] = {
        result_files.ARRAYS: lambda: load_result(place),
        findings_files.ARRAYS: lambda: load_findings(place),
        "losses.npz": lambda: recording.load_losses(place / "losses.npz"),
        "recording.npz": lambda: recording.Recording.load(place / "recording.npz"),
    }
    for name in ("losses.npz", "recording.npz"):
        np.savez(name, losses=np.zeros(1))
    for name, read in readers.items():
        with np.load(name, allow_pickle=False) as arrays:
            names = arrays.files
        assert names
        np.savez(name, **{each: np.array([Payload()], object) for each in names})
        with pytest.raises(ValueError, match="allow_pickle=False"):
            read()


FORBIDDEN = {
    "eval",
    "exec",
    "__import__",
    "torch.load",
    "joblib.load",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "keras.models.load_model",
    "keras.saving.load_model",
    "tf.keras.models.load_model",
    "pd.read_pickle",
    "pandas.read_pickle",
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "dill.loads",
    "cloudpickle.loads",
    "shelve.open",
    "marshal.loads",
}
# A process makes a copy of its own error, which it has pickled itself a moment before.
ALLOWED = {("rank.py", "pickle.loads")}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_no_code_loads_what_may_execute() -> None:
    found, arrays = set(), []
    for path in SOURCES:
        for name, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            settings = {each.arg: ast.unparse(each.value) for each in call.keywords}
            if name in FORBIDDEN:
                found.add((path.name, name))
            if name in ("np.load", "numpy.load"):
                arrays.append(settings.get("allow_pickle"))
            assert settings.get("allow_pickle") in (None, "False"), path
            assert settings.get("weights_only") in (None, "True"), path
            assert settings.get("safe_mode") in (None, "True"), path
    assert found == ALLOWED
    assert len(arrays) >= 5
    assert set(arrays) == {"False"}


def test_the_search_for_such_code_finds_it() -> None:
    name, call = next(calls(ast.parse("torch.load(path, weights_only=False)")))
    assert name in FORBIDDEN
    assert ast.unparse(call.keywords[0]) == "weights_only=False"
