"""Losses from logits as PyTorch carries them out: each maps (logits, targets) to the mean over the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from runner.quantities import BelowOne, Positive

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln softmax(z_i)_k.

    q_ik = (1 - s) [k = y_i] + s / K for label smoothing s and K classes; w_i = class_weights[y_i], or 1.
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        if class_weights is None:
            return functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
        rows = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing, reduction="none")
        weights = torch.tensor(class_weights, dtype=logits.dtype, device=logits.device)[targets]
        return (weights * rows).sum() / weights.sum()

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne) -> Loss:
    """L = mean of -q ln p - (1 - q) ln(1 - p) with p = sigmoid(z) and q = y (1 - s) + s / 2 for label smoothing s."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        smoothed = targets.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits[:, 0], smoothed)

    return loss


def mse() -> Loss:
    """L = mean of (z - y)^2."""
    return functional.mse_loss


def mae() -> Loss:
    """L = mean of |z - y|."""
    return functional.l1_loss


def huber(*, delta: Positive) -> Loss:
    """L = mean of r^2 / 2 for |r| <= delta, delta (|r| - delta / 2) otherwise, with r = z - y. Source: Huber, 1964."""
    return lambda logits, targets: functional.huber_loss(logits, targets, delta=delta)
