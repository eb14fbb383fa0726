"""Optimizers as Keras carries them out: its optimizer class with the equations of the papers, equal to torch's to rounding.

``l2`` adds l2 w to the gradient; ``decoupled_weight_decay`` takes learning_rate * decay * w from the weight before
the update, outside the gradient. Both concern every parameter. Source: Loshchilov and Hutter, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.experiment import Clipping
from runner.quantities import BelowOne, NotNegative, Positive

Factory = Callable[[NDArray[np.float64], Clipping], "PlannedOptimizer"]


class PlannedOptimizer(keras.optimizers.Optimizer):
    """A Keras optimizer that reads its learning rate from a table, one float64 number for each step.

    Keras' own classes keep scalars in float32, put the learning rate inside the momentum buffer and epsilon inside
    the bias correction, so that the same arguments are not the same optimizer.

    Args:
        learning_rates: learning rate of each step, (steps,).
        clipping: what is done to the gradients first.
        l2: factor of the weight in the gradient.
        decoupled_weight_decay: factor of the weight, times the learning rate, taken from the weight.
    """

    def __init__(
        self,
        *,
        learning_rates: NDArray[np.float64],
        clipping: Clipping,
        l2: float,
        decoupled_weight_decay: float,
    ) -> None:
        super().__init__(learning_rate=float(learning_rates[0]))
        self._table = tf.constant(learning_rates, tf.float64)
        self._factor = tf.Variable(1.0, trainable=False, dtype=tf.float64)
        self._clipping = clipping
        self._l2 = l2
        self._decay = decoupled_weight_decay
        self.rate: Any = None
        self.learning_rates = learning_rates
        self._half_squares: Any = None

    def watch_gradients(self, variables: int) -> None:
        """Keeps the size of each variable's gradient, before any clipping, of the last step."""
        self._half_squares = tf.Variable(tf.zeros(variables, tf.float64), trainable=False)

    def gradient_norms(self) -> NDArray[np.float64]:
        """Returns the Euclidean norm of each watched gradient, in the order of the variables."""
        norms: NDArray[np.float64] = np.sqrt(2 * self._half_squares.numpy())
        return norms

    def scale_learning_rates(self, factor: float) -> None:
        """Multiplies the table by ``factor`` from the next step on."""
        self._factor.assign(factor)

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        step = tf.cast(self.iterations.value, tf.int64)
        # Training on past the table (a user's own loop) keeps its last rate.
        last = tf.minimum(step, self._table.shape[0] - 1)
        self.rate = tf.gather(self._table, last) * self._factor
        self.prepare(last)
        gradients = [tf.convert_to_tensor(gradient) for gradient in grads]
        if self._half_squares is not None:
            # In every step, for less than it costs to ask which step this is.
            halves = tf.stack([tf.nn.l2_loss(gradient) for gradient in gradients])
            self._half_squares.assign(tf.cast(halves, tf.float64))
        return super().apply(self._clipped(gradients), trainable_variables)

    def prepare(self, place: Any) -> None:
        """Computes what all parameters share in one step, numbered from 0."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        rate = tf.cast(self.rate, variable.dtype)
        if self._decay > 0:
            shrink = tf.cast(1 - self.rate * tf.constant(self._decay, tf.float64), variable.dtype)
            variable.assign(variable * shrink)
        if self._l2 > 0:
            gradient = gradient + tf.constant(self._l2, variable.dtype) * variable
        self.update(gradient, variable, rate)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        """Moves one parameter along its decayed gradient."""
        raise TypeError(f"{type(self).__name__} defines no update")

    def slot(self, variable: Any, name: str) -> Any:
        """Returns the array of this optimizer that belongs to a parameter."""
        return self._slots[name][self._get_variable_index(variable)]

    def add_slots(self, variables: Iterable[Any], **first_values: float) -> None:
        """Makes one array of each name for each parameter, filled with its first value."""
        self._slots = {
            name: [
                self.add_variable_from_reference(variable, name=name, initializer=_filled(value))
                for variable in variables
            ]
            for name, value in first_values.items()
        }

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        if self._clipping.value is not None:
            bounds = [tf.constant(self._clipping.value, g.dtype) for g in gradients]
            return [tf.clip_by_value(g, -bound, bound) for g, bound in zip(gradients, bounds, strict=True)]
        if self._clipping.global_norm is not None:
            norm = tf.sqrt(tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients]))
            limit = tf.constant(self._clipping.global_norm, norm.dtype)
            # The 1e-6 is torch's, against a norm of zero.
            scale = tf.minimum(limit / (norm + tf.constant(1e-6, norm.dtype)), 1)
            return [g * scale for g in gradients]
        return gradients


class Sgd(PlannedOptimizer):
    """Stochastic gradient descent with a momentum buffer that does not contain the learning rate."""

    def __init__(self, *, momentum: float, nesterov: bool, **common: Any) -> None:
        super().__init__(**common)
        self._momentum, self._nesterov = momentum, nesterov

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, **({"momentum": 0.0} if self._momentum > 0 else {}))

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        if self._momentum == 0:
            variable.assign_sub(rate * gradient)
            return
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self.slot(variable, "momentum").value.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.constant(self._momentum, variable.dtype),
            use_nesterov=self._nesterov,
        )


class Adam(PlannedOptimizer):
    """Adam as in the paper, with epsilon outside the bias correction.

    TensorFlow's kernel computes w <- w - r m / (sqrt(v) + e). With c1 = 1 - beta1^t and c2 = 1 - beta2^t, the paper's
    rule is that of r = learning_rate sqrt(c2) / c1 and e = epsilon sqrt(c2), which are given here for each step.
    """

    def __init__(self, *, beta1: float, beta2: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._corrections = {
            dtype: tf.constant(self._correction(dtype), tf.float64) for dtype in ("float32", "float64")
        }

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, mean=0.0, square=0.0)

    def _correction(self, dtype: str) -> NDArray[np.float64]:
        """Returns sqrt(c2) / c1 and sqrt(c2) of every step, (steps, 2).

        The kernel subtracts a rounded beta from 1, which makes m and v a little too large or small by a constant
        factor; in float32 that is 1e-5 for v. The two numbers take it out again.
        """
        steps = np.arange(1, len(self.learning_rates) + 1, dtype=np.float64)
        first, second = 1 - self._beta1**steps, 1 - self._beta2**steps
        rounded = [float(1 - np.dtype(dtype).type(beta)) for beta in (self._beta1, self._beta2)]
        excess_of_mean, excess_of_square = rounded[0] / (1 - self._beta1), rounded[1] / (1 - self._beta2)
        root = np.sqrt(second * excess_of_square)
        return np.stack([root / (first * excess_of_mean), root], axis=1)

    def prepare(self, place: Any) -> None:
        self._present = {dtype: tf.gather(table, place) for dtype, table in self._corrections.items()}

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = variable.dtype
        correction = self._present[tf.as_dtype(kind).name]
        zero = tf.constant(0, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.slot(variable, "mean").value.handle,
            v=self.slot(variable, "square").value.handle,
            # Powers of 0 leave the bias correction to the two numbers of the step.
            beta1_power=zero,
            beta2_power=zero,
            lr=tf.cast(self.rate * correction[0], kind),
            beta1=tf.constant(self._beta1, kind),
            beta2=tf.constant(self._beta2, kind),
            epsilon=tf.cast(self._epsilon * correction[1], kind),
            grad=gradient,
        )


class RmsProp(PlannedOptimizer):
    """RMSprop with epsilon outside the root."""

    def __init__(self, *, decay: float, momentum: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._decay_of_square, self._momentum, self._epsilon = decay, momentum, epsilon

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, square=0.0, **({"momentum": 0.0} if self._momentum > 0 else {}))

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = variable.dtype
        square = self.slot(variable, "square")
        square.assign(
            tf.constant(self._decay_of_square, kind) * square
            + tf.constant(1 - self._decay_of_square, kind) * tf.square(gradient)
        )
        direction = gradient / (tf.sqrt(square) + tf.constant(self._epsilon, kind))
        if self._momentum > 0:
            buffer = self.slot(variable, "momentum")
            buffer.assign(tf.constant(self._momentum, kind) * buffer + direction)
            direction = buffer.value
        variable.assign_sub(rate * direction)


class Adagrad(PlannedOptimizer):
    """Adagrad with epsilon outside the root."""

    def __init__(self, *, initial_accumulator: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._initial_accumulator, self._epsilon = initial_accumulator, epsilon

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, sum=self._initial_accumulator)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        tf.raw_ops.ResourceApplyAdagradV2(
            var=variable.handle,
            accum=self.slot(variable, "sum").value.handle,
            lr=rate,
            epsilon=tf.constant(self._epsilon, variable.dtype),
            grad=gradient,
        )


def sgd(
    *,
    learning_rate: Positive,
    momentum: BelowOne,
    nesterov: bool,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """b <- momentum b + g; w <- w - learning_rate b, or with nesterov w - learning_rate (g + momentum b)."""
    return _factory(
        Sgd, l2=l2, decoupled_weight_decay=decoupled_weight_decay, momentum=momentum, nesterov=nesterov
    )


def adam(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; w <- w - learning_rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t. Source: Kingma and Ba, 2015.
    """
    return _factory(
        Adam,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
    )


