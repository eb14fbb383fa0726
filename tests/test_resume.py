"""The verb resume: a run that was killed goes on in the same folder and MLflow run, and what is refused, in words."""

from __future__ import annotations

import importlib.metadata
import json
import random
from dataclasses import replace
from pathlib import Path

import killed_runs
import numpy as np
import pytest
from examples import card

from runner import checkpoints, compose, resuming
from runner.checkpoints import Checkpoint, Found
from runner.errors import UsageError
from runner.recorded import Record
from runner.tracking import Scalar, continuing, journal, sent, unsent
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.process import Process, this_process
from runner.tracking.sent import Sent
from runner.training_state import OwnState, TrainingState

GONE = Process(this_process().host, 2**22 + 1, 0.0)
RUN = ("data=iris", "architecture.hidden_sizes=[4]", "training.epochs=6")


@pytest.mark.timeout(600)
def test_a_run_that_is_killed_is_the_one_that_never_was(tmp_path: Path) -> None:
    draws = random.Random(3)
    words = (*killed_runs.RUN, "training.epochs=150")
    folders = [tmp_path / name for name in ("unbroken", "killed")]
    for folder in folders:
        folder.mkdir()
    unbroken = killed_runs.killed(folders[0], 0, draws, *words, longest=0.0)
    ending = killed_runs.killed(folders[1], 2, draws, *words, longest=6.0)
    killed_runs.require_same(folders[1], ending, folders[0], unbroken)


