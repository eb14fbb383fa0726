"""A sweep as a run of its own, beside the runs it consists of: how they ended, their table, the best."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.description import DESCRIPTION
from runner.metrics import number
from runner.results import Status
from runner.runs import Outcome
from runner.study.report import Report
from runner.sweep.plan import Plan
from runner.sweep.study import report_of, write
from runner.sweep.table import VERDICTS, Table, best_value, comma_separated, last_line, markdown, table
from runner.tracking import RunCard, continuing, identity, journal
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.process import this_process
from runner.tracking.store import StoredRun, charts_page

FOLDER = "summary"
PROGRESS = "progress"
TABLE = "runs.csv"
# MLflow's own page shows its sections by the alphabet: so the curves of the runs come before these counts.
SECTION = "whole_sweep"
# MLflow shows a metric with this step alone as a bar and not as a curve.
_NO_STEP = 0
_LONGEST_TABLE = 4000
_TELL_SECONDS = 1.0
# So long an earlier recorder may need to come to its end; after that the summary is another run.
_RECORDER_SECONDS = 30.0
# MLflow draws a run in a colour by chance unless this is said; grey is none of the runs' own.
_COLOUR = "#757575"


@dataclass(frozen=True)
class Best:
    """The best run of a sweep by the metric that all of them monitor, and where MLflow has it."""

    outcome: Outcome
    monitor: str
    value: float
    stored: StoredRun | None


class Summary:
    """The run that sums a sweep up: begun before all others, so that MLflow lists it below them, and ended after them."""

    def __init__(self, plan: Plan) -> None:
        self._goes_on = plan.settings.resume and _is_to_be_had(plan.folder / FOLDER)
        self.folder = plan.folder / FOLDER if self._goes_on else _free_folder(plan.folder)
        self._plan = plan
        self._journal = Journal(self.folder)
        self._outcomes: list[Outcome] = []
        self._told = -_TELL_SECONDS

    def start(self) -> None:
        """Tells what the sweep is."""
        if self._goes_on:
            self._journal.resume(0, {})
        else:
            self._journal.start(_card(self._plan))
        self._tell_count(running=0)

    def tell(self, outcome: Outcome, running: int) -> None:
        """Takes an outcome; how far the sweep has got is told now and then."""
        self._outcomes.append(outcome)
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self._tell_count(running)

    def end(self, outcomes: Sequence[Outcome]) -> Report | None:
        """Tells how the sweep ended, and returns what its runs say together, where they say anything.

        Args:
            outcomes: how each of its jobs ended, in their order; those that MLflow knows are linked.
        """
        begun = (each.folder for each in outcomes if (each.folder / JOURNAL).exists())
        known = {folder: found for folder in begun if (found := StoredRun.load(folder))}
        told = table(outcomes, self._plan.metric)
        stored = [known.get(each.folder) for each in told.outcomes]
        best = _best(told, stored[0] if stored else None, self._plan.metric)
        (self.folder / TABLE).write_text(
            comma_separated(told, [run.run_id if run else None for run in stored]), encoding="utf-8"
        )
        self._journal.artifact(self.folder / TABLE)
        said = report_of(
            outcomes,
            name=f"sweep {self._plan.name}",
            command=self._plan.command,
            searched=self._plan.metric,
        )
        if said is not None:
            write(said, self._journal)
        self._journal.metrics(_NO_STEP, _metrics(outcomes, best) | _spread(said))
        description = _description(self._plan, told, stored, best, said.means if said else ())
        counted = {PROGRESS: _progress(outcomes, len(self._plan.jobs), running=0)}
        self._journal.tags({**_tags(best), **counted, DESCRIPTION: description})
        self._journal.end(*_end(outcomes))
        return said

    def _tell_count(self, running: int) -> None:
        progress = _progress(self._outcomes, len(self._plan.jobs), running)
        self._journal.metrics(_NO_STEP, _metrics(self._outcomes, None))
        self._journal.tags({PROGRESS: progress, DESCRIPTION: f"{progress}.\n\nAgain: `{self._plan.command}`"})


def _is_to_be_had(folder: Path) -> bool:
    """Returns whether there is a summary of an earlier process, of which nobody else tells MLflow any more."""
    return journal.beginning(folder) is not None and continuing.take_over(folder, _RECORDER_SECONDS)


def _free_folder(sweep: Path) -> Path:
    """Returns a folder that is not there yet: some sweepers come with their runs in several portions."""
    names = (FOLDER if count == 1 else f"{FOLDER}_{count}" for count in itertools.count(1))
    return next(sweep / name for name in names if not (sweep / name).exists())


def _card(plan: Plan) -> RunCard:
    over = {f"sweep.{key}": ", ".join(each) for key, each in plan.over.items()}
    return RunCard(
        identity=uuid.uuid4().hex,
        name=_name(plan),
        experiment=plan.experiment.tracking.experiment,
        uri=plan.uri,
        parameters={**plan.parameters, **over},
        chosen=(),
        tags={
            "sweep": plan.name,
            "role": "summary",
            "command": plan.command,
            "mlflow.runColor": _COLOUR,
            **identity.git_tags(Path.cwd()),
        },
        plots={},
        time=time.time(),
        process=this_process(),
    )


def _name(plan: Plan) -> str:
    kind = "search" if plan.searched else "sweep"
    over = f"{kind} over {', '.join(plan.over) or 'one run'}"
    return f"{plan.experiment.name}: {over}" if plan.experiment.name else over


def _best(told: Table, stored: StoredRun | None, metric: str | None) -> Best | None:
    """Returns the first run of the table; what was monitored by different metrics has no best one."""
    monitors = {metric or outcome.result.monitor for outcome in told.outcomes if outcome.result}
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


def _spread(said: Report | None) -> dict[str, float]:
    """Returns mean, standard deviation and interval of the best choice over its seeds and folds."""
    if said is None or len(said.groups[0].trials) < 2:
        return {}
    first, metric = said.groups[0], said.study.metric.replace("/", "_")
    found = {
        "mean": first.mean,
        "deviation": first.deviation,
        "interval_low": first.low,
        "interval_high": first.high,
    }
    return {f"{SECTION}/{name}_{metric}": value for name, value in found.items()}


def _pruned(outcomes: Sequence[Outcome]) -> int:
    """Returns how many runs a search ended without hope."""
    return sum(bool(each.result and each.result.pruned) for each in outcomes)


def _tags(best: Best | None) -> dict[str, str]:
    if best is None:
        return {}
    named = {"monitor": best.monitor, "best_run": best.outcome.name}
    return named | {"best_run_id": best.stored.run_id} if best.stored else named


def _progress(outcomes: Sequence[Outcome], jobs: int, running: int) -> str:
    """Returns how far a sweep has got: ``12 of 64 done, 2 running, 1 failed``."""
    counts = Counter(outcome.status for outcome in outcomes)
    more = {"running": running, "failed": counts["FAILED"], "stopped": counts["KILLED"]}
    more["pruned"] = _pruned(outcomes)
    return ", ".join(
        [f"{counts['FINISHED']} of {jobs} done", *(f"{n} {word}" for word, n in more.items() if n)]
    )


def _description(
    plan: Plan, told: Table, stored: Sequence[StoredRun | None], best: Best | None, means: Sequence[str]
) -> str:
    """Returns what MLflow shows on top of the summary's page."""
    counts = Counter(outcome.status for outcome in told.outcomes)
    ended = ", ".join(f"{counts[status]} {verdict}" for status, verdict in VERDICTS.items() if counts[status])
    over = " and ".join(f"{key} ({', '.join(each)})" for key, each in plan.over.items())
    pruned = _pruned(told.outcomes)
    ended += f", {pruned} of them pruned" if pruned else ""
    first = f"{len(told.outcomes)} runs{f' over {over}' if over else ''}: {ended}."
    if best is not None:
        page = _page(best.stored)
        named = f"[{best.outcome.name}]({page})" if page else best.outcome.name
        first += f" The best {best.monitor} is {number(best.value)}: {named}."
    first = "\n\n".join((first, *means))
    last = f"Every digit is in {TABLE} among the artifacts."
    if known := [run for run in stored if run]:
        charts = charts_page("", known[0].experiment_id, plan.name, viewed=True).removeprefix("/")
        last += f" [The curves of all runs]({charts})."
    failures = "".join(
        f"- {each.name}: {last_line(each)}\n" for each in told.outcomes if each.status == "FAILED"
    )
    rows = markdown(told, [_page(run) for run in stored], _LONGEST_TABLE)
    listed = f"\nFailed:\n\n{failures[:_LONGEST_TABLE]}" if failures else ""
    return f"{first}\n\n{rows}{listed}\n{last}"


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
