"""Training on Keras: a functional model under ``fit``, on TensorFlow."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner import component
from runner.backend import Job, Observer
from runner.backends.keras.layers import Network, network
from runner.backends.keras.losses import Loss
from runner.backends.keras.optimizers import PlannedOptimizer
from runner.experiment import Component, Training
from runner.plan import Plan
from runner.results import Evaluation, Weights

Values = NDArray[np.float64]

# Asked here because TensorFlow looks for GPUs at the first question and logs that it found none: while a backend is
# imported, such lines are held back.
tf.config.list_physical_devices()

# Rows that go through the network at once when nothing is learnt from them.
_EVALUATION_ROWS = 4096


@dataclass(frozen=True)
class KerasModel:
    """A network, its loss, how precisely it is computed, and its answer to any number of rows in evaluation mode."""

    network: _Network
    loss: Loss
    dtype: str
    answer: Callable[[Any], Any]

    def evaluate(self, inputs: NDArray[np.float64], targets: NDArray[Any]) -> Evaluation:
        """Returns the mean loss and the logits, in evaluation mode."""
        parts = np.split(inputs, range(_EVALUATION_ROWS, len(inputs), _EVALUATION_ROWS))
        logits = np.concatenate([self.answer(part.astype(self.dtype)).numpy() for part in parts])
        logits = logits.astype(self.dtype)
        loss = self.loss(tf.constant(logits), self.tensor(targets))
        return Evaluation(float(loss), logits.astype(np.float64))

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return self.network.weights_by_name()

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""
        self.network.load_by_name(weights)

    def pre_activations(self, inputs: NDArray[np.float64], function: Component) -> list[NDArray[np.float64]]:
        """Returns what enters each hidden layer's activation ``function``, one array for each layer."""
        entering = self.network.activation_inputs(function)
        if not entering:
            return []
        answers = keras.Model(self.network.input, entering)(inputs.astype(self.dtype), training=False)
        return [answer.numpy().astype(np.float64) for answer in answers]

    def tensor(self, array: NDArray[Any]) -> Any:
        """Returns an array as a tensor: numbers in the training's precision, classes as integers."""
        is_real = np.issubdtype(array.dtype, np.floating)
        return tf.constant(array, self.dtype if is_real else "int64")


class _Network(Network):
    """The model under ``fit``: its loss is the job's, and every step's loss is kept."""

    job_loss: Loss
    step_losses: Any

    def train_step(self, data: Any) -> Any:
        inputs, targets = data
        with tf.GradientTape() as tape:
            loss = self._loss_of(self(inputs, training=True), targets)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        # What fit reports after a batch is the mean of the epoch so far, not the batch's own loss.
        place = self.step % tf.size(self.step_losses, out_type=tf.int64)
        self.step_losses.scatter_nd_update([[place]], [tf.cast(loss, tf.float64)])
        self.step.assign_add(1)
        return {"loss": loss}

    def _loss_of(self, outputs: Any, targets: Any) -> Any:
        # Mixed precision answers in bfloat16; the loss is computed in float32.
        return self.job_loss(
            tf.cast(outputs, "float32") if outputs.dtype == tf.bfloat16 else outputs, targets
        )


def build(*, job: Job) -> KerasModel:
    """Returns the network with the job's weights, at the chosen precision."""
    training = job.experiment.training
    _configure(training)
    # A worker process trains one job after the other; the graphs of the last one would stay.
    keras.utils.clear_session(free_memory=False)
    dtype = "float64" if training.precision == 64 else "float32"
    # Both are needed: the layers take the policy, the optimizer and the inputs the float type.
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy("mixed_bfloat16" if training.precision == "bf16-mixed" else dtype)
    model = network(_Network, tree=job.tree, input_shape=job.input_shape, seed=job.experiment.seed)
    model.load_by_name(job.weights)
    return KerasModel(model, component.build(job.experiment.loss), dtype, _answer(model, job, dtype))


def _answer(model: _Network, job: Job, dtype: str) -> Callable[[Any], Any]:
    # predict_on_batch would compile anew for each number of rows that it meets.
    rows = tf.TensorSpec((None, *job.input_shape), dtype)

    compiled: Callable[[Any], Any] = tf.function(
        lambda inputs: model(inputs, training=False), input_signature=[rows], jit_compile=False
    )
    return compiled


