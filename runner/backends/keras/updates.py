"""What happens around an optimizer's step, and where a training stands, on Keras."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import training_state
from runner.backend import Job
from runner.backends.keras import kernels, own_state
from runner.backends.keras.accumulation import Accumulation
from runner.backends.keras.averaging import WeightAverage
from runner.backends.keras.layers import Network
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.training_state import OwnState, TrainingState, by_slot


class Updates:
    """The built optimizer of a job, and what happens around its step.

    Args:
        network: whose weights are updated.
        job: the rules, and where an earlier training stood.
        optimizer: what updates them.
    """

    def __init__(self, network: Network, job: Job, optimizer: PlannedOptimizer) -> None:
        self._network = network
        self._name = job.experiment.optimizer.name
        self._plan = job.plan
        self._optimizer = optimizer
        self._variables = network.trainable_variables
        several = job.plan.accumulation > 1
        self._accumulation = Accumulation(self._variables, job.plan, self._update) if several else None
        optimizer.scale_learning_rates(job.learning_rate_factor)
        self._has_slots = training_state.slot_names(job.experiment) is not None
        # Where the framework draws or updates in its own way, canonical names do not tell all.
        self._has_own = bool(network.own) or not self._has_slots
        begun: list[NDArray[np.float64]] = []
        if job.start is not None:
            network.step.assign(job.start.step)
            if self._has_slots:
                slots = {name: network.in_order(arrays) for name, arrays in by_slot(job.start).items()}
                optimizer.load_slots(slots, job.start.updates)
            if job.start.own is not None:
                own_state.load(job.start.own, network, None if self._has_slots else optimizer)
            begun = network.in_order(job.start.averages)
            if self._accumulation is not None:
                self._accumulation.load(network.in_order(job.start.sums))
        decay = job.experiment.training.weight_average
        self._average = None if decay is None else WeightAverage(self._variables, decay, begun)

    def take(self, gradients: list[Any], step: Any) -> None:
        """Takes the gradients of a step, numbered from 0, and updates the weights where an update is due: in the graph."""
        if self._accumulation is None:
            self._update(gradients)
        else:
            self._accumulation.add(gradients, step)

    def shown(self) -> contextlib.AbstractContextManager[None]:
        """Puts the averaged weights, where there are any, in the place of the weights while it lasts."""
        return contextlib.nullcontext() if self._average is None else self._average.shown()

    def state(self) -> TrainingState:
        """Returns where the training stands."""
        step = int(kernels.values(self._network.step))
        updates = int(kernels.values(self._optimizer.iterations))
        # Before the first update there is nothing to remember, whatever an optimizer has made room for.
        slots = self._optimizer.slot_arrays() if updates and self._has_slots else {}
        averages = self._average.arrays() if self._average is not None and updates else []
        sums = [] if self._accumulation is None else self._accumulation.arrays(step)
        by_name = self._network.gradients_by_name
        return TrainingState(
            epoch=step // self._plan.steps_per_epoch,
            step=step,
            updates=updates,
            optimizer=self._name,
            weights=self._network.weights_by_name(),
            slots={
                f"{slot}/{name}": array
                for slot, arrays in slots.items()
                for name, array in by_name(arrays).items()
            },
            averages=by_name(averages) if averages else {},
            sums=by_name(sums) if sums else {},
            own=self._own() if self._has_own else None,
        )

    def _own(self) -> OwnState:
        return own_state.of(self._network, None if self._has_slots else self._optimizer)

    def _update(self, gradients: list[Any]) -> None:
        self._optimizer.apply(gradients, self._variables)
        if self._average is not None:
            self._average.update()
