"""What several test files need: an experiment from overrides, and a training of it in this process."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from runner import compose
from runner.display import Silent
from runner.experiment import Experiment
from runner.results import Result
from runner.tasks.train import train
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
    tracker = Memory()
    with TemporaryDirectory() as temporary:
        result = train(
            experiment(*overrides), folder=folder or Path(temporary), tracker=tracker, display=Silent()
        )
    return result, tracker


def curve(result: Result, name: str) -> list[float]:
    """Returns a metric of every epoch."""
    return [record.metrics[name] for record in result.epochs]
