"""The runs of a sweep looked at together, at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.runs import Outcome
from runner.study import Study, Trial, default_metric
from runner.study.records import is_curve
from runner.study.report import Report, report
from runner.study.report import write as files
from runner.tracking.journal import Journal


def report_of(
    outcomes: Sequence[Outcome], *, name: str, command: str, searched: str | None = None
) -> Report | None:
    """Returns what there is to tell of a sweep's runs; None where too few finished with a metric, or none differ.

    Args:
        outcomes: how they ended.
        name: of the sweep.
        command: what was typed.
        searched: the metric that a search made best; None where all jobs were known before the first.
    """
    trials = tuple(_trial(outcome) for outcome in outcomes)
    metric = searched or default_metric(trials)
    if metric is None:
        return None
    is_search = searched is not None
    made = Study(name=name, trials=trials, metric=metric, command=command, is_search=is_search)
    return report(made) if made.keys and len(made.finished) > 1 else None


def write(told: Report, journal: Journal) -> None:
    """Writes a study into the folder of a journal, which has its figures and its page made."""
    *tables, study_file = files(told, journal.folder)
    for path in tables:
        journal.artifact(path)
    journal.study(study_file)


def _trial(outcome: Outcome) -> Trial:
    result = outcome.result
    curves: Mapping[str, list[float]] = {}
    if result is not None:
        names = dict.fromkeys(name for record in result.epochs for name in record.metrics)
        curves = {
            name: [record.metrics[name] for record in result.epochs if name in record.metrics]
            for name in names
            if is_curve(name)
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
        pruned=result.pruned if result else "",
    )
