"""Searches with Optuna: spaces against what is written out by hand, pruning, whole searches, and studies that are shared."""

from __future__ import annotations

import importlib.util
import sqlite3
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import pytest
import sweeps
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.trial import TrialState
from support import experiment, trained_as

from runner import compose
from runner.addresses import without_password
from runner.errors import ConfigurationError
from runner.experiment import Pruning
from runner.plots.study import draw
from runner.request import answer, parse
from runner.results import EpochRecord
from runner.search.grammar import space
from runner.search.pruning import judge
from runner.search.settings import Settings
from runner.search.space import Choices, Numbers, Space
from runner.search.study import Asked, Ending, Search
from runner.study import Study, Trial
from runner.study.report import report
from runner.tracking import journal

# Optuna's own storage uses what SQLAlchemy has deprecated.
pytestmark = [pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SEARCH = ["hydra/sweeper=optuna", "sweep.workers=1"]
RATE = "optimizer.learning_rate"
INTERVAL = f"{RATE}=interval(1e-3,1e-1)"
SETTINGS = Settings(
    trials=4,
    metric=None,
    sampler="random",
    seed=0,
    startup_trials=2,
    pruner="none",
    warmup_epochs=1,
    storage=None,
    study=None,
)
ME = {"process": {"host": "here", "pid": 1, "started": 0.0}, "sweep": "mine"}


def spanned(*words: str) -> Space:
    return space(OverridesParser.create().parse_overrides(list(words)), {"activation"})


# Spaces


@pytest.mark.parametrize(
    ("text", "low", "high", "step", "is_log"),
    [
        ("interval(0.1,0.5)", 0.1, 0.5, None, False),
        # Two powers of ten are searched by their logarithm, less than that is not.
        ("interval(1e-3,1e-1)", 1e-3, 1e-1, None, True),
        ("interval(2e-3,1e-1)", 2e-3, 1e-1, None, False),
        ("tag(log,interval(1,2))", 1.0, 2.0, None, True),
        ("tag(linear,interval(1,1000))", 1.0, 1000.0, None, False),
        ("interval(0,1000)", 0.0, 1000.0, None, False),
        ("int(interval(4,64))", 4, 64, 1, False),
        ("int(interval(1,256))", 1, 256, 1, True),
        ("range(1,10,2)", 1, 9, 2, False),
        ("range(10,1,-3)", 4, 10, 3, False),
        ("range(1,1001)", 1, 1000, 1, False),
        ("tag(log,range(1,1001))", 1, 1000, 1, True),
        ("range(0,1,0.25)", 0.0, 0.75, 0.25, False),
        ("range(0,1,0.1)", 0.0, 0.9, 0.1, False),
        ("range(3,1000000000000)", 3, 999999999999, 1, False),
        ("range(7,8)", 7, 7, 1, False),
    ],
)
def test_a_space_of_numbers(text: str, low: float, high: float, step: float | None, is_log: bool) -> None:
    (axis,) = spanned(f"a.b={text}").axes
    assert isinstance(axis, Numbers)
    assert (axis.key, axis.text) == ("a.b", text)
    assert (axis.low, axis.high, axis.step, axis.is_log) == (low, high, step, is_log)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("relu,tanh,relu", ("relu", "tanh")),
        ("choice(0.1,0.01)", ("0.1", "0.01")),
        ("[8],[16,16]", ("[8]", "[16,16]")),
        ("3,null", ("3", "null")),
    ],
)
def test_a_space_of_options(text: str, values: tuple[str, ...]) -> None:
    assert spanned(f"a={text}").axes == (Choices(key="a", text=text, values=values),)


def test_what_has_one_value_is_shared_by_all_trials_and_the_last_word_counts() -> None:
    searched = spanned("data=iris", "a=interval(0,1)", "b=1,2", "b=3", "+c=range(2)")
    assert [axis.key for axis in searched.axes] == ["a", "+c"]
    assert searched.overrides({"a": "0.25", "+c": "1"}) == ["data=iris", "b=3", "a=0.25", "+c=1"]


