"""The third arm of a comparison, Keras on torch: that it is the same training, and what is said of a difference."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import experiment
from test_comparison import BASE, NEARBY, made, moved

from runner import workers
from runner.parity import control
from runner.parity.arm import Arm, Recorded, record
from runner.parity.comparison import loss_gap, weight_gaps
from runner.parity.control import Control, Pair
from runner.parity.recording import Recording
from runner.parity.verdict import LOSS_BOUND, WEIGHT_BOUND, Verdict, find

Run = Callable[..., dict[str, Recording]]

STEPS = 12
SMALL = (
    "parity.steps=12",
    "parity.perturbations=1",
    "data=iris",
    "training.epochs=4",
    "training.precision=64",
)
THIRD = "parity.control=keras-on-torch"

# The layers that the other networks leave out, as images and then as a sequence.
WRITTEN = (
    "architecture=tree",
    "debug.rows=200",
    "architecture.layers=["
    "{conv2d:{filters:4,kernel_size:3,dilation:2,padding:same}},{group_norm:{groups:2,epsilon:0.001}},activation,"
    "{conv2d:{filters:4,kernel_size:2,stride:2,groups:2,padding:valid}},"
    "{conv2d_transpose:{filters:4,kernel_size:2,stride:3,padding:same}},{max_pool:{size:3,stride:3}},"
    "{residual:[{average_pool:{size:2,stride:1,padding:same}}]},"
    "{concatenate:[[activation],[{conv2d:{filters:2,kernel_size:1,padding:valid}}]]},{reshape:{shape:[8,12]}},"
    "{conv1d:{filters:8,kernel_size:3,padding:same}},{layer_norm:{epsilon:0.001}},"
    "{lstm:{units:4,bidirectional:true,returns:all}},global_max_pool]",
)
NETWORKS = {
    "dense": ("data=wine",),
    "convolution and batch norm": ("architecture=cnn", "architecture.batch_norm=true", "debug.rows=300"),
    "dropout": ("data=wine", "architecture.dropout=0.3", "activation=gelu"),
    "lstm": ("data=adding", "architecture=rnn", "architecture.cell=lstm", "data.samples=300"),
    "gru": ("data=adding", "architecture=rnn", "architecture.cell=gru", "data.samples=300", "loss=huber"),
    "transformer": ("data=brackets", "architecture=transformer", "data.samples=300"),
    "learned slopes": ("data=wine", "activation=prelu", "loss=kl_divergence", "loss.label_smoothing=0.1"),
    "written out": WRITTEN,
    "kinks": ("data=breast_cancer", "activation=selu", "loss=binary_cross_entropy", "loss.positive_weight=2"),
}
OPTIMIZERS = {
    "momentum, clipped, accumulated, averaged": (
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "optimizer.nesterov=true",
        "optimizer.l2=0.01",
        "training.clipping.global_norm=0.5",
        "training.accumulation=3",
        "training.weight_average=0.9",
    ),
    "adamw of kernels": ("optimizer=adamw", "optimizer.decay_on=kernels", "training.clipping.value=0.01"),
    **{
        name: (f"optimizer={name}",)
        for name in ("amsgrad", "nadam", "adamax", "rmsprop", "adagrad", "adadelta", "lion")
    },
}
CASES = {**NETWORKS, **{name: ("data=wine", *words) for name, words in OPTIMIZERS.items()}}


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Gives a function that trains an experiment as each of the three arms, each in a process of its own."""
    folder = tmp_path_factory.mktemp("arms")
    with ExitStack() as stack:
        pools = {name: stack.enter_context(workers.pool()) for name in ("torch", "keras", control.NAME)}

        def run(*words: str) -> dict[str, Recording]:
            torch, keras = (
                experiment(f"backend={name}", "training.precision=64", *words) for name in ("torch", "keras")
            )
            chosen = {"torch": torch, "keras": keras, control.NAME: control.experiment_of(keras)}
            futures: list[Future[Recorded]] = [
                pools[name].schedule(record, args=(_arm(each, folder / name / "arm.npz"),))
                for name, each in chosen.items()
            ]
            return {
                name: Recording.load(future.result().path)
                for name, future in zip(chosen, futures, strict=True)
            }

        yield run


