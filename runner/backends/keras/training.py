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
from tensorflow.python.framework import ops

from runner import component, own_network, weighting
from runner.backend import Job, Observer, Probe, require_gpus
from runner.backends.keras import precision
from runner.backends.keras.chunks import Chunks
from runner.backends.keras.layers import Network, network
from runner.backends.keras.losses import Loss
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.backends.keras.ranks import Ranks
from runner.backends.keras.updates import Updates
from runner.data import OnDemand, Rows
from runner.experiment import Component, Training
from runner.place import Place
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

    def evaluate(self, rows: Rows) -> Evaluation:
        """Returns the mean loss by the weights of the rows and the logits, in evaluation mode."""
        starts = range(0, len(rows), _EVALUATION_ROWS)
        parts = (self.tensor(rows.inputs[first : first + _EVALUATION_ROWS]) for first in starts)
        # Rows that are numbers already may stand beside others, as a grid does.
        made = parts if rows.standard is None else map(self.network.numbers, parts)
        logits = np.concatenate([self.answer(part).numpy() for part in made])
        logits = logits.astype(self.dtype)
        loss = self.loss(tf.constant(logits), *self.targets(rows))
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

    def tensors(self, rows: Rows) -> tuple[Any, Any, Any]:
        """Returns the inputs of rows as the network takes them, their targets and weights."""
        return self.tensor(rows.numbers(self.dtype)), *self.targets(rows)

    def stored(self, rows: Rows) -> tuple[Any, Any, Any]:
        """Returns the same as they are kept: bytes as bytes, and what is mapped from a file not as a tensor yet."""
        inputs = rows.inputs if isinstance(rows.inputs, OnDemand) else self.tensor(rows.inputs)
        return inputs, *self.targets(rows)

    def targets(self, rows: Rows) -> tuple[Any, Any]:
        """Returns the targets and weights of rows."""
        return self.tensor(rows.targets), None if rows.counts is None else self.tensor(rows.counts)

    def tensor(self, array: NDArray[Any]) -> Any:
        """Returns an array as a tensor: numbers in the training's precision, classes as integers, bytes as they are."""
        dtype = self.dtype if np.issubdtype(array.dtype, np.floating) else "int64"
        return tf.constant(array, "uint8" if array.dtype == np.uint8 else dtype)


