"""Who carries out the runs of a sweep: processes of this machine, a Ray cluster, or SLURM."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from runner.errors import Fault
from runner.experiment import Experiment
from runner.runs import RunRequest
from runner.sweep.worker import Report

KEY = "hydra.launcher"


class Place(Protocol):
    """One worker, used again for the next runs of its framework."""

    def submit(self, request: RunRequest) -> Future[Report]:
        """Has a run carried out; the future is running once a worker is at it."""

    def end(self) -> None:
        """Ends the worker, at work or not; it may be asked for more than once."""


class Site(Protocol):
    """Where the places of an engine are while a sweep is under way."""

    def has_room(self, runs: Sequence[Experiment]) -> bool:
        """Returns whether these runs can be under way at once; a single one always can."""

    def has_place(self, workers: Sequence[Experiment], memory: int) -> bool:
        """Returns whether there can be a worker for each, the last of which is new; a single one always can.

        Args:
            workers: a run of each.
            memory: the most bytes that one of them has had so far.
        """

    def open(self, experiment: Experiment) -> Place:
        """Returns a place for runs like this one."""

    def why(self, error: Exception) -> str:
        """Returns in words why the future of a run has an exception and no report."""


class Engine(Protocol):
    """An engine with its keys of ``hydra.launcher``."""

    def faults(self) -> list[Fault]:
        """Returns what is missing for it; imports nothing of it."""

    def opened(self, folder: Path) -> AbstractContextManager[Site]:
        """Gives its places for a sweep whose files go to a folder.

        Raises:
            ConfigurationError: it cannot be reached.
        """
