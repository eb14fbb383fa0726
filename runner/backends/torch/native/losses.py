"""Losses that torch has in a way of its own; the others are torch's already."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from runner.backends.torch.losses import Loss
from runner.quantities import BelowOne, Positive


def cross_entropy(*, label_smoothing: BelowOne, class_weights: list[Positive] | None) -> Loss:
    """torch's cross_entropy, which weighs every class of a smoothed target and divides by the weights of the targets."""

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        weights = None
        if class_weights is not None:
            weights = torch.tensor(class_weights, dtype=logits.dtype, device=logits.device)
        return functional.cross_entropy(logits, targets, weight=weights, label_smoothing=label_smoothing)

    return loss
