"""Gradients of several batches, averaged before an update, on Keras: in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from runner.backends.keras import kernels
from runner.plan import Plan


class Accumulation:
    """g <- (g_1 + ... + g_n) / n over the batches of a group.

    Args:
        variables: whose gradients are averaged.
        plan: where a group ends.
        update: what is done with the mean gradients.
    """

    def __init__(self, variables: list[Any], plan: Plan, update: Callable[[list[Any]], None]) -> None:
        self._sums = [
            keras.Variable(np.zeros(each.shape), dtype=each.dtype, trainable=False) for each in variables
        ]
        self._plan = plan
        self._update = update

    def add(self, gradients: list[Any], step: Any) -> None:
        """Takes the gradients of a step, numbered from 0; where its group ends, the weights are updated by their mean."""
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(kernels.dense(gradient))
        step_of_epoch = step % self._plan.steps_per_epoch
        batches = step_of_epoch % self._plan.accumulation + 1
        ends_epoch = ops.equal(step_of_epoch, self._plan.steps_per_epoch - 1)
        ends_group = ops.logical_or(ops.equal(batches, self._plan.accumulation), ends_epoch)

        def complete() -> Any:
            self._update([total / ops.cast(batches, total.dtype) for total in self._sums])
            for total in self._sums:
                total.assign(ops.zeros_like(total))
            return True

        ops.cond(ends_group, complete, lambda: False)

    def arrays(self, step: int) -> list[NDArray[Any]]:
        """Returns copies of the sums after so many steps, in the order of the variables; nothing where no group is begun."""
        is_begun = step % self._plan.steps_per_epoch % self._plan.accumulation > 0
        return [kernels.values(total) for total in self._sums] if is_begun else []

    def load(self, sums: Sequence[NDArray[np.float64]]) -> None:
        """Takes what :meth:`arrays` of another training gave."""
        for total, value in zip(self._sums, sums, strict=False):
            total.assign(value)
