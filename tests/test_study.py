"""Many runs together: statistics against SciPy and figures by hand, words, figures, the page, and the verb report."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from runner.__main__ import main
from runner.plots.study import FIGURES, draw
from runner.plots.study_page import make
from runner.study import Study, Trial, default_metric
from runner.study.comparisons import comparisons, holm, independent, sentence
from runner.study.groups import described, groups, interval
from runner.study.importance import importance
from runner.study.page import page
from runner.study.records import load, save
from runner.study.report import comparisons_csv, leaderboard_csv, report
from runner.tracking.mlflow import Store
from runner.tracking.store import address

# MLflow's own store uses what SQLAlchemy has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RELU, TANH = (0.90, 0.92, 0.91, 0.93), (0.91, 0.94, 0.915, 0.945)


def trial(value: float | None, status: str = "FINISHED", **choices: str) -> Trial:
    name = described({key.replace("__", "."): each for key, each in choices.items()})
    told = {} if value is None else {"test/accuracy": value}
    curves = {} if value is None else {"validation/accuracy": [value - 0.2, value - 0.1, value]}
    return Trial(
        name=name,
        status=status,
        choices={key.replace("__", "."): each for key, each in choices.items()},
        metrics=told,
        curves=curves,
        seconds=2.0,
        error=None if status == "FINISHED" else "diverged at step 3",
    )


def study(trials: list[Trial], metric: str = "test/accuracy") -> Study:
    return Study(
        name="a study", trials=tuple(trials), metric=metric, command="python -m runner -m seed=range(4)"
    )


def two_activations() -> Study:
    return study(
        [
            trial(value, activation=name, seed=str(seed))
            for name, values in (("relu", RELU), ("tanh", TANH))
            for seed, value in enumerate(values)
        ]
    )


def on_both_backends(noise: float = 0.0) -> Study:
    trials = [
        trial(
            each.metrics["test/accuracy"] + (noise if backend == "keras" else 0.0),
            backend=backend,
            **each.choices,
        )
        for backend in ("torch", "keras")
        for each in two_activations().trials
    ]
    return study(trials)


def test_a_group_has_the_mean_and_the_interval_of_its_seeds() -> None:
    best, other = groups(two_activations())
    assert (best.name, other.name) == ("tanh", "relu")
    assert best.mean == pytest.approx(np.mean(TANH), rel=1e-15)
    assert best.deviation == pytest.approx(np.std(TANH, ddof=1), rel=1e-14)
    expected = stats.t.interval(0.95, 3, loc=np.mean(TANH), scale=stats.sem(TANH))
    assert (best.low, best.high) == pytest.approx(expected, rel=1e-12)


FOLDS = (0.90, 0.95, 0.85, 0.92, 0.88)


def in_folds(**values: tuple[float, ...]) -> Study:
    return study(
        [
            trial(value, activation=name, split__fold=str(fold), seed="3")
            for name, each in values.items()
            for fold, value in enumerate(each)
        ]
    )


def test_folds_are_repetitions_whose_interval_knows_that_they_share_rows() -> None:
    (only,) = groups(in_folds(relu=FOLDS))
    assert (only.name, only.repetitions) == ("relu", "5 folds")
    assert only.mean == pytest.approx(0.9, rel=1e-14)
    # The squares of 0, 0.05, 0.05, 0.02 and 0.02 over 4; t is 2.776 for 4 degrees of freedom.
    deviation = (0.0058 / 4) ** 0.5
    assert only.deviation == pytest.approx(deviation, rel=1e-12)
    reach = 2.7764451051977987 * deviation * (1 / 5 + 1 / 4) ** 0.5
    assert (only.low, only.high) == pytest.approx((0.9 - reach, 0.9 + reach), rel=1e-10)


def test_folds_are_never_compared_with_each_other_and_choices_are_fold_by_fold() -> None:
    better = (0.91, 0.97, 0.86, 0.92, 0.92)
    (found,) = comparisons(in_folds(relu=FOLDS, tanh=better))
    assert (found.key, found.better, found.pairs) == ("activation", "tanh", 5)
    differences = np.subtract(better, FOLDS)
    error = differences.std(ddof=1) * (1 / 5 + 1 / 4) ** 0.5
    assert found.probability == pytest.approx(2 * stats.t.sf(differences.mean() / error, 4), rel=1e-12)
    # Student's own test, for rows that nobody shares, would be surer than it may be.
    assert found.probability > stats.ttest_rel(better, FOLDS).pvalue


def test_the_means_are_told_in_words() -> None:
    (sentence,) = report(in_folds(relu=FOLDS)).means
    assert sentence == (
        "test/accuracy of relu over 5 folds: mean 0.9000, standard deviation 0.0381, 95 % interval 0.8291 to 0.9709."
    )
    seeds = report(two_activations()).means
    assert [each.partition(":")[0] for each in seeds] == [
        "test/accuracy of tanh over 4 runs",
        "test/accuracy of relu over 4 runs",
    ]


def test_folds_are_judged_by_the_rows_that_take_turns() -> None:
    both = {"test/accuracy": 0.9, "validation/accuracy": 0.8}
    trials = [
        Trial(name=str(fold), status="FINISHED", choices={"split.fold": str(fold)}, metrics=both)
        for fold in range(2)
    ]
    assert default_metric(trials) == "validation/accuracy"
    assert default_metric(trials[:1]) == "test/accuracy"


def test_one_run_has_no_interval() -> None:
    (only,) = groups(study([trial(0.5, activation="relu")]))
    assert only.mean == 0.5
    assert np.isnan([only.deviation, only.low, only.high]).all()
    assert np.isnan(interval([1.0])).all()


def test_less_is_better_for_a_loss() -> None:
    trials = [
        Trial(name=name, status="FINISHED", choices={"activation": name}, metrics={"test/loss": value})
        for name, value in (("relu", 0.3), ("tanh", 0.2))
    ]
    assert [group.name for group in groups(study(trials, "test/loss"))] == ["tanh", "relu"]


def test_a_comparison_is_students_paired_test() -> None:
    (found,) = comparisons(two_activations())
    assert (found.better, found.worse, found.pairs) == ("tanh", "relu", 4)
    expected = stats.ttest_rel(TANH, RELU)
    assert found.probability == pytest.approx(expected.pvalue, rel=1e-10)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)
    assert found.difference == pytest.approx(np.mean(np.subtract(TANH, RELU)), rel=1e-12)


def test_holm_by_hand() -> None:
    # Sorted: 0.01 * 3, then the larger of that and 0.02 * 2, then of that and 0.03 * 1.
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04], abs=1e-15)
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_several_comparisons_are_corrected_together() -> None:
    third = [
        trial(value, activation="gelu", seed=str(seed)) for seed, value in enumerate((0.8, 0.85, 0.8, 0.82))
    ]
    found = comparisons(study([*two_activations().trials, *third]))
    raw = {
        ("tanh", "relu"): stats.ttest_rel(TANH, RELU).pvalue,
        ("tanh", "gelu"): stats.ttest_rel(TANH, (0.8, 0.85, 0.8, 0.82)).pvalue,
        ("relu", "gelu"): stats.ttest_rel(RELU, (0.8, 0.85, 0.8, 0.82)).pvalue,
    }
    corrected = dict(zip(raw, holm(list(raw.values())), strict=True))
    assert {(each.better, each.worse): each.probability for each in found} == pytest.approx(
        corrected, rel=1e-10
    )


def test_pairs_are_alike_in_all_else() -> None:
    trials = [
        trial(value + shift, data=data, activation=name, seed=str(seed))
        for data, shift in (("moons", 0.0), ("wine", 0.05))
        for name, values in (("relu", RELU), ("tanh", TANH))
        for seed, value in enumerate(values)
    ]
    moons, wine = comparisons(study(trials[:-1]))
    assert (moons.data, moons.key, moons.pairs) == ("moons", "activation", 4)
    assert (wine.data, wine.key, wine.pairs) == ("wine", "activation", 3)
    assert moons.probability == pytest.approx(2 * stats.ttest_rel(TANH, RELU).pvalue, rel=1e-6)


def test_equal_backends_are_said_to_be_equal_and_count_once() -> None:
    same, other = comparisons(on_both_backends(noise=1e-9))
    assert (same.key, same.is_same, same.pairs) == ("backend", True, 8)
    assert sentence(same, on_both_backends()).endswith("are equal in all 8 pairs, to 1.0e-09.")
    assert other.pairs == 4
    assert other.probability == pytest.approx(stats.ttest_rel(TANH, RELU).pvalue, rel=1e-6)
    distinct, _ = independent(on_both_backends(noise=1e-9))
    assert len(distinct.trials) == 8
    assert distinct.keys == ("activation", "seed")


def test_what_has_no_twin_is_not_left_out() -> None:
    whole = on_both_backends()
    (distinct, _) = independent(
        study([*whole.trials, trial(0.5, backend="keras", activation="gelu", seed="0")])
    )
    assert sorted({each.choices["activation"] for each in distinct.trials}) == ["gelu", "relu", "tanh"]


def test_backends_that_differ_are_compared_like_anything() -> None:
    found = {each.key: each for each in comparisons(on_both_backends(noise=0.01))}
    assert not found["backend"].is_same
    assert found["backend"].better == "keras"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            two_activations(),
            "tanh is better than relu by 1.2 points (95 % interval 0.22 to 2.3, 4 pairs, p = 0.03).",
        ),
        (
            study([trial(v, activation=n, seed=str(s)) for n in ("a", "b") for s, v in enumerate(RELU)]),
            "a and b are equal in all 4 pairs, to the last digit.",
        ),
        (
            study(
                [
                    trial(value, activation=name, seed=str(seed))
                    for name, values in (("a", (0.5, 0.6)), ("b", (0.6, 0.49)))
                    for seed, value in enumerate(values)
                ]
            ),
            "Nothing can be told between a and b: 0.5 points (95 % interval -133 to 134, 2 pairs, p = 0.97).",
        ),
    ],
)
def test_words(made: Study, words: str) -> None:
    (found,) = comparisons(made)
    assert sentence(found, made) == words


def test_what_matters_is_found() -> None:
    draws = np.random.default_rng(0)
    trials = [
        trial(
            0.5 + 0.1 * rate + 0.001 * draws.normal(),
            optimizer__learning_rate=str(rate),
            activation=name,
            seed=seed,
        )
        for rate in (0, 1, 2, 3)
        for name in ("relu", "tanh")
        for seed in ("0", "1")
    ]
    found = importance(study(trials))
    assert next(iter(found)) == "optimizer.learning_rate"
    assert found["optimizer.learning_rate"] > 0.95
    assert sum(found.values()) == pytest.approx(1.0)
    assert importance(study(trials[:5])) == {}


def test_the_usual_metric_is_the_one_that_most_runs_have() -> None:
    some = Trial(name="a", status="FINISHED", choices={}, metrics={"test/loss": 1.0, "test/accuracy": 0.5})
    other = Trial(name="b", status="FINISHED", choices={}, metrics={"test/loss": 1.0})
    assert default_metric([some]) == "test/accuracy"
    assert default_metric([some, other]) == "test/loss"
    assert default_metric([Trial(name="c", status="FAILED", choices={})]) is None


def test_a_study_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    made = study([*two_activations().trials, trial(None, "FAILED", activation="gelu", seed="0")])
    save(made, tmp_path / "study.json")
    assert load(tmp_path / "study.json") == made


def test_the_report_tells_all_of_it() -> None:
    told = report(study([*two_activations().trials, trial(None, "FAILED", activation="gelu", seed="0")]))
    assert told.summary == "9 runs: 8 finished, 1 failed; compared by test/accuracy."
    assert [line[0] for line in told.lines] == ["tanh", "relu"]
    rows = list(csv.DictReader(leaderboard_csv(told).splitlines()))
    assert float(rows[0]["mean"]) == pytest.approx(np.mean(TANH), rel=1e-15)
    (row,) = csv.DictReader(comparisons_csv(told).splitlines())
    assert (row["better"], row["worse"], row["pairs"]) == ("tanh", "relu", "4")


def three_keys() -> Study:
    draws = np.random.default_rng(1)
    return study(
        [
            trial(
                0.8 + 0.05 * draws.normal(),
                backend=backend,
                data=data,
                activation=activation,
                optimizer__learning_rate=rate,
                seed=seed,
            )
            for backend in ("torch", "keras")
            for data in ("moons", "wine")
            for activation in ("relu", "tanh")
            for rate in ("0.001", "0.1")
            for seed in ("0", "1")
        ]
    )


def test_every_figure_is_drawn_where_it_applies(tmp_path: Path) -> None:
    files = draw(three_keys(), title="three keys $x$", folder=tmp_path)
    assert {path.stem for path in files} == set(FIGURES) - {"history"}
    assert all(path.stat().st_size > 5000 for path in files)
    few = draw(
        study([trial(0.5, activation="relu"), trial(0.6, activation="tanh")]),
        title="",
        folder=tmp_path / "few",
    )
    assert {path.stem for path in few} == {"intervals", "curves"}
    assert draw(study([trial(None, "FAILED", activation="relu")]), title="", folder=tmp_path / "none") == []


def test_the_page_needs_no_other_file(tmp_path: Path) -> None:
    save(three_keys(), tmp_path / "study.json")
    *figures, written = make(tmp_path / "study.json")
    text = written.read_text(encoding="utf-8")
    assert len(figures) == text.count("data:image/png;base64,") == len(FIGURES) - 1
    assert not re.search(r"https?://|<script|<link", text)
    assert text.count("<tr>") > 32


def test_the_page_executes_nothing_that_a_name_says() -> None:
    hostile = "<script>alert(1)</script>"
    made = study([trial(0.5, activation=hostile), trial(None, "FAILED", activation="<b>")])
    assert "<script" not in page(report(made), [])


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose store has a sweep of two activations and two seeds, and two runs beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = Store(address(None, tmp_path)).client
    experiment = client.create_experiment("mine")

    def run(words: str, value: float, sweep: str | None = "2026-01-01_10", **tags: str) -> None:
        made = client.create_run(
            experiment, tags={"command": f"python -m runner {words}", "config_sha256": words} | tags
        )
        if sweep:
            client.set_tag(made.info.run_id, "sweep", sweep)
        client.log_param(made.info.run_id, "activation", "elu")
        client.log_metric(made.info.run_id, "test/accuracy", value, step=0)
        for step, each in enumerate((value / 2, value), start=1):
            client.log_metric(made.info.run_id, "validation/accuracy", each, step=step)
        client.set_terminated(made.info.run_id, "FAILED" if "error" in tags else "FINISHED")

    for name, values in (("relu", RELU), ("tanh", TANH)):
        for seed, value in enumerate(values):
            run(f"activation={name} seed={seed} tracking.experiment=mine", value)
    run("activation=gelu seed=0", 0.1, error="diverged at step 3")
    run("-m activation=relu,tanh,gelu", 0.0, role="summary")
    run("seed=0", 0.99, sweep=None)
    run("seed=0", 0.98, sweep=None)
    return tmp_path


def test_report_compares_the_last_sweep(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "last"]) == 0
    told = capsys.readouterr().out
    assert "9 runs: 8 finished, 1 failed; compared by test/accuracy." in told
    assert "tanh is better than relu by 1.2 points" in told
    assert "diverged at step 3" in told
    folder = store / "outputs" / "reports" / "last"
    assert "sweep 2026-01-01_10" in (folder / "report.html").read_text(encoding="utf-8")
    made = load(folder / "study.json")
    assert made.keys == ("activation", "seed")
    assert made.finished[0].curves["validation/accuracy"] == [0.945 / 2, 0.945]


def test_report_compares_an_experiment_and_takes_the_newest_of_equal_runs(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "mine", "metric=validation/accuracy"]) == 0
    assert "10 runs: 9 finished, 1 failed; compared by validation/accuracy." in capsys.readouterr().out
    made = load(store / "outputs" / "reports" / "mine" / "study.json")
    # What was not typed stands as the run's parameters have it.
    assert made.finished[0].choices == {"activation": "elu", "seed": "0"}
    assert made.finished[0].metrics["test/accuracy"] == 0.98


@pytest.mark.parametrize(
    ("words", "sentence_told"),
    [
        (
            ["report", "2026-01-01_11"],
            "2026-01-01_11: is no sweep and no experiment in MLflow's store. Did you mean 2026-01-01_10?"
            " There are 2026-01-01_10, mine, Default.",
        ),
        (
            ["report"],
            "report: takes one sweep or experiment. Name a sweep as its output does, an experiment of MLflow",
        ),
        (
            ["report", "last", "metrc=a"],
            "metrc: is no key of report. Did you mean metric? Its keys are metric, tracking.uri.",
        ),
        (
            ["report", "last", "metric=test/acuracy"],
            "metric: no finished run has this metric. Received: test/acuracy. Did you mean test/accuracy?",
        ),
        (
            ["report", "last", "tracking.uri=sqlite:///nowhere.db"],
            "report: there is no nowhere.db in this folder, so there are no runs to compare.",
        ),
    ],
)
def test_what_cannot_be_reported(
    store: Path, words: list[str], sentence_told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert sentence_told in capsys.readouterr().err
    assert not (store / "outputs").exists()
