"""What ``-m`` starts: the runs of a sweep, with one recorder beside them and a table at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from runner import display
from runner.errors import ConfigurationError, Fault
from runner.folders import shown
from runner.runs import Outcome
from runner.session import finished
from runner.signals import signals_raised
from runner.sweep import record, searching
from runner.sweep.begun import Begun
from runner.sweep.office import Office
from runner.sweep.plan import Plan
from runner.sweep.scheduler import Scheduler
from runner.sweep.searching import SearchOffice
from runner.sweep.summary import TABLE, Summary
from runner.sweep.table import print_table
from runner.tracking.journal import Journal
from runner.tracking.recorder import Recorder

if TYPE_CHECKING:
    from runner.search.study import Search

# On a busy machine MLflow knows a run some seconds after it has begun; longer, where its store does not answer.
_STORE_SECONDS = 20.0
# The workers of a sweep that was killed end with it, within this time.
_END_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def run(plan: Plan) -> list[Outcome]:
    """Carries out the runs of a sweep, sums them up and tells how they went.

    Raises:
        ConfigurationError: somebody else is at the same sweep, or its engine cannot be reached.
    """
    with plan.engine.opened(plan.folder) as site, _alone(plan.folder):
        done = _left_by_others(plan.folder) if plan.settings.resume else {}
        search = searching.begin(plan)
        record.save(plan)
        tracked = plan.experiment.tracking.enabled
        goes_on = plan.settings.resume and search is None
        begun = Begun(plan.folder, plan.uri if tracked else None) if goes_on else None
        # Before the recorder, which takes up whatever nobody has.
        summary = Summary(plan)
        recorder = Recorder.start(plan.uri, plan.folder, patient=True) if tracked else None
        office = (
            Office(plan, summary, recorder, done, begun)
            if search is None
            else SearchOffice(plan, summary, recorder, search)
        )
        print(_opening(plan), file=sys.stderr, flush=True)
        try:
            with signals_raised():
                office.open()
                scheduler = Scheduler(plan.jobs, plan.settings, office, site, one_by_one=search is not None)
                outcomes = scheduler.run()
                office.close()
                if recorder:
                    with display.sending(sys.stderr) as tell:
                        recorder.wait_for_beginnings(_STORE_SECONDS, tell)
                said = summary.end(outcomes)
        finally:
            report = finished(recorder)
    print_table(sys.stdout, outcomes, plan.metric, whole=shown(summary.folder / TABLE))
    for sentence in said.means if said else ():
        print(sentence)
    for sentence in said.sentences if said and said.comparisons else ():
        print(sentence)
    display.whereabouts(sys.stdout, folder=shown(plan.folder), report=report, sweep=plan.name)
    if _is_unfinished(plan, outcomes, search):
        print(f"resume: python -m runner resume {shown(plan.folder)}")
    if search and search.best:
        print(searching.best_command(plan, search.best))
    return outcomes


def _is_unfinished(plan: Plan, outcomes: Sequence[Outcome], search: Search | None) -> bool:
    """Returns whether a sweep that is gone on with has anything to do; a trial that failed by itself is not tried again."""
    if search is not None:
        return search.counted < len(plan.jobs)
    return any(outcome.status != "FINISHED" for outcome in outcomes)


def _opening(plan: Plan) -> str:
    count = len(plan.jobs)
    return f"{count} {'run' if count == 1 else 'runs'}: {plan.name}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps others from the same sweep while this process, or nobody, is at it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / record.LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        rule = "is under way in another process"
        raise ConfigurationError(
            [Fault(shown(folder).as_posix(), rule, remedy="Wait for its end.")]
        ) from None
    try:
        yield
    finally:
        lock.release()


def _left_by_others(folder: Path) -> dict[str, list[Path]]:
    """Returns what an earlier process has finished, once its last worker has come to an end."""
    end = time.monotonic() + _END_SECONDS
    while alive := [each for each in record.attempts(folder) if each.is_alive]:
        if time.monotonic() > end:
            processes = [each.card.process for each in alive]
            rule = f"has runs under way: {', '.join(f'{each.pid} on {each.host}' for each in processes)}"
            raise ConfigurationError([Fault(shown(folder).as_posix(), rule, remedy="Wait for their end.")])
        time.sleep(_LOOK_SECONDS)
    for attempt in record.attempts(folder):
        if attempt.is_lost:
            # Of a process of this machine the recorder says it.
            Journal(attempt.folder).end("KILLED", "gone without a word, with its machine or its sweep")
    return {each: list(folders) for each, folders in record.finished(folder).items()}