def _arm(chosen: Any, path: Path) -> Arm:
    return Arm(experiment=chosen, perturbation=0, steps=STEPS, elements=4096, path=path)


@pytest.mark.drawn(4)
@pytest.mark.parametrize("case", CASES)
def test_the_control_is_the_same_training_in_float64(arms: Run, case: str) -> None:
    recorded = arms(*CASES[case])
    third = recorded[control.NAME]
    # The same recording twice would say nothing: each arm has a file of its own.
    assert third.losses[-1] != third.losses[0]
    for name in ("torch", "keras"):
        other = recorded[name]
        assert other.steps == third.steps == STEPS
        assert (other.batches == third.batches).all()
        assert loss_gap(other, third) <= LOSS_BOUND
        assert max(weight_gaps(other, third).values()) <= WEIGHT_BOUND


EQUAL = Verdict((find(64, BASE, made(), [NEARBY]), find(32, BASE, made(), [NEARBY])))
DIFFERENT = Verdict(
    (
        find(
            64, BASE, made(outputs=moved(BASE.outputs, (1, 0, 0), 1e-3), losses=BASE.losses * 1.01), [NEARBY]
        ),
        find(32, BASE, made(), [NEARBY]),
    )
)


def told(arms_equal: bool, engines_equal: bool, meanings_equal: bool) -> Control:
    verdicts = [EQUAL if each else DIFFERENT for each in (arms_equal, engines_equal, meanings_equal)]
    names = [("torch", "keras"), ("torch", control.NAME), ("keras", control.NAME)]
    return Control(*(Pair(*pair, verdict) for pair, verdict in zip(names, verdicts, strict=True)))


@pytest.mark.parametrize(
    ("equal", "words"),
    [
        ((True, True, True), "All three agree: "),
        (
            (True, False, True),
            "the difference is in Keras' torch engine, which trains nothing but this control.",
        ),
        (
            (True, False, False),
            "the difference is in Keras' torch engine, which trains nothing but this control.",
        ),
        ((False, True, False), "The difference is in TensorFlow's kernels: "),
        ((False, False, True), "The difference is in what Keras means: "),
        ((False, False, False), "All three differ: "),
        ((False, True, True), "keras-on-torch agrees with both: "),
    ],
)
def test_three_verdicts_have_one_meaning(equal: tuple[bool, bool, bool], words: str) -> None:
    assert words in told(*equal).conclusion


def test_every_pair_has_a_sentence() -> None:
    pairs = told(False, True, False).pairs
    assert pairs[1].sentence == (
        "torch and keras-on-torch: equal, their losses apart by 0.0e+00 in float64 and 0.0e+00 in float32."
    )
    assert pairs[2].sentence == (
        "keras and keras-on-torch: different, their losses apart by 9.9e-03 in float64 and 0.0e+00 in float32;"
        " first beyond rounding in float64, step 1, the loss."
    )


def test_a_pair_without_the_perturbed_arm_is_held_against_its_floor() -> None:
    late = 1 + 1e-9 * np.array([0, 0, 1, 1, 1, 1])
    rough = made(losses=BASE.losses * late)
    other = made(losses=BASE.losses * (2 - late))
    assert not Verdict((find(64, other, made(), [NEARBY], base=BASE),)).equal
    assert Verdict((find(64, other, made(), [rough], base=BASE),)).equal
    # The floor is what the draws did to the arm that they were made from, and not to the one that is compared.
    assert find(64, rough, other, [rough], base=BASE).loss_floor == pytest.approx(1e-9, rel=1e-3)


# What somebody gives as the activation of both frameworks: keras_activation differs in meaning wherever Keras runs,
# kernel_keras only where TensorFlow computes.
MINE = """
def meaning_torch():
    import torch

    return torch.tanh


def kernel_torch():
    return meaning_torch()


def engine_torch():
    return meaning_torch()


def meaning_keras():
    from keras import ops

    return lambda x: ops.tanh(x) * 1.001


def kernel_keras():
    import keras
    from keras import ops

    factor = 1.001 if keras.backend.backend() == "tensorflow" else 1.0
    return lambda x: ops.tanh(x) * factor


def engine_keras():
    import tensorflow as tf

    return tf.tanh
"""


