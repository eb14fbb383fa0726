"""A sweep as a run of its own, beside the runs it consists of: how they ended, their table, the best."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.description import DESCRIPTION
from runner.display import number
from runner.results import Status
from runner.runs import Outcome, RunRequest
from runner.sweep.table import VERDICTS, Table, best_value, comma_separated, markdown, table
from runner.tracking import RunCard, Scalar, identity
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.process import this_process
from runner.tracking.store import StoredRun, charts_page

FOLDER = "summary"
TABLE = "runs.csv"
# MLflow's own page shows its sections by the alphabet: so the curves of the runs come before these counts.
SECTION = "whole_sweep"
# MLflow shows a metric with this step alone as a bar and not as a curve.
_NO_STEP = 0
_LONGEST_TABLE = 4000
_LOOK_SECONDS = 0.05
# MLflow draws a run in a colour by chance unless this is said; grey is none of the runs' own.
_COLOUR = "#757575"


@dataclass(frozen=True)
class Best:
    """The best run of a sweep by the metric that all of them monitor, and where MLflow has it."""

    outcome: Outcome
    monitor: str
    value: float
    stored: StoredRun | None


def summarise(
    requests: Sequence[RunRequest],
    outcomes: Sequence[Outcome],
    *,
    command: str,
    began: float,
    wait_seconds: float,
) -> Path:
    """Writes a sweep's summary with a complete journal, and returns its folder.

    Args:
        requests: the runs of the sweep.
        outcomes: how each of them ended, in the same order.
        command: what was typed.
        began: when the sweep began, in seconds since 1970, before all of its runs: MLflow lists them before it.
        wait_seconds: how long to wait at most until MLflow knows every run, so that each has a link.
    """
    folder = _free_folder(requests[0].folder.parent)
    known = _stored(outcomes, wait_seconds)
    told = table(outcomes)
    stored = [known.get(each.folder) for each in told.outcomes]
    best = _best(told, stored[0])
    journal = Journal(folder)
    journal.start(_card(requests, command, began))
    (folder / TABLE).write_text(
        comma_separated(told, [run.run_id if run else None for run in stored]), encoding="utf-8"
    )
    journal.artifact(folder / TABLE)
    journal.metrics(_NO_STEP, _metrics(outcomes, best))
    journal.tags(_tags(best) | {DESCRIPTION: _description(requests, told, stored, best)})
    journal.end(*_end(outcomes))
    return folder


def _free_folder(sweep: Path) -> Path:
    """Returns a folder that is not there yet: some sweepers come with their runs in several portions."""
    names = (FOLDER if count == 1 else f"{FOLDER}_{count}" for count in itertools.count(1))
    return next(sweep / name for name in names if not (sweep / name).exists())


def _stored(outcomes: Sequence[Outcome], seconds: float) -> dict[Path, StoredRun]:
    """Returns where MLflow has each run by its folder, after a wait for those that it has yet to hear of."""
    begun = [each.folder for each in outcomes if (each.folder / JOURNAL).exists()]
    end = time.monotonic() + seconds
    while True:
        found = {folder: stored for folder in begun if (stored := StoredRun.load(folder))}
        if len(found) == len(begun) or time.monotonic() >= end:
            return found
        time.sleep(_LOOK_SECONDS)


def _card(requests: Sequence[RunRequest], command: str, began: float) -> RunCard:
    first = requests[0]
    return RunCard(
        identity=uuid.uuid4().hex,
        name=_name(requests),
        experiment=first.experiment.tracking.experiment,
        uri=first.uri,
        parameters=_parameters(requests),
        chosen=(),
        tags={
            "sweep": str(first.sweep),
            "role": "summary",
            "command": command,
            "mlflow.runColor": _COLOUR,
            **identity.git_tags(Path.cwd()),
        },
        plots={},
        time=began,
        process=this_process(),
    )


def _name(requests: Sequence[RunRequest]) -> str:
    keys = ", ".join(_values(requests)) or "one run"
    named = {request.experiment.name for request in requests} - {None}
    return f"{named.pop()}: sweep over {keys}" if len(named) == 1 else f"sweep over {keys}"


def _values(requests: Sequence[RunRequest]) -> dict[str, list[str]]:
    """Returns the keys in which the runs differ, each with its values in the order of the runs."""
    keys = dict.fromkeys(key for request in requests for key in request.choices)
    return {
        key: list(dict.fromkeys(each.choices[key] for each in requests if key in each.choices))
        for key in keys
    }


def _parameters(requests: Sequence[RunRequest]) -> Mapping[str, Scalar]:
    """Returns what all runs have alike, and the values that were gone through."""
    first, *others = (request.parameters for request in requests)
    alike = {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }
    return alike | {f"sweep.{key}": ", ".join(values) for key, values in _values(requests).items()}


def _best(told: Table, stored: StoredRun | None) -> Best | None:
    """Returns the first run of the table; what was monitored by different metrics has no best one."""
    monitors = {outcome.result.monitor for outcome in told.outcomes if outcome.result}
    if len(monitors) != 1:
        return None
    (monitor,) = monitors
    value = best_value(told.outcomes[0], monitor)
    return None if value is None else Best(told.outcomes[0], monitor, value, stored)


def _metrics(outcomes: Sequence[Outcome], best: Best | None) -> dict[str, float]:
    counts = Counter(outcome.status for outcome in outcomes)
    found: dict[str, float] = {f"{SECTION}/{verdict}": counts[status] for status, verdict in VERDICTS.items()}
    if best is not None:
        found[f"{SECTION}/best_{best.monitor.replace('/', '_')}"] = best.value
    return found


def _tags(best: Best | None) -> dict[str, str]:
    if best is None:
        return {}
    named = {"monitor": best.monitor, "best_run": best.outcome.name}
    return named | {"best_run_id": best.stored.run_id} if best.stored else named


def _description(
    requests: Sequence[RunRequest], told: Table, stored: Sequence[StoredRun | None], best: Best | None
) -> str:
    """Returns what MLflow shows on top of the summary's page."""
    counts = Counter(outcome.status for outcome in told.outcomes)
    ended = ", ".join(f"{counts[status]} {verdict}" for status, verdict in VERDICTS.items() if counts[status])
    over = " and ".join(f"{key} ({', '.join(values)})" for key, values in _values(requests).items())
    first = f"{len(requests)} runs{f' over {over}' if over else ''}: {ended}."
    if best is not None:
        page = _page(best.stored)
        named = f"[{best.outcome.name}]({page})" if page else best.outcome.name
        first += f" The best {best.monitor} is {number(best.value)}: {named}."
    last = f"Every digit is in {TABLE} among the artifacts."
    if known := [run for run in stored if run]:
        charts = charts_page("", known[0].experiment_id, requests[0].sweep, viewed=True).removeprefix("/")
        last += f" [The curves of all runs]({charts})."
    rows = markdown(told, [_page(run) for run in stored], _LONGEST_TABLE)
    return f"{first}\n\n{rows}\n{last}"


def _page(stored: StoredRun | None) -> str | None:
    return None if stored is None else stored.place


def _end(outcomes: Sequence[Outcome]) -> tuple[Status, str | None]:
    """Returns the status of the whole: FINISHED where all runs did, else that of those which did not."""
    statuses: tuple[Status, ...] = ("KILLED", "FAILED")
    for status in statuses:
        count = sum(outcome.status == status for outcome in outcomes)
        if count:
            return status, f"{count} of {len(outcomes)} runs {VERDICTS[status]}"
    return "FINISHED", None