def adamw(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """Adam's rule after w <- w - learning_rate decoupled_weight_decay w. Source: Loshchilov and Hutter, 2019."""
    return adam(
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
    )


def rmsprop(
    *,
    learning_rate: Positive,
    decay: BelowOne,
    momentum: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """v <- decay v + (1 - decay) g^2; b <- momentum b + g / (sqrt(v) + epsilon); w <- w - learning_rate b.

    Source: Tieleman and Hinton, 2012, with epsilon outside the root.
    """
    return _factory(
        RmsProp,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay=decay,
        momentum=momentum,
        epsilon=epsilon,
    )


def adagrad(
    *,
    learning_rate: Positive,
    initial_accumulator: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """s <- s + g^2, from initial_accumulator; w <- w - learning_rate g / (sqrt(s) + epsilon). Source: Duchi et al., 2011."""
    return _factory(
        Adagrad,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        initial_accumulator=initial_accumulator,
        epsilon=epsilon,
    )


def _filled(value: float) -> Callable[[Any, Any], Any]:
    # Keras' own Constant rounds the value to float32 first.
    return lambda shape, dtype: tf.fill(shape, tf.constant(value, dtype))


def _factory(kind: type[PlannedOptimizer], **arguments: Any) -> Factory:
    def build(learning_rates: NDArray[np.float64], clipping: Clipping) -> PlannedOptimizer:
        return kind(learning_rates=learning_rates, clipping=clipping, **arguments)

    return build