def parity(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runner", "parity", *SMALL, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def mine(folder: Path, which: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(MINE)
    return parity(folder, THIRD, f"activation._target_=mine.{which}_${{backend.name}}", "tracking=none")


@pytest.mark.drawn(2, of="commands")
def test_three_arms_that_agree_are_told_and_kept(tmp_path: Path) -> None:
    done = parity(tmp_path, THIRD, "training.precision=32", "architecture.dropout=0.2")
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "Equal: one experiment, the same numbers." in said
    assert "All three agree: " in said
    assert (
        "torch, keras and keras-on-torch, at most 12 steps in float64 and float32: 8 trainings" in done.stderr
    )
    (folder,) = tmp_path.glob("outputs/*/*")
    kept = json.loads((folder / "verdict.json").read_text())["control"]
    assert [pair["arms"] for pair in kept["pairs"]] == [
        ["torch", "keras"],
        ["torch", "keras-on-torch"],
        ["keras", "keras-on-torch"],
    ]
    for pair in kept["pairs"]:
        double, single = pair["findings"]
        assert pair["equal"] is True
        assert double["loss_gap"] <= 1e-12
        # Three arms never round everything alike: an arm is not compared with itself.
        assert 0 < single["weight_gap"] < 1e-4
    with (folder / "control.csv").open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["equal"] * 3
    with (folder / "steps.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [[float(row[f"loss_{name}"]) for row in rows] for name in ("torch", "keras", "keras-on-torch")]
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-5)
    assert losses[2] != losses[0]
    assert (folder / "figures" / "comparison.png").stat().st_size > 10_000
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        tags = dict(store.execute("select key, value from tags").fetchall())
        metrics = dict(store.execute("select key, value from metrics where key like 'control/%'").fetchall())
    assert tags["arms"] == "torch, keras, keras-on-torch"
    assert tags["control"] == kept["conclusion"]
    assert kept["conclusion"] in tags["mlflow.note.content"]
    assert metrics["control/keras_float64_loss_gap"] == kept["pairs"][2]["findings"][0]["loss_gap"]
    assert metrics["control/torch_float32_weight_gap"] == kept["pairs"][1]["findings"][1]["weight_gap"]
    assert len(metrics) == 8


@pytest.mark.drawn(2, of="commands")
@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("meaning", "The difference is in what Keras means: "),
        ("kernel", "The difference is in TensorFlow's kernels: "),
    ],
)
def test_a_difference_that_was_put_in_is_found_where_it_is(tmp_path: Path, which: str, words: str) -> None:
    done = mine(tmp_path, which)
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "Different." in said
    assert words in said
    agrees, differs = ("keras", "torch") if which == "meaning" else ("torch", "keras")
    assert f"{agrees} and keras-on-torch: equal, " in said
    assert f"{differs} and keras-on-torch: different, " in said
    assert "first beyond rounding in float64, step 1, the outputs of the forward pass." in said


@pytest.mark.drawn(2, of="commands")
def test_a_function_of_tensorflow_gives_no_verdict_and_says_what_to_write(tmp_path: Path) -> None:
    done = mine(tmp_path, "engine")
    assert done.returncode == 1
    assert "no verdict: keras-on-torch in float64: " in done.stderr
    assert "A function of your own is carried out there if it is written with keras.ops." in done.stderr
    assert "Traceback" not in done.stderr
    assert "Equal" not in done.stdout


def test_a_control_of_native_semantics_is_refused_at_once(tmp_path: Path) -> None:
    done = parity(tmp_path, THIRD, "backend.semantics=native")
    assert done.returncode == 2
    assert "parity.control: has no answer with backend.semantics=native" in done.stderr
    assert "1 fault" in done.stderr
    assert not any(tmp_path.iterdir())


def test_another_word_for_the_control_is_refused(tmp_path: Path) -> None:
    done = parity(tmp_path, "parity.control=keras_on_torch")
    assert done.returncode == 2
    assert "parity.control: must be keras-on-torch" in done.stderr


def test_the_control_differs_from_the_keras_arm_in_its_package_alone() -> None:
    keras = experiment("backend=keras")
    third = control.experiment_of(keras)
    assert third.backend.package.startswith(f"{keras.backend.package}.")
    assert replace(third, backend=keras.backend) == keras
