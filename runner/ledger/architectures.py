"""Architectures: functions of ours that return layers, whose arguments are those of the layers."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.layers import LAYERS
from runner.ledger.records import Counterpart, Entry

_FUNCTION = Counterpart(ours="a function that returns the layers shown below")

_DENSE = {
    "hidden_sizes": LAYERS["dense"].argument("units"),
    "dropout": LAYERS["dropout"].argument("rate"),
    "batch_norm": LAYERS["batch_norm"].own,
    "batch_norm_momentum": LAYERS["batch_norm"].argument("momentum"),
    "batch_norm_epsilon": LAYERS["batch_norm"].argument("epsilon"),
}

ARCHITECTURES: Mapping[str, Entry] = {
    "autoencoder": Entry(_FUNCTION, {**_DENSE, "code_size": LAYERS["dense"].argument("units")}),
    "linear": Entry(_FUNCTION),
    "mlp": Entry(_FUNCTION, _DENSE),
    "cnn": Entry(
        _FUNCTION,
        {
            "filters": LAYERS["conv2d"].argument("filters"),
            "kernel_size": LAYERS["conv2d"].argument("kernel_size"),
            "stride": LAYERS["conv2d"].argument("stride"),
            "padding": LAYERS["conv2d"].argument("padding"),
            "pool_size": LAYERS["max_pool"].argument("size"),
            **_DENSE,
        },
    ),
    "resnet": Entry(
        _FUNCTION,
        {
            "stages": LAYERS["conv2d"].argument("filters"),
            "blocks": Counterpart(ours="how often a stage repeats"),
            "kernel_size": LAYERS["conv2d"].argument("kernel_size"),
            "batch_norm_momentum": LAYERS["batch_norm"].argument("momentum"),
            "batch_norm_epsilon": LAYERS["batch_norm"].argument("epsilon"),
        },
    ),
    "rnn": Entry(
        _FUNCTION,
        {
            "cell": Counterpart(ours="the word of a layer"),
            "units": LAYERS["lstm"].argument("units"),
            "bidirectional": LAYERS["lstm"].argument("bidirectional"),
            "embedding": LAYERS["embedding"].argument("features"),
            "dropout": LAYERS["dropout"].argument("rate"),
        },
    ),
    "transformer": Entry(
        _FUNCTION,
        {
            "features": LAYERS["dense"].argument("units"),
            "heads": LAYERS["self_attention"].argument("heads"),
            "depth": Counterpart(ours="how often both blocks repeat"),
            "feed_forward_factor": LAYERS["dense"].argument("units"),
            "dropout": LAYERS["dropout"].argument("rate"),
            "layer_norm_epsilon": LAYERS["layer_norm"].argument("epsilon"),
        },
    ),
    "tree": Entry(_FUNCTION, {"layers": LAYERS["sequence"].own}),
}
