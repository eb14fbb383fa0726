"""The trials of a search as the jobs of a sweep: asked of the study when a worker is free, and told to it when they end."""

from __future__ import annotations

import math
import shlex
import socket
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigurationError
from runner.experiment import Experiment, Pruning
from runner.metrics import number
from runner.runs import Outcome, RunRequest, remembered
from runner.search.space import Numbers
from runner.sweep import record
from runner.sweep.jobs import Job, label
from runner.sweep.office import Office
from runner.sweep.plan import Plan, Searched
from runner.sweep.summary import Summary
from runner.sweep.table import best_value, last_line
from runner.tracking.process import Process, gone, this_process
from runner.tracking.recorder import Recorder
from runner.tracking.store import address_of, database

if TYPE_CHECKING:
    from runner.search.study import Asked, Best, Ending, Search

DATABASE = "study.db"
_EPOCHS = "training.epochs"


def begin(plan: Plan) -> Search | None:
    """Returns the study of a search, those trials ended whose process is gone; None where nothing is searched.

    Raises:
        ConfigurationError: the study cannot be opened, or another one has its name.
    """
    if plan.searched is None:
        return None
    from runner.search.study import Search

    search = Search(
        storage=_storage(plan),
        name=_name(plan),
        space=plan.searched.space,
        settings=plan.searched.settings,
        metric=plan.searched.metric,
        pruning=_pruning(plan, plan.experiment, -1),
        owner=_owner(plan),
    )
    _settle(plan, search)
    return search


class SearchOffice(Office):
    """Asks the study what the next job is, and tells it how each ended."""

    def __init__(self, plan: Plan, summary: Summary, recorder: Recorder | None, search: Search) -> None:
        super().__init__(plan, summary, recorder, {}, None)
        self._search = search
        self._asked: dict[int, Job] = {}
        self._open: dict[Path, Asked] = {}
        self._earlier = _earlier(plan, search)

    def prepare(self, job: Job) -> RunRequest | Outcome | None:
        if self._earlier:
            return self._earlier.pop(0)
        asked = self._ask()
        if asked is None:
            return None
        trial = self._asked[job.number] = _job(self.plan, asked)
        folder = _folder(self.plan, asked.number)
        self._open[folder] = asked
        request = self.plan.request(trial, self.summary.folder)
        pruning = _pruning(self.plan, request.experiment, asked.key)
        training = replace(request.experiment.training, pruning=pruning)
        return replace(request, folder=folder, experiment=replace(request.experiment, training=training))

    def refuse(self, job: Job, error: ConfigurationError) -> Outcome:
        return super().refuse(self._asked[job.number], error)

    def tell(self, outcome: Outcome, running: int) -> None:
        asked = self._open.pop(outcome.folder, None)
        if asked is not None:
            self._search.tell(asked.number, _ending(self.plan, outcome))
        super().tell(outcome, running)

    def close(self) -> None:
        from runner.search.study import Ending

        for asked in self._open.values():
            self._search.tell(asked.number, Ending(is_lost=True, reason="stopped with the sweep"))

    def _ask(self) -> Asked | None:
        """Returns the next trial, where need be in the place of one whose process has meanwhile gone."""

        def ask() -> Asked | None:
            return self._search.ask(lambda trial: _folder(self.plan, trial))

        asked = ask()
        if asked is None:
            _settle(self.plan, self._search)
            asked = ask()
        return asked


def best_command(plan: Plan, best: Best) -> str:
    """Returns the lines that tell the best trial of a study, and the command that trains it again."""
    assert plan.searched is not None
    flags = [word for word in plan.words if word.startswith("--config")]
    overrides = [*flags, *plan.searched.space.overrides(best.values)]
    told = f"best     trial {best.number}, {plan.searched.metric} {number(best.value)}"
    return f"{told}\nnext     {shlex.join(['python', '-m', 'runner', *overrides])}"


def _job(plan: Plan, asked: Asked) -> Job:
    searched = _searched(plan)
    return Job(
        number=asked.number,
        overrides=tuple(searched.space.overrides(asked.values)),
        choices=asked.values,
        label=label(asked.values, plan.groups),
    )


def _earlier(plan: Plan, search: Search) -> list[Outcome]:
    """Returns the outcomes of this sweep's trials that an earlier process has carried out."""
    found = []
    for asked, folder in search.trials_of(lambda owner: _is_of(plan, owner)):
        outcome = (
            remembered(folder, name=plan.named(_job(plan, asked)), choices=asked.values) if folder else None
        )
        if outcome is not None:
            found.append(outcome)
    return found


def _settle(plan: Plan, search: Search) -> None:
    """Ends the trials of processes that are gone, as their journals say or else as lost."""
    from runner.search.study import Ending

    here = asdict(this_process())

    def ended(owner: Mapping[str, Any], folder: Path | None) -> Ending | None:
        process = owner["process"]
        # Nobody else is at this sweep's folder, so its trials of another process are not under way.
        is_over = process != here if _is_of(plan, owner) else gone(Process(**process))
        if not is_over:
            return None
        outcome = remembered(folder, name="", choices={}) if folder else None
        return _ending(plan, outcome) if outcome else Ending(is_lost=True, reason="its process was killed")

    search.settle(ended)


def _ending(plan: Plan, outcome: Outcome) -> Ending:
    from runner.search.study import Ending

    if outcome.status == "KILLED":
        return Ending(is_lost=True, reason=last_line(outcome))
    if outcome.result is not None and outcome.result.pruned:
        return Ending(is_pruned=True)
    value = best_value(outcome, _searched(plan).metric)
    if value is None or not math.isfinite(value):
        return Ending(reason=last_line(outcome) or "its metric is no finite number")
    return Ending(value=value)


def _pruning(plan: Plan, experiment: Experiment, key: int) -> Pruning | None:
    searched = _searched(plan)
    settings = searched.settings
    if settings.pruner == "none":
        return None
    longest = (
        int(axis.high) for axis in searched.space.axes if isinstance(axis, Numbers) and axis.key == _EPOCHS
    )
    return Pruning(
        storage=_storage(plan),
        study=_name(plan),
        trial=key,
        metric=searched.metric,
        pruner=settings.pruner,
        startup_trials=settings.startup_trials,
        warmup_epochs=settings.warmup_epochs,
        epochs=next(longest, experiment.training.epochs),
    )


def _searched(plan: Plan) -> Searched:
    assert plan.searched is not None
    return plan.searched


def _folder(plan: Plan, trial: int) -> Path:
    return record.free(plan.folder / str(trial))


def _storage(plan: Plan) -> str:
    """Returns the address of the study's database, a file by its whole path: workers may have another working folder."""
    chosen = _searched(plan).settings.storage
    if chosen is None:
        return address_of(plan.folder / DATABASE)
    file = database(chosen)
    # Without a path it is a database in memory.
    return chosen if file in (None, Path()) else address_of(file.absolute())


def _name(plan: Plan) -> str:
    return _searched(plan).settings.study or plan.name


def _owner(plan: Plan) -> dict[str, Any]:
    return {"process": asdict(this_process()), "sweep": str(plan.folder)}


def _is_of(plan: Plan, owner: Mapping[str, Any]) -> bool:
    is_here = bool(owner.get("process", {}).get("host") == socket.gethostname())
    return is_here and bool(owner["sweep"] == str(plan.folder))
