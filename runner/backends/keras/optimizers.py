"""Optimizers as Keras carries them out: each returns a function from (learning rates, clipping) to a PlannedOptimizer.

``l2`` adds l2 w to the gradient; ``decoupled_weight_decay`` takes learning_rate * decay * w from the weight before
the update, outside the gradient. Both concern every array, or with ``decay_on`` kernels only those that multiply what
comes in: kernels and tables, and not biases and norms. Source: Loshchilov and Hutter, 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.backends.keras import update_rules as rules
from runner.backends.keras.planned_optimizer import PlannedOptimizer
from runner.experiment import Clipping
from runner.quantities import BelowOne, NotNegative, Positive

Factory = Callable[[NDArray[np.float64], Clipping], PlannedOptimizer]
DecayOn = Literal["all", "kernels"]


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
    return _factory(
        rules.Sgd,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        momentum=momentum,
        nesterov=nesterov,
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
        rules.Adam,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
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
        rules.Amsgrad,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
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
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        beta1=beta1,
        beta2=beta2,
        momentum_decay=momentum_decay,
        epsilon=epsilon,
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
        rules.Adamax,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
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
        rules.RmsProp,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        decay=decay,
        momentum=momentum,
        centered=centered,
        epsilon=epsilon,
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
        rules.Adagrad,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        initial_accumulator=initial_accumulator,
        epsilon=epsilon,
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
        rules.Adadelta,
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        decay=decay,
        epsilon=epsilon,
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
        l2=l2,
        decoupled_weight_decay=decoupled_weight_decay,
        decay_on=decay_on,
        beta1=beta1,
        beta2=beta2,
    )


def _factory(kind: type[PlannedOptimizer], **arguments: Any) -> Factory:
    def build(learning_rates: NDArray[np.float64], clipping: Clipping) -> PlannedOptimizer:
        return kind(learning_rates=learning_rates, clipping=clipping, **arguments)

    return build