class _Network(Network):
    """The model under ``fit``: what fit calls a batch is a chunk, the row numbers of several steps.

    One graph walks through them, so that Python is met once a chunk and not once a step.
    """

    job_loss: Loss
    batch_size: int
    rows: tuple[Any, Any, Any]
    # Variables, because of a constant TensorFlow would multiply by the reciprocal, which rounds otherwise.
    # None where inputs are numbers for the network already.
    standard: tuple[tf.Variable, tf.Variable] | None
    # The inputs of each chunk of an epoch, where they are read or made on demand.
    chunks: Chunks
    probe: Probe | None
    updates: Updates
    ranks: Ranks

    def train_step(self, data: Any) -> Any:
        """Trains on one batch of the chunk after the other and returns their losses."""
        steps = (tf.size(data) + self.batch_size - 1) // self.batch_size
        first_losses = tf.TensorArray(tf.float64, size=steps)
        inputs, *others = self.rows
        mapped = self._read(inputs, data) if isinstance(inputs, OnDemand) else None

        def step(number: Any, losses: Any) -> tuple[Any, Any]:
            places = slice(number * self.batch_size, (number + 1) * self.batch_size)
            batch = data[places]
            self.ranks.begin(tf.size(batch))
            own = self.ranks.deal(batch if mapped is None else mapped[places])
            taken = tf.gather(inputs, own) if mapped is None else own
            rest = (None if each is None else tf.gather(each, batch) for each in others)
            loss = self._step(self.numbers(taken), *rest)
            return number + 1, losses.write(number, tf.cast(loss, tf.float64))

        _, losses = tf.while_loop(lambda number, _: number < steps, step, (0, first_losses))
        return {"loss": losses.stack()}

    def numbers(self, inputs: Any) -> Any:
        """Returns inputs as the network takes them: those that stayed as they were read are standardised only here."""
        if self.standard is None:
            return inputs
        mean, scale = self.standard
        return (tf.cast(inputs, mean.dtype) - mean) / scale

    def _read(self, inputs: OnDemand, rows: Any) -> Any:
        """Returns rows that are read or made on demand, all those of a chunk at once."""
        kind = tf.as_dtype(inputs.dtype)
        # The numbers are given so that it waits for the chunk; they are those of the order that is read.
        read = tf.numpy_function(lambda numbers: self.chunks.next(), [rows], kind)
        read = tf.ensure_shape(read, (None, *inputs.shape[1:]))
        return tf.cast(read, self.compute_dtype) if kind.is_floating and self.standard is None else read

    def _step(self, inputs: Any, targets: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = self(inputs, training=True)
            # Mixed precision answers in bfloat16; the loss is computed in float32.
            outputs = tf.cast(outputs, "float32") if outputs.dtype == tf.bfloat16 else outputs
            outputs = self.ranks.whole(outputs)
            loss = self.job_loss(outputs, targets, weights)
        variables = self.trainable_variables
        shapes = [tuple(each.shape) for each in variables]
        gradients = self.ranks.sum_all(tape.gradient(loss, variables), shapes)
        self.updates.take(gradients, tf.convert_to_tensor(self.step))
        self.step.assign_add(1)
        if self.probe is not None:
            dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
            # Given as values: a node of the graph waits for what it is given, not for what it might look at.
            arrays = [tf.convert_to_tensor(variable) for variable in self.arrays()]
            batch = [inputs, targets] if weights is None else [inputs, targets, weights]
            tf.numpy_function(self._tell, [outputs, loss, *dense, *arrays, *batch], [], stateful=True)
        return loss

    def _tell(self, outputs: Any, loss: Any, *values: Any) -> None:
        assert self.probe is not None
        trained = len(self.trainable_variables)
        told = trained + len(self.arrays())
        inputs, targets, *weights = values[told:]
        self.probe.step(
            inputs=inputs,
            targets=targets,
            sample_weights=weights[0] if weights else None,
            outputs=outputs,
            loss=float(loss),
            gradients=self.gradients_by_name(values[:trained]),
            weights=self.arrays_by_name(values[trained:told]),
        )


def configure(*, training: Training, place: Place) -> None:
    """Sets what belongs to the process: threads, determinism, devices and the precision of products."""
    if training.accelerator == "cpu":
        tf.config.set_visible_devices([], "GPU")
    elif place.size > 1:
        present = tf.config.list_physical_devices("GPU")
        tf.config.set_visible_devices(present[place.local_rank :][:1], "GPU")
    tf.config.experimental.enable_tensor_float_32_execution(False)
    if training.threads > 0:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(training.threads)
            tf.config.threading.set_inter_op_parallelism_threads(training.threads)
        except RuntimeError:
            _warn_if_threads_differ(training.threads)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def build(*, job: Job) -> KerasModel:
    """Returns the network with the job's weights, at the chosen precision."""
    training = job.experiment.training
    require_gpus(job, gpus())
    configure(training=training, place=job.place)
    ranks = Ranks(job.place, job.plan.batch_size)
    # A worker process trains one job after the other; the graphs of the last one would stay.
    keras.utils.clear_session(free_memory=False)
    _forget_gradients()
    dtype = precision.choose(training.precision)
    model = network(
        _Network,
        tree=job.tree,
        input_shape=job.input_shape,
        seed=job.experiment.seed,
        native=job.native,
        ranks=ranks if ranks.are_several else None,
    )
    model.ranks = ranks
    late = job.splits.train.standard
    model.standard = late and (
        tf.Variable(late.mean, trainable=False, dtype=dtype),
        tf.Variable(late.scale, trainable=False, dtype=dtype),
    )
    own_network.require_arrays(job, model.weights_by_name())
    model.load_by_name(job.weights)
    built = component.build(job.experiment.loss)
    loss = weighting.with_place(built, job.experiment.loss, job.splits.train)
    return KerasModel(model, loss, dtype, _answer(model, job, dtype))


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
    model.network.rows = model.stored(job.splits.train)
    model.network.compile(optimizer=optimizer, jit_compile=False)
    optimizer.know_places(model.network.gradient_places())
    # Inside the graph's loop it is too late to make the optimizer's arrays.
    optimizer.build(model.network.trainable_variables)
    optimizer.watch_gradients(len(model.network.trainable_variables))
    model.network.updates = Updates(model.network, job, optimizer)
    with Chunks(job) as model.network.chunks:
        reporter = _Reporter(model, job, observer, optimizer)
        first, done = reporter.first_epoch, reporter.done
        # An epoch that an earlier training has begun has fewer chunks than the others.
        whole = first + bool(done)
        for epochs, behind in ((range(first, whole), done), (range(whole, plan.epochs), 0)):
            if not epochs or model.network.stop_training:
                continue
            rows = training.steps_per_execution * plan.batch_size
            model.network.fit(
                _chunks(plan, epochs, rows, behind),
                epochs=epochs.stop,
                initial_epoch=epochs.start,
                steps_per_epoch=-(-(plan.steps_per_epoch - behind) // training.steps_per_execution),
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


def gpus() -> int:
    """Returns how many GPUs the framework sees on this machine."""
    return len(tf.config.list_physical_devices("GPU"))


class _Reporter(keras.callbacks.Callback):
    """Tells the observer what happened, and does what it decides."""

    def __init__(self, model: KerasModel, job: Job, observer: Observer, optimizer: PlannedOptimizer) -> None:
        super().__init__()
        self.first_epoch = job.start.epoch if job.start else 0
        # Batches that the first epoch has behind it already.
        self.done = job.start.step - self.first_epoch * job.plan.steps_per_epoch if job.start else 0
        self._plan = job.plan
        self._trained = model
        self._validation = job.splits.validation
        self._observer = observer
        self._optimizer = optimizer
        self._ranks = model.network.ranks
        self._places = model.network.gradient_places()
        self._steps = job.start.step if job.start else 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        done = self.done if epoch == self.first_epoch else 0
        self._trained.network.chunks.begin(epoch, self._plan.order(epoch)[done * self._plan.batch_size :])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # Keras makes a number of a chunk of one step.
        losses = np.atleast_1d(logs["loss"])
        first_step, self._steps = self._steps + 1, self._steps + len(losses)
        self._observer.steps(first_step, losses, self._trained.network.updates.state)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        rows = self._validation
        with self._trained.network.updates.shown():
            validation = self._trained.evaluate(rows) if len(rows) and self._ranks.place.rank == 0 else None
        norms = self._optimizer.gradient_norms()
        by_name = {name: float(norms[place]) for name, place in self._places.items()}
        state = self._trained.network.updates.state
        decision = self._ranks.agreed(
            self._observer.epoch(epoch + 1, validation, self._shown_weights, by_name, state)
        )
        self._optimizer.scale_learning_rates(decision.learning_rate_factor)
        self._trained.network.stop_training = decision.stop

    def _shown_weights(self) -> Weights:
        with self._trained.network.updates.shown():
            return self._trained.weights()


def _chunks(plan: Plan, epochs: range, rows: int, behind: int) -> tf.data.Dataset:
    """Returns the row numbers of all epochs in chunks of so many ``rows``, none of which is in two epochs.

    One for all epochs, because making an iterator takes as long as some hundred steps. ``behind`` is how many steps of
    the epochs are behind the training already.
    """

    def orders() -> Iterator[NDArray[np.int64]]:
        for epoch in epochs:
            yield plan.order(epoch)[behind * plan.batch_size :]

    orders_of_epochs = tf.data.Dataset.from_generator(
        orders, output_signature=tf.TensorSpec((None,), tf.int64)
    )
    return orders_of_epochs.flat_map(
        lambda order: tf.data.Dataset.range(0, tf.size(order, tf.int64), rows).map(
            lambda first: order[first : first + rows]
        )
    )


def _forget_gradients() -> None:
    """Drops the gradient functions that TensorFlow keeps for ever of every graph, and with them the graphs."""
    registered = ops.gradient_registry._registry
    for name in [each for each in registered if each.startswith("CustomGradient-")]:
        del registered[name]


def _warn_if_threads_differ(threads: int) -> None:
    given = tf.config.threading.get_intra_op_parallelism_threads()
    if given != threads:
        warnings.warn(
            f"training.threads: TensorFlow fixes its threads at its first work in a process; it has {given},"
            f" not {threads}.",
            stacklevel=2,
        )
