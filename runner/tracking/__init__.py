"""What is remembered of a run: the journal that training writes, and the recorder that tells MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runner.experiment import Component
from runner.findings import Findings
from runner.results import Program, Result, Status
from runner.tracking.process import Process

Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class RunCard:
    """What a run is, known before it starts.

    Args:
        identity: a text that no other run has; a run sent twice is found again by it.
        name: the readable name.
        experiment: the name of MLflow's experiment.
        uri: the address of MLflow's store.
        parameters: the configuration by dotted key.
        chosen: the keys of those parameters that were given or that tell the run from the others of its sweep.
        tags: whatever else is worth searching for: backend, sweep, command.
        plots: the figures to draw at the end, by name.
        time: when the run began, in seconds since 1970.
        process: who trains; a run whose process is gone without a word was killed.
        parent: the folder of the run under which MLflow folds this one, or None.
    """

    identity: str
    name: str
    experiment: str
    uri: str
    parameters: Mapping[str, Scalar]
    chosen: tuple[str, ...]
    tags: Mapping[str, str]
    plots: Mapping[str, Component]
    time: float
    process: Process
    parent: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What a run learnt from.

    Args:
        name: of the data set.
        input_shape: shape of one example.
        classes: the names of the classes; empty for a regression.
        rows: how many examples each split has, by its name.
        sha256: of all inputs and targets as they were read, in hexadecimal.
    """

    name: str
    input_shape: tuple[int, ...]
    classes: tuple[str, ...]
    rows: Mapping[str, int]
    sha256: str


class Tracker(Protocol):
    """What training tells of itself, event by event; no call waits for a store."""

    def start(self, card: RunCard) -> None:
        """Takes what the run is."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Takes what became known later, such as the framework's versions."""

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Takes metrics by name at ``step``: the number of the epoch, or of the step, both from 1."""

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        """Takes metrics of consecutive steps, the first of them numbered from 1."""

    def dataset(self, card: DatasetCard) -> None:
        """Takes what is learnt from."""

    def artifact(self, path: Path) -> None:
        """Takes a file in the run's folder that is complete."""

    def model(self, network: Path, weights: Path, program: Program | None) -> None:
        """Takes the two complete files in the run's folder that together predict, and the program to keep instead."""

    def problem(self, sentence: str) -> None:
        """Takes what went wrong without ending the run."""

    def result(self, result: Result) -> None:
        """Takes everything that figures are drawn from."""

    def findings(self, findings: Findings) -> None:
        """Takes what a task beside training found, which figures are drawn from."""

    def settle(self) -> None:
        """Waits until the disk has what was told so far; another thread may ask."""

    def end(self, status: Status, error: str | None) -> None:
        """Takes how the run ended, and the text of the error where there was one."""
