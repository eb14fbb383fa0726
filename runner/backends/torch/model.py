"""A network on PyTorch with its loss: what is trained, and its answer to rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runner.backends.torch.layers import Network
from runner.backends.torch.losses import Loss
from runner.backends.torch.ranks import Ranks
from runner.data import OnDemand, Rows
from runner.experiment import Component
from runner.results import Evaluation, Weights

# Rows that go through the network at once when nothing is learnt from them.
_EVALUATION_ROWS = 4096

# Inputs as the network takes them, targets, and weights where there are some.
Batch = tuple[Tensor, Tensor, Tensor | None]
# The same as they are kept.
Stored = tuple[Tensor | OnDemand, Tensor, Tensor | None]


@dataclass(frozen=True)
class TorchModel:
    """A network, its loss, and where and how precisely it is computed."""

    network: Network
    loss: Loss
    dtype: torch.dtype
    device: torch.device
    autocast: bool
    # Of inputs that are standardised batch by batch; None where they are numbers for the network already.
    standard: tuple[Tensor, Tensor] | None
    ranks: Ranks

    def evaluate(self, rows: Rows) -> Evaluation:
        """Returns the mean loss by the weights of the rows and the logits, in evaluation mode."""
        self.network.eval()
        # Rows that are numbers already may stand beside others, as a grid does.
        model = self if rows.standard is not None else replace(self, standard=None)
        with torch.inference_mode():
            return model.evaluate_stored(*self.stored(rows))

    def evaluate_stored(
        self, inputs: Tensor | OnDemand, targets: Tensor, weights: Tensor | None
    ) -> Evaluation:
        """Returns the same for rows on the device, in whatever mode the network is."""
        starts = range(0, len(inputs), _EVALUATION_ROWS)
        parts = (inputs[first : first + _EVALUATION_ROWS] for first in starts)
        logits = torch.cat([self.logits(self.numbers(part)) for part in parts])
        return Evaluation(float(self.loss(logits, targets, weights)), logits.double().cpu().numpy())

    def logits(self, inputs: Tensor) -> Tensor:
        """Returns the network's answer to a batch, in at least float32."""
        outputs: Tensor
        if not self.autocast:
            outputs = self.network(inputs)
            return outputs
        with torch.autocast(self.device.type, torch.bfloat16):
            outputs = self.network(inputs)
        return outputs.float()

    def pre_activations(self, inputs: NDArray[np.float64], function: Component) -> list[NDArray[np.float64]]:
        """Returns what enters each hidden layer's activation ``function``, one array for each layer."""
        entering: list[NDArray[np.float64]] = []

        def note(module: nn.Module, arguments: tuple[Tensor]) -> None:
            entering.append(arguments[0].double().cpu().numpy())

        handles = [each.register_forward_pre_hook(note) for each in self.network.functions(function)]
        self.network.eval()
        with torch.inference_mode():
            self.logits(self.tensor(inputs))
        for handle in handles:
            handle.remove()
        return entering

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return self.network.weights()

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""
        self.network.load(weights)

    def tensors(self, rows: Rows) -> Batch:
        """Returns the inputs of rows as the network takes them, their targets and weights, on the device."""
        inputs, targets, weights = self.stored(rows)
        return self.numbers(inputs[:]), targets, weights

    def stored(self, rows: Rows) -> Stored:
        """Returns the same as they are kept: bytes as bytes, and what is mapped from a file not on the device yet."""
        weights = None if rows.counts is None else self.tensor(rows.counts)
        inputs = rows.inputs if isinstance(rows.inputs, OnDemand) else self.tensor(rows.inputs)
        return inputs, self.tensor(rows.targets), weights

    def numbers(self, inputs: Tensor | NDArray[Any]) -> Tensor:
        """Returns inputs as the network takes them: those that stayed as they were read are standardised only here."""
        inputs = torch.as_tensor(inputs, device=self.device)
        if inputs.is_floating_point() or self.standard is not None:
            inputs = inputs.to(self.dtype)
        if self.standard is None:
            return inputs
        mean, scale = self.standard
        return (inputs - mean) / scale

    def tensor(self, array: NDArray[Any]) -> Tensor:
        """Returns an array on the device: numbers in the training's precision, classes as integers, bytes as they are."""
        dtype = self.dtype if np.issubdtype(array.dtype, np.floating) else torch.int64
        dtype = torch.uint8 if array.dtype == np.uint8 else dtype
        return torch.as_tensor(array, dtype=dtype, device=self.device)