def test_every_end_and_every_option_is_looked_at_once() -> None:
    assert spanned("a=interval(0,1)", "b=u,v", "c=int(interval(2,5))", "d=s,t").probes() == [
        ["a=0.0", "b=u", "c=2", "d=s"],
        ["a=0.5", "b=u", "c=2", "d=s"],
        ["a=1.0", "b=u", "c=2", "d=s"],
        ["a=0.0", "b=v", "c=2", "d=s"],
        ["a=0.0", "b=u", "c=5", "d=s"],
        ["a=0.0", "b=u", "c=2", "d=t"],
        ["a=0.0", "b=v", "c=2", "d=t"],
    ]


# What cannot be searched


FAULTS = {
    f"{RATE}=interval(1e-1,1e-4)": f"{RATE}: must have its lower end first and its upper end above it."
    " Received: interval(1e-1,1e-4).",
    "training.epochs=range(5,1)": "training.epochs: must have its lower end first and its upper end above it."
    " Received: range(5,1).",
    f"{RATE}=tag(log,range(0,5))": f"{RATE}: has no logarithm, because it begins at 0 or below."
    " Received: tag(log,range(0,5)). Begin above 0.",
    f"{RATE}=tag(log,range(1,9,2))": f"{RATE}: is searched by its logarithm in steps of 1 alone."
    " Received: tag(log,range(1,9,2)). Write an interval.",
    f"{RATE}=tag(lgo,interval(1,2))": f"{RATE}: has the tag 'lgo', which means nothing."
    " Received: tag(lgo,interval(1,2)). Did you mean log? Tags: log, linear.",
    f"{RATE}=interval(0.1,inf)": f"{RATE}: must have two ends that are finite numbers."
    " Received: interval(0.1,inf).",
    f"{RATE}=interval(-1,1)": f"{RATE}: must be above 0. Received: interval(-1,1).",
    "activation=interval(0,1)": "activation: chooses an option, and numbers are none. Received: interval(0,1)."
    " Name options: choice(a,b).",
    "activation=relu,reul": "activation: there is no option 'reul'. Did you mean relu",
    "training.keep=interval(0,1)": "training.keep: must be best or last. Received: interval(0,1).",
    "training.epochs=interval(1,5)": "training.epochs: must be a whole number of at least 1."
    " Received: interval(1,5). Write int(interval(1,5)).",
    "optimizer.lr=interval(0.1,1)": "optimizer.lr: there is no such key. Did you mean optimizer.learning_rate",
    "seed=1": "hydra/sweeper: needs a space to search, and every key has one value."
    " Write one, as optimizer.learning_rate=interval(1e-4,1e-1).",
    f"{INTERVAL} hydra.sweeper.trials=0": "hydra.sweeper.trials: must be at least 1. Received: 0.",
    f"{INTERVAL} hydra.sweeper.trails=9": "hydra.sweeper.trails: there is no such key."
    " Did you mean hydra.sweeper.trials?",
    f"{INTERVAL} hydra.sweeper.sampler=tpee": "hydra.sweeper.sampler: must be tpe or random."
    " Received: 'tpee'. Did you mean tpe?",
    f"{INTERVAL} hydra.sweeper.pruner=medain": "hydra.sweeper.pruner: must be none or median or hyperband or"
    " successive_halving. Received: 'medain'. Did you mean median?",
    f"{INTERVAL} hydra.sweeper.metric=validation/acuracy": "hydra.sweeper.metric: is no metric of an epoch."
    " Received: validation/acuracy. Did you mean validation/accuracy?"
    " Metrics: train/loss, validation/loss, validation/accuracy.",
    f"{INTERVAL} hydra.sweeper.metric=test/loss": "hydra.sweeper.metric: must not be one of the test rows, which"
    " are for the end alone. Received: test/loss. Did you mean validation/loss?",
    f"{INTERVAL} task=curves": "task: does not train, so that there is no metric to search by."
    " Received: curves. Take task=train.",
}


