"""Optimizers as PyTorch carries them out: each returns a function from named parameters to a torch optimizer.

``l2`` adds l2 w to the gradient; ``decoupled_weight_decay`` takes learning_rate * decay * w from the weight before
the update, outside the gradient. Both concern every array, or with ``decay_on`` kernels only those that multiply what
comes in: kernels and tables, and not biases and norms. Source: Loshchilov and Hutter, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch.optim import Optimizer

from runner.backends.torch import update_rules as rules
from runner.quantities import BelowOne, NotNegative, Positive

Factory = Callable[[Iterable[rules.NamedParameter]], Optimizer]
DecayOn = Literal["all", "kernels"]

# The key of a group of parameters under which its decoupled decay stands; torch has one of its own with another meaning.
_SHRINKAGE = "shrinkage"


def sgd(
    *,
    learning_rate: Positive,
    momentum: BelowOne,
    nesterov: bool,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """b <- momentum b + g; w <- w - learning_rate b, or with nesterov w - learning_rate (g + momentum b)."""
    # Without momentum the two rules are one, and torch refuses the pair.
    return _factory(
        torch.optim.SGD,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        momentum=momentum,
        nesterov=nesterov and momentum > 0,
        fused=True,
    )


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
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; w <- w - learning_rate m' / (sqrt(v') + epsilon).

    m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t. Source: Kingma and Ba, 2015.
    """
    return _factory(
        torch.optim.Adam,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        betas=(beta1, beta2),
        eps=epsilon,
        fused=True,
    )


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
    """Adam's rule after w <- w - learning_rate decoupled_weight_decay w. Source: Loshchilov and Hutter, 2019."""
    return adam(
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
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
    """Adam's rule with the largest v so far in place of v: x <- max(x, v); w <- w - learning_rate m' / (sqrt(x') + epsilon).

    m' = m / (1 - beta1^t) and x' = x / (1 - beta2^t) at step t. Source: Reddi et al., 2018, with Adam's corrections.
    """
    return _factory(
        torch.optim.Adam,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        betas=(beta1, beta2),
        eps=epsilon,
        amsgrad=True,
        fused=True,
    )


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
    """m and v as in Adam; w <- w - learning_rate (a g + b m) / (sqrt(v') + epsilon).

    a = (1 - c_t) / (1 - c_1 ... c_t) and b = c_t+1 / (1 - c_1 ... c_t+1) with c_t = beta1 (1 - 0.96^(t momentum_decay) / 2);
    v' = v / (1 - beta2^t). Source: Dozat, 2016.
    """
    return _factory(
        rules.Nadam,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        betas=(beta1, beta2),
        eps=epsilon,
        momentum_decay=momentum_decay,
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
    """m <- beta1 m + (1 - beta1) g; u <- max(beta2 u, |g| + epsilon); w <- w - learning_rate m / ((1 - beta1^t) u).

    Source: Kingma and Ba, 2015, with an epsilon against a gradient of 0.
    """
    return _factory(
        torch.optim.Adamax,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        betas=(beta1, beta2),
        eps=epsilon,
    )


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
    """v <- decay v + (1 - decay) g^2; b <- momentum b + g / (sqrt(v) + epsilon); w <- w - learning_rate b.

    With centered, sqrt(v - a^2) in place of sqrt(v), where a <- decay a + (1 - decay) g.
    Source: Tieleman and Hinton, 2012, with epsilon outside the root; Graves, 2013, for centered.
    """
    return _factory(
        torch.optim.RMSprop,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
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
    """s <- s + g^2, from initial_accumulator; w <- w - learning_rate g / (sqrt(s) + epsilon). Source: Duchi et al., 2011."""
    return _factory(
        torch.optim.Adagrad,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        initial_accumulator_value=initial_accumulator,
        eps=epsilon,
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
    """v <- decay v + (1 - decay) g^2; d = sqrt(s + epsilon) / sqrt(v + epsilon) g; w <- w - learning_rate d.

    s <- decay s + (1 - decay) d^2 after the step, from 0. Source: Zeiler, 2012.
    """
    return _factory(
        torch.optim.Adadelta,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        rho=decay,
        eps=epsilon,
    )


def lion(
    *,
    learning_rate: Positive,
    beta1: BelowOne,
    beta2: BelowOne,
    l2: NotNegative,
    decoupled_weight_decay: NotNegative,
    decay_on: DecayOn,
) -> Factory:
    """w <- w - learning_rate sign(beta1 m + (1 - beta1) g); then m <- beta2 m + (1 - beta2) g. Source: Chen et al., 2023."""
    return _factory(
        rules.Lion,
        learning_rate=learning_rate,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        betas=(beta1, beta2),
    )


def _factory(
    kind: Callable[..., Optimizer],
    *,
    learning_rate: float,
    l2: float,
    decoupled_weight_decay: float,
    decay_on: DecayOn,
    **arguments: Any,
) -> Factory:
    """Returns a function that makes optimizers which shrink weights before their own step."""
    decays = {"weight_decay": l2, _SHRINKAGE: decoupled_weight_decay}

    def build(parameters: Iterable[rules.NamedParameter]) -> Optimizer:
        optimizer = kind(
            rules.groups(parameters, decays, kernels_only=decay_on == "kernels"),
            lr=learning_rate,
            **arguments,
        )
        if decoupled_weight_decay > 0:
            optimizer.register_step_pre_hook(_shrink)
        return optimizer

    return build


def _shrink(optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
    with torch.no_grad():
        for group in optimizer.param_groups:
            if group[_SHRINKAGE] > 0:
                torch._foreach_mul_(group["params"], 1 - group["lr"] * group[_SHRINKAGE])
