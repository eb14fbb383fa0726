"""Tasks beside training from the command line: what is printed, what MLflow has, and how they end."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.tracking.store import address

ROOT = Path(__file__).parents[1]
# SQLAlchemy and MLflow deprecate one another's ways, and MLflow warns of its own annotations.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(300),
]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runner", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )


def stored(folder: Path) -> list[Any]:
    import mlflow

    client = mlflow.MlflowClient(address(None, folder))
    experiment = client.get_experiment_by_name("runner")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def files(folder: Path, run_id: str) -> set[str]:
    import mlflow

    client = mlflow.MlflowClient(address(None, folder))
    found: set[str] = set()
    for each in client.list_artifacts(run_id):
        inner = client.list_artifacts(run_id, each.path) if each.is_dir else [each]
        found |= {file.path for file in inner}
    return found


@pytest.mark.drawn(2, of="runs")
def test_a_task_is_a_run_in_mlflow(tmp_path: Path) -> None:
    answer = run(tmp_path, "experiment=chapter/softmax")
    assert answer.returncode == 0, answer.stderr
    assert "softmax: the sum is 1, and class 0 has the largest share." in answer.stdout
    (kept,) = stored(tmp_path)
    assert (kept.info.status, kept.data.tags["task"], kept.data.tags["backend"]) == (
        "FINISHED",
        "curves",
        "torch",
    )
    assert kept.data.metrics["softmax/0"] == pytest.approx(0.6590, abs=5e-5)
    assert "| 0 | 2 | 0.659001 |" in kept.data.tags["mlflow.note.content"]
    assert kept.data.params["task.vector"] == "[2.0, 1.0, 0.1]"
    # What the task does not read is no parameter of it.
    assert not {"optimizer", "data", "training.epochs", "loss"} & kept.data.params.keys()
    names = files(tmp_path, kept.info.run_id)
    expected = {"tables/softmax.csv", "tables/softmax_jacobian.csv", "figures/vector_functions_softmax.png"}
    assert names >= expected
    (table,) = tmp_path.glob("outputs/*/*/tables/softmax.csv")
    lines = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert [f"{float(line[2]):.4f}" for line in lines[1:]] == ["0.6590", "0.2424", "0.0986"]


@pytest.mark.drawn(2, of="runs")
def test_a_check_that_fails_is_a_failed_run_with_its_table(tmp_path: Path) -> None:
    (tmp_path / "bent.py").write_text(
        "import torch\n\n"
        "class _Bent(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(context, x):\n        return x ** 2\n"
        "    @staticmethod\n    def backward(context, gradient):\n        return 3 * gradient\n\n"
        "def square():\n    return _Bent.apply\n"
    )
    answer = run(
        tmp_path,
        "task=gradient",
        "task.of=functions",
        "task.functions=[{_target_:bent.square}]",
        "plots=none",
    )
    assert answer.returncode == 1, answer.stderr
    assert "failed: 1 of 1 derivatives are wrong; the table says which" in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr
    (kept,) = stored(tmp_path)
    assert (kept.info.status, kept.data.metrics["failures"]) == ("FAILED", 1.0)
    assert files(tmp_path, kept.info.run_id) >= {"tables/gradient.csv"}


@pytest.mark.drawn(2, of="runs")
def test_a_point_outside_a_domain_ends_with_a_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "roots.py").write_text("import torch\n\ndef root():\n    return torch.sqrt\n")
    words: Sequence[str] = (
        "task=curves",
        "task.start=0",
        "task.points=[-4.0]",
        "task.functions=[{_target_:roots.root}]",
    )
    answer = run(tmp_path, *words, "tracking=none")
    assert answer.returncode == 2
    assert "task.points: must be where root is defined. Received: x = -4." in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.drawn(2, of="runs")
def test_a_sweep_over_backends_has_one_table(tmp_path: Path) -> None:
    answer = run(
        tmp_path, "-m", "backend=torch,keras", "experiment=chapter/autodiff", "tracking=none", "plots=none"
    )
    assert answer.returncode == 0, answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines()]
    shown = {line[0]: line[1:3] for line in lines if line and line[0] in ("torch", "keras")}
    assert shown == {"torch": ["11.0000", "7.0000"], "keras": ["11.0000", "7.0000"]}


@pytest.mark.parametrize("words", [["explain"], ["check"], ["explain", "--markdown"]])
def test_what_explains_and_checks_a_task_speaks_of_what_it_reads(words: list[str], tmp_path: Path) -> None:
    answer = run(tmp_path, *words, "experiment=chapter/mse")
    assert answer.returncode == 0, answer.stderr
    assert "task" in answer.stdout
    assert "dense" not in answer.stdout


def test_list_shows_the_experiments_of_a_folder(tmp_path: Path) -> None:
    answer = run(tmp_path, "list", "experiment=chapter/neuron")
    assert answer.returncode == 0, answer.stderr
    assert "chapter/neuron   What does one neuron make of three numbers?" in answer.stdout
    assert "task" in answer.stdout