class TestTheJournal:
    """What a journal says of a run that another process goes on with."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        begun = Journal(tmp_path)
        begun.start(replace(card(tmp_path), process=GONE))
        begun.steps(1, {"train/step_loss": [0.5, 0.25]})
        begun.metrics(1, {"train/loss": 0.3})
        begun.metrics(0, {"test/loss": 0.7})
        begun.end("KILLED", "stopped by SIGTERM")
        return tmp_path

    def test_its_process_is_the_one_that_goes_on_and_it_has_no_end(self, folder: Path) -> None:
        known = journal.beginning(folder)
        assert known is not None
        assert known.process == GONE
        end = journal.ending(folder)
        assert end is not None
        assert end["status"] == "KILLED"
        again = continuing.Continued(folder, continuing.told(folder, is_longer=False))
        again.resume(2, {"training.epochs": "9"})
        assert journal.ending(folder) is None
        now = journal.beginning(folder)
        assert now == replace(known, process=this_process())
        again.end("FINISHED", None)
        last = journal.ending(folder)
        assert last is not None
        assert last["status"] == "FINISHED"

    def test_half_a_line_is_no_word_of_another_process(self, folder: Path) -> None:
        with (folder / JOURNAL).open("a") as file:
            file.write('{"event": "resume", "process": {"ho')
        assert journal.ending(folder) is not None
        known = journal.beginning(folder)
        assert known is not None
        assert known.process == GONE

    def test_what_was_told_is_not_told_again(self, folder: Path) -> None:
        again = continuing.Continued(folder, continuing.told(folder, is_longer=False))
        begin = (folder / JOURNAL).stat().st_size
        again.steps(1, {"train/step_loss": [0.5]})
        again.steps(2, {"train/step_loss": [0.25, 0.125]})
        again.metrics(1, {"train/loss": 0.3})
        again.metrics(2, {"train/loss": 0.2})
        again.metrics(0, {"test/loss": 0.7, "test/accuracy": 0.9})
        new = [event for event, _ in journal.read(folder, begin)]
        told = [(event.get("first_step", event.get("step")), event["values"]) for event in new]
        assert told == [
            (3, {"train/step_loss": [0.125]}),
            (2, {"train/loss": 0.2}),
            (0, {"test/accuracy": 0.9}),
        ]

    def test_a_run_that_gets_more_epochs_has_its_final_metrics_again(self, folder: Path) -> None:
        known = continuing.told(folder, is_longer=True)
        assert known.metrics == {(1, "train/loss")}
        assert known.steps == {"train/step_loss": 2}

    def test_it_is_taken_over_only_from_a_recorder_that_is_gone(self, folder: Path) -> None:
        Sent(offset=7, status="KILLED").save(folder)
        (folder / unsent.RECORDER).write_text(json.dumps(vars(this_process())))
        assert not continuing.take_over(folder, 0.0)
        assert sent.load(folder) == Sent(offset=7, status="KILLED")
        (folder / unsent.RECORDER).write_text(json.dumps(vars(GONE)))
        assert continuing.take_over(folder, 0.0)
        assert sent.load(folder) == Sent(offset=7)
        assert json.loads((folder / unsent.RECORDER).read_text()) == vars(this_process())


def record(status: str, error: str | None = None, folder: Path | None = Path("run"), **tags: str) -> Record:
    """Returns a run of RUN, without its parameters."""
    return Record(
        run_id="0" * 32,
        name="a run",
        status=status,
        error=error,
        experiment="examples",
        uri="sqlite:///mlflow.db",
        folder=folder,
        began=0.0,
        tags={"task": "train", "command": "python -m runner", **tags},
        parameters={},
    )


@pytest.fixture(scope="module")
def parameters() -> dict[str, Scalar]:
    """Those of RUN."""
    with compose.session():
        return compose.flat(compose.compose(RUN))


def stood(epoch: int) -> Found:
    """Returns a checkpoint of RUN after an epoch; one has 4 batches."""
    arrays = {
        "dense0/kernel": np.zeros((4, 4)),
        "dense0/bias": np.zeros(4),
        "dense1/kernel": np.zeros((4, 3)),
        "dense1/bias": np.zeros(3),
    }
    slots = {f"{slot}/{name}": array for slot in ("mean", "square") for name, array in arrays.items()}
    state = TrainingState(
        epoch=epoch,
        step=4 * epoch,
        updates=4 * epoch,
        optimizer="adam",
        weights=arrays,
        slots=slots,
        averages={},
    )
    checkpoint = Checkpoint(
        state=state,
        losses=np.empty(0),
        records=(),
        first_epoch=0,
        kept_epoch=0,
        kept_weights={},
        finite_epoch=0,
        finite_weights=arrays,
        data="",
    )
    return Found(Path("run") / checkpoints.FOLDER / "step-00000012.safetensors", checkpoint)


@pytest.mark.parametrize(
    ("run", "found", "more", "said"),
    {
        "goes on": (record("KILLED"), stood(3), [], []),
        "from its start": (record("KILLED"), Found(None, None), [], []),
        "on the other backend": (record("KILLED"), stood(3), ["backend=keras"], []),
        "all epochs are over": (record("KILLED"), stood(6), [], []),
        "other rates, and more epochs": (
            record("FINISHED"),
            stood(6),
            ["training.epochs=9", "optimizer.learning_rate=0.1", "schedule=cosine"],
            [],
        ),
        "finished": (
            record("FINISHED"),
            stood(6),
            [],
            ["resume: the run has finished, after 6 epochs. training.epochs=12 goes on with it."],
        ),
        "fewer epochs": (
            record("KILLED"),
            stood(3),
            ["training.epochs=2"],
            [
                "training.epochs: must be above 3, the epochs that the run has behind it, because it counts all."
                " Received: 2."
            ],
        ),
        "diverged": (
            record("FAILED", "diverged at step 13"),
            stood(3),
            [],
            [
                "resume: the run diverged at step 13, and would again, because nothing is changed. Change something:"
                " optimizer.learning_rate=... or training.clipping.global_norm=1."
            ],
        ),
        "diverged, and changed": (
            record("FAILED", "diverged at step 13"),
            stood(3),
            ["optimizer.learning_rate=1e-4"],
            [],
        ),
        "everything at once": (
            record("KILLED"),
            stood(3),
            [
                "seed=1",
                "training.batch_size=8",
                "architecture.hidden_sizes=[5]",
                "training.keep=last",
                "optimizer=sgd",
            ],
            [
                "seed: cannot be changed on the way: it decides which rows are met when, and those of the epochs so"
                " far are as they are. Received: 1.",
                "architecture.hidden_sizes: cannot be changed on the way: it makes another network, or another loss,"
                " than the one that the checkpoint is of. Received: '[5]'.",
                "training.batch_size: cannot be changed on the way: it decides which rows are met when, and those of"
                " the epochs so far are as they are. Received: 8.",
                "training.keep: cannot be changed on the way: it decided which weights are kept so far, and those of"
                " other epochs are gone. Received: 'last'.",
                "optimizer: must be the one that the run was begun with, adam. Received: sgd.",
                "architecture: has other arrays than the checkpoint: dense0/kernel is 4 x 4 there and 4 x 5 here,"
                " dense0/bias is 4 there and 5 here, dense1/kernel is 4 x 3 there and 5 x 3 here.",
            ],
        ),
        "native": (
            record("KILLED"),
            Found(None, None),
            ["backend.semantics=native"],
            [
                "backend.semantics: cannot be changed on the way: it decides what an update is. Received: 'native'.",
            ],
        ),
    }.values(),
)
def test_what_cannot_be_gone_on_with_is_said_at_once(
    run: Record, found: Found, more: list[str], said: list[str], parameters: dict[str, Scalar]
) -> None:
    with compose.session():
        config = compose.compose([*RUN, *more])
        checked = compose.inspect(config)
        changed = resuming.changes(parameters, compose.flat(config))
    assert [str(fault) for fault in resuming.faults(run, found, checked, changed)] == said


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (
            record("RUNNING"),
            "is under way: its process lives, as far as is known here. Wait for its end, or stop it first.",
        ),
        (
            record("KILLED", folder=None),
            "its checkpoints are files of its folder, which is not here any more.",
        ),
        (record("FINISHED", task="curves"), "is no training but task=curves, which is carried out at once."),
    ],
)
def test_what_is_no_run_to_go_on_with_is_said(run: Record, said: str) -> None:
    with pytest.raises(UsageError) as error:
        resuming.require_nobody(run) if run.status == "RUNNING" else resuming.folder_of(run)
    assert said in str(error.value)


def test_a_run_without_checkpoints_by_nature_is_said() -> None:
    with compose.session():
        checked = compose.inspect(compose.compose(RUN))
    optimizer = replace(checked.experiment.optimizer, target="mine.adam")
    own = replace(checked, experiment=replace(checked.experiment, optimizer=optimizer))
    (fault,) = resuming.faults(record("KILLED"), Found(None, None), own, {})
    assert str(fault) == (
        "resume: a run keeps checkpoints of the shipped optimizers only. Received: mine.adam."
        " Again: python -m runner"
    )


def native(versions: dict[str, str]) -> Found:
    """Returns a checkpoint of torch's own semantics."""
    found = stood(3)
    assert found.checkpoint is not None
    state = replace(found.checkpoint.state, slots={}, own=OwnState("torch", versions, {}))
    return replace(found, checkpoint=replace(found.checkpoint, state=state))


