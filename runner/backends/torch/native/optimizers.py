"""torch's own optimizers, each with the arguments of ours under torch's names; ``l2`` is torch's weight_decay.

A ``decoupled_weight_decay`` is that of AdamW, or of NAdam; the other classes have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from runner.backends.torch.optimizers import DecayOn, Factory
from runner.backends.torch.update_rules import NamedParameter, groups
from runner.quantities import BelowOne, NotNegative, Positive


def sgd(
    *,
    learning_rate: Positive,
    momentum: BelowOne,
    nesterov: bool,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.SGD."""
    nesterov = nesterov and momentum > 0
    return _factory(torch.optim.SGD, learning_rate, l2, decay_on, momentum=momentum, nesterov=nesterov)


def adam(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.Adam, or torch.optim.AdamW where the decay is decoupled."""
    kind = torch.optim.AdamW if decoupled_weight_decay > 0 else torch.optim.Adam
    decay = l2 + decoupled_weight_decay
    return _factory(kind, learning_rate, decay, decay_on, betas=(beta1, beta2), eps=epsilon)


def adamw(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.AdamW."""
    betas = beta1, beta2
    return _factory(
        torch.optim.AdamW, learning_rate, decoupled_weight_decay, decay_on, betas=betas, eps=epsilon
    )


def amsgrad(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.Adam or AdamW with amsgrad."""
    kind = torch.optim.AdamW if decoupled_weight_decay > 0 else torch.optim.Adam
    decay, betas = l2 + decoupled_weight_decay, (beta1, beta2)
    return _factory(kind, learning_rate, decay, decay_on, betas=betas, eps=epsilon, amsgrad=True)


def nadam(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    momentum_decay: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.NAdam."""
    return _factory(
        torch.optim.NAdam,
        learning_rate,
        l2 + decoupled_weight_decay,
        decay_on,
        betas=(beta1, beta2),
        eps=epsilon,
        momentum_decay=momentum_decay,
        decoupled_weight_decay=decoupled_weight_decay > 0,
    )


def adamax(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.Adamax."""
    return _factory(torch.optim.Adamax, learning_rate, l2, decay_on, betas=(beta1, beta2), eps=epsilon)


def rmsprop(
    *,
    learning_rate: Positive,
    decay: BelowOne,
    momentum: BelowOne,
    centered: bool,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.RMSprop."""
    return _factory(
        torch.optim.RMSprop,
        learning_rate,
        l2,
        decay_on,
        alpha=decay,
        eps=epsilon,
        momentum=momentum,
        centered=centered,
    )


def adagrad(
    *,
    learning_rate: Positive,
    initial_accumulator: NotNegative,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.Adagrad."""
    first = initial_accumulator
    return _factory(
        torch.optim.Adagrad, learning_rate, l2, decay_on, initial_accumulator_value=first, eps=epsilon
    )


def adadelta(
    *,
    learning_rate: Positive,
    decay: BelowOne,
    epsilon: Positive,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """torch.optim.Adadelta."""
    return _factory(torch.optim.Adadelta, learning_rate, l2, decay_on, rho=decay, eps=epsilon)


def _factory(
    kind: Callable[..., Optimizer],
    learning_rate: float,
    weight_decay: float,
    decay_on: DecayOn,
    **arguments: Any,
) -> Factory:
    def build(parameters: Iterable[NamedParameter]) -> Optimizer:
        decays = {"weight_decay": weight_decay}
        return kind(
            groups(parameters, decays, kernels_only=decay_on == "kernels"), lr=learning_rate, **arguments
        )

    return build
