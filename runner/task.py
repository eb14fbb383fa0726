"""What is done with an experiment: a training, or one of the tools beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast

from runner import component
from runner.blueprint import Blueprint
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment
from runner.findings import Findings
from runner.results import EpochRecord, Result
from runner.tracking import Tracker

# The keys that every task reads.
ALWAYS = frozenset({"name", "backend", "task", "tracking", "plots"})
# The keys from which a network comes, its rows and its arrays.
NETWORK = frozenset({"seed", "data", "architecture", "activation", "initializer", "loss"})
ROWS = frozenset({"split", "standardise", "debug.rows"})
# How a network is carried out without a training, and what it starts from.
CARRIED_OUT = frozenset(
    {
        f"training.{key}"
        for key in ("precision", "accelerator", "devices", "threads", "start_from", "start_with")
    }
)


class Display(Protocol):
    """What a person sees of a task."""

    def epoch(self, record: EpochRecord) -> None:
        """Takes an epoch that has ended."""


class Task(Protocol):
    """A task that is known but not yet carried out."""

    @property
    def reads(self) -> frozenset[str]:
        """The keys that it depends on beside those of ``ALWAYS``, each with everything below it."""

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterable[Fault]:
        """Yields what does not go together in an experiment; nothing heavy is imported.

        Args:
            experiment: sound key by key.
            drawing: its network; None where the task reads none.
        """

    def run(
        self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display
    ) -> Result | Findings:
        """Carries it out and returns what came of it.

        Args:
            experiment: checked.
            folder: where the run's files go.
            tracker: what is told of it.
            display: what a person sees meanwhile.
        """


def of(experiment: Experiment) -> Task:
    """Returns the task of an experiment.

    Raises:
        ConfigurationError: it cannot be made of what its YAML states.
    """
    made = component.build(experiment.task)
    if not all(hasattr(made, name) for name in ("reads", "faults", "run")):
        rule = "must return a task, with reads, faults and run"
        raise ConfigurationError([Fault(f"task.{component.TARGET}", rule, type(made).__name__)])
    return cast(Task, made)


def depends_on(task: Task, key: str) -> bool:
    """Returns whether a task reads a key, or one that the key lies below."""
    return any(key == read or key.startswith(f"{read}.") for read in ALWAYS | task.reads)
