"""What a run leaves behind: plain data, the same from every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.experiment import Output, Task

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
class Program:
    """A trained network in its framework's own form, which needs nothing of this project.

    Args:
        folder: where its files lie, and nothing else.
        flavour: MLflow's word for the form: ``pytorch`` or ``tensorflow``.
        versions: of the packages that carry it out, by name.
    """

    folder: Path
    flavour: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: its number from 1, the steps taken so far, its metrics by name (``train/loss``) and its seconds.

    ``gradient_norms`` and ``weight_norms`` hold the Euclidean norm of every trained array by canonical name, at the
    last step of the epoch.
    """

    epoch: int
    step: int
    metrics: Mapping[str, float]
    seconds: float
    gradient_norms: Mapping[str, float] = field(default_factory=dict)
    weight_norms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """Targets and outputs of one split: probabilities, (rows, classes) or (rows, 1), or values, (rows, width).

    ``weights``, (rows,), are what each row counts for in metrics; None where all count alike. ``of`` is how many rows the
    split has, where these are a sample of them.
    """

    targets: NDArray[np.float64]
    outputs: NDArray[np.float64]
    weights: NDArray[np.float64] | None = None
    of: int | None = None

    @property
    def rows(self) -> int:
        """How many rows the split has."""
        return len(self.targets) if self.of is None else self.of

    def heading(self, split: str) -> str:
        """Returns what a figure calls them: the split, and how many of its rows where these are not all."""
        return split if self.of is None else f"{split}, {len(self.targets):,} of {self.of:,} rows"


@dataclass(frozen=True)
class Boundary:
    """What a model with two inputs says over the plane, in the units of the data.

    Args:
        first: values of the first input, (columns,).
        second: values of the second input, (rows,).
        outputs: probabilities at (second, first), (rows, columns, classes or 1).
        inputs: the training rows, (examples, 2).
        targets: their classes, (examples,).
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    outputs: NDArray[np.float64]
    inputs: NDArray[np.float64]
    targets: NDArray[np.float64]


@dataclass(frozen=True)
class Mistakes:
    """The test images on whose class the model was most wrongly sure, worst first.

    Args:
        images: in the units of the data, (examples, height, width, channels).
        targets: their classes, (examples,).
        outputs: probabilities, (examples, classes or 1).
    """

    images: NDArray[np.float64]
    targets: NDArray[np.float64]
    outputs: NDArray[np.float64]


@dataclass(frozen=True)
class Reconstructions:
    """Test images and what the network gives back, from the best to the worst, evenly spaced among all.

    Args:
        originals: in the units of the data, (examples, height, width, channels).
        returned: what the network makes of them, of the same shape.
        errors: root mean squared error of each, (examples,).
    """

    originals: NDArray[np.float64]
    returned: NDArray[np.float64]
    errors: NDArray[np.float64]


@dataclass(frozen=True)
class ActivationTrace:
    """The hidden activation function over the pre-activations that occurred.

    Args:
        name: of the function, ``relu``.
        inputs: evenly spaced pre-activations, (points,).
        values: f(x), (points,).
        derivatives: f'(x) by the framework's own automatic differentiation, (points,).
        edges: of a histogram of the pre-activations of all hidden layers on validation rows, (bins + 1,).
        shares: share of the pre-activations in each bin, (bins,).
    """

    name: str
    inputs: NDArray[np.float64]
    values: NDArray[np.float64]
    derivatives: NDArray[np.float64]
    edges: NDArray[np.float64]
    shares: NDArray[np.float64]


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
        boundary: for two inputs and classes.
        mistakes: for images and classes, where there were mistakes.
        reconstructions: for images, where the network gives back its inputs.
        activation: where there is a hidden activation that looks at one number at a time.
        output: what stands behind the last layer; None where that is not known.
        pruned: when a search ended it without hope, ``epoch 3 of 20``; empty where it did not.
    """

    task: Task
    classes: tuple[str, ...]
    epochs: tuple[EpochRecord, ...]
    best_epoch: int
    monitor: str
    kept_epoch: int
    metrics: Mapping[str, float]
    predictions: Mapping[str, Predictions]
    boundary: Boundary | None = None
    mistakes: Mistakes | None = None
    reconstructions: Reconstructions | None = None
    activation: ActivationTrace | None = None
    output: Output | None = None
    pruned: str = ""

    def without_arrays(self) -> Result:
        """Returns the same without what figures alone are drawn from."""
        return replace(
            self, predictions={}, boundary=None, mistakes=None, reconstructions=None, activation=None
        )
