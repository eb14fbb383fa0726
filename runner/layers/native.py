"""A network that somebody wrote for one framework, of whose inside nothing is known here."""

from __future__ import annotations

from dataclasses import dataclass

from runner.experiment import Component
from runner.layers.base import Leaf, Shape


@dataclass(frozen=True, kw_only=True)
class NativeNetwork(Leaf):
    """A torch.nn.Module or a keras.Model from inputs to logits; its arrays are known once it is built.

    Args:
        module: what makes it.
        outputs: how many logits it gives for each example.
        tokens: how many different whole numbers its inputs hold; None where they are numbers to reckon with.
    """

    module: Component
    outputs: int
    tokens: int | None

    def output_shape(self, input_shape: Shape) -> Shape:
        return (self.outputs,)
