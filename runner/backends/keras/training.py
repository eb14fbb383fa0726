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
from runner.backend import Job, Observer, Probe
from runner.backends.keras.layers import Network, network
from runner.backends.keras.losses import Loss
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.backends.keras.updates import Updates
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
    """The model under ``fit``: what fit calls a batch is a chunk, the row numbers of several steps.

    One graph walks through them, so that Python is met once a chunk and not once a step.
    """

    job_loss: Loss
    batch_size: int
    rows: tuple[Any, Any]
    probe: Probe | None
    updates: Updates

    def train_step(self, data: Any) -> Any:
        """Trains on one batch of the chunk after the other and returns their losses."""
        steps = (tf.size(data) + self.batch_size - 1) // self.batch_size
        first_losses = tf.TensorArray(tf.float64, size=steps)

        def step(number: Any, losses: Any) -> tuple[Any, Any]:
            batch = data[number * self.batch_size : (number + 1) * self.batch_size]
            inputs, targets = (tf.gather(rows, batch) for rows in self.rows)
            return number + 1, losses.write(number, tf.cast(self._step(inputs, targets), tf.float64))

        _, losses = tf.while_loop(lambda number, _: number < steps, step, (0, first_losses))
        return {"loss": losses.stack()}

    def _step(self, inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            # Mixed precision answers in bfloat16; the loss is computed in float32.
            outputs = tf.cast(outputs, "float32") if outputs.dtype == tf.bfloat16 else outputs
            loss = self.job_loss(outputs, targets)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.updates.take(gradients, self.step.value())
        self.step.assign_add(1)
        if self.probe is not None:
            dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
            # Given as values: a node of the graph waits for what it is given, not for what it might look at.
            arrays = [tf.convert_to_tensor(variable) for variable in self.arrays()]
            values = [inputs, targets, outputs, loss, *dense, *arrays]
            tf.numpy_function(self._tell, values, [], stateful=True)
        return loss

    def _tell(self, inputs: Any, targets: Any, outputs: Any, loss: Any, *values: Any) -> None:
        assert self.probe is not None
        trained = len(self.trainable_variables)
        self.probe.step(
            inputs=inputs,
            targets=targets,
            outputs=outputs,
            loss=float(loss),
            gradients=self.gradients_by_name(values[:trained]),
            weights=self.arrays_by_name(values[trained:]),
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
    model = network(
        _Network,
        tree=job.tree,
        input_shape=job.input_shape,
        seed=job.experiment.seed,
        native=job.native,
    )
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
    model.network.batch_size = plan.batch_size
    model.network.probe = job.probe
    model.network.rows = model.tensor(job.splits.train.inputs), model.tensor(job.splits.train.targets)
    model.network.compile(optimizer=optimizer, jit_compile=False)
    optimizer.know_places(model.network.gradient_places())
    # Inside the graph's loop it is too late to make the optimizer's arrays.
    optimizer.build(model.network.trainable_variables)
    optimizer.watch_gradients(len(model.network.trainable_variables))
    model.network.updates = Updates(model.network, job, optimizer)
    reporter = _Reporter(model, job, observer, optimizer)
    model.network.fit(
        _chunks(plan, training.steps_per_execution, reporter),
        epochs=plan.epochs,
        initial_epoch=job.start.epoch if job.start else 0,
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
        self._validation = job.splits.validation
        self._observer = observer
        self._optimizer = optimizer
        self._places = model.network.gradient_places()
        self._steps = job.start.step if job.start else 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Keras makes a number of a chunk of one step.
        losses = np.atleast_1d(logs["loss"])
        self._observer.steps(self._steps + 1, losses)
        self._steps += len(losses)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rows = self._validation
        with self._trained.network.updates.shown():
            validation = self._trained.evaluate(rows.inputs, rows.targets) if len(rows) else None
        norms = self._optimizer.gradient_norms()
        by_name = {name: float(norms[place]) for name, place in self._places.items()}
        updates = self._trained.network.updates
        decision = self._observer.epoch(
            epoch + 1, validation, self._shown_weights, by_name, lambda: updates.state(epoch + 1)
        )
        self._optimizer.scale_learning_rates(decision.learning_rate_factor)
        self._trained.network.stop_training = decision.stop

    def _shown_weights(self) -> Weights:
        with self._trained.network.updates.shown():
            return self._trained.weights()


def _chunks(plan: Plan, steps: int, reporter: _Reporter) -> tf.data.Dataset:
    """Returns one epoch of chunks of ``steps`` steps; fit walks through it anew in each epoch, which the reporter names."""
    rows_of_chunk, chunks = steps * plan.batch_size, -(-plan.steps_per_epoch // steps)

    def order() -> Iterator[NDArray[np.int64]]:
        yield plan.order(reporter.epoch)

    def chunks_of(rows: Any) -> tf.data.Dataset:
        return tf.data.Dataset.range(chunks).map(
            lambda number: rows[number * rows_of_chunk : (number + 1) * rows_of_chunk]
        )

    orders = tf.data.Dataset.from_generator(order, output_signature=tf.TensorSpec((None,), tf.int64))
    return orders.flat_map(chunks_of).apply(tf.data.experimental.assert_cardinality(chunks))


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
