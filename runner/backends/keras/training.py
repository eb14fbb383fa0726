"""Training on Keras: a functional model under ``fit``, on TensorFlow."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import ops

from runner import component, own_network, weighting
from runner.backend import Job, Observer, require_gpus
from runner.backends.keras import precision
from runner.backends.keras.chunks import Chunks
from runner.backends.keras.layers import network
from runner.backends.keras.model import JobNetwork, KerasModel
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.backends.keras.ranks import Ranks
from runner.backends.keras.updates import Updates
from runner.experiment import Component, Training
from runner.place import Place
from runner.plan import Plan
from runner.results import Weights

Values = NDArray[np.float64]

# Asked here because TensorFlow looks for GPUs at the first question and logs that it found none: while a backend is
# imported, such lines are held back.
tf.config.list_physical_devices()


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
        JobNetwork,
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


def _answer(model: JobNetwork, job: Job, dtype: str) -> Callable[[Any], Any]:
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
