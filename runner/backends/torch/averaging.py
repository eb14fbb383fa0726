"""Averaged weights on PyTorch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.backends.torch.layers import Network
from runner.results import Weights


class WeightAverage:
    """e <- decay e + (1 - decay) w after each update; the first update copies w.

    Args:
        network: whose trained arrays are averaged.
        decay: above 0 and below 1.
        begun: the averages of an earlier training by canonical name, or nothing.
    """

    def __init__(self, network: Network, decay: float, begun: Mapping[str, NDArray[np.float64]]) -> None:
        self._network = network
        self._decay = decay
        self._names = [name for name, _ in network.named_arrays()]
        self._averages = [network.native(name, begun[name]) for name in self._names] if begun else []

    @torch.no_grad()
    def update(self) -> None:
        """Takes the weights after an update."""
        weights = self._weights()
        if not self._averages:
            self._averages = [each.clone() for each in weights]
            return
        torch._foreach_mul_(self._averages, self._decay)
        torch._foreach_add_(self._averages, weights, alpha=1 - self._decay)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Puts the averages in the place of the weights while it lasts."""
        kept = [each.clone() for each in self._weights()]
        self._write(self._averages)
        try:
            yield
        finally:
            self._write(kept)

    def arrays(self) -> Weights:
        """Returns copies of the averages by canonical name and in canonical layout."""
        pairs = zip(self._names, self._averages, strict=True)
        return {name: self._network.canonical(name, average) for name, average in pairs}

    def _weights(self) -> list[Tensor]:
        # Asked anew each time: moving a network to a device may make new tensors.
        return [parameter.detach() for _, parameter in self._network.named_arrays()]

    def _write(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self._weights(), values)
