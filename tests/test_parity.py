"""The promise: one YAML, two frameworks, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from support import curve, trained

BATCH_NORM = "architecture.batch_norm=true"
TREE = (
    "architecture.layers=[flatten,{dense:{units:24}},activation,{residual:[{dense:{units:24}},activation]},"
    "{layer_norm:{epsilon:1e-5}},{concatenate:[[{dense:{units:4}}],[activation]]},{dropout:{rate:0.2}}]"
)
IMAGE_TREE = (
    "architecture.layers=[{conv2d:{filters:4,kernel_size:2,stride:1,padding:same}},{batch_norm:{momentum:0.1,"
    "epsilon:1e-5}},activation,{dropout:{rate:0.3}},{layer_norm:{epsilon:1e-5}},{max_pool:{size:3,stride:2}},"
    "{concatenate:[[{conv2d:{filters:2,kernel_size:1,stride:1,padding:valid}}],[activation]]},"
    "{average_pool:{size:2,stride:1}}]"
)
CONVOLUTIONS = (
    "architecture.layers=[{conv2d:{filters:6,kernel_size:3,padding:same}},activation,"
    "{conv2d:{filters:4,kernel_size:3,padding:same,groups:2,dilation:2}},{group_norm:{groups:2,epsilon:1e-5}},activation,"
    "{max_pool:{size:3,stride:2,padding:same}},{conv2d_transpose:{filters:2,kernel_size:3,stride:2,padding:same}},"
    "{average_pool:{size:3,stride:2,padding:same}}]"
)
SEQUENCES = (
    "architecture.layers=[{reshape:{shape:[16,4]}},{conv1d:{filters:6,kernel_size:3,stride:2,padding:same}},"
    "{batch_norm:{momentum:0.1,epsilon:1e-5}},activation,{group_norm:{groups:3,epsilon:1e-5}},"
    "{max_pool:{size:2,stride:2}},{concatenate:[[{lstm:{units:3,returns:all}}],[{self_attention:{heads:2,causal:true}}]]},"
    "{dropout:{rate:0.2}},{residual:{body:[{layer_norm:{epsilon:1e-5}},{dense:{units:4}}],shortcut:[{dense:{units:4}}]}},"
    "{concatenate:[[global_max_pool],[global_average_pool]]}]"
)
TOKENS = (
    "architecture.layers=[{embedding:{vocabulary:4,features:3}},positional_embedding,"
    "{gru:{units:4,bidirectional:true,returns:last}}]"
)
CASES = {
    "sgd": ["optimizer=sgd"],
    "momentum": ["optimizer=sgd", "optimizer.momentum=0.9", "schedule=cosine"],
    "nesterov": ["optimizer=sgd", "optimizer.momentum=0.9", "optimizer.nesterov=true", "schedule=step"],
    "l2": ["optimizer=sgd", "optimizer.momentum=0.9", "optimizer.l2=0.001"],
    "decoupled": ["optimizer=sgd", "optimizer.decoupled_weight_decay=0.01", "optimizer.l2=0.001"],
    "adam": ["optimizer=adam", "optimizer.l2=0.001", "schedule=warmup_cosine"],
    "adamw": ["optimizer=adamw", "optimizer.decoupled_weight_decay=0.1"],
    "rmsprop": ["optimizer=rmsprop", "optimizer.momentum=0.5", "schedule=exponential"],
    "adagrad": ["optimizer=adagrad", "optimizer.initial_accumulator=0.1"],
    "decay on kernels": [
        BATCH_NORM,
        "optimizer=sgd",
        "optimizer.l2=0.01",
        "optimizer.decoupled_weight_decay=0.1",
        "optimizer.decay_on=kernels",
    ],
    "amsgrad": ["optimizer=amsgrad", "schedule=one_cycle"],
    "nadam": ["optimizer=nadam", "optimizer.decoupled_weight_decay=0.1", "schedule=polynomial"],
    "adamax": ["optimizer=adamax", "optimizer.l2=0.001", "schedule=inverse_square_root"],
    "centered rmsprop": ["optimizer=rmsprop", "optimizer.centered=true", "activation=hard_silu"],
    "adadelta": ["optimizer=adadelta", "schedule=cosine_restarts", "schedule.first_period_epochs=1"],
    "lion": ["optimizer=lion", "optimizer.decoupled_weight_decay=0.1", "optimizer.decay_on=kernels"],
    "clip norm": ["optimizer=sgd", "training.clipping.global_norm=0.5"],
    "clip value": ["optimizer=sgd", "training.clipping.value=0.01"],
    "dropout": ["architecture.dropout=0.5"],
    "batch norm": [BATCH_NORM, "optimizer=sgd", "activation=tanh"],
    "batch norm and dropout": [BATCH_NORM, "architecture.dropout=0.2"],
    "cnn": ["architecture=cnn", "optimizer=sgd", "optimizer.momentum=0.9"],
    "cnn, strided, batch norm": [
        "architecture=cnn",
        BATCH_NORM,
        "architecture.stride=2",
        "architecture.pool_size=0",
    ],
    "cnn, valid": ["architecture=cnn", "architecture.padding=valid", "architecture.filters=[4]"],
    "tree": ["architecture=tree", TREE, "activation=gelu"],
    "tree of images": ["architecture=tree", IMAGE_TREE, "activation=softmax"],
    "convolutions": ["architecture=tree", CONVOLUTIONS, "activation=prelu", "activation.channels=true"],
    "sequences": ["architecture=tree", SEQUENCES, "optimizer=sgd", "optimizer.momentum=0.9"],
    "repeated tokens": ["architecture=tree", TOKENS, "data=brackets"],
    "resnet": ["architecture=resnet", "architecture.stages=[4,6]", "optimizer=sgd"],
    **{
        f"{cell}, {way}": ["architecture=rnn", f"architecture.cell={cell}", "architecture.units=[8]", *more]
        for cell in ("simple_rnn", "lstm", "gru")
        for way, more in (
            ("forward", []),
            ("bidirectional", ["architecture.bidirectional=true", "architecture.units=[4]", "data=adding"]),
        )
    },
    "stacked rnn of tokens, dropout": [
        "architecture=rnn",
        "architecture.units=[6,4]",
        "architecture.dropout=0.2",
        "data=brackets",
    ],
    "transformer": [
        "architecture=transformer",
        "architecture.depth=1",
        "architecture.dropout=0.1",
        "activation=gelu",
    ],
    "transformer of tokens": [
        "architecture=transformer",
        "architecture.depth=1",
        "data=brackets",
        "optimizer=sgd",
    ],
    "glu": ["activation=glu"],
    "glu, cnn": ["activation=glu", "architecture=cnn", "architecture.filters=[4,8]"],
    "prelu": ["activation=prelu"],
    "prelu, cnn": ["activation=prelu", "architecture=cnn", "architecture.filters=[4,8]", BATCH_NORM],
    "linear": ["architecture=linear"],
    "plateau": [
        "schedule=reduce_on_plateau",
        "schedule.patience=1",
        "schedule.minimum_improvement=0.3",
        "optimizer=sgd",
    ],
    "early stopping": [
        "training.early_stopping.patience=1",
        "training.early_stopping.minimum_improvement=0.3",
        "training.monitor=validation/accuracy",
    ],
    "label smoothing": ["loss=cross_entropy", "loss.label_smoothing=0.1"],
    "class weights": [
        "loss=cross_entropy",
        "loss.class_weights=[1,2,3,4,5,5,4,3,2,1]",
        "loss.label_smoothing=0.1",
    ],
    "binary": ["data=breast_cancer", "loss.binary.label_smoothing=0.1"],
    "hinge": ["data=breast_cancer", "loss=hinge", "activation=celu"],
    "positive weight": ["data=breast_cancer", "loss.binary.positive_weight=3", "activation=softsign"],
    "divergence": [
        "loss=kl_divergence",
        "loss.label_smoothing=0.1",
        "schedule=multi_step",
        "schedule.epochs=[1,3]",
    ],
    "cosine": ["loss=cosine", "activation=hard_tanh"],
    "log cosh": ["data=diabetes", "loss=log_cosh", "activation=log_sigmoid"],
    "poisson": ["data=diabetes", "loss=poisson", "standardise=false", "activation=relu6"],
    "softmax over the width": [
        "architecture=cnn",
        "architecture.hidden_sizes=[]",
        "activation=softmax",
        "activation.axis=1",
    ],
    "mse": ["data=diabetes"],
    "mae": ["data=diabetes", "loss=mae", "activation=tanh"],
    "huber": ["data=sine", "loss=huber", "activation=tanh"],
    "no validation": ["split.validation=0", "training.monitor=train/loss"],
    "one step at a time": ["training.steps_per_execution=1"],
    "no standardisation": ["standardise=false"],
    "torch's initial weights": ["initializer=torch_linear", "activation=silu"],
}


def pair(*overrides: str) -> tuple[object, ...]:
    """Trains the same on both backends."""
    (torch_result, torch_told), (keras_result, keras_told) = (
        trained(f"backend={name}", *overrides) for name in ("torch", "keras")
    )
    for tag in ("initial_weights_sha256", "batch_order_sha256"):
        assert torch_told.all_tags[tag] == keras_told.all_tags[tag]
    assert len(torch_result.epochs) == len(keras_result.epochs)
    assert torch_result.kept_epoch == keras_result.kept_epoch
    return torch_result, keras_result


@pytest.mark.parametrize(("precision", "tolerance"), [(32, 1e-5), (64, 1e-10)])
def test_default_run_gives_the_same_curve_on_both_backends(precision: int, tolerance: float) -> None:
    results = pair(f"training.precision={precision}")
    for result in results:
        assert len(result.epochs) == 30
        assert result.metrics["test/accuracy"] >= 0.96
    losses = [curve(result, "train/loss") for result in results]
    assert max(np.abs(np.subtract(*losses))) <= tolerance
    # The curve is one of learning: a pair of flat lines would agree as well.
    assert losses[0][-1] < 0.1 * losses[0][0]


@pytest.mark.parametrize("case", CASES)
def test_training_is_equal_in_float64(case: str) -> None:
    results = pair("training.precision=64", "training.epochs=4", "debug=limit", *CASES[case])
    told = set(results[0].epochs[0].metrics)
    assert told == set(results[1].epochs[0].metrics)
    for name in told:
        np.testing.assert_allclose(*(curve(result, name) for result in results), rtol=1e-9, atol=1e-11)
    for split, shown in results[0].predictions.items():
        np.testing.assert_allclose(shown.outputs, results[1].predictions[split].outputs, rtol=1e-7, atol=1e-9)


def test_mixed_precision_is_near_single_precision_on_both_backends() -> None:
    mixed = pair("training.precision=bf16-mixed", "training.epochs=3")
    (single, _) = trained("training.epochs=3")
    for result in mixed:
        np.testing.assert_allclose(curve(result, "train/loss"), curve(single, "train/loss"), rtol=0.05)
        # Really bfloat16: float32 would agree to far more digits.
        assert abs(curve(result, "train/loss")[0] - curve(single, "train/loss")[0]) > 1e-6
