"""A training that is stopped and gone on with is the one that never was, to the last bit, and across backends nearly."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest
from interruptions import Course, Mortal, carried_out, chosen, require_same
from support import experiment, one_tensorflow_thread

from runner import checkpoints, rank, signals
from runner.checkpointing import Checkpoints
from runner.display import Silent
from runner.distributed.processes import Settled, Told
from runner.errors import ConfigurationError, Interrupted
from runner.results import EpochRecord
from runner.tasks.preparation import prepared
from runner.tasks.train import Training
from runner.tracking.memory import Memory
from runner.training_state import OwnState, TrainingState

SMALL = (
    "data=iris",
    "plots=none",
    "tracking=none",
    "architecture.hidden_sizes=[5]",
    "training.epochs=4",
    "training.batch_size=16",
    "training.steps_per_execution=2",
    "training.checkpoint.steps=2",
    "training.checkpoint.keep=3",
)
# Of 7 batches in an epoch.
CASES = {
    "adam": [],
    "sgd with momentum, dropout and batch norm": [
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "architecture.dropout=0.3",
        "architecture.batch_norm=true",
    ],
    "accumulation": ["training.accumulation=3", "optimizer=adamw", "training.weight_average=0.8"],
    "averages": ["training.weight_average=0.9", "optimizer=nadam", "training.clipping.global_norm=0.1"],
    "plateau": [
        "schedule=reduce_on_plateau",
        "schedule.patience=0",
        "schedule.minimum_improvement=0.3",
        "optimizer=rmsprop",
        "optimizer.centered=true",
        "training.accumulation=2",
    ],
    "early stopping": [
        "optimizer=lion",
        "training.early_stopping.patience=1",
        "training.early_stopping.minimum_improvement=0.4",
        "schedule=cosine",
    ],
    "amsgrad": ["optimizer=amsgrad", "training.precision=64"],
    "adamax": ["optimizer=adamax", "training.balance=sampling"],
    "adagrad": ["optimizer=adagrad", "training.keep=last"],
    # The frameworks' own optimizers, masks, orders and counts: what canonical names do not tell.
    "native nadam": [
        "backend.semantics=native",
        "optimizer=nadam",
        "architecture.dropout=0.3",
        "architecture.batch_norm=true",
        "training.accumulation=3",
        "training.weight_average=0.8",
        "training.precision=64",
    ],
    "native momentum": [
        "backend.semantics=native",
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "architecture.dropout=0.3",
        "schedule=reduce_on_plateau",
        "schedule.patience=0",
        "schedule.minimum_improvement=0.3",
    ],
    "adadelta": ["optimizer=adadelta", "optimizer.learning_rate=1", "training.steps_per_execution=3"],
}
STOPS = (3, 9, 14, 23)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


@pytest.mark.drawn(5)
@pytest.mark.parametrize("backend", ["torch", "keras"])
@pytest.mark.parametrize("case", CASES)
def test_a_training_that_is_stopped_is_the_one_that_never_was(
    case: str, backend: str, tmp_path: Path
) -> None:
    overrides = (*SMALL, f"backend={backend}", *CASES[case])
    unbroken = carried_out(tmp_path / "unbroken", overrides)
    stopped = carried_out(tmp_path / "stopped", overrides, stops=STOPS)
    # Equal numbers that never move would say little.
    assert len(set(unbroken.losses.values())) > len(unbroken.losses) / 2
    require_same(stopped, unbroken)


OWN_NETWORKS = """
def in_torch(*, outputs: int):
    from torch import nn

    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, outputs))


def in_keras(*, outputs: int):
    import keras

    parts = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.4), keras.layers.Dense(outputs)]
    return keras.Sequential([keras.Input((4,)), *parts])
