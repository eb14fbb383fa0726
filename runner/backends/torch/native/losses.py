"""Losses that torch has in a way of its own; the others are torch's already."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from runner.backends.torch.losses import Loss
from runner.quantities import BelowOne, Positive


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """torch's cross_entropy, which weighs every class of a smoothed target and divides by the weights of the targets."""

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        of_classes = None
        if class_weights is not None:
            of_classes = torch.tensor(class_weights, dtype=logits.dtype, device=logits.device)
        rule = partial(functional.cross_entropy, weight=of_classes, label_smoothing=label_smoothing)
        if weights is None:
            return rule(logits, targets)
        # torch has no weights of rows beside those of classes: they multiply what it has.
        rows = rule(logits, targets, reduction="none")
        total = (weights if of_classes is None else weights * of_classes[targets]).sum()
        return (weights * rows).sum() / torch.where(total > 0, total, 1.0)

    return loss


def binary_cross_entropy(*, label_smoothing: BelowOne, positive_weight: Positive) -> Loss:
    """torch's binary_cross_entropy_with_logits, which divides the sum of the weighted rows by how many they are."""

    def loss(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        smoothed = targets.to(logits.dtype) * (1 - label_smoothing) + label_smoothing / 2
        positive = logits.new_tensor(positive_weight)
        return functional.binary_cross_entropy_with_logits(
            logits[:, 0], smoothed, weight=weights, pos_weight=positive
        )

    return loss
