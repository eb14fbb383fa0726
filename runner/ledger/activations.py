"""Activations in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry

_EQUATION = ("tests/test_matrix.py::test_member",)
_KERAS = "runner.backends.keras.activations"
_TORCH = "runner.backends.torch.activations"

_AXIS = Difference(
    title="The axis of a softmax",
    framework="PyTorch",
    what="torch keeps the channels of an image on axis 1 and Keras on the last one, so that one number is"
    " two axes; torch has no default, Keras has -1.",
    effect="another function: the probabilities of an image add up to 1 along its height in one of them.",
    correction="counted within one example, channels last, in both",
    where=(f"{_TORCH}.softmax", "runner.backends.torch.layers.plain.activation"),
    tests=(
        *_EQUATION,
        "tests/test_training_matrix.py::test_training_is_equal_in_float64",
    ),
)
_LEAKY_SLOPE = Difference(
    title="The slope of a leaky ReLU",
    framework="Keras",
    what="TensorFlow keeps the slope as a float32 number. The defaults differ too: 0.01 in torch, 0.2 in"
    " keras.activations and 0.3 in keras.layers.",
    effect="a relative 2e-8 on the values below zero, in float64.",
    correction="a slope in the precision of the training",
    where=(f"{_KERAS}.leaky_relu",),
    tests=_EQUATION,
)
_KINKS = Difference(
    title="Slopes at a kink",
    framework="Keras",
    what="At the very point where two pieces meet, SELU has torch's slope 1.758 and Keras' 1.051, CELU 1"
    " and 2, hard tanh 0 and 1 at both ends.",
    effect="up to 1 on the slope, where an input is exactly there: for zeros from a ReLU or a zero bias it"
    " often is.",
    correction="torch's slope at a kink",
    where=(f"{_KERAS}.selu", f"{_KERAS}.celu", f"{_KERAS}.hard_tanh"),
    tests=_EQUATION,
)
_CELU = Difference(
    title="One over CELU's alpha",
    framework="PyTorch",
    what="torch keeps 1 / alpha as a float32 number for the gradient.",
    effect="2e-8 on the slopes in float64, for an alpha of 1.7.",
    correction="alpha elu(x / alpha) in the precision of the training",
    where=(f"{_TORCH}.celu",),
    tests=_EQUATION,
)
_FIXED_ENDS = Difference(
    title="The ends of a hard tanh",
    framework="Keras",
    what="Keras' function ends at -1 and 1 and takes no others.",
    effect="there is nothing to give other ends to.",
    correction="any ends in Keras too",
    where=(f"{_KERAS}.hard_tanh",),
    tests=_EQUATION,
)
_GELU = Difference(
    title="The constants of GELU",
    framework="Keras",
    what="TensorFlow rounds the constants of the exact GELU to float32; keras.ops.gelu is the tanh"
    " approximation by default.",
    effect="5e-9 on the values and 6e-9 on the slopes in float64.",
    correction="the error function with constants in the precision of the training",
    where=(f"{_KERAS}.gelu",),
    tests=(*_EQUATION, NATIVE),
)
_SOFTPLUS = Difference(
    title="The threshold of softplus",
    framework="PyTorch",
    what="torch returns x itself above 20, Keras the logarithm everywhere.",
    effect="2e-9 on the values just above 20, 1e-11 on the slopes at 25.",
    correction="the logarithm everywhere",
    where=(f"{_TORCH}.softplus",),
    tests=_EQUATION,
)
_HARD_SIGMOID = Difference(
    title="The slope of a hard sigmoid",
    framework="PyTorch",
    what="torch's gradient is the float32 number nearest to 1/6, in float64 as well.",
    effect="5e-9 on the slopes in float64.",
    correction="relu6(x + 3) / 6, whose slope is 1/6",
    where=(f"{_TORCH}.hard_sigmoid",),
    tests=_EQUATION,
)

_SLOPES = Difference(
    title="How many slopes a PReLU learns",
    framework="Keras",
    what="torch's learns one for all units or one for each channel, from 0.25; Keras' learns one for each"
    " number of an example unless it is told which axes share one, from 0.",
    effect="another number of weights.",
    correction="one, or one for each channel",
    where=("runner.layers.plain.Activation.parameters",),
    tests=_EQUATION,
)


def _entry(
    torch: str, keras: str, *differences: Difference, arguments: Mapping[str, Counterpart] | None = None
) -> Entry:
    own = Counterpart(torch=torch, keras=f"keras.activations.{keras}", differences=differences)
    return Entry(own, arguments or {})


def _functional(name: str) -> str:
    return f"torch.nn.functional.{name}"


_ALPHA = {"alpha": Counterpart(torch="alpha", keras="alpha")}

ACTIVATIONS: Mapping[str, Entry] = {
    "relu": _entry(_functional("relu"), "relu"),
    "relu6": _entry(_functional("relu6"), "relu6"),
    "sigmoid": _entry("torch.sigmoid", "sigmoid"),
    "tanh": _entry("torch.tanh", "tanh"),
    "softmax": _entry(
        _functional("softmax"),
        "softmax",
        arguments={"axis": Counterpart(torch="dim", keras="axis", differences=(_AXIS,))},
    ),
    "leaky_relu": _entry(
        _functional("leaky_relu"),
        "leaky_relu",
        arguments={
            "negative_slope": Counterpart(
                torch="negative_slope", keras="negative_slope", differences=(_LEAKY_SLOPE,)
            )
        },
    ),
    "elu": _entry(_functional("elu"), "elu", arguments=_ALPHA),
    "celu": _entry(_functional("celu"), "celu", _KINKS, _CELU, arguments=_ALPHA),
    "selu": _entry(_functional("selu"), "selu", _KINKS),
    "gelu": _entry(_functional("gelu"), "gelu", _GELU),
    "silu": _entry(_functional("silu"), "silu"),
    "mish": _entry(_functional("mish"), "mish"),
    "softplus": _entry(_functional("softplus"), "softplus", _SOFTPLUS),
    "softsign": _entry(_functional("softsign"), "softsign"),
    "log_sigmoid": _entry(_functional("logsigmoid"), "log_sigmoid"),
    "hard_tanh": _entry(
        _functional("hardtanh"),
        "hard_tanh",
        _KINKS,
        arguments={
            "minimum": Counterpart(torch="min_val", differences=(_FIXED_ENDS,)),
            "maximum": Counterpart(torch="max_val", differences=(_FIXED_ENDS,)),
        },
    ),
    "hard_sigmoid": _entry(_functional("hardsigmoid"), "hard_sigmoid", _HARD_SIGMOID),
    "hard_silu": _entry(_functional("hardswish"), "hard_silu"),
    "identity": _entry("torch.nn.Identity", "linear"),
    "glu": _entry(_functional("glu"), "glu"),
    "prelu": Entry(
        Counterpart(torch="torch.nn.PReLU", keras="keras.layers.PReLU", differences=(_SLOPES,)),
        {
            "channels": Counterpart(
                torch="num_parameters",
                keras="shared_axes",
                differences=(_SLOPES,),
                remark="the number of channels, or the axes of the places",
            ),
            "initial_slope": Counterpart(torch="init", keras="alpha_initializer"),
        },
    ),
}
