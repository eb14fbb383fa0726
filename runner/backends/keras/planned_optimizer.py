"""Keras' optimizer class with a table of learning rates, and what all our optimizers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from runner.backends.keras import kernels
from runner.experiment import Clipping
from runner.weights import is_kernel


class GradientWatch:
    """What stands before an optimizer of Keras: the places of the kernels, and the size of each gradient."""

    kernels: frozenset[int] = frozenset()
    _half_squares: Any = None

    def know_places(self, places: Mapping[str, int]) -> None:
        """Takes the place of each variable among all of them by its canonical name, before the optimizer is built."""
        self.kernels = frozenset(place for name, place in places.items() if is_kernel(name))

    def watch_gradients(self, variables: int) -> None:
        """Keeps the size of each variable's gradient, before any clipping, of the last update."""
        self._half_squares = keras.Variable(np.zeros(variables), dtype="float64", trainable=False)

    def note(self, gradients: list[Any]) -> None:
        """Takes the gradients of an update, where they are watched."""
        if self._half_squares is not None:
            # In every step, for less than it costs to ask which step this is.
            halves = ops.stack([kernels.half_square(gradient) for gradient in gradients])
            self._half_squares.assign(ops.cast(halves, "float64"))

    def gradient_norms(self) -> NDArray[np.float64]:
        """Returns the Euclidean norm of each watched gradient, in the order of the variables."""
        norms: NDArray[np.float64] = np.sqrt(2 * kernels.values(self._half_squares))
        return norms


class PlannedOptimizer(GradientWatch, keras.optimizers.Optimizer):
    """A Keras optimizer that reads its learning rate from a table, one float64 number for each update.

    Keras' own classes keep scalars in float32, put the learning rate inside the momentum buffer and epsilon inside
    the bias correction, so that the same arguments are not the same optimizer.

    Args:
        learning_rates: learning rate of each update, (updates,).
        clipping: what is done to the gradients first.
        l2: factor of the weight in the gradient.
        decoupled_weight_decay: factor of the weight, times the learning rate, taken from the weight.
        decay_on: whether the two concern all variables, or kernels only, which :meth:`know_places` tells apart.
    """

    def __init__(
        self,
        *,
        learning_rates: NDArray[np.float64],
        clipping: Clipping,
        l2: float,
        decoupled_weight_decay: float,
        decay_on: Literal["all", "kernels"],
    ) -> None:
        super().__init__(learning_rate=float(learning_rates[0]))
        self._table = ops.convert_to_tensor(learning_rates, "float64")
        self._factor = keras.Variable(1.0, dtype="float64", trainable=False)
        self._clipping = clipping
        self._l2 = l2
        self._decay = decoupled_weight_decay
        self._decay_on = decay_on
        self.rate: Any = None
        self.learning_rates = learning_rates

    def scale_learning_rates(self, factor: float) -> None:
        """Multiplies the table by ``factor`` from the next step on."""
        self._factor.assign(factor)

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        step = ops.cast(self.iterations, "int64")
        # Training on past the table (a user's own loop) keeps its last rate.
        last = ops.minimum(step, len(self.learning_rates) - 1)
        self.rate = kernels.row(self._table, last) * self._factor
        self.prepare(last)
        gradients = [kernels.dense(gradient) for gradient in grads]
        self.note(gradients)
        return super().apply(self._clipped(gradients), trainable_variables)

    def prepare(self, place: Any) -> None:
        """Computes what all parameters share in one step, numbered from 0."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self._decays(variable):
            gradient = self._decayed(gradient, variable)
        self.update(gradient, variable, ops.cast(self.rate, variable.dtype))

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

    def slot_arrays(self) -> dict[str, list[NDArray[np.float64]]]:
        """Returns copies of the arrays of each name, in the order of the variables, as the equation has them."""
        return {
            name: [
                kernels.values(array).astype(np.float64) / self.excess(name, array.dtype) for array in arrays
            ]
            for name, arrays in self._slots.items()
        }

    def load_slots(self, slots: Mapping[str, Sequence[NDArray[np.float64]]], updates: int) -> None:
        """Takes what :meth:`slot_arrays` of another optimizer gave after so many updates."""
        self.iterations.assign(updates)
        for name, values in slots.items():
            for array, value in zip(self._slots[name], values, strict=True):
                array.assign(value * self.excess(name, array.dtype))

    def excess(self, name: str, dtype: str) -> float:
        """Returns the constant factor by which the arrays of a name are larger here than in the equation."""
        return 1.0

    def _decays(self, variable: Any) -> bool:
        return self._decay_on == "all" or self._get_variable_index(variable) in self.kernels

    def _decayed(self, gradient: Any, variable: Any) -> Any:
        """Shrinks a variable and returns its gradient with that of the penalty."""
        if self._decay > 0:
            shrink = ops.cast(1 - self.rate * self._decay, variable.dtype)
            variable.assign(variable * shrink)
        if self._l2 > 0:
            gradient = gradient + ops.convert_to_tensor(self._l2, variable.dtype) * variable
        return gradient

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        if self._clipping.value is not None:
            bound = self._clipping.value
            return [ops.clip(g, -bound, bound) for g in gradients]
        if self._clipping.global_norm is not None:
            norm = ops.sqrt(ops.sum(ops.stack([ops.sum(ops.square(g)) for g in gradients])))
            limit = ops.convert_to_tensor(self._clipping.global_norm, norm.dtype)
            # The 1e-6 is torch's, against a norm of zero.
            scale = ops.minimum(limit / (norm + 1e-6), 1)
            return [g * scale for g in gradients]
        return gradients


def _filled(value: float) -> Callable[[Any, Any], Any]:
    # Keras' own Constant rounds the value to float32 first.
    return lambda shape, dtype: ops.full(shape, value, dtype)
