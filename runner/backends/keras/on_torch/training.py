"""The network of the Keras backend on torch's kernels, trained by a plain loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner import component, weighting
from runner.backend import Job, Observer
from runner.backends.keras import precision
from runner.backends.keras.layers import Network, network
from runner.backends.keras.losses import Loss
from runner.backends.keras.on_torch.promotion import keep_64_bits
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.backends.keras.updates import Updates
from runner.data import Rows
from runner.results import Evaluation, Weights

# Rows that go through the network at once when nothing is learnt from them.
_EVALUATION_ROWS = 4096

Batch = tuple[Tensor, Tensor, Tensor | None]


@dataclass(frozen=True)
class ControlModel:
    """A network, its loss, and where and how precisely it is computed."""

    network: Network
    loss: Loss
    dtype: str
    device: str

    def evaluate(self, rows: Rows) -> Evaluation:
        """Returns the mean loss by the weights of the rows and the logits, in evaluation mode."""
        inputs, targets, weights = self.tensors(rows)
        with keras.device(self.device), torch.no_grad():
            logits = torch.cat([self.logits(part, training=False) for part in inputs.split(_EVALUATION_ROWS)])
            loss = self.loss(logits, targets, weights)
        return Evaluation(float(loss), logits.double().cpu().numpy())

    def logits(self, inputs: Tensor, *, training: bool) -> Tensor:
        """Returns the network's answer to a batch, in at least float32."""
        outputs: Tensor = self.network(inputs, training=training)
        return outputs.float() if outputs.dtype == torch.bfloat16 else outputs

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return self.network.weights_by_name()

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""
        self.network.load_by_name(weights)

    def tensors(self, rows: Rows) -> Batch:
        """Returns the inputs, targets and weights of rows."""
        weights = None if rows.counts is None else self._tensor(rows.counts)
        return self._tensor(rows.numbers(self.dtype)), self._tensor(rows.targets), weights

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        """Returns an array as a tensor: numbers in the training's precision, classes as integers."""
        is_real = np.issubdtype(array.dtype, np.floating)
        with keras.device(self.device):
            tensor: Tensor = keras.ops.convert_to_tensor(array, self.dtype if is_real else "int64")
        return tensor


def build(*, job: Job) -> ControlModel:
    """Returns the network with the job's weights, on the chosen device and at the chosen precision."""
    training = job.experiment.training
    if training.threads > 0:
        torch.set_num_threads(training.threads)
    torch.use_deterministic_algorithms(training.deterministic)
    keep_64_bits()
    keras.utils.clear_session(free_memory=False)
    dtype = precision.choose(training.precision)
    device = "gpu" if training.accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    with keras.device(device):
        made = network(Network, tree=job.tree, input_shape=job.input_shape, seed=job.experiment.seed)
        made.load_by_name(job.weights)
    built = component.build(job.experiment.loss)
    loss = weighting.with_place(built, job.experiment.loss, job.splits.train)
    return ControlModel(made, loss, dtype, device)


def fit(*, model: ControlModel, job: Job, observer: Observer) -> None:
    """Trains the network, reporting to the observer."""
    with keras.device(model.device):
        course = _Course(model, job, observer)
        for epoch in range(job.start.epoch if job.start else 0, job.plan.epochs):
            course.train(epoch)
            if course.ends(epoch):
                return


def versions() -> dict[str, str]:
    """Returns the versions of the framework's packages by their names."""
    return {"keras": keras.__version__, "torch": torch.__version__}


class _Course:
    """One training, an epoch after the other."""

    def __init__(self, model: ControlModel, job: Job, observer: Observer) -> None:
        self._model = model
        self._job = job
        self._observer = observer
        self._rows = model.tensors(job.splits.train)
        self._places = model.network.gradient_places()
        factory = component.build(job.experiment.optimizer)
        self._optimizer: PlannedOptimizer = factory(job.plan.learning_rates, job.experiment.training.clipping)
        variables = model.network.trainable_variables
        self._optimizer.know_places(self._places)
        self._optimizer.build(variables)
        self._optimizer.watch_gradients(len(variables))
        self._updates = Updates(model.network, job, self._optimizer)

    def train(self, epoch: int) -> None:
        """Makes the steps of an epoch, numbered from 0."""
        at_once = self._job.experiment.training.steps_per_execution
        first_step = epoch * self._job.plan.steps_per_epoch
        batches = [torch.from_numpy(rows) for rows in self._job.plan.batches(epoch)]
        for start in range(0, len(batches), at_once):
            losses = [
                self._step(first_step + start + offset, rows)
                for offset, rows in enumerate(batches[start : start + at_once])
            ]
            self._observer.steps(first_step + start + 1, np.array(losses), self._updates.state)

    def ends(self, epoch: int) -> bool:
        """Tells the observer of an epoch's end and returns whether it is the last one."""
        rows = self._job.splits.validation
        with self._updates.shown():
            validation = self._model.evaluate(rows) if len(rows) else None
        norms = self._optimizer.gradient_norms()
        decision = self._observer.epoch(
            epoch + 1,
            validation,
            self._shown_weights,
            {name: float(norms[place]) for name, place in self._places.items()},
            self._updates.state,
        )
        self._optimizer.scale_learning_rates(decision.learning_rate_factor)
        return decision.stop

    def _step(self, step: int, rows: Tensor) -> float:
        of_all = self._rows
        weights = None if of_all[2] is None else of_all[2][rows]
        inputs, targets = of_all[0][rows], of_all[1][rows]
        outputs = self._model.logits(inputs, training=True)
        loss = self._model.loss(outputs, targets, weights)
        variables = self._model.network.trainable_variables
        gradients = torch.autograd.grad(loss, [variable.value for variable in variables])
        with torch.no_grad():
            self._updates.take(list(gradients), step)
        self._model.network.step.assign_add(1)
        self._tell((inputs, targets, weights), outputs, loss, gradients)
        return loss.item()

    def _tell(self, batch: Batch, outputs: Tensor, loss: Tensor, gradients: tuple[Tensor, ...]) -> None:
        if self._job.probe is None:
            return
        inputs, targets, weights = batch
        self._job.probe.step(
            inputs=inputs.cpu().numpy(),
            targets=targets.cpu().numpy(),
            sample_weights=None if weights is None else weights.cpu().numpy(),
            outputs=outputs.detach().cpu().numpy(),
            loss=loss.item(),
            gradients=self._model.network.gradients_by_name([each.cpu().numpy() for each in gradients]),
            weights=self._model.weights(),
        )

    def _shown_weights(self) -> Weights:
        with self._updates.shown():
            return self._model.weights()
