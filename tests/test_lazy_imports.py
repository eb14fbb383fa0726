"""What a command imports: a framework only to train, MLflow never; each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRAMEWORKS = {"torch", "pytorch_lightning", "tensorflow", "keras"}
RECORDER = {"mlflow", "matplotlib", "pandas"}
# What even a configuration needs and the help does not.
CONFIGURATION = {"hydra", "omegaconf", "yaml", "numpy", "sklearn", "rich", "dataclasses"}

# Carries out a command line as `python -m runner` does, and writes down what was imported and by whom.
PROGRAM = """
import json
import sys
from pathlib import Path

class Noted:
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        importers.setdefault(name, frame.f_globals.get("__name__", ""))

importers = {}
sys.meta_path.insert(0, Noted())
from runner.__main__ import main
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps({name: importers.get(name, "") for name in sys.modules}))
sys.exit(code)
"""


def imported(folder: Path, *words: str, code: int = 0) -> dict[str, str]:
    """Returns the packages that a command line has imported at its end, each with its first importer."""
    told = folder / "imported.json"
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(told), *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == code, answer.stderr
    found: dict[str, str] = json.loads(told.read_text())
    assert found["runner.__main__"] == "__main__"
    return {name: importer.partition(".")[0] for name, importer in found.items() if "." not in name}


def test_help_imports_next_to_nothing(tmp_path: Path) -> None:
    assert imported(tmp_path, "--help").keys() & (FRAMEWORKS | RECORDER | CONFIGURATION) == set()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", "backend=torch"], 0),
        (["check", "backend=keras", "data=iris"], 0),
        (["check", "task=trace"], 0),
        (["check", "task=curves", "backend=keras"], 0),
        (["task=loss", "task.targets=[0,9]"], 2),
        (["explain"], 0),
        (["explain", "--markdown", "backend=keras"], 0),
        (["list"], 0),
        (["list", "optimizer"], 0),
        (["--cfg", "job"], 0),
        (["optimizer.learning_rate=-1", "trainning.epochs=2"], 2),
        (["data=diabetes", "loss=cross_entropy"], 2),
        (["-m", "backend=torch,keras", "activation=relu,nothing"], 2),
        (["no_such_verb"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_train_imports_no_framework(tmp_path: Path, words: list[str], code: int) -> None:
    assert imported(tmp_path, *words, code=code).keys() & (FRAMEWORKS | RECORDER) == set()
    assert {path.name for path in tmp_path.iterdir()} == {"imported.json"}


@pytest.mark.parametrize(
    ("backend", "tracking", "own"),
    [
        ("torch", "none", {"torch", "pytorch_lightning"}),
        ("keras", "none", {"keras", "tensorflow"}),
        ("torch", "mlflow", {"torch", "pytorch_lightning"}),
    ],
)
def test_training_imports_its_own_framework_and_never_mlflow(
    tmp_path: Path, backend: str, tracking: str, own: set[str]
) -> None:
    found = imported(tmp_path, f"backend={backend}", "debug=fast", f"tracking={tracking}")
    assert found.keys() & (FRAMEWORKS | {"mlflow"}) == own
    # Lightning, Keras and scikit-learn bring these in for themselves where they are installed.
    importers = {found[name] for name in ("matplotlib", "pandas") if name in found}
    assert importers.isdisjoint({"runner", "__main__"})
    assert (tmp_path / "mlflow.db").exists() == (tracking == "mlflow")
