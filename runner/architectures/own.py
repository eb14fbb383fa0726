"""A network that is written for one framework."""

from __future__ import annotations

from runner.experiment import Component
from runner.layers import NativeNetwork, Sequence


def native(*, module: Component, outputs: int, tokens: int | None) -> Sequence:
    """A torch.nn.Module or a keras.Model from inputs to logits, with first values of its own.

    What makes it may take ``input_shape``, in the framework's order of axes, ``outputs``, the number of logits, and
    ``tokens``, how many different tokens there are.
    Images reach a module of PyTorch as (rows, channels, height, width), tokens as whole numbers.
    """
    return Sequence((NativeNetwork(module=module, outputs=outputs, tokens=tokens),))
