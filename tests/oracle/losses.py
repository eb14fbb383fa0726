"""Losses from logits: each returns the mean loss of a batch and its gradient with respect to the logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

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


def kl_divergence(logits: Floats, targets: NDArray[np.int64], *, label_smoothing: float) -> Pair:
    """L = mean of sum_k q_k (ln q_k - ln p_k), q smoothed, 0 ln 0 = 0."""
    rows, classes = logits.shape
    q = (1 - label_smoothing) * np.eye(classes)[targets] + label_smoothing / classes
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_q = np.log(np.where(q > 0, q, 1.0))
    return float((q * (log_q - log_p)).sum() / rows), (np.exp(log_p) - q) / rows


def cosine(outputs: Floats, targets: NDArray[Any]) -> Pair:
    """L = mean of 1 - cos(z, y), y the one-hot vector of a class number or the row of targets; cos is 0 where z or y is."""
    vectors = np.eye(outputs.shape[1])[targets] if targets.ndim == 1 else targets
    total, gradient = 0.0, np.zeros_like(outputs)
    for row, (z, y) in enumerate(zip(outputs, vectors, strict=True)):
        length, other = math.hypot(*z), math.hypot(*y)
        if length == 0 or other == 0:
            total += 1
            continue
        cos = float(z @ y) / (length * other)
        total += 1 - cos
        gradient[row] = (cos * z / length - y / other) / length
    return total / len(outputs), gradient / len(outputs)


def binary_cross_entropy(
    logits: Floats, targets: NDArray[np.int64], *, label_smoothing: float, positive_weight: float
) -> Pair:
    """L = mean of -w q ln p - (1 - q) ln(1 - p), p = sigmoid(z), q = y (1 - s) + s / 2; logits (rows, 1)."""
    q = targets[:, None] * (1 - label_smoothing) + label_smoothing / 2
    small = np.exp(-np.abs(logits))
    minus_log_p = np.maximum(-logits, 0) + np.log1p(small)
    minus_log_rest = np.maximum(logits, 0) + np.log1p(small)
    p, rest = (np.where(side >= 0, 1, small) / (1 + small) for side in (logits, -logits))
    losses = positive_weight * q * minus_log_p + (1 - q) * minus_log_rest
    return float(losses.mean()), ((1 - q) * p - positive_weight * q * rest) / logits.size


def hinge(logits: Floats, targets: NDArray[np.int64]) -> Pair:
    """L = mean of max(0, 1 - t z), t = -1 for class 0 and 1 for class 1; logits (rows, 1)."""
    t = np.where(targets == 1, 1.0, -1.0)[:, None]
    inside = t * logits < 1
    return float(np.where(inside, 1 - t * logits, 0.0).mean()), np.where(inside, -t, 0.0) / logits.size


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


def log_cosh(outputs: Floats, targets: Floats) -> Pair:
    """L = mean of ln cosh r, which is ln(e^r + e^-r) - ln 2."""
    residual = outputs - targets
    losses = np.logaddexp(residual, -residual) - math.log(2)
    return float(losses.mean()), np.tanh(residual) / residual.size


def poisson(outputs: Floats, targets: Floats) -> Pair:
    """L = mean of e^z - y z."""
    return float(np.mean(np.exp(outputs) - targets * outputs)), (np.exp(outputs) - targets) / outputs.size


def weighted(loss: Callable[..., Pair], logits: Floats, targets: NDArray[Any], weights: Floats) -> Pair:
    """L = sum_i w_i l_i / sum_i w_i, where l_i is the loss of row i alone; 0 where all weights are 0."""
    rows = [loss(logits[row : row + 1], targets[row : row + 1]) for row in range(len(logits))]
    total = weights.sum()
    share = weights / total if total else np.zeros_like(weights)
    gradient = np.concatenate([slope for _, slope in rows]) * share[:, None]
    return float(sum(part * value for part, (value, _) in zip(share, rows, strict=True))), gradient
