"""Layers in both frameworks, by their words."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry
from runner.ledger.sequences import SEQUENCES

_EQUATION = ("tests/test_matrix.py::test_member",)
_TRAINED = (*_EQUATION, "tests/test_training_matrix.py::test_training_is_equal_in_float64")
_TORCH = "runner.backends.torch.layers"
_KERAS = "runner.backends.keras.layers"

_KERNELS = Difference(
    title="The axes of a kernel",
    framework="PyTorch",
    what="A dense kernel is (inputs, units) in Keras and (units, inputs) in torch; that of a convolution"
    " (height, width, channels, filters) and (filters, channels, height, width).",
    effect="arrays that do not fit, or for square ones another network.",
    correction="Keras' axes are canonical; turned at torch's border",
    where=(f"{_TORCH}.places.Place",),
    tests=_EQUATION,
)
_CHANNELS = Difference(
    title="Where the channels are",
    framework="PyTorch",
    what="Images are (height, width, channels) in Keras and (channels, height, width) in torch, so that"
    " flattened they have another order; sequences likewise, for torch's convolutions and norms.",
    effect="2e-3 on the loss of a convolutional network at its first step, 0.1 later, with the same kernels.",
    correction="channels last; torch's images are turned inside",
    where=(
        f"{_TORCH}.network.Network.forward",
        f"{_TORCH}.plain._Reshape",
        f"{_TORCH}.places.channels_first",
    ),
    tests=(*_TRAINED, NATIVE),
)
_SAME = Difference(
    title='Padding "same" with a stride',
    framework="PyTorch",
    what="TensorFlow puts the odd row at the bottom and the right. torch's convolutions refuse the word"
    " where the stride is above 1, its pools do not know it, and padding=1 puts a row on each side.",
    effect="4.7 on outputs whose mean size is 1.2, for a kernel of 3, a stride of 2 and a side of 6; 2.6"
    " for a max pool.",
    correction="the odd row at the bottom and right, in torch too",
    where=("runner.layers.windows.Window.pads", f"{_TORCH}.windows._Pad"),
    tests=(*_EQUATION, NATIVE),
)
_PADDED_MEAN = Difference(
    title="What a padded mean counts",
    framework="PyTorch",
    what="torch's average pool counts the padded zeros by default; Keras' leaves them out.",
    effect="0.6 on means of numbers around 1, for a window of 3 and a stride of 1.",
    correction="what is padded is left aside",
    where=(f"{_TORCH}.windows._PaddedMean",),
    tests=_EQUATION,
)
_TRANSPOSED = Difference(
    title="The sides of a transposed convolution",
    framework="PyTorch",
    what='With padding "same" and a stride of 2, Keras cuts off what a convolution with that padding would'
    " add: nothing at the top for a kernel of 3. torch has no such word, and padding=1 with"
    " output_padding=1, which gives the same sides, cuts a row at the top.",
    effect="3.1 on outputs around 1, for a kernel of 3 and a stride of 2.",
    correction="cut as the transpose of the convolution, in torch too",
    where=(f"{_TORCH}.windows._Cut", f"{_KERAS}.windows._Transposed"),
    tests=_EQUATION,
)
_DILATION = Difference(
    title="Dilated convolutions",
    framework="Keras",
    what="Keras refuses a stride together with a dilation, and TensorFlow has no gradient of a dilated"
    " convolution on a processor.",
    effect="an error where torch trains.",
    correction="a kernel with zeros between its places",
    where=(f"{_KERAS}.windows._dilated",),
    tests=_EQUATION,
)
_VARIANCE = Difference(
    title="The variance that batch norm remembers",
    framework="Keras",
    what="Both divide by the biased variance of the batch; torch remembers the unbiased one, n / (n - 1)"
    " of it, Keras the biased one.",
    effect="1.6e-2 on running variances around 1.4 after one batch of 32 rows; the answers after a"
    " training differ by it.",
    correction="the unbiased variance is remembered",
    where=(f"{_KERAS}.plain._BatchNorm",),
    tests=(*_EQUATION, NATIVE),
)
_MASK = Difference(
    title="Which units dropout leaves out",
    framework="both",
    what="Each framework draws masks with a generator of its own.",
    effect="0.3 on the loss of a network on the digits with a rate of 0.5.",
    correction="a mask from seed, layer, step and element",
    where=("runner.dropout.mix", f"{_TORCH}.plain._Dropout", f"{_KERAS}.plain._Dropout"),
    tests=(
        "tests/test_plan.py::test_dropout_keeps_the_share_that_it_should_and_neighbours_are_independent",
        "tests/test_training_matrix.py::test_training_is_equal_in_float64",
        NATIVE,
    ),
)


def _entry(torch: str | None, keras: str | None, *differences: Difference, **arguments: Counterpart) -> Entry:
    own = Counterpart(
        torch=torch and f"torch.nn.{torch}",
        keras=keras and f"keras.layers.{keras}",
        differences=differences,
    )
    return Entry(own, arguments)


def _same(torch: str | None, keras: str | None, *differences: Difference, remark: str = "") -> Counterpart:
    return Counterpart(torch=torch, keras=keras, differences=differences, remark=remark)


_BIAS = _same("bias", "use_bias")
_EPSILON = _same("eps", "epsilon", remark="the defaults are 1e-5 in torch and 1e-3 in Keras")
_CONVOLUTION = {
    "filters": _same("out_channels", "filters"),
    "kernel_size": _same("kernel_size", "kernel_size"),
    "stride": _same("stride", "strides"),
    "bias": _BIAS,
}
_DIRECT = {
    **_CONVOLUTION,
    "padding": _same("padding", "padding", _SAME),
    "dilation": _same("dilation", "dilation_rate", _DILATION),
    "groups": _same("groups", "groups"),
}
_POOL = {"size": _same("kernel_size", "pool_size"), "stride": _same("stride", "strides")}
_SEQUENCES_TOO = "the 1d classes for sequences"

LAYERS: Mapping[str, Entry] = {
    "dense": _entry("Linear", "Dense", _KERNELS, units=_same("out_features", "units"), bias=_BIAS),
    "flatten": _entry("Flatten", "Flatten", _CHANNELS),
    "reshape": _entry("Unflatten", "Reshape", _CHANNELS, shape=_same("unflattened_size", "target_shape")),
    "select": Entry(
        Counterpart(torch="torch.narrow", keras="keras.ops.slice"),
        {"first": _same("start", "start_indices"), "count": _same("length", "shape")},
    ),
    "activation": _entry(None, "Activation", function=_same(None, "activation")).noted(
        "torch has a module for each function"
    ),
    "dropout": _entry("Dropout", "Dropout", _MASK, rate=_same("p", "rate")),
    "conv1d": _entry("Conv1d", "Conv1D", _KERNELS, _CHANNELS, **_DIRECT),
    "conv2d": _entry("Conv2d", "Conv2D", _KERNELS, _CHANNELS, **_DIRECT),
    "conv2d_transpose": _entry(
        "ConvTranspose2d",
        "Conv2DTranspose",
        _KERNELS,
        _CHANNELS,
        **_CONVOLUTION,
        padding=_same("padding", "padding", _TRANSPOSED),
    ),
    "max_pool": _entry(
        "MaxPool2d", "MaxPooling2D", _CHANNELS, **_POOL, padding=_same("padding", "padding", _SAME)
    ).noted(_SEQUENCES_TOO),
    "average_pool": _entry(
        "AvgPool2d",
        "AveragePooling2D",
        _CHANNELS,
        **_POOL,
        padding=_same("padding", "padding", _SAME, _PADDED_MEAN),
    ).noted(_SEQUENCES_TOO),
    "global_max_pool": Entry(
        Counterpart(torch="torch.amax", keras="keras.layers.GlobalMaxPooling2D", remark=_SEQUENCES_TOO)
    ),
    "global_average_pool": _entry("AdaptiveAvgPool2d", "GlobalAveragePooling2D").noted(_SEQUENCES_TOO),
    "batch_norm": _entry(
        "BatchNorm1d",
        "BatchNormalization",
        _VARIANCE,
        momentum=_same("momentum", "momentum", remark="1 minus it in Keras"),
        epsilon=_EPSILON,
    ).noted("torch.nn.BatchNorm2d for images"),
    "layer_norm": _entry("LayerNorm", "LayerNormalization", epsilon=_EPSILON),
    "group_norm": _entry(
        "GroupNorm",
        "GroupNormalization",
        _CHANNELS,
        groups=_same("num_groups", "groups", remark="Keras' default is 32"),
        epsilon=_EPSILON,
    ),
    **SEQUENCES,
    "sequence": Entry(Counterpart(torch="torch.nn.Sequential", keras="keras.Sequential")),
    "residual": _entry(None, "Add").noted("a sum in torch's forward"),
    "concatenate": Entry(
        Counterpart(torch="torch.cat", keras="keras.layers.Concatenate", differences=(_CHANNELS,))
    ),
}
