"""A network on Keras with its loss: what is trained, a chunk of steps at a time, and its answer to rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.backend import Probe
from runner.backends.keras.chunks import Chunks
from runner.backends.keras.layers import Network
from runner.backends.keras.losses import Loss
from runner.backends.keras.ranks import Ranks
from runner.backends.keras.updates import Updates
from runner.data import OnDemand, Rows
from runner.experiment import Component
from runner.results import Evaluation, Weights

# Rows that go through the network at once when nothing is learnt from them.
_EVALUATION_ROWS = 4096


@dataclass(frozen=True)
class KerasModel:
    """A network, its loss, how precisely it is computed, and its answer to any number of rows in evaluation mode."""

    network: JobNetwork
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


class JobNetwork(Network):
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
