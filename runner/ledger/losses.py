"""Losses in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry

_EQUATION = ("tests/test_matrix.py::test_member",)
_KERAS = "runner.backends.keras.losses"
_TORCH = "runner.backends.torch.losses"

_LOGITS = Difference(
    title="Logits or probabilities",
    framework="Keras",
    what="Keras' losses take probabilities unless from_logits=True, and clip them at 1e-7; torch's"
    " cross-entropy takes logits, and its binary cross-entropy of probabilities stops the logarithm at"
    " -100.",
    effect="10.7 instead of 48.1 for a cross-entropy of very sure mistakes, 3.9 instead of 19.2 for a"
    " binary one (22.5 for torch's of probabilities).",
    correction="always logits; probabilities are for people",
    where=(f"{_KERAS}.cross_entropy", f"{_KERAS}.binary_cross_entropy", "runner.conductor.predictions"),
    tests=_EQUATION,
)
_CLASS_WEIGHTS = Difference(
    title="The mean under class weights",
    framework="Keras",
    what="torch divides by the sum of the rows' weights, Keras by their number.",
    effect="5.40 instead of 2.56 for the weights 0.5, 1, 2, 4.",
    correction="divided by the sum of the rows' weights",
    where=(f"{_KERAS}.cross_entropy",),
    tests=(*_EQUATION, NATIVE),
)
_ROW_WEIGHTS = Difference(
    title="The mean under weights of the rows",
    framework="both",
    what="Keras divides the sum of the weighted losses by the number of rows. torch's squared, absolute and Huber"
    " losses divide it by the sum of the weights, its binary cross-entropy by the number of rows; its others take no"
    " weights of rows.",
    effect="7.21 in Keras and 4.26 in torch for a mean squared error of nine rows whose weights come to 15.25.",
    correction="weighted rows divided by the sum of their weights",
    where=(f"{_TORCH}._mean", f"{_KERAS}._mean"),
    tests=(
        *_EQUATION,
        "tests/test_native.py::test_native_losses_with_weights_divide_as_their_framework_does",
    ),
)
_SLOPE_AT_ZERO = Difference(
    title="The slope of a weighted binary cross-entropy at a logit of 0",
    framework="Keras",
    what="Keras' losses have no weight of class 1; TensorFlow's weighted_cross_entropy_with_logits has one, and at a"
    " logit of exactly 0, where weights of 0 begin, its slope is that of one side of a kink that the loss has not.",
    effect="0 instead of -1.5 on the gradient of class 1 with a weight of 3, 1 instead of 0.5 on that of class 0.",
    correction="two softplus in the place of it",
    where=(f"{_KERAS}.binary_cross_entropy",),
    tests=_EQUATION,
)
_SMOOTHED_WEIGHTS = Difference(
    title="Class weights and label smoothing together",
    framework="PyTorch",
    what="torch weighs each class of a smoothed target by that class's own weight, so that a row counts"
    " with several.",
    effect="2.504 instead of 2.566 for a smoothing of 0.1 and the weights 0.5, 1, 2, 4.",
    correction="a row counts with the weight of its own class",
    where=(f"{_TORCH}.cross_entropy",),
    tests=_EQUATION,
)
_NO_BINARY_SMOOTHING = Difference(
    title="Label smoothing of two classes",
    framework="PyTorch",
    what="torch's binary cross-entropy has none; Keras' moves a share of each target to one half.",
    effect="there is nothing to give the number to.",
    correction="y (1 - s) + s / 2 in torch too",
    where=(f"{_TORCH}.binary_cross_entropy",),
    tests=_EQUATION,
)
_SHAPES = Difference(
    title="Targets of another shape",
    framework="both",
    what="For outputs (rows, 1) and targets (rows,), Keras drops the axis and torch compares every row"
    " with every other, with a warning.",
    effect="15.7 in torch and 10.9 in Keras for the mean squared error of nine rows.",
    correction="targets have the shape of the outputs, or the data are refused",
    where=("runner.data.preparation.prepare",),
    tests=("tests/test_data.py::test_data_that_break_their_promise_are_refused",),
)
_KL_MEAN = Difference(
    title="The mean of a Kullback-Leibler divergence",
    framework="PyTorch",
    what='torch\'s reduction "mean" divides by rows times classes; "batchmean", which is no default,'
    " divides by rows.",
    effect="0.60 instead of 2.40 for four classes.",
    correction="the mean over the rows",
    where=(f"{_TORCH}.kl_divergence",),
    tests=_EQUATION,
)
_KL_CLIPPING = Difference(
    title="A Kullback-Leibler divergence of very sure mistakes",
    framework="Keras",
    what="Keras takes probabilities and clips them at 1e-7.",
    effect="10.5 instead of 47.5.",
    correction="logarithms of probabilities from logits",
    where=(f"{_KERAS}.kl_divergence",),
    tests=_EQUATION,
)
_HINGE = Difference(
    title="Hinge losses",
    framework="PyTorch",
    what="torch's hinge_embedding_loss and multi_margin_loss are other losses; there is none of a support"
    " vector machine.",
    effect="1.38 (hinge_embedding_loss) instead of 1.09.",
    correction="max(0, 1 - t z) in torch too",
    where=(f"{_TORCH}.hinge",),
    tests=_EQUATION,
)
_COSINE = Difference(
    title="Where a cosine loss is zero",
    framework="Keras",
    what="Keras' is minus the cosine, torch's cosine_embedding_loss 1 minus the cosine.",
    effect="exactly 1 on the loss, nothing on the gradient.",
    correction="1 minus the cosine; 1 for a vector without a direction",
    where=(f"{_KERAS}.cosine", f"{_TORCH}.cosine"),
    tests=_EQUATION,
)
_LOG_COSH = Difference(
    title="Log-cosh",
    framework="both",
    what="torch has none; Keras' subtracts a float32 ln 2.",
    effect="2e-9 on the loss in float64.",
    correction="|r| + ln(1 + exp(-2 |r|)) - ln 2 in both",
    where=(f"{_TORCH}.log_cosh", f"{_KERAS}.log_cosh"),
    tests=_EQUATION,
)
_POISSON = Difference(
    title="What a Poisson loss takes",
    framework="Keras",
    what="torch's takes the logarithm of the expected count, Keras' the count itself, to which it adds 1e-7.",
    effect="6e-6 on the loss for logarithms of deviation 3.",
    correction="always the logarithm",
    where=(f"{_KERAS}.poisson",),
    tests=_EQUATION,
)


def _entry(
    torch: str | None,
    keras: str,
    *differences: Difference,
    arguments: Mapping[str, Counterpart] | None = None,
) -> Entry:
    path = torch and f"torch.nn.functional.{torch}"
    own = Counterpart(torch=path, keras=f"keras.losses.{keras}", differences=(*differences, _ROW_WEIGHTS))
    return Entry(own, arguments or {})


_SMOOTHING = Counterpart(
    torch="torch.nn.functional.cross_entropy(label_smoothing)",
    keras="keras.losses.CategoricalCrossentropy(label_smoothing)",
)

LOSSES: Mapping[str, Entry] = {
    "cross_entropy": _entry(
        "cross_entropy",
        "SparseCategoricalCrossentropy",
        _LOGITS,
        arguments={
            "label_smoothing": _SMOOTHING,
            "class_weights": Counterpart(
                torch="weight",
                keras="keras.Model.fit(class_weight)",
                differences=(_CLASS_WEIGHTS, _SMOOTHED_WEIGHTS),
            ),
        },
    ),
    "binary_cross_entropy": _entry(
        "binary_cross_entropy_with_logits",
        "BinaryCrossentropy",
        _LOGITS,
        arguments={
            "label_smoothing": Counterpart(keras="label_smoothing", differences=(_NO_BINARY_SMOOTHING,)),
            "positive_weight": Counterpart(
                torch="pos_weight",
                keras="tensorflow.nn.weighted_cross_entropy_with_logits(pos_weight)",
                differences=(_SLOPE_AT_ZERO,),
            ),
        },
    ),
    "kl_divergence": _entry(
        "kl_div", "KLDivergence", _KL_MEAN, _KL_CLIPPING, arguments={"label_smoothing": _SMOOTHING}
    ),
    "cosine": _entry("cosine_embedding_loss", "CosineSimilarity", _COSINE),
    "hinge": _entry(None, "Hinge", _HINGE),
    "mse": _entry("mse_loss", "MeanSquaredError", _SHAPES),
    "mae": _entry("l1_loss", "MeanAbsoluteError", _SHAPES),
    "huber": _entry(
        "huber_loss", "Huber", _SHAPES, arguments={"delta": Counterpart(torch="delta", keras="delta")}
    ),
    "log_cosh": _entry(None, "LogCosh", _LOG_COSH),
    "poisson": _entry("poisson_nll_loss", "Poisson", _POISSON),
}

# Which function of the outputs a person sees.
OUTPUT = Counterpart(ours="applied to logits once for both, in NumPy")
