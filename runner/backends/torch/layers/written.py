"""A network that somebody wrote for torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from runner import layers, own_network
from runner.backends.torch.layers.places import Built, Place
from runner.layers import Shape


def native(layer: layers.NativeNetwork, shape: Shape, *, seed: int) -> Built:
    """The module, its arrays under the names and in the layout that it has for them itself."""
    channels_first = shape[-1:] + shape[:-1] if len(shape) == 3 else shape
    torch.manual_seed(seed)
    kind: type[Any] = nn.Module
    module = own_network.build(layer, channels_first, kind, "torch.nn.Module with backend=torch")
    whole = _Whole(module, layer.tokens is not None)
    own_network.require_logits(layer, channels_first, lambda size: _answer(whole, size))
    return Built(whole, _places(module))


def _answer(whole: nn.Module, size: Shape) -> Any:
    was_training = whole.training
    dtypes = {array.dtype for array in whole.parameters()}
    with torch.no_grad():
        answer = whole.eval()(torch.zeros(size, dtype=dtypes.pop() if len(dtypes) == 1 else None))
    whole.train(was_training)
    return answer


def _places(module: nn.Module) -> dict[str, Place]:
    places = {}
    for path, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point():
            owner, _, attribute = path.rpartition(".")
            axes = tuple(range(tensor.ndim))
            places[path.replace(".", "/")] = Place(module.get_submodule(owner), attribute, axes)
    return places


class _Whole(nn.Module):
    """The module, which gets tokens as whole numbers."""

    def __init__(self, module: nn.Module, tokens: bool) -> None:
        super().__init__()
        self.module = module
        self._tokens = tokens

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.module(inputs.long() if self._tokens else inputs)
        return outputs
