"""What a training starts from: its file, where it is found, whether it fits, and what is said where it does not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from recorded_runs import answer_here, write_run
from support import experiment, trained

from runner import compose, training_state, weights
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.recorded import records
from runner.request import parse
from runner.runs import _card
from runner.starting import faults, note, pinned_overrides, resolved
from runner.tracking import fetch, lookup
from runner.tracking.fetch import Answer
from runner.tracking.lookup import FoundRun
from runner.tracking.mlflow import Store
from runner.training_state import STATE, TrainingState
from runner.weights import WEIGHTS

STARTED = ("data=iris", "architecture.hidden_sizes=[4]")
MOMENTUM = ("optimizer=sgd", "optimizer.momentum=0.9")
STAND = TrainingState(
    epoch=3,
    step=12,
    updates=6,
    optimizer="adam",
    weights={"dense0/kernel": np.array([[1.0, 2.0]]), "dense0/bias": np.array([1e-300, 3.0])},
    slots={"mean/dense0/kernel": np.array([[0.1, 0.2]])},
    averages={"dense0/bias": np.zeros(2)},
    monitor="validation/loss",
    history=(0.1 + 0.2, 1e-17, float("inf")),
)


def test_a_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    training_state.save(STAND, tmp_path / STATE, precision=64)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
    back = training_state.read(tmp_path / STATE)
    groups = ("weights", "slots", "averages")
    for group in groups:
        np.testing.assert_equal(getattr(back, group), getattr(STAND, group))
    nothing = {group: {} for group in groups}
    assert replace(back, **nothing) == replace(STAND, **nothing)
    header = training_state.header(tmp_path / STATE)
    assert header.is_state
    assert header.weights == {"dense0/kernel": (1, 2), "dense0/bias": (2,)}
    assert header.slots == {"mean/dense0/kernel": (1, 2)}


def test_a_state_gives_its_weights_alone_as_well(tmp_path: Path) -> None:
    chosen = ("data=iris", "plots=none", "tracking=none", "training.epochs=1")
    _, told = trained(*chosen, folder=tmp_path)
    starts = [f"training.start_from={tmp_path / name}" for name in (STATE, WEIGHTS)]
    digests = [trained(*chosen, start)[1].all_tags["initial_weights_sha256"] for start in starts]
    assert digests[0] == digests[1] != told.all_tags["initial_weights_sha256"]
    assert tmp_path / STATE in told.artifacts


def test_what_a_run_starts_from_becomes_the_path_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / WEIGHTS).touch()
    started = resolved(experiment("training.start_from=run"))
    assert started.training.start_from == str(tmp_path / "run" / WEIGHTS)
    assert faults(experiment()) == []
    with pytest.raises(ConfigurationError, match=r"has no state\.safetensors, which only a training"):
        resolved(experiment("training.start_from=run", "training.start_with=state"))


def stood(folder: Path) -> str:
    """Writes a state after 3 epochs of 4 batches with momentum, and weights; returns the folder as it is typed."""
    arrays = {
        "dense0/kernel": np.zeros((4, 4)),
        "dense0/bias": np.zeros(4),
        "dense1/kernel": np.zeros((4, 3)),
        "dense1/bias": np.zeros(3),
    }
    slots = {f"momentum/{name}": array for name, array in arrays.items()}
    state = replace(STAND, step=12, updates=12, optimizer="sgd", weights=arrays, slots=slots, averages={})
    training_state.save(state, folder / STATE, precision=64)
    weights.save(arrays, folder / WEIGHTS, precision=64)
    return str(folder)


@pytest.mark.parametrize(
    ("more", "said"),
    {
        "fits": ([], []),
        "goes on": (["training.start_with=state"], []),
        "another network": (
            ["architecture.hidden_sizes=[5]"],
            [
                "training.start_from: has other arrays than the network: dense0/kernel is 4 x 4 there and 4 x 5"
                " here, dense0/bias is 4 there and 5 here, dense1/kernel is 4 x 3 there and 5 x 3 here."
                " Received: {}."
            ],
        ),
        "a layer more": (
            ["architecture.batch_norm=true"],
            [
                "training.start_from: has other arrays than the network: batch_norm0/scale is not there and 4"
                " here, batch_norm0/shift is not there and 4 here, batch_norm0/running_mean is not there and 4"
                " here and 2 more. Received: {}."
            ],
        ),
        "another optimizer": (
            ["training.start_with=state", "optimizer=adam"],
            [
                "training.start_with: state goes on with the optimizer there, sgd. Received: adam."
                " Take training.start_with=weights to begin with a new one."
            ],
        ),
        "without momentum": (
            ["training.start_with=state", "optimizer.momentum=0"],
            [
                "training.start_with: state goes on with the optimizer there, and sgd has its momentum only there."
                " Take training.start_with=weights to begin with a new one."
            ],
        ),
        "nothing left to do": (
            ["training.start_with=state", "training.epochs=3"],
            [
                "training.epochs: must be above 3, the epochs that the state has behind it, because it counts all."
                " Received: 3."
            ],
        ),
        "other steps": (
            ["training.start_with=state", "training.accumulation=3"],
            [
                "training.start_with: state goes on in the same steps, and an epoch has 4 batches and 4 updates"
                " there and 4 batches and 2 updates here. Take the same rows, training.batch_size and"
                " training.accumulation, or training.start_with=weights."
            ],
        ),
        "native semantics": (
            ["training.start_with=state", "backend.semantics=native"],
            [
                "training.start_with: state needs one of the shipped optimizers and backend.semantics=canonical."
                " Received: runner.backends.torch.optimizers.sgd and native."
                " Take training.start_with=weights to begin with a new one."
            ],
        ),
    }.values(),
)
def test_what_does_not_fit_is_said(more: list[str], said: list[str], tmp_path: Path) -> None:
    optimizer = () if "optimizer=adam" in more else MOMENTUM
    chosen = experiment(*STARTED, *optimizer, f"training.start_from={stood(tmp_path)}", *more)
    assert [str(fault) for fault in faults(chosen)] == [each.format(tmp_path) for each in said]


def test_weights_alone_are_no_state_and_other_files_no_weights(tmp_path: Path) -> None:
    stood(tmp_path)
    (tmp_path / "text.txt").write_text("no tensors at all, of whatever length")
    alone = f"training.start_from={tmp_path / WEIGHTS}"
    (fault,) = faults(experiment(*STARTED, alone, "training.start_with=state"))
    assert str(fault) == (
        "training.start_with: state needs more than the weights that weights.safetensors has."
        f" Received: {tmp_path / WEIGHTS}. Take training.start_with=weights."
    )
    (fault,) = faults(experiment(*STARTED, f"training.start_from={tmp_path / 'text.txt'}"))
    assert fault.rule.startswith("is no safetensors file: ")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_in_mlflow_is_found_by_its_number_and_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_here(monkeypatch)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = Store(uri).client
    number = client.create_experiment("mine", str(tmp_path / "artifacts"))
    stood(tmp_path)
    runs = [client.create_run(number, start_time=time, run_name="a run") for time in (1000, 3000, 2000)]
    for run in runs:
        client.log_artifact(run.info.run_id, str(tmp_path / WEIGHTS))
    first, newest, _ = (tmp_path / "artifacts" / run.info.run_id / "artifacts" / WEIGHTS for run in runs)

    def chosen(text: str, *more: str) -> Experiment:
        return experiment(*STARTED, f"tracking.uri={uri}", f"training.start_from='{text}'", *more)

    assert resolved(chosen("a run")).training.start_from == str(newest)
    assert resolved(chosen(runs[0].info.run_id)).training.start_from == str(first)
    assert faults(chosen("a run")) == []
    (fault,) = faults(chosen("a rnu"))
    assert str(fault) == (
        "training.start_from: there is no such file or folder, and there is no run of this number or name, not in this"
        " folder and not in MLflow's store. Received: a rnu. Did you mean a run? The newest are a run."
    )
    (fault,) = faults(chosen("a run", "training.start_with=state"))
    assert (
        fault.rule
        == "the run has no state.safetensors, which only a training that came to its end leaves behind"
    )


KNOWN = FoundRun(
    run_id="0" * 31 + "a",
    name="a run",
    status="FINISHED",
    experiment="mine",
    began=0.0,
    tags={},
    parameters={},
    curves={},
    final={},
    steps=(),
    dataset="",
    experiment_id="1",
    artifacts="",
)


@pytest.mark.parametrize(
    ("found", "file", "rule"),
    [
        (
            lookup.Answer(),
            Answer(None),
            "there is no such file or folder, and there is no run of this number",
        ),
        (lookup.Answer(trouble="no answer"), Answer(None), "MLflow's store could not be asked for "),
        (
            lookup.Answer(KNOWN),
            Answer(None, trouble="no file"),
            "MLflow's store could not be asked for weights",
        ),
        (lookup.Answer(KNOWN), Answer(None, found=True), "the run has no weights.safetensors"),
    ],
)
def test_what_a_store_does_not_have_is_said(
    found: lookup.Answer, file: Answer, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "ask", lambda **question: file)
    monkeypatch.setattr(lookup, "look_up", lambda **question: replace(found, names=("another",)))
    records._fetched.cache_clear()
    (tmp_path / "mlflow.db").touch()
    (fault,) = faults(experiment(f"training.start_from={KNOWN.run_id}"))
    assert (fault.key, fault.received) == ("training.start_from", KNOWN.run_id)
    assert fault.rule.startswith(rule)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Runs of a working folder with weights: one that is good, one that was stopped, the newest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folders = {}
    for number, (name, loss) in enumerate({"good": 0.1, "stopped": 0.4, "newest": 0.3}.items(), 1):
        folder = write_run(
            Path(f"outputs/{number}"),
            *STARTED,
            name=name,
            run_id=f"{number}b" * 16,
            status="KILLED" if name == "stopped" else "FINISHED",
            curves={"validation/loss": (1.0, loss)},
            age=100 - number,
        )
        stood(folder)
        folders[name] = folder.resolve()
    return folders


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("last", "newest"),
        ("best", "good"),
        ("best:runner", "good"),
        ("good", "good"),
        ("1b1b1b1b", "good"),
        ("2b" * 16, "stopped"),
        ("stopped", "stopped"),
        ("outputs/1", "good"),
    ],
)
def test_a_start_is_named_as_any_run_is(runs: dict[str, Path], word: str, name: str) -> None:
    chosen = experiment(*STARTED, f"training.start_from={word}")
    assert faults(chosen) == []
    assert resolved(chosen).training.start_from == str(runs[name] / WEIGHTS)
    state = experiment(*STARTED, *MOMENTUM, f"training.start_from={word}", "training.start_with=state")
    assert faults(state) == []
    assert resolved(state).training.start_from == str(runs[name] / STATE)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "goof",
            "there is no such file or folder, and there is no run of this number or name, not in this folder and",
        ),
        ("goof", "Did you mean good?"),
        ("best:runer", "is no sweep and no experiment with runs. Received: best:runer. Did you mean runner?"),
        ("last", "is a run that failed: diverged. Received: last. Finished runs: newest, good."),
    ],
)
def test_a_start_that_is_none_is_said_before_anything_else_happens(
    runs: dict[str, Path], word: str, said: str
) -> None:
    if word == "last":
        write_run(Path("outputs/4"), name="failed", status="FAILED", error="diverged\nmore", age=1)
    (fault,) = faults(experiment(*STARTED, f"training.start_from={word}"))
    assert str(fault).startswith("training.start_from: ")
    assert said in str(fault)


def test_the_best_by_several_metrics_has_to_be_named(runs: dict[str, Path]) -> None:
    write_run(Path("outputs/4"), "training.monitor=train/loss", name="other", age=1)
    (fault,) = faults(experiment(*STARTED, "training.start_from=best"))
    assert str(fault) == (
        "training.start_from: --metric must be named, because the runs of experiment runner monitored several."
        " Received: best. Name the run itself."
    )


def test_what_a_word_means_is_recorded_so_that_it_means_it_tomorrow(
    runs: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [*STARTED, "training.start_from=last", "training.epochs=1"]
    chosen = experiment(*overrides)
    assert note(chosen) == [f"training.start_from: last is the run 'newest', {'3b' * 16}."]
    assert pinned_overrides(overrides, chosen) == [
        *STARTED,
        f"training.start_from='{'3b' * 16}'",
        "training.epochs=1",
    ]
    several = ["-m", "training.start_from=last,good"]
    assert pinned_overrides(several, chosen) == several
    with compose.session():
        config = compose.compose(overrides)
        request = compose.run_request(
            config, compose.read(config), overrides=overrides, folder=Path("outputs/5")
        )
    assert yaml.safe_load(request.config)["training"]["start_from"] == "3b" * 16
    assert request.parameters["training.start_from"] == "3b" * 16
    assert request.command.endswith("training.start_from=last training.epochs=1")
    assert request.experiment.training.start_from == str(runs["newest"] / WEIGHTS)


def test_a_word_means_one_run_for_a_whole_command(runs: dict[str, Path]) -> None:
    chosen = experiment(*STARTED, "training.start_from=last")
    assert resolved(chosen).training.start_from == str(runs["newest"] / WEIGHTS)
    later = stood(write_run(Path("outputs/4"), *STARTED, name="later"))
    # As the jobs of a sweep do, of which the first ones are runs by then.
    assert resolved(chosen).training.start_from == str(runs["newest"] / WEIGHTS)
    parse(["training.start_from=last"])
    assert resolved(chosen).training.start_from == str(Path(later).resolve() / WEIGHTS)


def test_what_is_started_from_counts_by_its_content(tmp_path: Path) -> None:
    """The digest of a run's configuration, through the whole command, of the same file at two places and of another."""
    stood(tmp_path)
    copy, other = tmp_path / "copy", tmp_path / "other"
    for folder in (copy, other):
        folder.mkdir()
    shutil.copy(tmp_path / WEIGHTS, copy)
    weights.save({**weights.read(copy / WEIGHTS), "dense0/bias": np.ones(4)}, other / WEIGHTS, precision=64)
    digests = []
    for number, place in enumerate((tmp_path, copy, other)):
        with compose.session():
            config = compose.compose([*STARTED, f"training.start_from={place}"])
            request = compose.run_request(
                config, compose.read(config), overrides=[], folder=tmp_path / str(number)
            )
        digests.append(_card(request).tags["config_sha256"])
    assert digests[0] == digests[1] != digests[2]