def refused(*words: str) -> list[str]:
    with compose.session(), pytest.raises(ConfigurationError) as caught:
        answer(parse(["-m", *SEARCH, "data=iris", *words]))
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("words", FAULTS)
def test_a_fault_is_one_sentence(words: str) -> None:
    (told,) = refused(*words.split())
    assert told.startswith(FAULTS[words])


def test_a_space_without_a_search_is_told_how_it_is_searched() -> None:
    with compose.session(), pytest.raises(ConfigurationError) as caught:
        answer(parse(["-m", "data=iris", INTERVAL]))
    rule = "is a space of numbers, and a sweep goes through values"
    received = "Received: interval(1e-3,1e-1). Add hydra/sweeper=optuna to search it."
    assert str(caught.value) == f"{RATE}: {rule}. {received}"


def test_all_faults_are_told_at_once() -> None:
    assert len(refused("activation=interval(0,1)", f"{RATE}=interval(2,1)", "hydra.sweeper.trials=0")) == 3


def test_optuna_is_asked_for_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "optuna" else found(name, *more)
    )
    told = "hydra/sweeper: needs optuna, which is not installed. Received: optuna."
    assert refused(INTERVAL) == [f'{told} Type: pip install -e ".[optuna]"']


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("nonsense", "cannot be opened: Could not parse SQLAlchemy URL"),
        (
            "sqlite:////nowhere/at/all.db",
            "cannot be opened: unable to open database file. Received: sqlite:////nowhere",
        ),
        ("postgresql://me:secret@localhost/x", "Received: postgresql://me:...@localhost/x."),
    ],
)
def test_a_storage_that_cannot_be_opened_is_said_without_its_password(storage: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        study(storage)
    assert str(caught.value).startswith("hydra.sweeper.storage: ")
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


# The study


def study(
    storage: str, *words: str, owner: Mapping[str, Any] = ME, metric: str = "validation/loss", **more: Any
) -> Search:
    return Search(
        storage=storage,
        name="shared",
        space=spanned(*(words or ("a=interval(1e-3,1e-1)", "b=u,v", "c=int(interval(2,9))"))),
        settings=replace(SETTINGS, **more),
        metric=metric,
        pruning=None,
        owner=owner,
    )


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def asked(search: Search) -> Asked:
    found = search.ask(lambda number: Path(str(number)))
    assert found is not None
    return found


def trials(storage: str, name: str = "shared") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=storage).trials


def test_the_values_of_a_trial_lie_in_the_space_and_are_kept_with_every_digit(storage: str) -> None:
    search = study(storage)
    for _ in range(4):
        values = asked(search).values
        assert 1e-3 <= float(values["a"]) <= 1e-1
        assert values["b"] in "uv"
        assert int(values["c"]) in range(2, 10)
        assert trials(storage)[-1].params == {
            "a": float(values["a"]),
            "b": values["b"],
            "c": int(values["c"]),
        }
    distribution = trials(storage)[0].distributions["a"]
    assert distribution == optuna.distributions.FloatDistribution(1e-3, 1e-1, log=True)


def test_the_values_follow_from_the_seed_and_the_number_alone(tmp_path: Path) -> None:
    def drawn(name: str, seed: int) -> list[Mapping[str, str]]:
        # As if the search had been gone on with after each trial.
        return [asked(study(f"sqlite:///{tmp_path / name}.db", seed=seed)).values for _ in range(4)]

    first = drawn("first", 0)
    assert first == drawn("again", 0)
    assert first != drawn("other", 1)
    assert len({values["a"] for values in first}) == 4


def test_tpe_draws_by_chance_until_it_has_something_to_learn_from(tmp_path: Path) -> None:
    def drawn(sampler: str) -> list[str]:
        search, found = study(f"sqlite:///{tmp_path / sampler}.db", sampler=sampler), []
        for _ in range(4):
            trial = asked(search)
            found.append(trial.values["a"])
            search.tell(trial.number, Ending(value=float(trial.values["a"])))
        return found

    by_tpe, by_chance = drawn("tpe"), drawn("random")
    assert by_tpe[:2] == by_chance[:2]
    assert not set(by_tpe[2:]) & set(by_chance[2:])