def test_what_one_framework_alone_understands_is_not_gone_on_with_on_the_other() -> None:
    found = native({})
    run = record("KILLED")
    with compose.session():
        same = compose.inspect(compose.compose([*RUN, "backend.semantics=native"]))
        other = compose.inspect(compose.compose([*RUN, "backend=keras"]))
    assert not list(resuming.faults(run, found, same, {}))
    changed = {"backend.name": "keras", "backend.semantics": "'canonical'"}
    (fault,) = resuming.faults(run, found, other, changed)
    assert str(fault) == (
        "backend: must be torch, because the checkpoint has what torch alone understands: its own random state, and"
        " with backend.semantics=native its own optimizer. Received: keras. training.start_from="
        f"{run.word} begins a run"
        " with its weights."
    )


def test_another_version_of_the_framework_is_said() -> None:
    here = importlib.metadata.version("torch")
    run = record("KILLED")
    assert len(list(resuming.notes(run, native({"torch": here}), {}))) == 1
    assert list(resuming.notes(run, native({"torch": "1.0"}), {}))[1] == (
        f"its checkpoint is of torch 1.0, and this is torch {here}, which may draw and update in another way."
    )


def test_what_is_different_is_said(parameters: dict[str, Scalar]) -> None:
    run = replace(record("KILLED"), parameters=parameters)
    damaged = replace(stood(3), damaged=("a file is damaged: its content is not that of its digest",))
    assert list(resuming.notes(run, damaged, {"training.epochs": "9"})) == [
        "a file is damaged: its content is not that of its digest.",
        "training.epochs was 6 and is 9 from here on.",
        "goes on after step 12, with 3 epochs behind it.",
    ]
    assert list(resuming.notes(run, Found(None, None), {})) == [
        "the run has no checkpoint that is whole, so it begins from its start."
    ]