"""
OWN_YAML = (
    "# Mine.\n_target_: runner.architectures.native\nmodule:\n  _target_: own_nets_to_resume.in_{backend}\n"
)
WITHOUT_NETWORK = tuple(each for each in SMALL if not each.startswith("architecture"))


@pytest.mark.drawn(1)
@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_network_of_ones_own_drops_what_it_would_have_dropped(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_nets_to_resume.py").write_text(OWN_NETWORKS)
    (tmp_path / "conf" / "architecture").mkdir(parents=True)
    (tmp_path / "conf" / "architecture" / "mine.yaml").write_text(OWN_YAML.format(backend=backend))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    overrides = (*WITHOUT_NETWORK, f"backend={backend}", "architecture=mine", "optimizer=rmsprop")
    unbroken = carried_out(tmp_path / "unbroken", overrides)
    stopped = carried_out(tmp_path / "stopped", overrides, stops=(9, 14))
    require_same(stopped, unbroken)


def test_both_biases_of_torchs_own_cell_go_on(tmp_path: Path) -> None:
    """Canonical names know their sum alone."""
    overrides = (
        *WITHOUT_NETWORK[1:],
        "backend=torch",
        "backend.semantics=native",
        "data=brackets",
        "data.length=6",
        "debug.rows=64",
        "architecture=rnn",
        "architecture.cell=lstm",
        "architecture.units=[4]",
        "architecture.embedding=3",
        "training.accumulation=3",
        "training.weight_average=0.8",
    )
    unbroken = carried_out(tmp_path / "unbroken", overrides)
    stopped = carried_out(tmp_path / "stopped", overrides, stops=(3, 9))
    require_same(stopped, unbroken)


@pytest.mark.parametrize("order", [("torch", "keras"), ("keras", "torch")])
def test_a_checkpoint_of_one_backend_is_gone_on_from_on_the_other(
    order: tuple[str, str], tmp_path: Path
) -> None:
    overrides = (
        *SMALL,
        "training.precision=64",
        "training.accumulation=3",
        "training.weight_average=0.8",
        "architecture.dropout=0.3",
        "architecture.batch_norm=true",
    )
    legs = [(*overrides, f"backend={backend}") for backend in order]
    unbroken = carried_out(tmp_path / "unbroken", legs[0])
    # In the middle of an epoch, and of a group of batches.
    first = carried_out(tmp_path / "stopped", legs[0], stops=(12,), ends=False)
    second = carried_out(tmp_path / "stopped", legs[1])
    # A step that is told twice is one that comes after the checkpoint.
    assert 1 < min(second.losses) <= 13
    for step, loss in unbroken.losses.items():
        told = [course.losses[step] for course in (first, second) if step in course.losses]
        np.testing.assert_allclose(told, loss, rtol=0, atol=1e-10)
    for name, array in unbroken.weights.items():
        np.testing.assert_allclose(second.weights[name], array, rtol=0, atol=1e-10)


STATE = TrainingState(
    epoch=0,
    step=3,
    updates=1,
    optimizer="adam",
    weights={"a": np.array([0.1, 1e-300]), "b": np.array([[0.5, np.inf]])},
    slots={"mean/a": np.array([1.0, 2.0])},
    averages={},
    sums={"a": np.array([np.nan, 3.0])},
    history=(),
)
CHECKPOINT = checkpoints.Checkpoint(
    state=STATE,
    losses=np.array([0.1, 0.2, 0.3]),
    records=(),
    first_epoch=0,
    kept_epoch=0,
    kept_weights={},
    finite_epoch=0,
    finite_weights={"a": np.array([7.0, 8.0])},
    data="abc",
)


def written(folder: Path, *steps: int, keep: int = 3) -> Path:
    """Writes checkpoints of so many steps, and returns their folder."""
    for step in steps:
        checkpoints.save(replace(CHECKPOINT, state=replace(STATE, step=step)), folder, keep=keep)
    return folder


@pytest.mark.parametrize("harm", ["truncated", "a bit turned", "another text", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(harm: str, tmp_path: Path) -> None:
    folder = written(tmp_path, 4, 6, 7)
    newest, before, *_ = checkpoints.paths(folder)
    content = bytearray(newest.read_bytes())
    if harm == "a bit turned":
        content[-100] ^= 4
    elif harm == "another text":
        content = content.replace(b'"updates":"1"', b'"updates":"2"')
    newest.write_bytes(content[: {"truncated": len(content) // 2, "empty": 0}.get(harm, len(content))])
    found = checkpoints.newest(folder)
    assert found.path == before
    (sentence,) = found.damaged
    assert sentence.startswith(f"{newest} is damaged: ")


def test_a_folder_without_a_whole_checkpoint_has_none(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "none") == checkpoints.Found(None, None, ())
    folder = written(tmp_path, 4, 6, 7)
    for path in checkpoints.paths(folder):
        path.write_bytes(b"")
    found = checkpoints.newest(folder)
    assert (found.path, found.checkpoint, len(found.damaged)) == (None, None, 3)


def test_so_many_stay_as_were_asked_for(tmp_path: Path) -> None:
    # A hundred million steps have a digit more, and count by their number.
    folder = written(tmp_path, 1, 5, 99_999_999, 100_000_000, keep=2)
    (folder / "step-00000005.safetensors.part").write_bytes(b"left by a process that died")
    assert [path.name for path in checkpoints.paths(folder)] == [
        "step-100000000.safetensors",
        "step-99999999.safetensors",
    ]
    checkpoints.prune(folder, keep=1)
    assert [path.name for path in folder.iterdir()] == ["step-100000000.safetensors"]


def test_one_stays_of_a_run_that_has_finished(tmp_path: Path) -> None:
    carried_out(tmp_path, (*SMALL, "backend=torch"))
    folder = tmp_path / checkpoints.FOLDER
    assert [path.name for path in folder.iterdir()] == ["step-00000028.safetensors"]


def test_what_a_framework_alone_understands_keeps_its_types(tmp_path: Path) -> None:
    arrays = {
        "random/cpu": np.arange(256, dtype=np.uint8),
        "optimizer/step/a": np.array(3.0, np.float32),
        "network/count": np.array(2**53 + 1, np.int64),
        "network/a": np.array([[0.5, 1e-300]]),
    }
    own = OwnState("torch", {"torch": "2.0"}, arrays)
    back = checkpoints.read(
        checkpoints.save(replace(CHECKPOINT, state=replace(STATE, own=own)), tmp_path, keep=1)
    ).state.own
    assert back is not None
    assert (back.backend, back.versions) == ("torch", {"torch": "2.0"})
    for name, array in arrays.items():
        assert (back.arrays[name].dtype, back.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back.arrays[name], array)
    assert back.arrays.keys() == arrays.keys()


def test_what_is_wrong_in_the_writer_is_raised_in_the_training(tmp_path: Path) -> None:
    rule = experiment(*SMALL).training.checkpoint
    state = replace(STATE, weights={"a": np.ones(2)}, slots={"mean/a": np.array(["no number"], object)})

    def write() -> None:
        with Checkpoints(tmp_path, rule, settled=lambda: None, problem=print) as writer:
            writer.save(replace(CHECKPOINT, state=state))

    with pytest.raises(ValueError, match="could not convert string to float"):
        write()


@pytest.mark.parametrize("epochs", [0, 2])
def test_what_is_in_a_file_is_what_was_written(epochs: int, tmp_path: Path) -> None:
    """Numbers that float32 does not hold, those that it does, no epoch at all, and what is no number."""
    record = EpochRecord(1, 7, {"train/loss": 0.1}, 0.25, {"a": 1.5}, {"a": 2.5})
    records = (record, replace(record, epoch=2, step=14))[:epochs]
    kept = STATE.weights if epochs else {}
    whole = replace(CHECKPOINT, records=records, kept_epoch=epochs, kept_weights=kept)
    back = checkpoints.read(checkpoints.save(whole, tmp_path, keep=1))
    assert (back.records, back.kept_epoch, back.first_epoch, back.data) == (records, epochs, 0, "abc")
    np.testing.assert_equal(vars(back.state), vars(STATE))
    np.testing.assert_equal(
        [back.losses, back.kept_weights, back.finite_weights],
        [whole.losses, whole.kept_weights, whole.finite_weights],
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_one_sentence_and_the_training_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small = folder / checkpoints.FOLDER
    small.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        # The first one fits; beside the ballast the others do not.
        carried_out(folder, (*SMALL, "backend=torch", "training.checkpoint.keep=1"), stops=(4,), ends=False)
        (first,) = checkpoints.paths(small)
        content = first.read_bytes()
        (small / "ballast").write_bytes(b"0" * (os.statvfs(small).f_bavail * os.statvfs(small).f_frsize))
        tracker = Mortal(None)
        overrides = (*SMALL, "backend=torch", "training.checkpoint.keep=1")
        Training().run(
            chosen(*overrides, resume_from=first), folder=folder, tracker=tracker, display=Silent()
        )
        (problem,) = tracker.problems
        assert problem.startswith("checkpoints: that of step ")
        assert "No space left on device" in problem
        assert first.read_bytes() == content
        assert sorted(path.name for path in small.iterdir()) == ["ballast", first.name]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_other_rows_than_those_of_the_checkpoint_are_refused(tmp_path: Path) -> None:
    (path,) = checkpoints.paths(written(tmp_path, 3))
    with pytest.raises(ConfigurationError, match="data: must be the rows that the run began with"):
        prepared(chosen(*SMALL, "seed=1", resume_from=path))


class Struck(Memory):
    """A tracker whose process gets a signal when it is told of a step."""

    def __init__(self, number: int, step: int) -> None:
        super().__init__()
        self._number, self._step = number, step

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        super().steps(first_step, values)
        if first_step == self._step:
            os.kill(os.getpid(), self._number)


def struck(folder: Path, tracker: Struck, *overrides: str) -> int:
    """Trains until a signal comes; returns the number of the one that was raised."""
    with signals.signals_raised(), pytest.raises(Interrupted) as interrupt:
        Training().run(chosen(*overrides), folder=folder, tracker=tracker, display=Silent())
    return interrupt.value.signal_number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_first(number: int, tmp_path: Path) -> None:
    overrides = (*SMALL, "backend=torch", "training.checkpoint.steps=null")
    assert struck(tmp_path, Struck(number, 10), *overrides) == number
    assert checkpoints.paths(tmp_path / checkpoints.FOLDER)[0].name == "step-00000011.safetensors"


@pytest.mark.drawn(1)
@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_signal_saves_first_on_two_devices_and_they_go_on_as_one_would(
    backend: str, tmp_path: Path
) -> None:
    one = (
        *SMALL,
        f"backend={backend}",
        "architecture.dropout=0.3",
        "architecture.batch_norm=true",
        "optimizer=sgd",
        "optimizer.momentum=0.9",
        "training.accelerator=cpu",
        "training.accumulation=3",
        "training.weight_average=0.9",
        "training.precision=64",
        "training.epochs=40",
        "training.checkpoint={epochs: null, steps: null, minutes: 60, keep: 1}",
    )
    two = (*one, "training.devices=2")
    tracker, course = Struck(signal.SIGTERM, 3), Course()
    (tmp_path / "two").mkdir()
    assert struck(tmp_path / "two", tracker, *two) == signal.SIGTERM
    course.add(tracker)
    # By the first process alone, and in the middle of whatever epoch: where it was when it heard of the signal.
    (path,) = checkpoints.paths(tmp_path / "two" / checkpoints.FOLDER)
    assert path.name == f"step-{max(course.losses):08d}.safetensors"
    assert 4 <= max(course.losses) < 280
    second = carried_out(tmp_path / "two", two)
    assert min(second.losses) == max(course.losses) + 1
    unbroken = carried_out(tmp_path / "one", one)
    losses = course.losses | second.losses
    assert list(losses) == list(unbroken.losses)
    np.testing.assert_allclose(list(losses.values()), list(unbroken.losses.values()), rtol=0, atol=1e-10)
    for name, array in unbroken.weights.items():
        np.testing.assert_allclose(second.weights[name], array, rtol=0, atol=1e-10)


def test_a_checkpoint_that_counts_on_what_is_not_told_yet_is_not_written(tmp_path: Path) -> None:
    """What it has behind it would be missing for ever where the process that writes the journal dies first."""
    problems: list[str] = []

    def gone() -> None:
        raise BrokenPipeError("the command is gone")

    rule = experiment(*SMALL).training.checkpoint
    with Checkpoints(tmp_path, rule, settled=gone, problem=problems.append) as writer:
        writer.save(replace(CHECKPOINT, state=replace(STATE, weights={"a": np.ones(2)})))
    assert checkpoints.paths(tmp_path) == []
    assert problems == [
        "checkpoints: that of step 3 could not be written (the command is gone); the training goes on, and the older"
        " ones are as they were."
    ]


def test_the_first_of_several_processes_waits_until_the_journal_has_it_all() -> None:
    here, there = Pipe()
    relay = rank._Relay("tracker", rank._Line(there))
    with ThreadPoolExecutor() as pool:
        relay.metrics(1, {"train/loss": 0.5})
        waits = pool.submit(relay.settle)
        assert here.recv() == Told("tracker", "metrics", (1, {"train/loss": 0.5}))
        question = here.recv()
        assert question == Settled()
        assert not waits.done()
        here.send(question)
        waits.result(10)
        left = pool.submit(relay.settle)
        here.recv()
        here.close()
        with pytest.raises(BrokenPipeError):
            left.result(10)


def _strike_twice() -> None:
    with signals.signals_raised(), signals.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.is_pending()
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second signal was not raised")


def test_a_second_signal_waits_for_nothing() -> None:
    with pytest.raises(Interrupted):
        _strike_twice()
    assert not signals.is_pending()
