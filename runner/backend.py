"""What a backend answers to, and how the chosen one is loaded."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from runner.data import Rows, Splits
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Experiment, Training
from runner.layers import Sequence, Shape
from runner.network_reading import StoredNetwork
from runner.place import ALONE, Place
from runner.plan import Plan
from runner.results import Decision, Evaluation, Program, Weights
from runner.startup import log_lines_held
from runner.training_state import TrainingState


@dataclass(frozen=True)
class Job:
    """Everything a backend needs to train: the meaning, the network, its first weights, the rows and their order.

    With a ``probe``, every step is told to it. With a ``start``, the training goes on where that one stood, which has the
    same weights, in the middle of an epoch too; ``learning_rate_factor`` is that of its next update. What ``native`` names,
    of the differences in :mod:`runner.semantics`, is left to the framework. ``place`` is which process of it this is.
    """

    experiment: Experiment
    tree: Sequence
    input_shape: Shape
    weights: Weights
    splits: Splits
    plan: Plan
    probe: Probe | None = None
    start: TrainingState | None = None
    learning_rate_factor: float = 1.0
    native: frozenset[str] = frozenset()
    place: Place = ALONE


def require_gpus(job: Job, present: int) -> None:
    """Looks whether the machine has a GPU for each process of a training that wants one.

    Args:
        job: what is trained, and by how many processes.
        present: how many GPUs the framework sees.

    Raises:
        ConfigurationError: there are not enough.
    """
    accelerator, wanted = job.experiment.training.accelerator, job.place.devices
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and present == 0)
    if job.place.size > 1 and not on_cpu and wanted > present:
        rule = f"must be at most {present}, the GPUs that this machine has"
        remedy = "Take training.accelerator=cpu to share the rows among processes of the CPU."
        raise ConfigurationError([Fault("training.devices", rule, str(wanted), remedy=remedy)])


class Probe(Protocol):
    """What looks into every step of a training; without one a step costs nothing more."""

    def step(
        self,
        *,
        inputs: NDArray[Any],
        targets: NDArray[Any],
        sample_weights: NDArray[Any] | None,
        outputs: NDArray[Any],
        loss: float,
        gradients: Weights,
        weights: Weights,
    ) -> None:
        """Takes one step: its batch, logits and loss, its gradients before any clipping, and all arrays after it."""


class Observer(Protocol):
    """What a backend reports to while it trains."""

    def steps(self, first_step: int, losses: NDArray[np.float64], state: Callable[[], TrainingState]) -> None:
        """Takes the losses of consecutive steps, the first of them numbered from 1; raises Diverged on NaN or infinity.

        ``state`` is where the training stands after them; it may be asked for during the call, of a shipped optimizer.
        """

    def epoch(
        self,
        epoch: int,
        validation: Evaluation | None,
        weights: Callable[[], Weights],
        gradient_norms: Mapping[str, float],
        state: Callable[[], TrainingState],
    ) -> Decision:
        """Takes the end of an epoch, numbered from 1, and says how to go on.

        ``weights`` and ``validation`` are of the averaged weights where weights are averaged. ``gradient_norms`` are those
        of the epoch's last update, before any clipping, by canonical name. ``state`` is where the training stands then;
        it may be asked for during the call, of a shipped optimizer.
        """


class Model(Protocol):
    """A network of the chosen framework."""

    def evaluate(self, rows: Rows) -> Evaluation:
        """Returns the mean loss by the weights of the rows and the logits, in evaluation mode."""

    def pre_activations(self, inputs: NDArray[np.float64], function: Component) -> list[NDArray[np.float64]]:
        """Returns what enters each hidden layer's activation ``function``, one array for each layer."""

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""


