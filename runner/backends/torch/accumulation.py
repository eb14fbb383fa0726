"""Gradients of several batches, averaged before an update, on PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter

from runner.plan import Plan


class Accumulation:
    """g <- (g_1 + ... + g_n) / n over the batches of a group.

    Args:
        parameters: whose gradients are averaged.
        plan: where a group ends.
    """

    def __init__(self, parameters: list[Parameter], plan: Plan) -> None:
        self._parameters = parameters
        self._plan = plan
        self._batches = 0
        self._sums: list[Tensor] = []

    def completes(self, step: int) -> bool:
        """Takes the gradients of a step, numbered from 0; where its group ends, they become the mean over the group."""
        trained = [each for each in self._parameters if each.grad is not None]
        gradients = [each.grad for each in trained if each.grad is not None]
        if self._batches:
            torch._foreach_add_(self._sums, gradients)
        else:
            self._sums = [gradient.clone() for gradient in gradients]
        self._batches += 1
        if not self._plan.ends_group(step):
            return False
        torch._foreach_div_(self._sums, self._batches)
        for parameter, mean in zip(trained, self._sums, strict=True):
            parameter.grad = mean
        self._batches = 0
        return True
