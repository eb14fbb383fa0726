"""What several test files need: an experiment from overrides, and a training of it in this process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from runner import compose, task
from runner.display import Silent
from runner.experiment import Experiment
from runner.findings import Findings, Table
from runner.results import Result
from runner.tasks.train import Training
from runner.tracking.memory import Memory


def one_tensorflow_thread() -> None:
    """Asks for the shipped number of threads before TensorFlow's first work, after which a process keeps what it has."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def experiment(*overrides: str) -> Experiment:
    """Returns the checked experiment of a command line."""
    with compose.session():
        return compose.read(compose.compose(overrides))


def trained(*overrides: str, folder: Path | None = None) -> tuple[Result, Memory]:
    """Trains in this process; returns the result and everything that the tracker was told."""
    return trained_as(experiment(*overrides), folder=folder)


def trained_as(chosen: Experiment, *, folder: Path | None = None) -> tuple[Result, Memory]:
    """Trains what an experiment says in this process."""
    tracker = Memory()
    with TemporaryDirectory() as temporary:
        where = folder or Path(temporary)
        result = Training().run(chosen, folder=where, tracker=tracker, display=Silent())
    return result, tracker


def found(*overrides: str, folder: Path | None = None) -> tuple[Findings, Memory]:
    """Carries out a task beside training in this process; returns what it found and what the tracker was told."""
    with TemporaryDirectory() as temporary:
        findings, tracker = carried_out(experiment(*overrides), folder or Path(temporary))
    assert isinstance(findings, Findings)
    return findings, tracker


def carried_out(chosen: Experiment, folder: Path) -> tuple[Result | Findings, Memory]:
    """Does what an experiment says in this process, a training or another task."""
    tracker = Memory()
    return task.of(chosen).run(chosen, folder=folder, tracker=tracker, display=Silent()), tracker


def table(findings: Findings, name: str) -> Table:
    """Returns a table by its name."""
    (one,) = (each for each in findings.tables if each.name == name)
    return one


def curve(result: Result, name: str) -> list[float]:
    """Returns a metric of every epoch."""
    return [record.metrics[name] for record in result.epochs]
