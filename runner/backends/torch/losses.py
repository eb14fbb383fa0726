"""Losses from logits as PyTorch carries them out: each maps (logits, targets, weights) to a number.

Without weights that is the mean over the batch. With weights w, (rows,), it is L = sum_i w_i l_i / sum_i w_i, where l_i is
the mean over the outputs of row i; where all weights of a batch are 0, it is 0 and has no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from runner.quantities import BelowOne, Positive


class Loss(Protocol):
    """A function from (logits, targets, weights) to a number; without weights all rows count alike."""

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None, /) -> Tensor: ...


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln softmax(z_i)_k.

    q_ik = (1 - s) [k = y_i] + s / K for label smoothing s and K classes; w_i = class_weights[y_i], or 1, times the weight
    of the row, where it has one.
    """

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        if class_weights is not None:
            of_rows = torch.tensor(class_weights, dtype=logits.dtype, device=logits.device)[targets]
            weights = of_rows if weights is None else weights * of_rows
        rule = partial(functional.cross_entropy, label_smoothing=label_smoothing)
        return _reduced(rule, logits, targets, weights)

    return loss


def kl_divergence(*, label_smoothing: BelowOne) -> Loss:
    """L = mean of sum_k q_k (ln q_k - ln p_k) with p = softmax(z) and 0 ln 0 = 0.

    q_k = (1 - s) [k = y] + s / K for label smoothing s and K classes.
    """

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        classes = logits.shape[-1]
        other = label_smoothing / classes
        own = 1 - label_smoothing + other
        negative_entropy = own * math.log(own) + (classes - 1) * other * math.log(other or 1.0)

        def rule(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
            cross = functional.cross_entropy(
                logits, targets, label_smoothing=label_smoothing, reduction=reduction
            )
            return cross + negative_entropy

        return _reduced(rule, logits, targets, weights)

    return loss


def cosine() -> Loss:
    """L = mean of 1 - z . y / (|z| |y|), y the one-hot vector of a class or a vector of numbers; 1 where z or y is 0."""

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        directions = targets
        if not targets.is_floating_point():
            directions = functional.one_hot(targets, logits.shape[-1]).to(logits.dtype)
        return _mean(1 - (_unit(logits) * _unit(directions)).sum(dim=-1), weights)

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne, positive_weight: Positive) -> Loss:
    """L = mean of -w q ln p - (1 - q) ln(1 - p) with p = sigmoid(z) and w = positive_weight.

    q = y (1 - s) + s / 2 for label smoothing s.
    """

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        smoothed = targets.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        positive = logits.new_tensor(positive_weight)
        rule = partial(functional.binary_cross_entropy_with_logits, pos_weight=positive)
        return _reduced(rule, logits[:, 0], smoothed, weights)

    return loss


def hinge() -> Loss:
    """L = mean of max(0, 1 - t z) with t = 1 for class 1 and -1 for class 0. Source: Cortes and Vapnik, 1995."""

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        signs = 2 * targets.to(logits.dtype) - 1
        return _mean(functional.relu(1 - signs * logits[:, 0]), weights)

    return loss


def mse() -> Loss:
    """L = mean of (z - y)^2."""
    return partial(_reduced, functional.mse_loss)


def mae() -> Loss:
    """L = mean of |z - y|."""
    return partial(_reduced, functional.l1_loss)


def huber(*, delta: Positive) -> Loss:
    """L = mean of r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) otherwise, with r = z - y. Source: Huber, 1964."""
    return partial(_reduced, partial(functional.huber_loss, delta=delta))


def log_cosh() -> Loss:
    """L = mean of ln cosh(z - y)."""

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        # ln cosh r = |r| + ln(1 + exp(-2 |r|)) - ln 2 does not overflow.
        distance = (logits - targets).abs()
        return _mean(distance + torch.log1p(torch.exp(-2 * distance)) - math.log(2), weights)

    return loss


def poisson() -> Loss:
    """L = mean of exp(z) - y z: z is the logarithm of the expected count."""
    return partial(_reduced, partial(functional.poisson_nll_loss, log_input=True))


def _reduced(
    rule: Callable[..., Tensor], outputs: Tensor, targets: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Returns what a function of torch's makes of a batch: its own mean, or that of its elements by their rows' weights."""
    if weights is None:
        return rule(outputs, targets)
    return _mean(rule(outputs, targets, reduction="none"), weights)


def _mean(elements: Tensor, weights: Tensor | None) -> Tensor:
    """Returns the mean of elements, (rows,) or (rows, outputs), by the weights of their rows."""
    if weights is None:
        return elements.mean()
    total = weights.sum()
    rows = elements.reshape(len(weights), -1).mean(dim=1)
    return (weights * rows).sum() / torch.where(total > 0, total, 1.0)


def _unit(vectors: Tensor) -> Tensor:
    """Returns each row divided by its length; a row of zeros stays one, with a gradient of 0."""
    squares = (vectors**2).sum(dim=-1, keepdim=True)
    length = torch.where(squares > 0, squares, 1.0).sqrt()
    return torch.where(squares > 0, vectors / length, 0.0)