def fit(*, model: KerasModel, job: Job, observer: Observer) -> None:
    """Trains the network by ``fit``, reporting to the observer."""
    training, plan = job.experiment.training, job.plan
    factory = component.build(job.experiment.optimizer)
    optimizer = factory(plan.learning_rates, training.clipping)
    model.network.job_loss = model.loss
    model.network.step_losses = tf.Variable(tf.zeros(plan.steps_per_epoch, tf.float64), trainable=False)
    model.network.compile(
        optimizer=optimizer, steps_per_execution=training.steps_per_execution, jit_compile=False
    )
    optimizer.watch_gradients(len(model.network.trainable_variables))
    reporter = _Reporter(model, job, observer, optimizer)
    model.network.fit(
        _batches(model, job, reporter),
        epochs=plan.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[reporter],
    )


def activation(*, function: Component, inputs: NDArray[np.float64]) -> tuple[Values, Values]:
    """Returns f and f' at each of the inputs, f' by automatic differentiation, in float64."""
    points = tf.constant(inputs, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(points)
        values = component.build(function)(points)
    return values.numpy(), tape.gradient(values, points).numpy()


def versions() -> dict[str, str]:
    """Returns the versions of the framework's packages by their names."""
    return {"keras": keras.__version__, "tensorflow": importlib.metadata.version("tensorflow")}


class _Reporter(keras.callbacks.Callback):
    """Tells the observer what happened, and does what it decides."""

    def __init__(self, model: KerasModel, job: Job, observer: Observer, optimizer: PlannedOptimizer) -> None:
        super().__init__()
        self.epoch = 0
        self._trained = model
        self._plan = job.plan
        self._validation = job.splits.validation
        self._observer = observer
        self._optimizer = optimizer
        self._places = model.network.gradient_places()
        self._reported = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch
        self._reported = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        losses = self._trained.network.step_losses.numpy()
        first, last = self._reported, min(batch + 1, self._plan.steps_per_epoch)
        self._reported = last
        self._observer.steps(self.epoch * self._plan.steps_per_epoch + first + 1, losses[first:last])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rows = self._validation
        validation = self._trained.evaluate(rows.inputs, rows.targets) if len(rows) else None
        norms = self._optimizer.gradient_norms.numpy()
        by_name = {name: float(norms[place]) for name, place in self._places.items()}
        decision = self._observer.epoch(epoch + 1, validation, self._trained.weights, by_name)
        self._optimizer.scale_learning_rates(decision.learning_rate_factor)
        self._trained.network.stop_training = decision.stop


def _batches(model: KerasModel, job: Job, reporter: _Reporter) -> tf.data.Dataset:
    """Returns one epoch of batches, which fit walks through anew in each epoch: the reporter says which it is."""
    plan: Plan = job.plan
    inputs = model.tensor(job.splits.train.inputs)
    targets = model.tensor(job.splits.train.targets)

    def order() -> Iterator[NDArray[np.int64]]:
        yield plan.order(reporter.epoch)

    def batches_of(rows: Any) -> tf.data.Dataset:
        return tf.data.Dataset.range(plan.steps_per_epoch).map(lambda step: batch(rows, step))

    def batch(rows: Any, step: Any) -> tuple[Any, Any]:
        numbers = rows[step * plan.batch_size : (step + 1) * plan.batch_size]
        return tf.gather(inputs, numbers), tf.gather(targets, numbers)

    orders = tf.data.Dataset.from_generator(order, output_signature=tf.TensorSpec((None,), tf.int64))
    batches = orders.flat_map(batches_of)
    return batches.apply(tf.data.experimental.assert_cardinality(plan.steps_per_epoch))


def _configure(training: Training) -> None:
    """Sets what belongs to the process: threads, determinism, devices and the precision of products."""
    if training.accelerator == "cpu":
        tf.config.set_visible_devices([], "GPU")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if training.threads > 0:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(training.threads)
            tf.config.threading.set_inter_op_parallelism_threads(training.threads)
        except RuntimeError:
            _warn_if_threads_differ(training.threads)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def _warn_if_threads_differ(threads: int) -> None:
    given = tf.config.threading.get_intra_op_parallelism_threads()
    if given != threads:
        warnings.warn(
            f"training.threads: TensorFlow fixes its threads at its first work in a process; it has {given},"
            f" not {threads}.",
            stacklevel=2,
        )
