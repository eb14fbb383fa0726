"""Where the arrays of a layer live in its module, and in which order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class Place:
    """Where one array lives, by its module and not by its tensor: moving a module to a device makes new buffers.

    Args:
        module: the owner.
        attribute: the tensor's name there.
        axes: turns the canonical axes into torch's order.
    """

    module: nn.Module
    attribute: str
    axes: tuple[int, ...]

    def read(self) -> NDArray[np.float64]:
        """Returns a copy in canonical layout."""
        return self.canonical(self.tensor())

    def read_gradient(self) -> NDArray[np.float64] | None:
        """Returns a copy of the gradient in canonical layout, or None where there is none."""
        gradient = self.gradient()
        return None if gradient is None else self.canonical(gradient)

    def write(self, array: NDArray[np.float64]) -> None:
        """Takes an array in canonical layout."""
        with torch.no_grad():
            self.tensor().copy_(self._turned(array))

    def native(self, array: NDArray[np.float64]) -> Tensor:
        """Returns a tensor of its own that is laid out as the array, and lies where that does."""
        return torch.zeros_like(self.tensor()).copy_(self._turned(array))

    def gradient(self) -> Tensor | None:
        """Returns the gradient in torch's order of axes, or None where there is none."""
        return self.tensor().grad

    def tensor(self) -> Tensor:
        """Returns the array in torch's own layout."""
        tensor: Tensor = getattr(self.module, self.attribute)
        return tensor

    def canonical(self, tensor: Tensor) -> NDArray[np.float64]:
        """Returns a copy, in canonical layout, of a tensor that is laid out as the array."""
        array = tensor.detach().cpu().double().numpy()
        return np.array(array.transpose(np.argsort(self.axes)))

    def _turned(self, array: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array.transpose(self.axes)))


@dataclass(frozen=True)
class SumPlace(Place):
    """Where one array is the sum of two of torch's, the other of which is loaded with zeros.

    Args:
        second: the other tensor's name.
    """

    second: str

    def read(self) -> NDArray[np.float64]:
        """Returns a copy of the sum in canonical layout."""
        return self.canonical(self.tensor() + getattr(self.module, self.second))

    def write(self, array: NDArray[np.float64]) -> None:
        """Takes the sum in canonical layout."""
        super().write(array)
        with torch.no_grad():
            getattr(self.module, self.second).zero_()


@dataclass(frozen=True)
class Built:
    """A layer as a module, and where its arrays live.

    Args:
        module: the layer.
        places: of the canonical arrays by their last name.
        more: of what is trained besides, and belongs to no canonical array alone.
    """

    module: nn.Module
    places: Mapping[str, Place]
    more: Mapping[str, Place] = field(default_factory=dict)


def without_arrays(module: nn.Module) -> Built:
    """Returns a module without arrays."""
    return Built(module, {})


def affine(module: nn.Module, axes: tuple[int, ...]) -> dict[str, Place]:
    """Returns the places of ``weight``, its canonical axes turned by ``axes``, and of ``bias`` where there is one."""
    places = {"kernel": Place(module, "weight", axes)}
    if module.bias is not None:
        places["bias"] = Place(module, "bias", (0,))
    return places


# Inside, images have torch's order (rows, channels, height, width); sequences stay (rows, length, channels).


def channels_first(module: nn.Module, dimensions: int) -> nn.Module:
    """Returns a module that wants channels first as one that takes examples of so many dimensions as they come."""
    return _Turned(module, (0, 2, 1), (0, 2, 1)) if dimensions == 2 else module


def channels_last(module: nn.Module, dimensions: int) -> nn.Module:
    """Returns a module that wants channels last as one that takes examples of so many dimensions as they come."""
    return _Turned(module, (0, 2, 3, 1), (0, 3, 1, 2)) if dimensions == 3 else module


class _Turned(nn.Module):
    """A module between two turns of the axes."""

    def __init__(self, module: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        super().__init__()
        self.inner = module
        self._before, self._after = before, after

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.inner(inputs.permute(self._before)).permute(self._after)
        return outputs
