"""Keras' own optimizers, each with the arguments of ours under Keras' names.

``l2`` and ``decoupled_weight_decay`` are both Keras' weight_decay, which is taken from the weight and not put into its
gradient. The table of learning rates is a schedule in float32, as every schedule of Keras is.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.backends.keras.optimizers import DecayOn, Factory
from runner.backends.keras.planned_optimizer import GradientWatch
from runner.experiment import Clipping
from runner.quantities import BelowOne, NotNegative, Positive


def sgd(
    *,
    learning_rate: Positive,
    momentum: BelowOne,
    nesterov: bool,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.SGD."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.SGD, decay, decay_on, momentum=float(momentum), nesterov=nesterov)


def adam(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Adam."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.Adam, decay, decay_on, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def adamw(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.AdamW."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.AdamW, decay, decay_on, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def amsgrad(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Adam with amsgrad."""
    decay = l2 + decoupled_weight_decay
    return _factory(
        keras.optimizers.Adam, decay, decay_on, beta_1=beta1, beta_2=beta2, epsilon=epsilon, amsgrad=True
    )


def nadam(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    momentum_decay: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Nadam, whose momentum_decay is 1 whatever is asked for."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.Nadam, decay, decay_on, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def adamax(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Adamax."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.Adamax, decay, decay_on, beta_1=beta1, beta_2=beta2, epsilon=epsilon)


def rmsprop(
    *,
    learning_rate: Positive,
    decay: BelowOne,
    momentum: BelowOne,
    centered: bool,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.RMSprop."""
    return _factory(
        keras.optimizers.RMSprop,
        l2 + decoupled_weight_decay,
        decay_on,
        rho=decay,
        momentum=float(momentum),
        centered=centered,
        epsilon=epsilon,
    )


def adagrad(
    *,
    learning_rate: Positive,
    initial_accumulator: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Adagrad."""
    decay, first = l2 + decoupled_weight_decay, initial_accumulator
    return _factory(
        keras.optimizers.Adagrad, decay, decay_on, initial_accumulator_value=first, epsilon=epsilon
    )


def adadelta(
    *,
    learning_rate: Positive,
    decay: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Adadelta."""
    weight_decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.Adadelta, weight_decay, decay_on, rho=decay, epsilon=epsilon)


def lion(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """keras.optimizers.Lion."""
    decay = l2 + decoupled_weight_decay
    return _factory(keras.optimizers.Lion, decay, decay_on, beta_1=beta1, beta_2=beta2)


class _Table(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each update, times a factor, in float32."""

    def __init__(self, learning_rates: NDArray[np.float64]) -> None:
        self._rates = tf.constant(learning_rates, tf.float32)
        self.factor = tf.Variable(1.0, trainable=False, dtype=tf.float32)

    def __call__(self, step: Any) -> Any:
        last = self._rates.shape[0] - 1
        return tf.gather(self._rates, tf.minimum(tf.cast(step, tf.int32), last)) * self.factor


class _Native(GradientWatch, keras.optimizers.Optimizer):
    """What stands before one of Keras' optimizers, so that training can ask it what it asks ours."""

    def __init__(
        self,
        *,
        learning_rates: NDArray[np.float64],
        clipping: Clipping,
        weight_decay: float,
        decay_on: DecayOn,
        **arguments: Any,
    ) -> None:
        table = _Table(learning_rates)
        super().__init__(
            learning_rate=table,
            weight_decay=weight_decay or None,
            global_clipnorm=clipping.global_norm,
            clipvalue=clipping.value,
            **arguments,
        )
        self._table = table
        self._decay_on = decay_on

    def build(self, variables: Any) -> None:
        if self._decay_on == "kernels" and not self.built:
            spared = [each for place, each in enumerate(variables) if place not in self.kernels]
            self.exclude_from_weight_decay(var_list=spared)
        super().build(variables)

    def scale_learning_rates(self, factor: float) -> None:
        """Multiplies the table by ``factor`` from the next step on."""
        self._table.factor.assign(factor)

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        self.note([tf.convert_to_tensor(gradient) for gradient in grads])
        return super().apply(grads, trainable_variables)


def _factory(kind: type[Any], weight_decay: float, decay_on: DecayOn, **arguments: Any) -> Factory:
    native: type[Any] = type(kind.__name__, (_Native, kind), {})

    def build(learning_rates: NDArray[np.float64], clipping: Clipping) -> Any:
        return native(
            learning_rates=learning_rates,
            clipping=clipping,
            weight_decay=weight_decay,
            decay_on=decay_on,
            **arguments,
        )

    return build