def test_there_are_as_many_trials_as_there_should_be_and_lost_ones_are_replaced(storage: str) -> None:
    one, other = study(storage), study(storage, owner={**ME, "sweep": "another"})
    begun = [asked(one), asked(other), asked(one), asked(other)]
    assert one.ask(lambda number: Path()) is other.ask(lambda number: Path()) is None
    one.tell(begun[0].number, Ending(value=0.5))
    one.tell(begun[2].number, Ending(reason="diverged at step 3"))
    other.tell(begun[1].number, Ending(is_pruned=True))
    other.tell(begun[3].number, Ending(is_lost=True, reason="killed"))
    assert one.counted == 3
    assert asked(one).number == 4
    assert one.ask(lambda number: Path()) is None
    states = [trial.state.name for trial in trials(storage)]
    assert states == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "RUNNING"]
    assert trials(storage)[2].user_attrs["reason"] == "diverged at step 3"


def test_trials_whose_process_has_gone_are_ended_as_it_can_be_found_out(storage: str) -> None:
    gone, lives = study(storage, owner={**ME, "sweep": "gone"}), study(storage)
    for search in (gone, gone, lives):
        asked(search)
    endings = {Path("0"): Ending(value=0.25), Path("1"): Ending(is_lost=True)}
    lives.settle(lambda owner, folder: endings[folder] if folder and owner["sweep"] == "gone" else None)
    assert [trial.state.name for trial in trials(storage)] == ["COMPLETE", "FAIL", "RUNNING"]
    assert lives.counted == 2
    assert lives.best is not None
    assert (lives.best.number, lives.best.value) == (0, 0.25)


@pytest.mark.parametrize(("metric", "best"), [("validation/loss", 0), ("validation/accuracy", 1)])
def test_the_metric_says_what_is_better(storage: str, metric: str, best: int) -> None:
    search = study(storage, metric=metric)
    for value in (0.25, 0.75):
        search.tell(asked(search).number, Ending(value=value))
    assert search.best is not None
    assert search.best.number == best


def test_another_study_of_the_same_name_is_refused(storage: str) -> None:
    study(storage)
    for more, word in ((("a=interval(1,2)",), "space"), ((), "metric")):
        with pytest.raises(ConfigurationError) as caught:
            study(storage, *more, metric="validation/accuracy" if word == "metric" else "validation/loss")
        assert f"there is a study 'shared' already, and its {word} is another one" in str(caught.value)


