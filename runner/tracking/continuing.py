"""The journal of a run that is gone on with: what was told before is not told again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runner.tracking import journal, sent, unsent
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.process import this_process

_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Told:
    """Which metrics a journal has: (step, name) of those of epochs, and the last step of each that steps have."""

    metrics: frozenset[tuple[int, str]]
    steps: Mapping[str, int]


def told(folder: Path, *, is_longer: bool) -> Told:
    """Returns what the journal of a run has.

    Args:
        folder: of the run.
        is_longer: whether the run had finished, and gets more epochs: then its final metrics come once more.
    """
    metrics: set[tuple[int, str]] = set()
    steps: dict[str, int] = {}
    for event, _ in journal.read(folder, 0):
        if event["event"] == "metrics" and not (is_longer and event["step"] == 0):
            metrics |= {(event["step"], name) for name in event["values"]}
        elif event["event"] == "steps":
            for name, column in event["values"].items():
                steps[name] = max(steps.get(name, 0), event["first_step"] + len(column) - 1)
    return Told(frozenset(metrics), steps)


class Continued(Journal):
    """A journal that takes of each step and each epoch only what it does not have.

    MLflow tells rows of a metric apart by their time: told twice, a step would have two of them.
    """

    def __init__(self, folder: Path, known: Told) -> None:
        super().__init__(folder)
        self._known = known

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        new = {name: value for name, value in values.items() if (step, name) not in self._known.metrics}
        if new:
            super().metrics(step, new)

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        for name, column in values.items():
            known = max(self._known.steps.get(name, 0) - first_step + 1, 0)
            if known < len(column):
                super().steps(first_step + known, {name: column[known:]})


def take_over(folder: Path, seconds: float) -> bool:
    """Makes this process the one that tells of a run, once the recorder that was at it is done; returns whether it is.

    Args:
        folder: of the run.
        seconds: how long is waited for the other one.
    """
    if not claim(folder, seconds):
        return False
    if (folder / JOURNAL).exists():
        reopen(folder)
    return True


def claim(folder: Path, seconds: float) -> bool:
    """Keeps all recorders from a run, once the one that was at it is done; returns whether it is.

    Args:
        folder: of the run.
        seconds: how long is waited for the other one.
    """
    end = time.monotonic() + seconds
    while not unsent.claim(folder, this_process()):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def reopen(folder: Path) -> None:
    """Sees to it that nobody takes a run for one of which MLflow has everything."""
    replace(sent.load(folder), status=None).save(folder)
