"""A run that only MLflow has: looked up by number or name, and what is said where there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from runner.errors import Fault, RunnerError, UsageError
from runner.recorded import local
from runner.recorded.here import Here
from runner.recorded.records import Record
from runner.suggestions import listed, nearest
from runner.tracking import lookup
from runner.tracking.lookup import FoundRun
from runner.tracking.store import StoredRun

BEST = "best"
DIGITS = re.compile("[0-9a-f]{8,32}")
SHOWN = 6


def in_store(text: str, here: Here, *, trainings: bool = False) -> Record:
    """Returns the run of MLflow's store that a word names, ``last`` among trainings alone if those are asked for.

    Raises:
        UsageError: there is none, or several.
        RunnerError: the store could not be asked.
    """
    if not here.has_store:
        raise UsageError([_unknown(text, here, lookup.Answer())])
    answer = lookup.look_up(uri=here.uri, text=text, trainings=trainings)
    if answer.trouble:
        raise RunnerError(f"MLflow's store could not be asked for {text!r}: {answer.trouble}")
    if answer.several:
        raise UsageError([several(text, answer.several)])
    if answer.run is None:
        raise UsageError([_unknown(text, here, answer)])
    return _recorded(answer.run, here.uri)


def _recorded(run: FoundRun, uri: str) -> Record:
    """Returns a run of MLflow; its folder where that is on this machine."""
    folder = Path(run.tags.get("folder", ""))
    if run.tags.get("folder") and local.number(folder) == run.run_id and (known := local.read(folder)):
        return known
    return Record(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        error=run.tags.get("error"),
        experiment=run.experiment,
        uri=uri,
        folder=None,
        artifacts=Path(run.artifacts) if run.artifacts else None,
        page=StoredRun(run.run_id, run.experiment_id, uri).page,
        began=run.began,
        tags=run.tags,
        parameters=run.parameters,
        curves=run.curves,
        final=run.final,
        steps=run.steps,
        dataset=run.dataset,
    )


def several(text: str, numbers: Sequence[str]) -> Fault:
    """Returns the fault of digits with which the numbers of several runs begin."""
    remedy = f"They are {listed(numbers, SHOWN)}."
    return Fault(text, f"{len(numbers)} runs have a number that begins so", remedy=remedy)


def _unknown(text: str, here: Here, answer: lookup.Answer) -> Fault:
    """Returns the fault of a word that names no run, with the nearest of those that do."""
    names = list(dict.fromkeys([*(card.name for _, card in here.trainings), *answer.names]))
    if text in answer.groups:
        return Fault(
            text, "is a sweep or an experiment, and one run is needed", remedy=f"{BEST}:{text} is its best."
        )
    if not names:
        where = f"{local.OUTPUTS}/ has none" + ("" if here.has_store else ", and there is no MLflow store")
        return Fault(text, f"there is no run here yet: {where}", remedy="tracking.uri=ADDRESS names a store.")
    rule = "there is no run of this number or name, not in this folder and not in MLflow's store"
    suggestion = None if DIGITS.fullmatch(text) else nearest(text, names)
    return Fault(text, rule, suggestion=suggestion, remedy=f"The newest are {listed(names, SHOWN)}.")
