"""The runs of a sweep looked at together, at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.runs import Outcome
from runner.study import Study, Trial, default_metric
from runner.study.comparisons import comparisons
from runner.study.records import save
from runner.study.report import comparisons_csv, leaderboard_csv, report
from runner.tracking.journal import Journal

STUDY, LEADERBOARD, COMPARISONS = "study.json", "leaderboard.csv", "comparisons.csv"


def study(outcomes: Sequence[Outcome], *, name: str, command: str) -> Study | None:
    """Returns the study of a sweep's runs; None where none finished with a metric, or where they do not differ."""
    trials = tuple(_trial(outcome) for outcome in outcomes)
    metric = default_metric(trials)
    if metric is None:
        return None
    made = Study(name=name, trials=trials, metric=metric, command=command)
    return made if made.keys and len(made.finished) > 1 else None


def write(made: Study, journal: Journal) -> None:
    """Writes a study into the folder of a journal, which has its figures and its page made."""
    told = report(made)
    texts = {LEADERBOARD: leaderboard_csv(told), COMPARISONS: comparisons_csv(told)}
    for name, text in texts.items():
        (journal.folder / name).write_text(text, encoding="utf-8")
        journal.artifact(journal.folder / name)
    save(made, journal.folder / STUDY)
    journal.study(journal.folder / STUDY)


def sentences(made: Study) -> tuple[str, ...]:
    """Returns what is better than what, in words; nothing where there is nothing to compare."""
    return report(made).sentences if comparisons(made) else ()


def _trial(outcome: Outcome) -> Trial:
    result = outcome.result
    curves: Mapping[str, list[float]] = {}
    if result is not None:
        names = dict.fromkeys(name for record in result.epochs for name in record.metrics)
        curves = {
            name: [record.metrics[name] for record in result.epochs if name in record.metrics]
            for name in names
            if name.startswith("validation/") or name == "train/loss"
        }
    return Trial(
        name=outcome.name,
        status=outcome.status,
        choices=dict(outcome.choices),
        metrics=dict(result.metrics) if result else {},
        curves=curves,
        seconds=outcome.seconds,
        error=outcome.message,
        output=result.output or "" if result else "",
    )
