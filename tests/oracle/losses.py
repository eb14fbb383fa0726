"""Losses from logits: each returns the mean loss of a batch and its gradient with respect to the logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[float, Floats]


def cross_entropy(
    logits: Floats,
    targets: NDArray[np.int64],
    *,
    label_smoothing: float,
    class_weights: Sequence[float] | None,
) -> Pair:
    """L = sum_i w_i l_i / sum_i w_i with l_i = -sum_k q_ik ln p_ik; q smoothed, w_i that of row i's class.

    Args:
        logits: (rows, classes).
        targets: class numbers, (rows,).
        label_smoothing: s in q = (1 - s) onehot + s / classes.
        class_weights: one weight for each class, or None for 1.
    """
    rows, classes = logits.shape
    q = (1 - label_smoothing) * np.eye(classes)[targets] + label_smoothing / classes
    weights = np.ones(rows) if class_weights is None else np.asarray(class_weights, float)[targets]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    share = (weights / weights.sum())[:, None]
    return float(-(share * q * log_p).sum()), share * (np.exp(log_p) - q)


def binary_cross_entropy(logits: Floats, targets: NDArray[np.int64], *, label_smoothing: float) -> Pair:
    """L = mean of -q ln p - (1 - q) ln(1 - p), p = sigmoid(z), q = y (1 - s) + s / 2; logits (rows, 1)."""
    q = targets[:, None] * (1 - label_smoothing) + label_smoothing / 2
    # -ln(1 - p) = ln(1 + e^z), and -ln p is less by z.
    losses = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - q * logits
    small = np.exp(-np.abs(logits))
    p = np.where(logits >= 0, 1, small) / (1 + small)
    return float(losses.mean()), (p - q) / logits.size


def mse(outputs: Floats, targets: Floats) -> Pair:
    """L = mean of (z - y)^2."""
    residual = outputs - targets
    return float(np.mean(residual**2)), 2 * residual / residual.size


def mae(outputs: Floats, targets: Floats) -> Pair:
    """L = mean of |z - y|."""
    residual = outputs - targets
    return float(np.mean(np.abs(residual))), np.sign(residual) / residual.size


def huber(outputs: Floats, targets: Floats, *, delta: float) -> Pair:
    """L = mean of r^2 / 2 where |r| <= delta and of delta (|r| - delta / 2) elsewhere."""
    residual = outputs - targets
    clipped = np.clip(residual, -delta, delta)
    return float(np.mean(clipped * (residual - clipped / 2))), clipped / residual.size
