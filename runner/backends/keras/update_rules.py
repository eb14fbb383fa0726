"""The update of each optimizer on Keras, equal to torch's to rounding.

Kernels of the engine are used where their equation is the paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from runner.backends.keras import kernels
from runner.backends.keras.planned_optimizer import PlannedOptimizer


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
        kernels.apply_momentum(
            variable,
            self.slot(variable, "momentum"),
            rate=rate,
            gradient=gradient,
            momentum=self._momentum,
            nesterov=self._nesterov,
        )


class Adam(PlannedOptimizer):
    """Adam as in the paper, with epsilon outside the bias correction.

    The kernel computes w <- w - r m / (sqrt(v) + e). With c1 = 1 - beta1^t and c2 = 1 - beta2^t, the paper's
    rule is that of r = learning_rate sqrt(c2) / c1 and e = epsilon sqrt(c2), which are given here for each step.
    """

    slots: tuple[str, ...] = ("mean", "square")
    apply_kernel: Callable[..., None] = staticmethod(kernels.apply_adam)

    def __init__(self, *, beta1: float, beta2: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._corrections = {
            dtype: ops.convert_to_tensor(self._correction(dtype), "float64")
            for dtype in ("float32", "float64")
        }

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, **dict.fromkeys(self.slots, 0.0))

    def _correction(self, dtype: str) -> NDArray[np.float64]:
        """Returns sqrt(c2) / c1 and sqrt(c2) of every step, (steps, 2).

        The kernel subtracts a rounded beta from 1, which makes m and v a little too large or small by a constant
        factor; in float32 that is 1e-5 for v. The two numbers take it out again.
        """
        steps = np.arange(1, len(self.learning_rates) + 1, dtype=np.float64)
        first, second = 1 - self._beta1**steps, 1 - self._beta2**steps
        root = np.sqrt(second * self.excess("square", dtype))
        return np.stack([root / (first * self.excess("mean", dtype)), root], axis=1)

    def excess(self, name: str, dtype: str) -> float:
        beta = self._beta1 if name == "mean" else self._beta2
        return float(1 - np.dtype(dtype).type(beta)) / (1 - beta)

    def prepare(self, place: Any) -> None:
        self._present = {dtype: kernels.row(table, place) for dtype, table in self._corrections.items()}

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = keras.backend.standardize_dtype(variable.dtype)
        correction = self._present[kind]
        self.apply_kernel(
            variable,
            *(self.slot(variable, name) for name in self.slots),
            rate=ops.cast(self.rate * correction[0], kind),
            gradient=gradient,
            beta1=self._beta1,
            beta2=self._beta2,
            epsilon=ops.cast(self._epsilon * correction[1], kind),
        )


class Amsgrad(Adam):
    """Adam with the largest square so far, which has the same excess and the same bias as the square itself."""

    slots = ("mean", "square", "largest")
    apply_kernel = staticmethod(kernels.apply_amsgrad)


class Nadam(PlannedOptimizer):
    """Adam with Nesterov's look ahead and a momentum that grows."""

    def __init__(
        self, *, beta1: float, beta2: float, momentum_decay: float, epsilon: float, **common: Any
    ) -> None:
        super().__init__(**common)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        self._shares = ops.convert_to_tensor(self._shares_of_steps(momentum_decay), "float64")

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, mean=0.0, square=0.0)

    def _shares_of_steps(self, momentum_decay: float) -> NDArray[np.float64]:
        """Returns a, b and 1 - beta2^t of every step, (steps, 3)."""
        steps = np.arange(1, len(self.learning_rates) + 2, dtype=np.float64)
        momenta = self._beta1 * (1 - 0.5 * 0.96 ** (steps * momentum_decay))
        rest = 1 - np.cumprod(momenta)
        of_gradient, of_mean = (1 - momenta[:-1]) / rest[:-1], momenta[1:] / rest[1:]
        return np.stack([of_gradient, of_mean, 1 - self._beta2 ** steps[:-1]], axis=1)

    def prepare(self, place: Any) -> None:
        self._present = kernels.row(self._shares, place)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = variable.dtype
        mean, square = self.slot(variable, "mean"), self.slot(variable, "square")
        mean.assign(moving_mean(mean, gradient, self._beta1))
        square.assign(moving_mean(square, ops.square(gradient), self._beta2))
        of_gradient, of_mean, correction = ops.unstack(ops.cast(self._present, kind))
        deviation = ops.sqrt(square / correction) + ops.convert_to_tensor(self._epsilon, kind)
        variable.assign_sub(rate * (of_gradient * gradient + of_mean * mean) / deviation)


