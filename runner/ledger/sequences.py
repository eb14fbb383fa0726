"""Layers for sequences in both frameworks, by their words."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry

_EQUATION = ("tests/test_matrix.py::test_member",)
_TRAINED = (*_EQUATION, "tests/test_training_matrix.py::test_training_is_equal_in_float64")
_TORCH = "runner.backends.torch.layers.sequences"
_KERAS = "runner.backends.keras.layers.sequences"

_REPEATED = Difference(
    title="Tokens that occur twice in a batch",
    framework="Keras",
    what="The gradient of an embedding is a list of rows, one for each token. Keras' Adam, RMSprop,"
    " Adagrad, Adadelta and Nadam square each row of a repeated token by itself where the square of their"
    " sum is meant.",
    effect="0.8735 instead of 0.9 after one step of Adam with a rate of 0.1; 4e-2 on the loss of a network"
    " with an embedding and a GRU within 80 steps.",
    correction="rows of one token are summed first",
    where=("runner.backends.keras.planned_optimizer.PlannedOptimizer.apply", f"{_KERAS}._Embedding"),
    tests=("tests/test_training_matrix.py::test_training_is_equal_in_float64",),
)
_TABLE = Difference(
    title="The first values of a table",
    framework="Keras",
    what="torch draws an embedding from N(0, 1), Keras from U(-0.05, 0.05).",
    effect="numbers 35 times as large at the start.",
    correction="N(0, 1), drawn once in NumPy",
    where=("runner.layers.sequences.Embedding.parameters",),
    tests=("tests/test_training_matrix.py::test_training_is_equal_in_float64",),
)
_SECOND_BIAS = Difference(
    title="The second bias of a recurrent cell",
    framework="PyTorch",
    what="torch's RNN and LSTM add two biases where one would do, and train both, so that their sum moves"
    " twice as fast; Keras has one.",
    effect="0.1 on the loss of an RNN and 0.2 on that of an LSTM within 80 steps of Adam, the second bias"
    " beginning at 0.",
    correction="one bias; the second is a constant 0",
    where=(f"{_TORCH}._Recurrent",),
    tests=(*_TRAINED, NATIVE),
)
_FORGET_BIAS = Difference(
    title="The bias of the forget gate",
    framework="Keras",
    what="Keras begins it at 1 (unit_forget_bias), torch as every other bias.",
    effect="another start; nothing on the equation.",
    correction="every bias by the initializer",
    where=("runner.weights.draw",),
    tests=("tests/test_training_matrix.py::test_training_is_equal_in_float64",),
)
_GATES = Difference(
    title="The order of the gates of a GRU",
    framework="Keras",
    what="The gates stand as r, z, n in torch's arrays and as z, r, n in Keras', which hold both biases in"
    " one array of two rows. Keras' reset_after=False is another cell, which torch does not have.",
    effect="another network from the same arrays.",
    correction="torch's order and cell are canonical",
    where=(f"{_KERAS}._gru",),
    tests=_TRAINED,
)
_FACTOR = Difference(
    title="The factor of attention",
    framework="Keras",
    what="Keras keeps one over the root of a head's width as a float32 number.",
    effect="4e-8 on outputs around 1 in float64 for heads of 3 numbers; nothing for widths of 1, 4, 16, 64.",
    correction="a factor in the precision of the training",
    where=(f"{_KERAS}._SelfAttention",),
    tests=_EQUATION,
)
_KEY_BIAS = Difference(
    title="The bias of attention's keys",
    framework="both",
    what="Both frameworks train one, although the softmax does not see it and its gradient is exactly"
    " zero: Adam divides the rounding noise of that gradient by its own size and walks at random.",
    effect="nothing on the loss; a bias that moves by up to a learning rate in each step, in another"
    " direction in each framework.",
    correction="keys have no bias",
    where=(f"{_TORCH}._SelfAttention", "runner.layers.sequences.SelfAttention.parameters"),
    tests=_TRAINED,
)


def _entry(
    torch: str, keras: str, *differences: Difference, **arguments: tuple[str | None, str | None]
) -> Entry:
    own = Counterpart(torch=f"torch.nn.{torch}", keras=f"keras.layers.{keras}", differences=differences)
    return Entry(own, {name: Counterpart(torch=one, keras=other) for name, (one, other) in arguments.items()})


_CELL: dict[str, tuple[str | None, str | None]] = {
    "units": ("torch.nn.RNNBase(hidden_size)", "units"),
    "bidirectional": ("torch.nn.RNNBase(bidirectional)", "keras.layers.Bidirectional(layer)"),
    "returns": (None, "return_sequences"),
}

SEQUENCES: Mapping[str, Entry] = {
    "embedding": _entry(
        "Embedding",
        "Embedding",
        _REPEATED,
        _TABLE,
        vocabulary=("num_embeddings", "input_dim"),
        features=("embedding_dim", "output_dim"),
    ),
    "positional_embedding": Entry(Counterpart(ours="a table of weights, added in both")),
    "simple_rnn": _entry("RNN", "SimpleRNN", _SECOND_BIAS, **_CELL),
    "lstm": _entry("LSTM", "LSTM", _SECOND_BIAS, _FORGET_BIAS, **_CELL),
    "gru": _entry("GRU", "GRU", _GATES, **_CELL),
    "self_attention": _entry(
        "MultiheadAttention",
        "MultiHeadAttention",
        _FACTOR,
        _KEY_BIAS,
        heads=("num_heads", "num_heads"),
        causal=(
            "torch.nn.MultiheadAttention.forward(is_causal)",
            "keras.layers.MultiHeadAttention.call(use_causal_mask)",
        ),
    ),
}