class TrainingModule(Protocol):
    """The module ``training`` of a backend's package."""

    def configure(self, *, training: Training, place: Place) -> None:
        """Sets what belongs to the process, such as its threads; :meth:`build` does, unless the framework works before."""

    def build(self, *, job: Job) -> Model:
        """Returns the network with the job's weights, on the chosen device and at the chosen precision."""

    def fit(self, *, model: Model, job: Job, observer: Observer) -> None:
        """Trains the network by the framework's own loop, reporting to the observer."""

    def activation(
        self, *, function: Component, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns f and f' at each of the inputs, f' by automatic differentiation, in float64."""

    def versions(self) -> dict[str, str]:
        """Returns the versions of the framework's packages by their names."""

    def gpus(self) -> int:
        """Returns how many GPUs the framework sees on this machine."""


class InspectionModule(Protocol):
    """The module ``inspection`` of a backend's package: functions, losses and networks looked into."""

    def function(
        self, *, function: Component, inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns f(x), (rows, m), and df_i / dx_j, (rows, m, n), for each row of inputs by itself, in float64."""

    def polynomial(
        self, *, coefficients: list[float], inputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns p(x) = sum_k c_k x^k and p'(x) at each of the inputs, in float64."""

    def loss(
        self, *, function: Component, predictions: NDArray[np.float64], targets: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the loss of each of several predictions of the same targets, and its gradient, in float64."""

    def outputs(
        self, *, model: Model, names: typing.Sequence[str], inputs: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """Returns what each named layer gives, channels last, in evaluation mode and the run's precision."""

    def gradients(self, *, model: Model, rows: Rows) -> tuple[float, Weights]:
        """Returns the mean loss of rows in evaluation mode, and its gradient by canonical name and layout."""


class ExportModule(Protocol):
    """The module ``export`` of a backend's package."""

    def export(self, *, model: Model, job: Job, folder: Path) -> Program:
        """Writes the network as a program of the framework's own, in evaluation mode, and returns what was written.

        The program takes float64 in the units of the data, any number of rows, and returns float64: probabilities,
        or values in the units of the data.
        """

    def export_stored(self, *, network: StoredNetwork, folder: Path) -> Program:
        """Writes a network that was read from its files as such a program."""

    def carried_out(self, *, path: Path) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        """Returns what gives the answers of a program that was written, by the framework's own loader."""


class PredictionModule(Protocol):
    """The module ``prediction`` of a backend's package."""

    def predictor(self, *, network: StoredNetwork) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        """Returns what gives the last layer's numbers, (rows, units), of examples in the units of the data."""


class RandomnessModule(Protocol):
    """The module ``native.randomness`` of a backend's package: what the framework itself draws."""

    def first_weights(self, *, tree: Sequence, input_shape: Shape, seed: int) -> Weights:
        """Returns the first weights as the framework's own layers draw them, in float32."""

    def permutation(self, seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
        """Returns the numbers of all rows in the order in which the framework shuffles them for one epoch."""


def version_tags(package: str) -> dict[str, str]:
    """Returns the tags of a run that say which versions carry it out; imports the framework."""
    return {f"version.{name}": version for name, version in load(package).versions().items()}


def load(package: str) -> TrainingModule:
    """Imports the backend in ``package`` and with it its framework; nothing else does."""
    return cast(TrainingModule, _module(package, "training"))


def load_inspection(package: str) -> InspectionModule:
    """Imports what looks into functions, losses and networks of the backend in ``package``, and with it its framework."""
    return cast(InspectionModule, _module(package, "inspection"))


def load_export(package: str) -> ExportModule:
    """Imports what only an export needs of the backend in ``package``."""
    return cast(ExportModule, _module(package, "export"))


def load_prediction(package: str) -> PredictionModule:
    """Imports what carries out networks read from files on the backend in ``package``, and with it its framework."""
    return cast(PredictionModule, _module(package, "prediction"))


def load_randomness(package: str) -> RandomnessModule:
    """Imports what draws for native semantics of the backend in ``package``, and with it its framework."""
    return cast(RandomnessModule, _module(package, "native.randomness"))


def _module(package: str, name: str) -> Any:
    with log_lines_held():
        return importlib.import_module(f"{package}.{name}")