class Adamax(PlannedOptimizer):
    """Adam with the largest gradient, epsilon inside the maximum."""

    def __init__(self, *, beta1: float, beta2: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._beta1, self._beta2, self._epsilon = beta1, beta2, epsilon
        steps = np.arange(1, len(self.learning_rates) + 1, dtype=np.float64)
        self._corrections = ops.convert_to_tensor(1 - beta1**steps, "float64")

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, mean=0.0, largest=0.0)

    def prepare(self, place: Any) -> None:
        self._present = kernels.row(self._corrections, place)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = variable.dtype
        mean, largest = self.slot(variable, "mean"), self.slot(variable, "largest")
        mean.assign(moving_mean(mean, gradient, self._beta1))
        size = ops.abs(gradient) + ops.convert_to_tensor(self._epsilon, kind)
        largest.assign(ops.maximum(ops.convert_to_tensor(self._beta2, kind) * largest, size))
        variable.assign_sub(ops.cast(self.rate / self._present, kind) * mean / largest)


class RmsProp(PlannedOptimizer):
    """RMSprop with epsilon outside the root."""

    def __init__(
        self, *, decay: float, momentum: float, centered: bool, epsilon: float, **common: Any
    ) -> None:
        super().__init__(**common)
        self._memory, self._momentum, self._epsilon = decay, momentum, epsilon
        self._centered = centered

    def build(self, variables: Any) -> None:
        super().build(variables)
        wanted = {"square": True, "mean": self._centered, "momentum": self._momentum > 0}
        self.add_slots(variables, **{name: 0.0 for name, is_wanted in wanted.items() if is_wanted})

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kind = variable.dtype
        square = self.slot(variable, "square")
        square.assign(moving_mean(square, ops.square(gradient), self._memory))
        spread = square.value
        if self._centered:
            mean = self.slot(variable, "mean")
            mean.assign(moving_mean(mean, gradient, self._memory))
            spread = spread - ops.square(mean)
        direction = gradient / (ops.sqrt(spread) + ops.convert_to_tensor(self._epsilon, kind))
        if self._momentum > 0:
            buffer = self.slot(variable, "momentum")
            buffer.assign(ops.convert_to_tensor(self._momentum, kind) * buffer + direction)
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
        total = self.slot(variable, "sum")
        kernels.apply_adagrad(variable, total, rate=rate, gradient=gradient, epsilon=self._epsilon)


class Adadelta(PlannedOptimizer):
    """Adadelta, whose kernel is the paper's equation."""

    def __init__(self, *, decay: float, epsilon: float, **common: Any) -> None:
        super().__init__(**common)
        self._memory, self._epsilon = decay, epsilon

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, square=0.0, squared_step=0.0)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        kernels.apply_adadelta(
            variable,
            self.slot(variable, "square"),
            self.slot(variable, "squared_step"),
            rate=rate,
            gradient=gradient,
            memory=self._memory,
            epsilon=self._epsilon,
        )


class Lion(PlannedOptimizer):
    """The sign of a momentum."""

    def __init__(self, *, beta1: float, beta2: float, **common: Any) -> None:
        super().__init__(**common)
        self._beta1, self._beta2 = beta1, beta2

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.add_slots(variables, momentum=0.0)

    def update(self, gradient: Any, variable: Any, rate: Any) -> None:
        momentum = self.slot(variable, "momentum")
        variable.assign_sub(rate * ops.sign(moving_mean(momentum, gradient, self._beta1)))
        momentum.assign(moving_mean(momentum, gradient, self._beta2))


def moving_mean(mean: Any, value: Any, memory: float) -> Any:
    """Returns memory * mean + (1 - memory) * value."""
    return (
        ops.convert_to_tensor(memory, value.dtype) * mean
        + ops.convert_to_tensor(1 - memory, value.dtype) * value
    )
