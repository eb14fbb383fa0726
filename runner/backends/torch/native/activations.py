"""Activation functions that torch has in a way of its own; the others are torch's already."""

from __future__ import annotations

from torch.nn import functional

from runner.backends.torch.activations import Activation
from runner.quantities import Positive


def celu(*, alpha: Positive) -> Activation:
    """torch's celu, which keeps 1 / alpha in float32."""
    return lambda x: functional.celu(x, alpha)


def softplus() -> Activation:
    """torch's softplus, which is x itself above 20."""
    return functional.softplus


def hard_sigmoid() -> Activation:
    """torch's hardsigmoid, whose slope is the float32 number 1/6."""
    return functional.hardsigmoid
