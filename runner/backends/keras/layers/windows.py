"""Layers that move a window over a sequence or an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from runner import layers
from runner.backends.keras import kernels
from runner.backends.keras.layers.arrays import OwnLayer
from runner.layers import Shape

Apply = Callable[[Any], Any]

_MAXIMA = {2: keras.layers.MaxPooling1D, 3: keras.layers.MaxPooling2D}
_MEANS = {2: keras.layers.AveragePooling1D, 3: keras.layers.AveragePooling2D}
_GLOBAL_MAXIMA = {2: keras.layers.GlobalMaxPooling1D, 3: keras.layers.GlobalMaxPooling2D}
_GLOBAL_MEANS = {2: keras.layers.GlobalAveragePooling1D, 3: keras.layers.GlobalAveragePooling2D}


def convolution(layer: layers.Convolution, shape: Shape) -> Apply:
    """Cross-correlation along a sequence or over an image."""
    return _Convolution(layer, shape)


def transposed(layer: layers.Conv2dTranspose, shape: Shape) -> Apply:
    """The transpose of a convolution, cut to its sides."""
    return _Transposed(layer, shape)


def max_pool(layer: layers.MaxPool, shape: Shape) -> Apply:
    """The largest value in each window."""
    return _MAXIMA[len(shape)](layer.size, layer.stride, padding=layer.padding, name=layer.name)


def average_pool(layer: layers.AveragePool, shape: Shape) -> Apply:
    """The mean of each window, what is padded left aside."""
    return _MEANS[len(shape)](layer.size, layer.stride, padding=layer.padding, name=layer.name)


def global_max_pool(layer: layers.GlobalMaxPool, shape: Shape) -> Apply:
    """The largest value of each channel."""
    return _GLOBAL_MAXIMA[len(shape)](name=layer.name)


def global_average_pool(layer: layers.GlobalAveragePool, shape: Shape) -> Apply:
    """The mean of each channel."""
    return _GLOBAL_MEANS[len(shape)](name=layer.name)


class _Convolution(OwnLayer[layers.Convolution]):
    """Keras' own layers take no stride with a dilation, and compile groups anew for each number of rows."""

    def __init__(self, record: layers.Convolution, shape: Shape) -> None:
        super().__init__(record, shape)
        self._pads = [(0, 0), *(record.pads(side) for side in shape[:-1]), (0, 0)]

    def call(self, inputs: Any) -> Any:
        kernel = _dilated(ops.convert_to_tensor(self.kernel), self.record.dilation)
        padded = ops.pad(inputs, self._pads) if any(map(any, self._pads)) else inputs
        groups = self.record.groups
        parts = zip(ops.split(padded, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True)
        outputs = [ops.conv(x, w, strides=self.record.stride, padding="valid") for x, w in parts]
        joined = outputs[0] if groups == 1 else ops.concatenate(outputs, axis=-1)
        return kernels.bias_add(joined, self.bias) if self.record.bias else joined


class _Transposed(OwnLayer[layers.Conv2dTranspose]):
    def call(self, inputs: Any) -> Any:
        record, (height, width, _) = self.record, self.record.output_shape(self.shape)
        # Keras' kernel has the filters before the channels; valid padding leaves free what no kernel reaches.
        kernel = ops.transpose(self.kernel, (0, 1, 3, 2))
        whole = ops.conv_transpose(inputs, kernel, strides=record.stride, padding="valid")
        outputs = whole[:, record.cut : record.cut + height, record.cut : record.cut + width]
        return kernels.bias_add(outputs, self.bias) if record.bias else outputs


def _dilated(kernel: Any, dilation: int) -> Any:
    """Returns a kernel with zeros between its places: TensorFlow has no gradient of a dilation on a CPU."""
    for axis in range(len(kernel.shape) - 2 if dilation > 1 else 0):
        side = kernel.shape[axis]
        apart = ops.expand_dims(kernel, axis + 1)
        zeros = [(0, dilation - 1) if each == axis + 1 else (0, 0) for each in range(len(apart.shape))]
        shape = [*kernel.shape[:axis], side * dilation, *kernel.shape[axis + 1 :]]
        spread = ops.reshape(ops.pad(apart, zeros), shape)
        kernel = ops.take(spread, ops.arange((side - 1) * dilation + 1), axis=axis)
    return kernel
