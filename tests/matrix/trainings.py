"""Whole trainings on both backends, 100 steps each, and how far they are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from support import curve, experiment, trained_as

from matrix.case import BACKENDS, Floats
from runner.experiment import Experiment
from runner.results import Weights
from runner.weights import WEIGHTS, read

STEPS = 100
# Twenty batches in an epoch, of which the last has 5 rows and the others 7.
COMMON = (
    "training.precision=64",
    "training.epochs=5",
    "training.batch_size=7",
    "training.steps_per_execution=20",
    "training.keep=last",
    "debug.rows=196",
    "plots=none",
    "tracking=none",
)
# How far two trainings may be apart, absolute and relative to the number's size alike.
BOUNDS = {"losses": 1e-12, "weights": 1e-11, "metrics": 1e-11, "outputs": 1e-11}

# Pictures of 8 x 8, rows of numbers, sequences of numbers, and sequences of tokens.
IMAGES, SEQUENCES, TOKENS = "data=digits", "data=adding data.length=5", "data=brackets data.length=6"
CNN = "architecture=cnn architecture.filters=[4] architecture.hidden_sizes=[8]"
MLP = "architecture=mlp architecture.hidden_sizes=[12,8]"
RNN = "architecture=rnn architecture.units=[6] architecture.embedding=4 architecture.cell"
TRANSFORMER = (
    "architecture=transformer architecture.depth=1 architecture.features=8 architecture.heads=2"
    " architecture.feed_forward_factor=1"
)
RESNET = "architecture=resnet architecture.stages=[3,4]"
BLOCKS = (
    "architecture=tree architecture.layers=[flatten,{dense:{units:12}},activation,"
    "{residual:[{dense:{units:12}},activation]},{layer_norm:{epsilon:1e-5}},"
    "{concatenate:[[{dense:{units:4}}],[activation]]},{dropout:{rate:0.2}}]"
)
WINDOWS = (
    "architecture=tree architecture.layers=[{conv2d:{filters:4,kernel_size:2,padding:same,bias:false}},"
    "{batch_norm:{momentum:0.1,epsilon:1e-5}},activation,{dropout:{rate:0.3}},{layer_norm:{epsilon:1e-5}},"
    "{max_pool:{size:3,stride:2}},{concatenate:[[{conv2d:{filters:2,kernel_size:1,padding:valid}}],[activation]]},"
    "{average_pool:{size:2,stride:1}}]"
)
CONVOLUTIONS = (
    "architecture=tree architecture.layers=[{conv2d:{filters:6,kernel_size:3,padding:same}},activation,"
    "{conv2d:{filters:4,kernel_size:3,padding:same,groups:2,dilation:2}},{group_norm:{groups:2,epsilon:1e-5}},"
    "activation,{max_pool:{size:3,stride:2,padding:same}},"
    "{conv2d_transpose:{filters:2,kernel_size:3,stride:2,padding:same}},"
    "{average_pool:{size:3,stride:2,padding:same}}]"
)
PLACES = (
    "architecture=tree architecture.layers=[{reshape:{shape:[16,4]}},{conv1d:{filters:6,kernel_size:3,stride:2,"
    "padding:same,bias:false}},{batch_norm:{momentum:0.1,epsilon:1e-5}},activation,{group_norm:{groups:3,epsilon:1e-5}},"
    "{max_pool:{size:2,stride:2}},{concatenate:[[{lstm:{units:3,returns:all}}],"
    "[{self_attention:{heads:2,causal:true}}]]},{dropout:{rate:0.2}},"
    "{residual:{body:[{layer_norm:{epsilon:1e-5}},{dense:{units:4}}],shortcut:[{dense:{units:4}}]}},"
    "{concatenate:[[global_max_pool],[global_average_pool]]}]"
)
REPEATED = (
    "architecture=tree architecture.layers=[{embedding:{vocabulary:4,features:3}},positional_embedding,"
    "{gru:{units:4,bidirectional:true,returns:last}}]"
)
KERNELS = "optimizer.decay_on=kernels"
BATCH_NORM = "architecture.batch_norm=true"
AUTOENCODER = "architecture=autoencoder architecture.hidden_sizes=[8] architecture.code_size=3"

CASES: dict[str, str] = {
    # Optimizers, each with another schedule
    "sgd": f"{MLP} optimizer=sgd schedule=constant initializer=he_normal",
    "momentum": f"{MLP} optimizer=sgd optimizer.momentum=0.9 optimizer.learning_rate=0.02 schedule=cosine activation=elu",
    "nesterov": f"{MLP} optimizer=sgd optimizer.momentum=0.9 optimizer.nesterov=true optimizer.learning_rate=0.02"
    " schedule=step schedule.every_epochs=2 activation=hard_sigmoid",
    "l2, decoupled decay": f"{MLP} optimizer=sgd optimizer.momentum=0.5 optimizer.l2=0.001"
    " optimizer.decoupled_weight_decay=0.01 activation=leaky_relu initializer=lecun_uniform",
    "decay on kernels": f"{MLP} {BATCH_NORM} optimizer=sgd optimizer.l2=0.01"
    f" optimizer.decoupled_weight_decay=0.1 {KERNELS} activation=identity",
    "adam": f"{MLP} optimizer=adam optimizer.l2=0.001 schedule=warmup_cosine activation=selu",
    "adamw": f"{MLP} optimizer=adamw optimizer.decoupled_weight_decay=0.1 activation=mish initializer=orthogonal",
    "amsgrad": f"{MLP} optimizer=amsgrad schedule=one_cycle activation=softplus initializer=normal",
    "nadam": f"{MLP} optimizer=nadam optimizer.decoupled_weight_decay=0.1 schedule=polynomial activation=silu"
    " initializer=torch_linear",
    "adamax": f"{MLP} optimizer=adamax optimizer.l2=0.001 schedule=inverse_square_root activation=tanh"
    " initializer=he_uniform",
    "rmsprop": f"{MLP} optimizer=rmsprop optimizer.momentum=0.5 schedule=exponential activation=sigmoid",
    "centered rmsprop": f"{MLP} optimizer=rmsprop optimizer.centered=true activation=hard_silu"
    " initializer=lecun_normal",
    "adagrad": f"{MLP} optimizer=adagrad optimizer.initial_accumulator=0.1 initializer=uniform",
    "adadelta": f"{MLP} optimizer=adadelta schedule=cosine_restarts schedule.first_period_epochs=1",
    "lion": f"{MLP} optimizer=lion optimizer.decoupled_weight_decay=0.1 {KERNELS} schedule=multi_step"
    " schedule.epochs=[1,3]",
    "plateau": f"{MLP} optimizer=sgd schedule=reduce_on_plateau schedule.patience=1"
    " schedule.minimum_improvement=0.3",
    # What surrounds an update
    "clipped norm": f"{MLP} optimizer=sgd training.clipping.global_norm=0.5 initializer=glorot_normal",
    "clipped values": f"{MLP} optimizer=sgd training.clipping.value=0.01",
    "accumulation": f"{MLP} optimizer=adam training.accumulation=3 training.clipping.global_norm=1",
    "averaged weights": f"{MLP} optimizer=sgd training.weight_average=0.9 schedule=cosine",
    "accumulation, averaged weights, batch norm, dropout": f"{MLP} data=breast_cancer {BATCH_NORM}"
    " architecture.dropout=0.3"
    " optimizer=adam optimizer.decoupled_weight_decay=0.01 schedule=warmup_cosine training.accumulation=3"
    " training.weight_average=0.95 training.clipping.value=0.05",
    "early stopping": f"{MLP} optimizer=sgd training.epochs=50 training.early_stopping.patience=3"
    " training.early_stopping.minimum_improvement=0.5",
    "no validation": f"{MLP} split.validation=0 debug.rows=164 training.monitor=train/loss",
    "one step at a time, no standardisation": f"{MLP} training.steps_per_execution=1 standardise=false",
    # Losses
    "label smoothing": f"{MLP} loss=cross_entropy loss.label_smoothing=0.1",
    "class weights": f"{MLP} loss=cross_entropy loss.class_weights=[1,2,3,4,5,5,4,3,2,1] loss.label_smoothing=0.1",
    "divergence": f"{MLP} loss=kl_divergence loss.label_smoothing=0.1 schedule=multi_step schedule.epochs=[1,3]",
    "cosine": f"{MLP} loss=cosine activation=hard_tanh",
    "binary, smoothed and weighted": f"{MLP} data=breast_cancer loss=binary_cross_entropy"
    " loss.label_smoothing=0.1 loss.positive_weight=3 activation=softsign",
    "hinge": f"{MLP} data=breast_cancer loss=hinge activation=celu",
    "mse": f"{MLP} data=diabetes loss=mse optimizer=lion schedule=one_cycle",
    "mae": f"{MLP} data=diabetes loss=mae activation=tanh",
    "huber": f"{MLP} data=sine loss=huber loss.delta=0.5 activation=tanh optimizer=adamax",
    "log cosh": f"{MLP} data=diabetes loss=log_cosh activation=log_sigmoid",
    "poisson": f"{MLP} data=diabetes loss=poisson standardise=false activation=relu6",
    # Architectures
    "linear": "architecture=linear optimizer=adadelta schedule=polynomial initializer=zeros",
    "autoencoder": f"{AUTOENCODER} optimizer=adam schedule=cosine",
    "autoencoder, batch norm, dropout": f"{AUTOENCODER} data=breast_cancer architecture.batch_norm=true"
    " architecture.dropout=0.2 optimizer=sgd",
    "batch norm": f"{MLP} {BATCH_NORM} optimizer=sgd activation=tanh",
    "dropout": f"{MLP} architecture.dropout=0.5",
    "cnn": f"{CNN} optimizer=sgd optimizer.momentum=0.9 optimizer.learning_rate=0.02",
    "cnn, valid, strided, batch norm": f"{CNN} {BATCH_NORM} architecture.stride=2 architecture.pool_size=0"
    " architecture.padding=valid architecture.hidden_sizes=[]",
    "cnn, softmax over the width": "architecture=cnn architecture.filters=[4] architecture.hidden_sizes=[]"
    " activation=softmax activation.axis=1 optimizer=sgd",
    "cnn, glu": f"{CNN} activation=glu optimizer=nadam schedule=cosine",
    "cnn, prelu, batch norm, dropout": f"{CNN} {BATCH_NORM} activation=prelu architecture.dropout=0.2"
    " optimizer=sgd",
    "resnet": f"{RESNET} optimizer=sgd schedule=warmup_cosine",
    "rnn, simple": f"{RNN}=simple_rnn {IMAGES} optimizer=rmsprop schedule=step",
    "rnn, simple, bidirectional": f"{RNN}=simple_rnn {SEQUENCES} architecture.bidirectional=true optimizer=adamw",
    "rnn, lstm": f"{RNN}=lstm {SEQUENCES} optimizer=adam schedule=cosine training.clipping.global_norm=1",
    "rnn, lstm, stacked, dropout": f"{RNN}=lstm {TOKENS} architecture.units=[6,4] architecture.dropout=0.2",
    "rnn, gru": f"{RNN}=gru {IMAGES} optimizer=sgd schedule=exponential",
    "rnn, gru, bidirectional": f"{RNN}=gru {SEQUENCES} architecture.bidirectional=true architecture.units=[4]",
    "transformer": f"{TRANSFORMER} {IMAGES} architecture.dropout=0.1 activation=gelu schedule=inverse_square_root",
    "transformer of tokens": f"{TRANSFORMER} {TOKENS} optimizer=sgd",
    "tree of blocks": f"{BLOCKS} activation=gelu",
    "tree of images": f"{WINDOWS} activation=softmax",
    "tree of convolutions": f"{CONVOLUTIONS} activation=prelu activation.channels=true",
    "tree of sequences": f"{PLACES} optimizer=sgd optimizer.momentum=0.9 optimizer.learning_rate=0.02",
    "tree of tokens": f"{REPEATED} {TOKENS} optimizer=adagrad",
}


@dataclass(frozen=True)
class Training:
    """What is compared of one training.

    Args:
        losses: of every step, (steps,).
        weights: after the last step, by canonical name.
        metrics: of every epoch, by name.
        outputs: on every split at the end, by its name.
    """

    losses: Floats
    weights: Weights
    metrics: dict[str, list[float]]
    outputs: dict[str, Floats]


def training(chosen: Experiment) -> tuple[Training, dict[str, str]]:
    """Trains; returns what is compared, and the tags of the run."""
    with TemporaryDirectory() as folder:
        result, told = trained_as(chosen, folder=Path(folder))
        weights = read(Path(folder) / WEIGHTS)
    losses = [loss for _, columns in told.all_steps for loss in columns["train/step_loss"]]
    metrics = {name: curve(result, name) for name in result.epochs[0].metrics}
    outputs = {split: shown.outputs for split, shown in result.predictions.items()}
    return Training(np.array(losses), weights, metrics, outputs), told.all_tags


def pair(overrides: Sequence[str]) -> tuple[Training, Training]:
    """Trains the same on both backends."""
    return pair_of(*(experiment(f"backend={backend}", *COMMON, *overrides) for backend in BACKENDS))


def pair_of(one: Experiment, other: Experiment) -> tuple[Training, Training]:
    """Trains both, which must begin with the same weights and go through the same batches."""
    (first, first_tags), (second, second_tags) = training(one), training(other)
    rows = [f"{name}_rows_sha256" for name in ("train", "validation", "test")]
    for tag in ("initial_weights_sha256", "batch_order_sha256", *rows):
        assert first_tags[tag] == second_tags[tag]
    return first, second


def apart(ours: Floats, theirs: Floats) -> float:
    """Returns the largest difference relative to 1 + the number's size: what ``rtol`` and ``atol`` have to be."""
    assert np.shape(ours) == np.shape(theirs)
    sizes = 1 + np.abs(theirs)
    return float(np.max(np.abs(np.subtract(ours, theirs)) / sizes, initial=0.0))


def differences(torch: Training, keras: Training) -> dict[str, float]:
    """Returns how far two trainings are apart: in losses, weights, metrics and outputs."""
    assert torch.weights.keys() == keras.weights.keys()
    assert torch.metrics.keys() == keras.metrics.keys()
    assert torch.outputs.keys() == keras.outputs.keys()
    return {
        "losses": apart(torch.losses, keras.losses),
        **{
            kind: max(apart(ours[name], theirs[name]) for name in ours)
            for kind, ours, theirs in (
                ("weights", torch.weights, keras.weights),
                ("metrics", torch.metrics, keras.metrics),
                ("outputs", torch.outputs, keras.outputs),
            )
        },
    }
