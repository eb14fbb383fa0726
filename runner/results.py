"""What a run leaves behind: plain data, the same from every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.experiment import Task

Array = NDArray[np.generic]
Weights = dict[str, NDArray[np.float64]]
Status = Literal["FINISHED", "FAILED", "KILLED"]
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Evaluation:
    """A model on one split: the mean loss, and the logits, one row for each example."""

    loss: float
    logits: NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """What a backend does after an epoch: whether to stop, and the factor on the planned learning rates from here on."""

    stop: bool
    learning_rate_factor: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: its number from 1, the steps taken so far, its metrics by name (``train/loss``) and its seconds."""

    epoch: int
    step: int
    metrics: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Predictions:
    """Targets and outputs of one split; outputs are probabilities, (rows, classes) or (rows, 1), or values, (rows, width)."""

    targets: NDArray[np.float64]
    outputs: NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """A finished training: history, the metrics of the kept weights on each split, and what figures are drawn from.

    Args:
        task: what is predicted.
        classes: the names of the classes; empty for a regression.
        epochs: one record for each epoch.
        best_epoch: the epoch, from 1, with the best monitored metric.
        monitor: the metric that decides which epoch is best.
        kept_epoch: the epoch whose weights were kept; 0 is before training.
        metrics: metric name (``test/accuracy``) -> value for the kept weights.
        predictions: split name -> targets and outputs.
    """

    task: Task
    classes: tuple[str, ...]
    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    monitor: str
    kept_epoch: int
    metrics: Mapping[str, float]
    predictions: Mapping[str, Predictions]