@pytest.mark.parametrize(
    ("storage", "shown"),
    [
        ("postgresql://me:secret@host/x", "postgresql://me:...@host/x"),
        ("postgresql://me@host/x", "postgresql://me@host/x"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_a_password_is_not_shown(storage: str, shown: str) -> None:
    assert without_password(storage) == shown


# Pruning


CURVES = ([0.9, 0.5, 0.4], [0.8, 0.7, 0.3], [1.0, 0.6, 0.2])


def compared(storage: str, epochs: int = 3) -> Pruning:
    """Returns how the fourth trial of a study is judged, whose others went as CURVES."""
    made = optuna.create_study(storage=storage, study_name="judged")
    for curve in CURVES:
        trial = made.ask()
        for epoch, value in enumerate(curve, 1):
            trial.report(value, epoch)
        made.tell(trial, min(curve))
    return Pruning(
        storage=storage,
        study="judged",
        trial=made.ask()._trial_id,
        metric="validation/loss",
        pruner="median",
        startup_trials=3,
        warmup_epochs=1,
        epochs=epochs,
    )


def record(epoch: int, value: float) -> EpochRecord:
    return EpochRecord(epoch=epoch, step=epoch, metrics={"validation/loss": value}, seconds=0.0)


@pytest.mark.parametrize("curve", [[0.95, 0.5, 0.4], [0.7, 0.65, 0.1], [0.85, 0.55, 0.35]])
def test_a_run_without_hope_is_one_whose_best_is_above_the_median(
    storage: str, curve: Sequence[float]
) -> None:
    is_hopeless = judge(compared(storage), pytest.fail)
    assert is_hopeless is not None
    for epoch, value in enumerate(curve, 1):
        known = median(others[epoch - 1] for others in CURVES)
        assert is_hopeless(record(epoch, value)) == (min(curve[:epoch]) > known)


@pytest.mark.parametrize("kind", ["hyperband", "successive_halving"])
def test_the_best_of_all_is_never_ended_and_some_of_the_others_are(storage: str, kind: str) -> None:
    pruning = replace(compared(storage, epochs=4), pruner=kind)
    made = optuna.load_study(study_name="judged", storage=storage)
    epochs = []
    for value in (0.1, *(0.2 + place / 10 for place in range(8))):
        is_hopeless = judge(replace(pruning, trial=made.ask()._trial_id), pytest.fail)
        assert is_hopeless is not None
        epochs.append(next((epoch for epoch in range(1, 4) if is_hopeless(record(epoch, value))), 4))
    assert epochs[0] == 4
    assert min(epochs) < 4


def test_a_study_that_does_not_answer_is_told_once_and_the_run_goes_on(storage: str) -> None:
    told: list[str] = []
    is_hopeless = judge(compared(storage), told.append)
    assert is_hopeless is not None
    with sqlite3.connect(storage.removeprefix("sqlite:///")) as database:
        database.execute("drop table trial_intermediate_values")
    assert not is_hopeless(record(1, 9.0))
    assert not is_hopeless(record(2, 9.0))
    assert len(told) == 1
    assert told[0].startswith("the study could not be told of epoch 1, and judges this run no more: ")


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_pruned_training_ends_early_and_keeps_its_best_weights(
    storage: str, backend: str, tmp_path: Path
) -> None:
    words = [f"backend={backend}", "data=iris", "architecture.hidden_sizes=[4]", "training.epochs=4"]
    chosen = experiment(*words, f"{RATE}=1e-6")
    whole, _ = trained_as(chosen)
    # Its loss stays at about 1.3, above the medians 0.9, 0.6 and 0.3.
    pruning = replace(compared(storage, epochs=4), warmup_epochs=2)
    result, told = trained_as(
        replace(chosen, training=replace(chosen.training, pruning=pruning)), folder=tmp_path
    )
    assert [each.epoch for each in result.epochs] == [1, 2]
    assert result.pruned == told.all_tags["pruned"] == "epoch 2 of 4"
    assert [each.metrics for each in result.epochs] == [each.metrics for each in whole.epochs[:2]]
    assert result.kept_epoch == result.best_epoch
    assert (tmp_path / "weights.safetensors").exists()
    assert trials(storage, "judged")[-1].intermediate_values == {
        each.epoch: pytest.approx(each.metrics["validation/loss"], rel=0) for each in result.epochs
    }


# Whole searches


TINY = ["data=iris", "architecture.hidden_sizes=[4]", "plots=none"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("searched")


@pytest.fixture(scope="module")
def searched(folder: Path) -> tuple[Path, str]:
    """A search on both backends whose median pruner ends runs, some of which diverge; its folder and what it said."""
    words = [
        "backend=torch,keras",
        "optimizer=sgd",
        f"{RATE}=choice(0.5,1e-5,1e30)",
        "training.epochs=4",
        "hydra.sweeper.sampler=random",
        # With these draws the worker changes its framework once, and each backend has a run without hope.
        "hydra.sweeper.seed=263",
        "hydra.sweeper.trials=6",
        "hydra.sweeper.startup_trials=1",
        "hydra.sweeper.pruner=median",
        "hydra.sweep.dir=sweeps/both",
    ]
    done = sweeps.run(folder, "-m", *TINY, *SEARCH, *words)
    # A run that diverges has failed, as in any sweep.
    assert done.returncode == 1, done.stderr
    return folder / "sweeps" / "both", done.stdout


def statuses(sweep: Path) -> list[tuple[str, str, str]]:
    """Returns of every trial its state in the study, its status in the journal, and its backend."""
    found = []
    for trial in trials(f"sqlite:///{sweep / 'study.db'}", "_".join(sweep.parts[-2:])):
        end = journal.ending(sweep / str(trial.number))
        found.append((trial.state.name, end["status"] if end else "", trial.params.get("backend", "")))
    return found


def test_a_search_goes_on_past_runs_that_fail_and_tells_the_study_of_each(searched: tuple[Path, str]) -> None:
    found = statuses(searched[0])
    assert len(found) == 6
    pairs = {("COMPLETE", "FINISHED"), ("PRUNED", "FINISHED"), ("FAIL", "FAILED")}
    assert {each[:2] for each in found} == pairs
    assert {backend for _, status, backend in found if status == "FINISHED"} == {"torch", "keras"}


def test_a_trial_is_asked_for_only_when_the_worker_is_free(searched: tuple[Path, str]) -> None:
    found = trials(f"sqlite:///{searched[0] / 'study.db'}", "sweeps_both")
    ends = [trial.datetime_complete for trial in found]
    assert [trial.datetime_start >= end for trial, end in zip(found[1:], ends, strict=False)] == [True] * 5


def test_mlflow_has_as_many_epochs_of_a_pruned_run_as_it_had(
    folder: Path, searched: tuple[Path, str]
) -> None:
    query = """
        select name, status, (select value from tags where tags.run_uuid = runs.run_uuid and key = 'pruned'),
        (select count(*) from metrics where metrics.run_uuid = runs.run_uuid and key = 'validation/loss' and step > 0)
        from runs where run_uuid not in (select run_uuid from tags where key = 'role')
    """
    with sqlite3.connect(folder / "mlflow.db") as store:
        rows = store.execute(query).fetchall()
    states = Counter(state for state, _, _ in statuses(searched[0]))
    pruned = [row for row in rows if row[2]]
    assert len(pruned) == states["PRUNED"] > 0
    assert len(rows) == 6
    for _, status, told, epochs in rows:
        if told:
            assert status == "FINISHED"
            assert told == f"epoch {epochs} of 4"
        else:
            assert epochs == 4 or status == "FAILED"


def test_the_end_of_a_search_tells_the_best_and_how_to_train_it_again(searched: tuple[Path, str]) -> None:
    sweep, said = searched
    best = optuna.load_study(study_name="sweeps_both", storage=f"sqlite:///{sweep / 'study.db'}").best_trial
    assert f"best     trial {best.number}, validation/loss {best.value:.4f}" in said
    assert said.rstrip().endswith(f"backend={best.params['backend']} {RATE}={best.params[RATE]}")
    assert "pruned at epoch" in said
    assert "resume:" not in said


def test_the_summary_of_a_search_has_its_space_its_count_and_its_figures(
    folder: Path, searched: tuple[Path, str]
) -> None:
    found = sweeps.tags(folder, f"search over backend, {RATE}")
    states = Counter(state for state, _, _ in statuses(searched[0]))
    finished = states["COMPLETE"] + states["PRUNED"]
    assert found["progress"] == (f"{finished} of 6 done, {states['FAIL']} failed, {states['PRUNED']} pruned")
    assert f"{RATE} (choice(0.5,1e-5,1e30))" in found["mlflow.note.content"]
    assert "hydra/sweeper=optuna" in found["command"]
    summary = searched[0] / "summary"
    assert (summary / "figures" / "history.png").exists()
    assert not (summary / "figures" / "heat_map.png").exists()


@pytest.mark.drawn(1, of="searches")
def test_a_search_that_was_killed_goes_on_and_its_finished_trials_are_exact(folder: Path) -> None:
    sweep = folder / "sweeps" / "killed"
    words = [INTERVAL, "training.epochs=3", "tracking=none", "hydra.sweeper.trials=5"]
    process = sweeps.start(folder, "-m", *TINY, *SEARCH, *words, "hydra.sweep.dir=sweeps/killed")
    while process.poll() is None and sweeps.finished(sweep).total() < 2:
        time.sleep(0.02)
    sweeps.kill_everything(process)
    before = sweeps.finished(sweep)
    assert 2 <= before.total() < 5
    # One more than there should have been, which a search may be told afterwards.
    done = sweeps.run(folder, "resume", str(sweep), "hydra.sweeper.trials=6")
    assert done.returncode == 0, done.stderr
    assert sweeps.finished(sweep).total() == 6
    assert not before - sweeps.finished(sweep)
    states = Counter(state for state, _, _ in statuses(sweep))
    assert states["COMPLETE"] == 6
    assert states["RUNNING"] == 0
    # The table has those of before as well.
    assert done.stdout.count("\n  0.0") == 6


@pytest.mark.drawn(1, of="searches")
def test_two_processes_share_a_study(folder: Path) -> None:
    words = [
        INTERVAL,
        "training.epochs=3",
        "tracking=none",
        "hydra.sweeper.trials=7",
        "hydra.sweeper.storage=sqlite:///shared.db",
        "hydra.sweeper.study=ours",
    ]
    processes = [
        sweeps.start(folder, "-m", *TINY, *SEARCH, *words, f"hydra.sweep.dir=sweeps/{name}")
        for name in ("one", "other")
    ]
    for process in processes:
        said, errors = process.communicate(timeout=280)
        assert process.returncode == 0, errors
        assert "Traceback" not in said + errors
    found = trials(f"sqlite:///{folder / 'shared.db'}", "ours")
    complete = [trial for trial in found if trial.state == TrialState.COMPLETE]
    assert len(complete) == 7
    assert all(trial.user_attrs["lost"] for trial in found if trial.state != TrialState.COMPLETE)
    counts = [sweeps.finished(folder / "sweeps" / name).total() for name in ("one", "other")]
    assert sum(counts) == 7
    assert {Path(trial.user_attrs["folder"]).exists() for trial in complete} == {True}


@pytest.mark.drawn(1, of="searches")
def test_a_dry_run_tells_the_space_and_keeps_nothing(folder: Path) -> None:
    where = folder / "sweeps" / "dry"
    words = [INTERVAL, "activation=relu,tanh", "sweep.dry_run=true", f"hydra.sweep.dir={where}"]
    done = sweeps.run(folder, "-m", *TINY, *SEARCH, *words, "training.epochs=1", "tracking=none")
    assert done.returncode == 0, done.stderr
    assert f"{RATE}  from 0.001 to 0.1, by their logarithm\n" in done.stdout
    assert "one of relu, tanh\n" in done.stdout
    assert "20 trials for the lowest validation/loss: sampler tpe.\n" in done.stdout
    assert "all take about" in done.stdout
    assert not where.exists()


# Many trials together


def test_the_figures_and_the_leaderboard_of_a_search_say_what_was_pruned(tmp_path: Path) -> None:
    made = Study(
        name="a search",
        trials=tuple(
            Trial(
                name=f"lr={rate}",
                status="FINISHED",
                choices={RATE: rate, "activation": activation},
                metrics={"validation/loss": loss},
                pruned=pruned,
            )
            for rate, activation, loss, pruned in (
                ("0.0123456789", "relu", 0.5, ""),
                ("0.2", "tanh", 0.75, "epoch 2 of 4"),
                ("0.3", "relu", 0.25, ""),
            )
        ),
        metric="validation/loss",
        is_search=True,
    )
    drawn = {path.stem for path in draw(made, title="a search", folder=tmp_path)}
    assert "history" in drawn
    assert "heat_map" not in drawn
    names = [line[0] for line in report(made).lines]
    assert names == [
        "learning_rate=0.3 relu",
        "learning_rate=0.01235 relu",
        "learning_rate=0.2 tanh (pruned at epoch 2 of 4)",
    ]
