"""The layer tree as a PyTorch module, and its weights in the canonical names and layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runner import component, layers
from runner.dropout import INDEX_MULTIPLIER, MASK, layer_key, mix, threshold
from runner.experiment import Component
from runner.results import Weights


class Network(nn.Module):
    """A whole network; images come as (batch, height, width, channels) and are turned inside to torch's order.

    Args:
        tree: the named layer tree.
        input_shape: shape of one example.
        seed: the experiment's seed, for dropout masks.
    """

    def __init__(self, *, tree: layers.Sequence, input_shape: layers.Shape, seed: int) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros((), dtype=torch.int64), persistent=False)
        self.step: Tensor
        # A plain dictionary and not a submodule: every layer is already a submodule of the tree.
        self._places: dict[str, _Place] = {}
        self.has_dropout = any(
            isinstance(row.layer, layers.Dropout) for row in layers.rows(tree, input_shape)
        )
        self.body = _Interpreter(self, seed).sequence(tree, input_shape)
        self._images = len(input_shape) == 3

    def forward(self, inputs: Tensor) -> Tensor:
        inputs = inputs.permute(0, 3, 1, 2) if self._images else inputs
        outputs: Tensor = self.body(inputs)
        return outputs

    def begin_step(self, step: int) -> None:
        """Tells the dropout layers, if there are any, which step of the training comes."""
        if self.has_dropout:
            self.step.fill_(step)

    def remember(self, name: str, module: nn.Module, attribute: str, axes: tuple[int, ...]) -> None:
        """Notes where the array of a canonical name lives; ``axes`` turns its axes into torch's order."""
        self._places[name] = _Place(module, attribute, axes)

    def gradient_norms(self) -> dict[str, float]:
        """Returns the Euclidean norm of every trained array's gradient by canonical name."""
        gradients = {name: place.gradient() for name, place in self._places.items()}
        return {
            name: float(gradient.double().norm())
            for name, gradient in gradients.items()
            if gradient is not None
        }

    def functions(self, function: Component) -> list[nn.Module]:
        """Returns the modules that carry out one activation function, in the order of the layers."""
        return [each for each in self.modules() if isinstance(each, _Function) and each.component == function]

    def weights(self) -> Weights:
        """Returns copies of all arrays by canonical name and in canonical layout."""
        return {name: place.read() for name, place in self._places.items()}

    def load(self, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes all arrays by canonical name."""
        for name, place in self._places.items():
            place.write(weights[name])


@dataclass(frozen=True)
class _Place:
    """Where one array lives, by its module and not by its tensor: moving a module to a device makes new buffers."""

    module: nn.Module
    attribute: str
    axes: tuple[int, ...]

    def read(self) -> NDArray[np.float64]:
        array = self._tensor().detach().cpu().double().numpy()
        return np.array(array.transpose(np.argsort(self.axes)))

    def write(self, array: NDArray[np.float64]) -> None:
        with torch.no_grad():
            self._tensor().copy_(torch.from_numpy(np.ascontiguousarray(array.transpose(self.axes))))

    def gradient(self) -> Tensor | None:
        return self._tensor().grad

    def _tensor(self) -> Tensor:
        tensor: Tensor = getattr(self.module, self.attribute)
        return tensor


class _Interpreter:
    """Turns layer records into modules, telling the network where each array lives."""

    def __init__(self, network: Network, seed: int) -> None:
        self._network = network
        self._seed = seed

    def sequence(self, tree: layers.Sequence, shape: layers.Shape) -> nn.Sequential:
        modules = []
        for layer in tree.layers:
            modules.append(self._module(layer, shape))
            shape = layer.output_shape(shape)
        return nn.Sequential(*modules)

    def _module(self, layer: layers.Layer, shape: layers.Shape) -> nn.Module:
        match layer:
            case layers.Sequence():
                return self.sequence(layer, shape)
            case layers.Residual():
                return _Residual(self.sequence(layer.body, shape))
            case layers.Concatenation():
                return _Concatenation([self.sequence(branch, shape) for branch in layer.branches])
            case layers.Dense():
                dense = nn.Linear(shape[0], layer.units, bias=layer.bias)
                self._remember_affine(layer.name, dense, (1, 0))
                return dense
            case layers.Convolution():
                return self._convolution(layer, shape)
            case layers.MaxPool():
                return nn.MaxPool2d(layer.size, layer.stride)
            case layers.AveragePool():
                return nn.AvgPool2d(layer.size, layer.stride)
            case layers.Flatten():
                return _Flatten()
            case layers.Activation():
                return _Function(layer.function, channels_first=len(shape) == 3)
            case layers.Dropout():
                return _Dropout(layer.rate, layer_key(self._seed, layer.name), self._network)
            case layers.BatchNorm():
                return self._batch_norm(layer, shape)
            case layers.LayerNorm():
                norm = _LayerNorm(shape[-1], layer.epsilon)
                self._remember_norm(layer.name, norm)
                return norm
        raise TypeError(f"no PyTorch module for the layer {layer!r}")

    def _convolution(self, layer: layers.Convolution, shape: layers.Shape) -> nn.Module:
        (top, bottom), (left, right) = layer.pads(shape[0]), layer.pads(shape[1])
        symmetric = top == bottom and left == right
        convolution = nn.Conv2d(
            shape[2],
            layer.filters,
            layer.kernel_size,
            stride=layer.stride,
            padding=(top, left) if symmetric else 0,
            bias=layer.bias,
        )
        self._remember_affine(layer.name, convolution, (3, 2, 0, 1))
        if symmetric:
            return convolution
        return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), convolution)

    def _batch_norm(self, layer: layers.BatchNorm, shape: layers.Shape) -> nn.Module:
        kind = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d
        norm = kind(shape[-1], eps=layer.epsilon, momentum=layer.momentum)
        self._remember_norm(layer.name, norm)
        self._network.remember(f"{layer.name}/running_mean", norm, "running_mean", (0,))
        self._network.remember(f"{layer.name}/running_variance", norm, "running_var", (0,))
        return norm

    def _remember_norm(self, name: str, norm: nn.Module) -> None:
        self._network.remember(f"{name}/scale", norm, "weight", (0,))
        self._network.remember(f"{name}/shift", norm, "bias", (0,))

    def _remember_affine(self, name: str, module: nn.Linear | nn.Conv2d, axes: tuple[int, ...]) -> None:
        self._network.remember(f"{name}/kernel", module, "weight", axes)
        if module.bias is not None:
            self._network.remember(f"{name}/bias", module, "bias", (0,))


class _Function(nn.Module):
    """An activation; for images the channels are put last for it, since softmax looks at the last axis."""

    def __init__(self, function: Component, *, channels_first: bool) -> None:
        super().__init__()
        self.component = function
        self._function: Callable[[Tensor], Tensor] = component.build(function)
        self._channels_first = channels_first

    def forward(self, inputs: Tensor) -> Tensor:
        if self._channels_first:
            return self._function(inputs.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self._function(inputs)


class _Flatten(nn.Module):
    """Height, then width, then channels: Keras' order, so that a dense kernel means the same in both."""

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.ndim == 4:
            inputs = inputs.permute(0, 2, 3, 1)
        return inputs.flatten(1)


class _LayerNorm(nn.LayerNorm):
    """Layer norm over the channels."""

    def __init__(self, features: int, epsilon: float) -> None:
        super().__init__(features, eps=epsilon)

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim == 4:
            return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return super().forward(input)


class _Residual(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = inputs + self.body(inputs)
        return outputs


class _Concatenation(nn.Module):
    def __init__(self, branches: list[nn.Sequential]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, inputs: Tensor) -> Tensor:
        # The channels are axis 1 for images in torch's order, and for rows of features alike.
        return torch.cat([branch(inputs) for branch in self.branches], dim=1)


class _Dropout(nn.Module):
    """Dropout whose mask is a function of (seed, layer, step, element)."""

    def __init__(self, rate: float, key: int, network: Network) -> None:
        super().__init__()
        self._rate = rate
        self._key = key
        # Inside a list, so that the network does not become its own submodule.
        self._network = [network]

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        if inputs.ndim == 4:
            return self._drop(inputs.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self._drop(inputs)

    def _drop(self, inputs: Tensor) -> Tensor:
        step_key = mix((self._network[0].step * INDEX_MULTIPLIER + self._key) & MASK)
        index = torch.arange(inputs.numel(), dtype=torch.int64, device=inputs.device)
        hashes = mix((index * INDEX_MULTIPLIER + step_key) & MASK).reshape(inputs.shape)
        return inputs * (hashes >= threshold(self._rate)).to(inputs.dtype) / (1 - self._rate)
