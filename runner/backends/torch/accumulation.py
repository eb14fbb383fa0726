"""Gradients of several batches, averaged before an update, on PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor

from runner.backends.torch.layers import Network
from runner.plan import Plan
from runner.results import Weights
from runner.training_state import TrainingState


class Accumulation:
    """g <- (g_1 + ... + g_n) / n over the batches of a group.

    Args:
        network: whose gradients are averaged.
        plan: where a group ends.
        start: where an earlier training stood that goes on, in the middle of a group or not, or None.
    """

    def __init__(self, network: Network, plan: Plan, start: TrainingState | None) -> None:
        self._network = network
        self._arrays = network.named_arrays()
        self._plan = plan
        self._batches = 0
        self._sums: dict[str, Tensor] = {}
        if start is not None and start.sums:
            self._batches = start.step % plan.steps_per_epoch % plan.accumulation
            self._sums = {name: network.native(name, array) for name, array in start.sums.items()}

    def completes(self, step: int) -> bool:
        """Takes the gradients of a step, numbered from 0; where its group ends, they become the mean over the group."""
        trained = {name: each for name, each in self._arrays if each.grad is not None}
        gradients = [each.grad for each in trained.values() if each.grad is not None]
        if self._batches:
            torch._foreach_add_([self._sums[name] for name in trained], gradients)
        else:
            self._sums = dict(zip(trained, (gradient.clone() for gradient in gradients), strict=True))
        self._batches += 1
        if not self._plan.ends_group(step):
            return False
        torch._foreach_div_(list(self._sums.values()), self._batches)
        for name, parameter in trained.items():
            parameter.grad = self._sums[name]
        self._batches, self._sums = 0, {}
        return True

    def arrays(self) -> Weights:
        """Returns copies of the sums of an unfinished group by canonical name; nothing where none is."""
        return {name: self._network.canonical(name, total) for name, total in self._sums.items()}
