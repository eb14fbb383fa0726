"""Optimizers that torch does not have, or has in another precision, and which parameters a decay concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from runner.weights import is_kernel

NamedParameter = tuple[str, Parameter]


def groups(
    parameters: Iterable[NamedParameter], decays: Mapping[str, float], *, kernels_only: bool
) -> list[dict[str, Any]]:
    """Returns the parameters as torch's groups: those that ``decays`` concern, and where that is not all, the others."""
    named, none = list(parameters), dict.fromkeys(decays, 0.0)
    if not kernels_only or decays == none:
        return [{"params": named, **decays}]
    kernels = [each for each in named if is_kernel(each[0])]
    others = [each for each in named if not is_kernel(each[0])]
    both: list[dict[str, Any]] = [{"params": kernels, **decays}, {"params": others, **none}]
    return [group for group in both if group["params"]]


class Nadam(torch.optim.NAdam):
    """NAdam whose product of momenta is a float64 number; torch keeps it in its default precision."""

    def __init__(self, parameters: Iterable[Any], **arguments: Any) -> None:
        super().__init__(parameters, foreach=False, **arguments)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float64),
                    "mu_product": torch.ones((), dtype=torch.float64),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }


class Lion(Optimizer):
    """The sign of a momentum.

    Args:
        parameters: as every torch optimizer takes them.
        lr: learning rate.
        betas: the share of the momentum in a step, and the memory of the momentum.
    """

    def __init__(self, parameters: Iterable[Any], *, lr: float, betas: tuple[float, float]) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "weight_decay": 0.0})
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter] = {"momentum": torch.zeros_like(parameter)}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # No closure is ever given.
        """Moves every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [each for each in group["params"] if each.grad is not None]
            if not parameters:
                continue
            momenta = [self.state[each]["momentum"] for each in parameters]
            gradients = [each.grad for each in parameters]
            if group["weight_decay"] > 0:
                gradients = list(torch._foreach_add(gradients, parameters, alpha=group["weight_decay"]))
            beta1, beta2 = group["betas"]
            directions = torch._foreach_lerp(gradients, momenta, beta1)
            torch._foreach_sign_(directions)
            torch._foreach_add_(parameters, directions, alpha=-group["lr"])
            torch._foreach_lerp_(momenta, gradients, 1 - beta2)
