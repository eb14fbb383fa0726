"""From the gradients of one batch after the other to updates of the weights and of their averages, on PyTorch."""

from __future__ import annotations

import contextlib

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from runner import component, training_state
from runner.backend import Job
from runner.backends.torch import optimizer_state, own_state
from runner.backends.torch.accumulation import Accumulation
from runner.backends.torch.averaging import WeightAverage
from runner.backends.torch.layers import Network
from runner.experiment import Clipping
from runner.training_state import OwnState, TrainingState


class Updates:
    """The optimizer of a job, and what happens around its step.

    Args:
        network: whose weights are updated.
        job: the rules, the learning rates, and where an earlier training stood.
    """

    def __init__(self, network: Network, job: Job) -> None:
        self.rate_factor = job.learning_rate_factor
        self.gradient_norms: dict[str, float] = {}
        self.optimizer: Optimizer = component.build(job.experiment.optimizer)(network.named_arrays())
        self._network = network
        self._plan = job.plan
        self._name = job.experiment.optimizer.name
        self._clipping = job.experiment.training.clipping
        self._rates = job.plan.learning_rates.tolist()
        self._parameters = list(network.parameters())
        decay, start = job.experiment.training.weight_average, job.start
        several = job.plan.accumulation > 1
        self._accumulation = Accumulation(network, job.plan, start) if several else None
        begun = start.averages if start else {}
        self._average = None if decay is None else WeightAverage(network, decay, begun)
        self._count = start.updates if start else 0
        self._has_slots = training_state.slot_names(job.experiment) is not None
        # Where the framework draws or updates in its own way, canonical names do not tell all.
        self._has_own = network.is_native or not self._has_slots
        if start is not None and self._has_slots:
            optimizer_state.load(self.optimizer, network, start.slots, start.updates)
        if start is not None and start.own is not None:
            own_state.load(start.own, network, self.optimizer)

    def take(self, step: int) -> None:
        """Takes the gradients of a step, numbered from 0, and updates the weights where an update is due."""
        if self._accumulation is None or self._accumulation.completes(step):
            self._update(step)

    def shown(self) -> contextlib.AbstractContextManager[None]:
        """Puts the averaged weights, where there are any, in the place of the weights while it lasts."""
        return contextlib.nullcontext() if self._average is None else self._average.shown()

    def state(self, step: int) -> TrainingState:
        """Returns where the training stands after so many batches."""
        # Before the first update there is nothing to remember, whatever an optimizer has made room for.
        has_updated = self._count > 0
        return TrainingState(
            epoch=step // self._plan.steps_per_epoch,
            step=step,
            updates=self._count,
            optimizer=self._name,
            weights=self._network.weights(),
            slots=optimizer_state.slots(self.optimizer, self._network)
            if has_updated and self._has_slots
            else {},
            averages=self._average.arrays() if self._average is not None and has_updated else {},
            sums={} if self._accumulation is None else self._accumulation.arrays(),
            own=self._own() if self._has_own else None,
        )

    def _own(self) -> OwnState:
        optimizer = None if self._has_slots else self.optimizer
        return own_state.of(self._network, optimizer, self._parameters[0].device)

    def _update(self, step: int) -> None:
        rate = self._rates[self._count] * self.rate_factor
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if (step + 1) % self._plan.steps_per_epoch == 0:
            self.gradient_norms = self._network.gradient_norms()
        clip(self._parameters, self._clipping)
        self.optimizer.step()
        self._count += 1
        if self._average is not None:
            self._average.update()


def clip(parameters: list[Parameter], clipping: Clipping) -> None:
    """Shortens the whole gradient, or bounds each element of it, where that is asked for."""
    if clipping.value is not None:
        torch.nn.utils.clip_grad_value_(parameters, clipping.value)
    if clipping.global_norm is not None:
        torch.nn.utils.clip_grad_norm_(parameters, clipping.global_norm)
