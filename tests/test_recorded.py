"""How a run is named: by its folder, number, name, as the last or the best; and what is said where none is meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from recorded_runs import LOSSES, answer_here, write_run

from runner.errors import UsageError
from runner.recorded import Record, find
from runner.recorded.records import CONFIG
from runner.tracking import lookup
from runner.tracking.mlflow import Store
from runner.tracking.process import this_process
from runner.tracking.store import address

# MLflow's own store uses what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SWEEP = "2026-01-02_03-04-05-000000"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without a store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def runs(place: Path) -> Path:
    """Runs of every kind: old, twin, failed, killed, alive, a task, a sweep of two with its summary."""
    days = Path("outputs/2026-01-01")
    write_run(days / "1", name="old", run_id="a" * 32, age=90, final={"test/accuracy": 0.7})
    write_run(days / "2", name="twin", run_id="b1" * 16, age=80)
    write_run(days / "3", name="twin", run_id="b1" * 8 + "c0" * 8, age=70, experiment="other")
    write_run(
        days / "4",
        name="broken",
        run_id="d" * 32,
        status="FAILED",
        error="diverged at step 3\nmore",
        age=60,
    )
    write_run(days / "5", name="lost", status=None, age=50)
    write_run(days / "6", name="alive", status=None, process=this_process(), age=40)
    sweep = Path("outputs/sweeps/2026-01-02/03")
    for job, (name, loss) in enumerate({"relu": 0.3, "tanh": 0.2}.items()):
        write_run(
            sweep / str(job),
            name=name,
            tags={"sweep": SWEEP},
            curves={"validation/loss": (1.0, loss)},
            final={"test/accuracy": 1 - loss + 0.3 * (name == "relu")},
            age=30 - job,
        )
    write_run(sweep / "summary", name="sweep over x", tags={"sweep": SWEEP, "role": "summary"}, age=20)
    (sweep / "sweep.json").write_text("{}", encoding="utf-8")
    write_run(days / "7", name="curves torch", tags={"task": "curves"}, curves={}, age=10)
    return place


def refusal(text: str, **more: str) -> str:
    with pytest.raises(UsageError) as caught:
        find(text, **more)  # type: ignore[arg-type]  # Texts alone are given.
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("old", "outputs/2026-01-01/1"),
        ("a" * 32, "outputs/2026-01-01/1"),
        ("a" * 8, "outputs/2026-01-01/1"),
        ("twin", "outputs/2026-01-01/3"),
        ("outputs/2026-01-01/2", "outputs/2026-01-01/2"),
        ("last", "outputs/sweeps/2026-01-02/03/1"),
        ("best", "outputs/sweeps/2026-01-02/03/1"),
        (f"best:{SWEEP}", "outputs/sweeps/2026-01-02/03/1"),
        ("best:last", "outputs/sweeps/2026-01-02/03/1"),
        ("best:other", "outputs/2026-01-01/3"),
    ],
)
def test_a_word_names_a_run_of_this_folder(runs: Path, text: str, folder: str) -> None:
    found = find(text)
    assert found.folder is not None
    assert found.folder.resolve() == runs / folder


def test_the_best_is_best_in_what_is_asked_for(runs: Path) -> None:
    assert find("best", of=SWEEP, metric="test/accuracy").name == "relu"
    assert find("best", of=SWEEP, metric="validation/loss").name == "tanh"
    # Of all runs of the experiment, the sweep's among them.
    assert find("best:runner", metric="test/accuracy").name == "relu"


def test_the_last_of_all_kinds_is_found_where_a_training_is_not_needed(runs: Path) -> None:
    assert find("last", finished=False).name == "curves torch"
    assert find("broken", finished=False).error == "diverged at step 3\nmore"
    assert find("lost", finished=False).status == "KILLED"


def test_a_record_has_what_the_run_left_behind(place: Path) -> None:
    folder = write_run(
        Path("outputs/1"),
        "data=iris",
        "optimizer.learning_rate=0.5",
        name="whole",
        run_id="e" * 32,
        tags={"git_commit": "abc"},
        steps=(3.0, 2.0),
        final={"test/loss": 0.25},
    )
    found = find("whole")
    assert (found.run_id, found.status, found.folder, found.word) == ("e" * 32, "FINISHED", folder, "e" * 32)
    assert found.overrides == ("data=iris", "optimizer.learning_rate=0.5")
    assert found.config["optimizer"]["learning_rate"] == 0.5
    assert found.config == yaml.safe_load((folder / CONFIG).read_text())
    assert found.tags["git_commit"] == "abc"
    assert found.curves["validation/loss"] == list(enumerate(LOSSES["validation/loss"], 1))
    assert found.steps == [(1, 3.0), (2, 2.0)]
    # The second epoch has the lowest validation loss.
    assert found.kept_epoch == 2
    assert found.metrics == {"validation/loss": 0.4, "train/loss": 0.5, "test/loss": 0.25}


def test_what_is_kept_is_the_last_epoch_where_that_was_asked_for(place: Path) -> None:
    write_run(Path("outputs/1"), "training.keep=last", name="to its end")
    assert find("last").metrics["validation/loss"] == LOSSES["validation/loss"][-1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("broken", "broken: is a run that failed: diverged at step 3. Finished runs: tanh, relu, twin, old."),
        ("lost", "lost: is a run that was stopped. Finished runs: tanh"),
        ("alive", "alive: is a run that is still running."),
        ("curves torch", "is no training but task=curves, which leaves no network behind."),
        ("sweep over x", f"is a sweep, and one run is needed. best:{SWEEP} is its best."),
        (SWEEP, f"is a sweep, and one run is needed. best:{SWEEP} is its best. Its runs: tanh, relu."),
        (
            "outputs/sweeps/2026-01-02/03",
            "is a sweep, and one run is needed. Name the folder of one of them. Its runs: 0, 1.",
        ),
        ("outputs/2026-01-01", "is no folder of a run: no journal.jsonl begins there."),
        ("outputs/2026-01-09", "there is no such folder."),
        ("outputs/2026-01-01/1/config.yaml", "is a file, and a run is named by its folder."),
        ("b1" * 4, f"2 runs have a number that begins so. They are {'b1' * 8}{'c0' * 8}, {'b1' * 16}."),
        ("tvin", "Did you mean twin?"),
        ("0" * 32, "there is no run of this number or name, not in this folder and not in MLflow's store."),
        ("best:runer", "runer: is no sweep and no experiment with runs. Did you mean runner?"),
    ],
)
def test_a_word_that_names_no_run_is_refused_in_words(runs: Path, text: str, words: str) -> None:
    assert words in refusal(text)


def test_a_metric_is_one_that_runs_have(runs: Path) -> None:
    said = refusal("best", of=SWEEP, metric="test/acuracy")
    assert "--metric: no finished run of sweep" in said
    assert "Received: test/acuracy. Did you mean test/accuracy?" in said
    assert "--metric: goes with best, and 'old' names a run by itself." in refusal("old", metric="test/loss")
    assert "--of: does not go with best:runner. Received: other." in refusal("best:runner", of="other")


def test_several_monitors_need_a_metric(place: Path) -> None:
    write_run(Path("outputs/1"), name="one")
    write_run(Path("outputs/2"), "training.monitor=train/loss", name="two")
    expected = "--metric: must be named, because the runs of experiment runner monitored several."
    assert f"{expected} They are train/loss, validation/loss." in refusal("best")
    assert find("best", metric="train/loss").name in ("one", "two")


def test_a_folder_without_runs_says_so(place: Path) -> None:
    expected = "last: there is no run here yet: outputs/ has none, and there is no MLflow store."
    assert expected in refusal("last")
    assert refusal("best").startswith(expected)


def test_files_that_are_gone_are_named(place: Path) -> None:
    folder = write_run(Path("outputs/1"), name="bare")
    (folder / CONFIG).unlink()
    with pytest.raises(
        UsageError, match=re.escape("the run 'bare' has no config.yaml any more, not in outputs/1")
    ):
        _ = find("bare").config
    (folder / CONFIG).write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"its config\.yaml cannot be read: "):
        _ = find("bare").config
    (folder / CONFIG).write_text("!!python/object/apply:os.system ['touch hostile']", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"its config\.yaml cannot be read: could not determine a constructor"
    ):
        _ = find("bare").config
    assert not Path("hostile").exists()


def test_a_journal_that_is_none_of_ours_is_no_run(runs: Path) -> None:
    strange = Path("outputs/strange")
    strange.mkdir()
    (strange / "journal.jsonl").write_text('{"event": "start", "card": {}}\n', encoding="utf-8")
    assert find("old").name == "old"
    assert "is no folder of a run" in refusal("outputs/strange")


def test_only_the_runs_of_a_named_store_are_meant(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no run here yet" in refusal("old", uri="sqlite:///elsewhere.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert "there is no run here yet" in refusal("old")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store with a run whose folder is gone, and its number."""
    place = tmp_path_factory.mktemp("store")
    client = Store(address(None, place)).client
    experiment = client.create_experiment("runner", str(place / "files"))
    run = client.create_run(
        experiment,
        tags={"folder": str(place / "gone"), "task": "train", "sweep": SWEEP},
        run_name="far away",
    )
    number = str(run.info.run_id)
    for epoch, value in enumerate(LOSSES["validation/loss"], 1):
        client.log_metric(number, "validation/loss", value, step=epoch)
    client.log_metric(number, "test/loss", 0.5, step=0)
    client.log_metric(number, "train/step_loss", 2.0, step=1)
    client.log_text(number, "seed: 7\n", CONFIG)
    client.set_terminated(number)
    return place, number


@pytest.fixture
def answered_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of a process of its own is answered in this one, which has MLflow already."""
    answer_here(monkeypatch)


@pytest.mark.parametrize("word", ["far away", "last", "digits", f"best:{SWEEP}"])
def test_a_run_that_only_mlflow_has_is_found(
    stored: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, answered_here: None, word: str
) -> None:
    place, number = stored
    monkeypatch.chdir(place)
    found: Record = find(number[:9] if word == "digits" else word)
    assert (found.run_id, found.name, found.folder) == (number, "far away", None)
    assert found.metrics == {"validation/loss": 0.4, "test/loss": 0.5}
    assert found.steps == [(1, 2.0)]
    if word == "last":
        assert found.config == {"seed": 7}
        assert found.overrides == ()
        with pytest.raises(UsageError, match=r"has no weights\.safetensors any more, not in MLflow"):
            found.require("weights.safetensors")


def test_a_process_of_its_own_says_what_a_store_does_not_have(stored: tuple[Path, str]) -> None:
    uri = f"sqlite:///{stored[0] / 'mlflow.db'}"
    answer = lookup.look_up(uri=uri, text="far awau")
    assert (answer.run, answer.names, answer.groups) == (None, ("far away",), (SWEEP, "runner", "Default"))
