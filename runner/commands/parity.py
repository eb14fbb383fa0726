"""The verb parity: one configuration on both backends, compared step by step."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runner import compose, device_rules, folders, request, supplies, surroundings, task
from runner.errors import ConfigurationError, Fault
from runner.layers import is_native
from runner.parity.control import fault as control_fault

if TYPE_CHECKING:
    from runner.runs import RunRequest

BACKENDS = ("torch", "keras")

_BACKEND = "backend="


def run(words: Sequence[str]) -> int:
    """Compares the backends; exit code 0 where they are the same training, 1 where not."""
    folders.make_importable()
    asked = request.parse(words)
    faults = _without_meaning(asked)
    rest = tuple(text for text in asked.overrides if not text.startswith(_BACKEND))
    asked = replace(asked, overrides=rest, multirun=False)
    with compose.session(asked.config_dir):
        requests: list[RunRequest] = []
        for backend in BACKENDS:
            try:
                requests.append(_request(asked, backend))
            except ConfigurationError as error:
                faults += error.faults
        if faults:
            raise ConfigurationError(list(dict.fromkeys(faults)))
        supplies.fetch([requests[0].experiment])
        from runner.parity import session

        verdict = session.run(requests, command=shlex.join(["python", "-m", "runner", "parity", *words]))
    return 0 if verdict.equal else 1


def _without_meaning(asked: request.Request) -> list[Fault]:
    faults = [
        Fault(
            "backend",
            "is not for you to choose here: parity trains on both",
            text,
            None,
            f"Leave {text} out.",
        )
        for text in asked.overrides
        if text.startswith(_BACKEND)
    ]
    if asked.multirun:
        faults.append(Fault("-m", "parity compares one configuration at a time", None, None, "Leave -m out."))
    return faults


def _request(asked: request.Request, backend: str) -> RunRequest:
    """Returns what one backend is to do, checked, in the folder of the comparison."""
    answer = request.answer(replace(asked, overrides=(f"backend={backend}", *asked.overrides)))
    experiment = answer.checked.experiment
    faults = surroundings.faults(experiment, answer.folder)
    if faults:
        raise ConfigurationError(faults)
    if answer.checked.blueprint is None or not task.depends_on(task.of(experiment), "training.epochs"):
        rule = "must be train, because parity compares trainings step by step"
        raise ConfigurationError([Fault("task", rule, experiment.task.name)])
    if is_native(answer.checked.blueprint.tree):
        rule = "has no parity: it is a network of one framework's own"
        remedy = "Write it in layers (architecture=tree) to have it on both."
        raise ConfigurationError([Fault("architecture", rule, experiment.architecture.target, remedy=remedy)])
    for unanswered in (device_rules.parity_fault(experiment), control_fault(experiment)):
        if unanswered:
            raise ConfigurationError([unanswered])
    for warning in answer.checked.warnings if backend == BACKENDS[0] else ():
        print(f"Note: {warning}", file=sys.stderr)
    return compose.run_request(
        answer.config, experiment, overrides=asked.overrides, folder=Path(answer.folder)
    )
