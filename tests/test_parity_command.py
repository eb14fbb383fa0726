"""The verb parity, typed: what it prints, what it leaves behind, and with which exit code it ends."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = ("parity.steps=18", "parity.perturbations=2", "data=iris", "training.epochs=6")
MINE = """
def torch_activation():
    import torch

    return torch.tanh


def keras_activation():
    import tensorflow as tf

    return lambda x: tf.tanh(x) * tf.constant({factor}, x.dtype)


def dying():
    import os

    os._exit(7)
"""


def parity(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "parity", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_an_experiment_is_the_same_on_both(tmp_path: Path) -> None:
    done = parity(tmp_path, *SMALL, "architecture.batch_norm=true", "architecture.dropout=0.2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Equal: one experiment, the same numbers." in done.stdout
    (folder,) = tmp_path.glob("outputs/*/*")
    told = json.loads((folder / "verdict.json").read_text())
    assert told["equal"] is True
    assert [finding["precision"] for finding in told["findings"]] == ["float64", "float32"]
    double, single = told["findings"]
    assert double["steps"] == single["steps"] == [18, 18]
    assert double["loss_gap"] <= 1e-12
    assert double["weight_gap"] <= 1e-11
    # Two frameworks never round everything alike: a gap of nothing would mean that one was compared with itself.
    assert 0 < single["loss_gap"] < 1e-4
    with (folder / "steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 19)]
    losses = [[float(row[f"loss_{name}"]) for row in rows] for name in ("torch", "keras")]
    assert max(abs(one - other) for one, other in zip(*losses, strict=True)) <= 1e-5
    # And they learn.
    assert losses[0][-1] < losses[0][0]
    assert (folder / "figures" / "comparison.png").stat().st_size > 10_000
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        tags = dict(store.execute("select key, value from tags").fetchall())
        (status,) = store.execute("select status from runs").fetchone()
        steps = store.execute(
            "select step from metrics where key = 'parity/float64_step_loss_gap'"
        ).fetchall()
    assert status == "FINISHED"
    assert tags["verdict"] == "equal"
    assert tags["role"] == "parity"
    assert {step for (step,) in steps} == set(range(1, 19))


@pytest.mark.drawn(2, of="commands")
def test_a_difference_of_meaning_is_found_in_the_first_forward_pass(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE.replace("{factor}", "1.001"))
    done = parity(tmp_path, *SMALL, "activation._target_=mine.${backend.name}_activation", "tracking=none")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Different." in done.stdout
    said = " ".join(done.stdout.split())
    assert "First beyond rounding: step 1, the outputs of the forward pass," in said


@pytest.mark.drawn(2, of="commands")
def test_an_arm_that_dies_gives_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE.replace("{factor}", "1"))
    done = parity(tmp_path, *SMALL, "activation._target_=mine.dying", "tracking=none")
    assert done.returncode == 1
    assert "no verdict: " in done.stderr
    assert "its process ended without a word (exit code 7)" in done.stderr
    assert "Equal" not in done.stdout
    assert "Traceback" not in done.stderr


def test_what_has_no_meaning_is_refused_at_once(tmp_path: Path) -> None:
    done = parity(tmp_path, "backend=torch", "-m", "parity.steps=0")
    assert done.returncode == 2
    assert "backend: is not for you to choose here: parity trains on both." in done.stderr
    assert "-m: parity compares one configuration at a time." in done.stderr
    assert "parity.steps: must be at least 1. Received: 0." in done.stderr
    assert "3 faults" in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.drawn(2, of="commands")
def test_native_semantics_is_different_and_every_difference_is_accounted_for(tmp_path: Path) -> None:
    native = ("backend.semantics=native", "activation=selu", "optimizer=sgd", "optimizer.momentum=0.9")
    done = parity(tmp_path, *SMALL, "parity.perturbations=1", "training.precision=64", *native)
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "Different." in said
    assert "step 1, the batch that was trained on. " in said
    assert "the learning rate inside the momentum buffer" in said
    assert "that is backend.semantics=canonical." in said
    (folder,) = tmp_path.glob("outputs/*/*")
    with (folder / "attribution.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["first_weights", "batch_order", "optimizer", "activation"]
    before, after = ([float(row[column]) for row in rows] for column in ("before", "after"))
    # Each correction begins where the one before it ended; the last one leaves rounding.
    assert before[1:] == after[:-1]
    assert before[0] > 1e-2
    assert after[2] < 1e-9
    assert after[-1] <= 1e-12
    (double,) = json.loads((folder / "verdict.json").read_text())["findings"]
    assert before[0] >= double["loss_gap"]
    assert (folder / "figures" / "attribution.png").stat().st_size > 10_000
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        tags = dict(store.execute("select key, value from tags").fetchall())
        told = dict(store.execute("select key, value from metrics where key like 'attribution/%'").fetchall())
    assert tags["semantics"] == "native"
    assert tags["verdict"] == "different"
    assert f"The order of the rows: {before[1]:.1e} -> {after[1]:.1e}" in tags["mlflow.note.content"]
    assert told["attribution/native"] == before[0]
    assert [told[f"attribution/{row['name']}"] for row in rows] == after
