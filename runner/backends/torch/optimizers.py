"""Optimizers as PyTorch carries them out: each returns a function from parameters to a torch optimizer.

``l2`` adds l2 w to the gradient; ``decoupled_weight_decay`` takes learning_rate * decay * w from the weight before
the update, outside the gradient. Both concern every parameter. Source: Loshchilov and Hutter, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.nn import Parameter
from torch.optim import Optimizer

from runner.quantities import BelowOne, NotNegative, Positive

Factory = Callable[[Iterable[Parameter]], Optimizer]


def sgd(
    *,
    learning_rate: Positive,
    momentum: BelowOne,
    nesterov: bool,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """b <- momentum b + g; w <- w - learning_rate b, or with nesterov w - learning_rate (g + momentum b)."""
    if nesterov and momentum == 0:
        nesterov = False  # Without momentum the two rules are one, and torch refuses the pair.

    def build(parameters: Iterable[Parameter]) -> Optimizer:
        return torch.optim.SGD(
            parameters,
            lr=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=l2,
            fused=True,
        )

    return _decaying(build, decoupled_weight_decay)


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

    def build(parameters: Iterable[Parameter]) -> Optimizer:
        return torch.optim.Adam(
            parameters,
            lr=learning_rate,
            betas=(beta1, beta2),
            eps=epsilon,
            weight_decay=l2,
            fused=True,
        )

    return _decaying(build, decoupled_weight_decay)


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

    def build(parameters: Iterable[Parameter]) -> Optimizer:
        return torch.optim.RMSprop(
            parameters, lr=learning_rate, alpha=decay, eps=epsilon, weight_decay=l2, momentum=momentum
        )

    return _decaying(build, decoupled_weight_decay)


def adagrad(
    *,
    learning_rate: Positive,
    initial_accumulator: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
) -> Factory:
    """s <- s + g^2, from initial_accumulator; w <- w - learning_rate g / (sqrt(s) + epsilon). Source: Duchi et al., 2011."""

    def build(parameters: Iterable[Parameter]) -> Optimizer:
        return torch.optim.Adagrad(
            parameters,
            lr=learning_rate,
            initial_accumulator_value=initial_accumulator,
            eps=epsilon,
            weight_decay=l2,
        )

    return _decaying(build, decoupled_weight_decay)


def _decaying(build: Factory, decoupled_weight_decay: float) -> Factory:
    """Returns a factory whose optimizers shrink every weight before their own step."""
    if decoupled_weight_decay == 0:
        return build

    def shrink(optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
        with torch.no_grad():
            for group in optimizer.param_groups:
                factor = 1 - group["lr"] * decoupled_weight_decay
                torch._foreach_mul_(group["params"], factor)

    def build_decaying(parameters: Iterable[Parameter]) -> Optimizer:
        optimizer = build(parameters)
        optimizer.register_step_pre_hook(shrink)
        return optimizer

    return build_decaying
