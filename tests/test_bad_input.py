"""What a person reads who typed something wrong: every sentence in full."""

import errno
import importlib.util
import tempfile
from pathlib import Path

import pytest

from runner.__main__ import main

ACTIVATIONS = (
    "celu, elu, gelu, glu, hard_sigmoid, hard_silu, hard_tanh, identity, leaky_relu, log_sigmoid, mish, prelu, relu, relu6,"
    " selu, sigmoid, silu, softmax, softplus, softsign, tanh"
)
DATA = (
    "adding, arrays, blobs, brackets, breast_cancer, circles, diabetes, digits, fashion_mnist, fetched, given, huggingface,"
    " images, iris, mnist, moons, random, robot_arm, series, sine, spirals, table, uneven_noise, wine and 1 more"
)
OPTIMIZERS = "adadelta, adagrad, adam, adamax, adamw, amsgrad, lion, nadam, rmsprop, sgd"
KEYS = (
    "name, seed, split, standardise, backend, task, data, architecture, activation, initializer, loss, optimizer,"
    " schedule, training, tracking, plots, sweep, debug, parity"
)
WORDS = (
    "dense, flatten, reshape, activation, dropout, conv1d, conv2d, conv2d_transpose, max_pool, average_pool,"
    " global_max_pool, global_average_pool, batch_norm, layer_norm, group_norm, embedding, positional_embedding,"
    " simple_rnn, lstm, gru, self_attention, select, sequence, residual, concatenate"
)

# Layers written out for digits, and what is said of them after architecture.layers.
LAYERS = {
    "{residual:[{conv2d:{filters:2,kernel_size:3,padding:same}},{conv1d:{filters:2,kernel_size:3,padding:same}}]}": (
        "[0].residual[1].conv1d: must get sequences of length x channels. Received: shape 8 x 8 x 2."
    ),
    "{max_pool:{size:9,stride:1}}": (
        "[0].max_pool: must get sides of at least 9, the window's own, because its padding is valid."
        " Received: shape 8 x 8 x 1."
    ),
    "{conv2d:{filters:2,kernel_size:4,dilation:3,padding:valid}}": (
        "[0].conv2d: must get sides of at least 10, the window's own, because its padding is valid."
        " Received: shape 8 x 8 x 1."
    ),
    "{conv2d:{filters:3,kernel_size:3,groups:2,padding:same}}": (
        "[0].conv2d: must have filters that its groups divide. Received: 3 filters and 2 groups."
    ),
    "{conv2d:{filters:4,kernel_size:3,groups:2,padding:same}}": (
        "[0].conv2d: must get channels that its 2 groups divide. Received: shape 8 x 8 x 1."
    ),
    "{group_norm:{groups:2,epsilon:0.1}}": (
        "[0].group_norm: must get channels that its 2 groups divide. Received: shape 8 x 8 x 1."
    ),
    "{reshape:{shape:[4,4]}}": (
        "[0].reshape: must have one to three sides whose product is 64. Received: shape 4 x 4."
    ),
    "{residual:[flatten,{dense:{units:3}}]}": (
        "[0].residual: must return the shape that it receives, 8 x 8 x 1. Received: shape 3."
    ),
    "{residual:{body:[flatten],shortcut:[global_max_pool]}}": (
        "[0].residual: must return the shape that its shortcut returns, 1. Received: shape 64."
    ),
    "{residual:{body:[flatten],shortcut:[{dense:{units:64}}]}}": (
        "[0].residual.shortcut[0].dense: must get one row of features, or a sequence of them."
        " Received: shape 8 x 8 x 1. Put a flatten layer before it."
    ),
    "{residual:{body:[flatten]}}": (
        "[0].residual: must be a list of layers, or have the keys body and shortcut, each a list of layers."
        " Received: {body: ['flatten']}."
    ),
    "{sequence:[flatten,{embedding:{vocabulary:4,features:2}},{embedding:{vocabulary:4,features:2}}]}": (
        "[0].sequence[2].embedding: must get one row of tokens. Received: shape 64 x 2."
    ),
    "{concatenate:[[flatten],[global_max_pool],[{max_pool:{size:2,stride:2}}]]}": (
        "[0].concatenate: must have branches whose shapes differ in their last axis only."
        " Received: 64, 1, 4 x 4 x 1."
    ),
    "{conv2d:{filters:2,kernel_size:3}}": "[0].conv2d.padding: must be given.",
    "{lstm:{units:3,returns:first}}": "[0].lstm.returns: must be last or all. Received: 'first'.",
}

# What was typed, and the sentences of the answer between its first and its last line.
CASES: dict[str, list[str]] = {
    # Options of a group
    "optimizer=adma": [
        f"optimizer: there is no option 'adma'. Did you mean adamax or adam? Options: {OPTIMIZERS}."
    ],
    "backend=jax": ["backend: there is no option 'jax'. Options: keras, torch."],
    "data=digit": [f"data: there is no option 'digit'. Did you mean digits? Options: {DATA}."],
    "activation=3": [f"activation: there is no option '3'. Options: {ACTIVATIONS}."],
    "debug=fst": ["debug: there is no option 'fst'. Did you mean fast? Options: fast, limit, none, overfit."],
    "optimizer=null": [f"optimizer: must name one option. Received: optimizer=null. Options: {OPTIMIZERS}."],
    "optimizer=[adam,sgd]": [
        f"optimizer: must name one option. Received: optimizer=[adam,sgd]. Options: {OPTIMIZERS}."
    ],
    "optimizer={learning_rate:1}": [
        f"optimizer: must name one option. Received: optimizer={{learning_rate:1}}. Options: {OPTIMIZERS}."
    ],
    "+optimizer=sgd": [
        "optimizer: is chosen already, so it takes no plus sign. Received: +optimizer=sgd."
        " Write optimizer=sgd."
    ],
    "~optimizer": [f"optimizer: cannot be left out. Received: ~optimizer. Options: {OPTIMIZERS}."],
    "optimizer@mine=sgd": [
        "optimizer: cannot be placed anywhere else than under its own name."
        " Received: optimizer@mine=sgd. Write optimizer=sgd."
    ],
    "hydra/launcher=rai": [
        "hydra/launcher: there is no option 'rai'. Did you mean ray?"
        " Options: joblib, local, ray, submitit_local, submitit_slurm."
    ],
    "hydra/launcher=ray hydra.launcher.adress=auto": [
        "hydra.launcher.adress: there is no such key. Did you mean hydra.launcher.address?"
    ],
    "-m activation=relu,tanx": [
        f"activation: there is no option 'tanx'. Did you mean tanh? Options: {ACTIVATIONS}."
    ],
    # Keys
    "optimizr=adam": ["optimizr: there is no such key. Did you mean optimizer?"],
    "optimizer.learning_rat=0.1": [
        "optimizer.learning_rat: there is no such key. Did you mean optimizer.learning_rate?"
    ],
    "optimizer.lr=0.1": ["optimizer.lr: there is no such key. Did you mean optimizer.learning_rate?"],
    "optimizer.weight_decay=0.1": [
        "optimizer.weight_decay: there is no such key. Did you mean optimizer.decoupled_weight_decay?"
    ],
    "epochs=3": ["epochs: there is no such key. Did you mean training.epochs or training.checkpoint.epochs?"],
    "training.epoch=3": ["training.epoch: there is no such key. Did you mean training.epochs?"],
    "training.patience=3": [
        "training.patience: there is no such key. Did you mean training.early_stopping.patience?"
    ],
    "loss.label_smoothing=0.1": [
        "loss.label_smoothing: there is no such key."
        " Did you mean loss.multiclass.label_smoothing or loss.binary.label_smoothing?"
    ],
    "+new.key=1": [f"new: there is no such key. Keys here: {KEYS}."],
    "++extra=1": [f"extra: there is no such key. Keys here: {KEYS}."],
    "+optimizer.rho=1": [
        "optimizer.rho: there is no such key."
        " adam takes learning_rate, beta1, beta2, epsilon, l2, decoupled_weight_decay, decay_on."
    ],
    "+data.samples=10": ["data.samples: there is no such key. digits takes no arguments."],
    "+training.epochs=3": [
        "training.epochs: is there already, so it takes no plus sign. Received: +training.epochs=3."
        " Write training.epochs=3."
    ],
    "~training.epochs": ["training.epochs: must be given."],
    "~optimizer.beta1": ["optimizer.beta1: must be given, because adam needs it."],
    "~nothing": [f"nothing: there is no such key. Keys here: {KEYS}."],
    "training.clipping.value.x=1": ["training.clipping.value.x: there is no such key."],
    # Words that are no overrides
    "=3": ["=3: must be written as key=value."],
    "seed=1 batch": ["batch: must be written as key=value."],
    "seed=[1,2": [
        "seed: has a value that cannot be read. Received: [1,2."
        " Quote a text with blanks or special signs: 'seed=\"[1,2\"'."
    ],
    "architecture.hidden_sizes[0]=5": [
        "architecture.hidden_sizes[0]: must be a key without brackets."
        " Write the whole list: architecture.hidden_sizes=[a,b]."
    ],
    "seed=1,2": [
        "seed: takes one value. Received: 1,2."
        " Add -m to run once with each of them, or write a list as [a,b]."
    ],
    "backend=torch,keras": [
        "backend: takes one value. Received: torch,keras."
        " Add -m to run once with each of them, or write a list as [a,b]."
    ],
    "-m hydra.verbose=true,false": [
        "hydra.verbose: takes one value, because Hydra itself is the same for all jobs. Received: true,false."
    ],
    "--colour=red": ["command line: unrecognized arguments: --colour=red."],
    "--config-dir=nowhere": ["--config-dir: must be a folder. Received: nowhere."],
    "--config-name=confg": [
        "--config-name: there is no file confg.yaml. Did you mean config? Files: config."
    ],
    "--resolve": ["command line: --resolve goes with --cfg only."],
    # Types
    "training.epochs=abc": ["training.epochs: must be a whole number of at least 1. Received: 'abc'."],
    "training.epochs=1.5": ["training.epochs: must be a whole number of at least 1. Received: 1.5."],
    "training.epochs=true": ["training.epochs: must be a whole number of at least 1. Received: true."],
    "seed=x": ["seed: must be a whole number of at least 0. Received: 'x'."],
    "optimizer.learning_rate=fast": ["optimizer.learning_rate: must be a number above 0. Received: 'fast'."],
    "optimizer.learning_rate=null": ["optimizer.learning_rate: must be a number above 0. Received: null."],
    "optimizer=sgd optimizer.nesterov=1": ["optimizer.nesterov: must be true or false. Received: 1."],
    "architecture.hidden_sizes=64": [
        "architecture.hidden_sizes: must be a list, each element a whole number of at least 1. Received: 64."
    ],
    "standardise=yes": ["standardise: must be true or false or channels. Received: 'yes'."],
    "split=0.2": [
        "split: must be a mapping with the keys validation, test, by, column, folds, fold. Received: 0.2."
    ],
    "training.clipping=1": [
        "training.clipping: must be a mapping with the keys global_norm, value. Received: 1."
    ],
    "training.precision=16": ["training.precision: must be 32 or 64 or bf16-mixed. Received: 16."],
    "training.start_with=all": ["training.start_with: must be weights or state. Received: 'all'."],
    "training.keep=first": ["training.keep: must be best or last. Received: 'first'."],
    # Ranges
    "optimizer.learning_rate=0": ["optimizer.learning_rate: must be above 0. Received: 0."],
    "optimizer.learning_rate=-0.1": ["optimizer.learning_rate: must be above 0. Received: -0.1."],
    "optimizer.learning_rate=inf": ["optimizer.learning_rate: must be above 0. Received: inf."],
    "optimizer.learning_rate=nan": ["optimizer.learning_rate: must be above 0. Received: nan."],
    "optimizer.beta1=1": ["optimizer.beta1: must be at least 0 and below 1. Received: 1."],
    "activation=hard_tanh activation.minimum=3": [
        "activation.minimum: must be below activation.maximum, which is 1. Received: 3."
    ],
    "activation=softmax activation.axis=1": [
        "activation.axis: must be from -1 to 0, because an example has 1 axis there. Received: 1."
    ],
    "activation=softmax activation.axis=-3 architecture=cnn": [
        "activation.axis: must be from -1 to 0, because an example has 1 axis there. Received: -3."
    ],
    "optimizer.decay_on=biases": ["optimizer.decay_on: must be all or kernels. Received: 'biases'."],
    "loss=binary_cross_entropy data=moons loss.positive_weight=0": [
        "loss.positive_weight: must be above 0. Received: 0."
    ],
    "schedule=polynomial schedule.power=0": ["schedule.power: must be above 0. Received: 0."],
    "schedule=multi_step schedule.epochs=[0]": [
        "schedule.epochs: every element must be at least 1. Received: [0]."
    ],
    "schedule=one_cycle schedule.peak_position=1": [
        "schedule.peak_position: must be above 0 and below 1. Received: 1."
    ],
    "schedule=cosine_restarts schedule.period_factor=1.5": [
        "schedule.period_factor: must be a whole number of at least 1. Received: 1.5."
    ],
    "training.epochs=0": ["training.epochs: must be at least 1. Received: 0."],
    "training.batch_size=0": ["training.batch_size: must be at least 1. Received: 0."],
    "training.steps_per_execution=0": ["training.steps_per_execution: must be at least 1. Received: 0."],
    "training.accumulation=0": ["training.accumulation: must be at least 1. Received: 0."],
    "training.weight_average=1": [
        "training.weight_average: must be above 0 and below 1 or null. Received: 1."
    ],
    "training.early_stopping.patience=0": [
        "training.early_stopping.patience: must be at least 1 or null. Received: 0."
    ],
    "training.clipping.value=-1": ["training.clipping.value: must be above 0 or null. Received: -1."],
    "seed=-1": ["seed: must be at least 0. Received: -1."],
    "split.test=1": ["split.test: must be at least 0 and below 1. Received: 1."],
    "architecture.dropout=1": ["architecture.dropout: must be at least 0 and below 1. Received: 1."],
    "architecture.hidden_sizes=[64,0]": [
        "architecture.hidden_sizes: every element must be at least 1. Received: [64, 0]."
    ],
    "data=spirals data.classes=1": ["data.classes: must be at least 2. Received: 1."],
    "debug.rows=0": ["debug.rows: must be at least 1 or null. Received: 0."],
    # Targets
    "optimizer._target_=os.system": [
        "optimizer._target_: must name a part of an experiment, not of Python's own library."
        " Received: os.system."
    ],
    "optimizer._target_=runner.backends.torch.optimizers.adan": [
        "optimizer._target_: there is no 'adan' in runner.backends.torch.optimizers."
        " Received: runner.backends.torch.optimizers.adan."
        " Did you mean runner.backends.torch.optimizers.adam or runner.backends.torch.optimizers.adamw"
        " or runner.backends.torch.optimizers.nadam?"
    ],
    "optimizer._target_=nowhere.at_all": [
        "optimizer._target_: there is no module 'nowhere' to import it from. Received: nowhere.at_all."
    ],
    "optimizer._target_=adam": [
        "optimizer._target_: must be the dotted path of a function or class, package.module.name."
        " Received: adam."
    ],
    "optimizer._target_=runner.backends.keras.optimizers.adam": [
        "optimizer._target_: belongs to another backend than backend=torch."
        " Received: runner.backends.keras.optimizers.adam. Write ${backend.package}.optimizers.adam."
    ],
    "activation._target_=null": ["activation: must name its function or class by _target_."],
    # Values that are not there
    "optimizer.learning_rate=???": ["optimizer.learning_rate: must be given, its value is ???."],
    "name=${nowhere}": [
        "name: refers to something that is not there: Interpolation key 'nowhere' not found."
    ],
    "training.epochs=${nowhere}": [
        "training.epochs: refers to something that is not there: Interpolation key 'nowhere' not found."
    ],
    # What Hydra itself would refuse with a traceback
    "split=[1,2]": [
        "split: must be a mapping with the keys validation, test, by, column, folds, fold. Received: [1, 2]."
    ],
    "training.clipping={norm:1}": [
        "training.clipping.norm: there is no such key. Did you mean training.clipping.global_norm?"
    ],
    "hydra=1": ["hydra: is Hydra's own. Received: hydra=1. Set one of its keys, as hydra.run.dir=."],
    "hydra/launcher=[a]": ["hydra/launcher: must name one option. Received: hydra/launcher=[a]."],
    "-m seed=glob(*)": ["seed: is no group, so a glob has no options to pick from. Received: glob(*)."],
    "-m data=glob(zz*)": [
        "data: has no value, so that the sweep has no job. Received: glob(zz*). Name at least one."
    ],
    "-m seed=range(0)": [
        "seed: has no value, so that the sweep has no job. Received: range(0). Name at least one."
    ],
    "-m seed=1,2 optimizer.lr=3,4": [
        "optimizer.lr: there is no such key. Did you mean optimizer.learning_rate?"
    ],
    "-m sweep.workers=1,2": [
        "sweep.workers: takes one value, because it is the same for all jobs. Received: 1,2."
    ],
    "-m seed=1,2 sweep.workers=0 sweep.on_error=ask": [
        "sweep.workers: must be at least 1 or null. Received: 0.",
        "sweep.on_error: must be continue or stop. Received: 'ask'.",
    ],
    "hydra.mode=SOMETIMES": [
        "configuration: cannot be put together: Error merging override hydra.mode=SOMETIMES"
        " Invalid value 'SOMETIMES', expected one of [RUN, MULTIRUN]."
    ],
    # Combinations
    "data=iris architecture=cnn": [
        "architecture: layers[0].conv2d of cnn must get images of height x width x channels."
        " Received: shape 4 on data=iris."
    ],
    "architecture=tree architecture.layers=[{dense:{units:3}}]": [
        "architecture.layers[0].dense: must get one row of features, or a sequence of them."
        " Received: shape 8 x 8 x 1. Put a flatten layer before it."
    ],
    "architecture=tree architecture.layers=[dens]": [
        "architecture.layers[0]: must be a layer of the vocabulary. Received: 'dens'. Did you mean dense?"
        f" The words are {WORDS}."
    ],
    # Layers
    **{
        f"architecture=tree architecture.layers=[{typed}]": [f"architecture.layers{sentence}"]
        for typed, sentence in LAYERS.items()
    },
    "architecture=tree data=iris architecture.layers=[{lstm:{units:3,returns:last}}]": [
        "architecture.layers[0].lstm: must get sequences of length x channels. Received: shape 4."
    ],
    "architecture=tree data=iris architecture.layers=[{max_pool:{size:2,stride:2}}]": [
        "architecture.layers[0].max_pool: must get images of height x width x channels, or sequences of"
        " length x channels. Received: shape 4."
    ],
    "architecture=tree data=adding architecture.layers=[{self_attention:{heads:3}}]": [
        "architecture.layers[0].self_attention: must get channels that its 3 heads divide."
        " Received: shape 20 x 2."
    ],
    "architecture=transformer architecture.heads=5": [
        "architecture: layers[3].residual[1].self_attention of transformer must get channels that its 5 heads"
        " divide. Received: shape 8 x 32 on data=digits."
    ],
    "activation=glu architecture.hidden_sizes=[33]": [
        "architecture: layers[2].activation of mlp must get an even last axis, which glu halves."
        " Received: shape 33 on data=digits."
    ],
    "data=brackets": [
        "architecture: layers[0].dense of mlp must be an embedding, because its input is tokens."
        " Received: 4 tokens on data=brackets. Take architecture=rnn or architecture=transformer."
    ],
    "data=brackets architecture=tree architecture.layers=[{embedding:{vocabulary:3,features:2}}]": [
        "architecture.layers[0].embedding: must have a vocabulary of at least 4, because there are so many"
        " tokens. Received: vocabulary 3."
    ],
    "data=brackets architecture=tree"
    " architecture.layers=[{concatenate:[[{embedding:{vocabulary:4,features:2}},flatten],[flatten]]}]": [
        "architecture.layers[0].concatenate[1][0].flatten: must be an embedding, because its input is tokens."
        " Received: 4 tokens. Take architecture=rnn or architecture=transformer."
    ],
    "data=brackets architecture=tree architecture.layers=[{residual:[dropout_of_nothing]}]": [
        "architecture.layers[0].residual[0]: must be a layer of the vocabulary. Received: 'dropout_of_nothing'."
        f" The words are {WORDS}."
    ],
    "data=iris architecture=tree architecture.layers=[{embedding:{vocabulary:4,features:2}}]": [
        "architecture.layers[0].embedding: must be the first layer of data that are tokens. Received: numbers."
    ],
    "data=brackets data.length=7 architecture=rnn": ["data.length: must be even. Received: 7."],
    "architecture=rnn architecture.cell=elman": [
        "architecture.cell: must be simple_rnn or lstm or gru. Received: 'elman'."
    ],
    "data=diabetes loss=cross_entropy": [
        "loss: cross_entropy needs classes, and data=diabetes is a regression."
        " Take loss=auto, mse, mae or huber."
    ],
    "data=diabetes loss=binary_cross_entropy": [
        "loss: binary_cross_entropy needs two classes, and data=diabetes is a regression."
        " Take loss=auto, mse, mae or huber."
    ],
    "data=iris loss=binary_cross_entropy": [
        "loss: binary_cross_entropy needs two classes, and data=iris has 3. Take loss=auto or cross_entropy."
    ],
    "data=iris loss=hinge": [
        "loss: hinge needs two classes, and data=iris has 3. Take loss=auto or cross_entropy."
    ],
    "data=diabetes loss=kl_divergence": [
        "loss: kl_divergence needs classes, and data=diabetes is a regression."
        " Take loss=auto, mse, mae or huber."
    ],
    "data=moons loss=log_cosh": [
        "loss: log_cosh needs numbers to predict, and data=moons has 2 classes. Take loss=auto or cross_entropy."
    ],
    "data=moons loss=poisson standardise=false": [
        "loss: poisson needs numbers to predict, and data=moons has 2 classes. Take loss=auto or cross_entropy."
    ],
    "data=diabetes loss=poisson": [
        "standardise: must be false with poisson, whose targets are numbers from 0 up. Received: true."
        " Write standardise=false."
    ],
    "data=diabetes loss=cosine loss.output=identity": [
        "loss: cosine needs several outputs, and data=diabetes has one. Take loss=auto, mse, mae or huber."
    ],
    "data=moons loss=mse": [
        "loss: mse needs numbers to predict, and data=moons has 2 classes. Take loss=auto or cross_entropy."
    ],
    "loss=cross_entropy loss.class_weights=[1,2]": [
        "loss.class_weights: must have one number for each of the 10 classes of data=digits."
        " Received: 2 numbers."
    ],
    "split.validation=0.5 split.test=0.5": [
        "split: validation and test together must be below 1. Received: 0.5 + 0.5."
    ],
    "debug.rows=2": [
        "split: must leave at least one row for training."
        " Received: 2 rows, of which 1 are for validation and 1 for test."
    ],
    "split.validation=0": [
        "training.monitor: needs validation rows, and split.validation is 0. Received: validation/loss."
        " Take training.monitor=train/loss."
    ],
    "training.monitor=validation/acuracy": [
        "training.monitor: is no metric of an epoch for data=digits. Received: validation/acuracy."
        " Did you mean validation/accuracy? Metrics: train/loss, validation/loss, validation/accuracy."
    ],
    "training.clipping.value=1 training.clipping.global_norm=2": [
        "training.clipping: only one of global_norm and value can be on."
        " Received: global_norm 2 and value 1. Set one of them to null."
    ],
    "training.start_with=state": [
        "training.start_with: state needs training.start_from, which is null. Received: state."
    ],
    "training.devices=2 backend.semantics=native": [
        "training.devices: must be 1 with backend.semantics=native, whose dropout and norms see the rows of one"
        " device. Received: 2. Take backend.semantics=canonical."
    ],
    "training.devices=4 training.batch_size=3": [
        "training.devices: must leave a row of each batch for every device, and training.batch_size is 3."
        " Received: 4. Take training.batch_size=4 or more."
    ],
    "training.devices=2 task=trace": [
        "training.devices: must be 1 with task=trace, because only a training is shared. Received: 2. Leave it out."
    ],
    "training.nodes=2 task=curves": [
        "training.nodes: must be 1 with task=curves, because only a training is shared. Received: 2. Leave it out."
    ],
    "training.devices=0": ["training.devices: must be at least 1 or auto. Received: 0."],
    "training.nodes=2": [
        "training.nodes: needs MASTER_ADDR, MASTER_PORT, NODE_RANK in the environment of the command on every"
        " machine. Received: 2. MASTER_ADDR and MASTER_PORT say where the first one listens, NODE_RANK counts them"
        " from 0 to 1."
    ],
    "schedule=inverse_square_root schedule.warmup_epochs=31": [
        "schedule.warmup_epochs: must be below training.epochs, which is 30. Received: 31."
    ],
    "schedule=warmup_cosine schedule.warmup_epochs=30": [
        "schedule.warmup_epochs: must be below training.epochs, which is 30. Received: 30."
    ],
    # Surroundings
    "tracking.model=onnx": [
        "tracking.model: must be numpy or native. Received: 'onnx'.",
    ],
    "tracking.uri=mlruns": [
        "tracking.uri: must be a database or a server, because MLflow no longer develops its store of plain"
        " files. Received: mlruns. Write sqlite:///mlflow.db or leave it null."
    ],
    "tracking.uri=sqlite:////nowhere/at/all.db": [
        "tracking.uri: there is no folder /nowhere/at. Received: sqlite:////nowhere/at/all.db."
    ],
    "tracking.uri=http://127.0.0.1:1": [
        "tracking.uri: no tracking server answers: Connection refused. Received: http://127.0.0.1:1."
        " Start it with mlflow server, or leave tracking.uri at null for a file in this folder."
    ],
    "training.start_from=outputs/mine": [
        "training.start_from: there is no such file or folder. Received: outputs/mine."
    ],
    "training.start_from=mine optimizer.learning_rate=0": [
        "optimizer.learning_rate: must be above 0. Received: 0.",
        "training.start_from: there is no such file or folder, and there is no run here yet: outputs/ has none, and"
        " there is no MLflow store. Received: mine. tracking.uri=ADDRESS names a store.",
    ],
    "training.start_from=mine tracking.uri=sqlite:////nowhere/at/all.db": [
        "tracking.uri: there is no folder /nowhere/at. Received: sqlite:////nowhere/at/all.db."
    ],
    # Several at once
    "architecture=cnn data=iris optimizer.learning_rate=-1 tracking.uri=http://127.0.0.1:1": [
        "optimizer.learning_rate: must be above 0. Received: -1.",
        "architecture: layers[0].conv2d of cnn must get images of height x width x channels."
        " Received: shape 4 on data=iris.",
        "tracking.uri: no tracking server answers: Connection refused. Received: http://127.0.0.1:1."
        " Start it with mlflow server, or leave tracking.uri at null for a file in this folder.",
    ],
    "backend=jax tracking.uri=3": [
        "backend: there is no option 'jax'. Options: keras, torch.",
        "tracking.uri: must be a text or null. Received: 3. A text that reads like a number is quoted:"
        " \"tracking.uri='TEXT'\".",
    ],
    "optimizr=adam training.epochs=0 loss=mse seed=-1": [
        "optimizr: there is no such key. Did you mean optimizer?",
        "seed: must be at least 0. Received: -1.",
        "training.epochs: must be at least 1. Received: 0.",
        "loss: mse needs numbers to predict, and data=digits has 10 classes."
        " Take loss=auto or cross_entropy.",
    ],
    "-m seed=0,-1 optimizer.learning_rate=-1,0.1": [
        "optimizer.learning_rate: must be above 0. Received: -1.",
        "seed: must be at least 0. Received: -1.",
    ],
}


# Files of the user's own, what was typed, and the sentences of the answer.
FILES: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "a value in an experiment": (
        {"experiments/mine.yaml": "# Mine.\noptimizer:\n  learning_rate: high\n"},
        "experiment=mine",
        [
            "optimizer.learning_rate: must be a number above 0. Received: 'high'."
            " It stands in experiments/mine.yaml."
        ],
    ),
    "a key in an experiment": (
        {"experiments/mine.yaml": "# Mine.\ntrainning:\n  epochs: 3\n"},
        "experiment=mine",
        ["trainning: there is no such key. Did you mean training? It stands in experiments/mine.yaml."],
    ),
    "an option in an experiment": (
        {"experiments/mine.yaml": "# Mine.\ndefaults:\n  - override /optimizer: sgdd\n"},
        "experiment=mine",
        [
            f"optimizer: there is no option 'sgdd'. Did you mean sgd? Options: {OPTIMIZERS}."
            " It stands in experiments/mine.yaml."
        ],
    ),
    "a reference in an experiment": (
        {"experiments/mine.yaml": "# Mine.\nname: ${nowhere.at.all}\n"},
        "experiment=mine",
        [
            "name: refers to something that is not there: Interpolation key 'nowhere.at.all' not found."
            " It stands in experiments/mine.yaml."
        ],
    ),
    "a plus sign before an experiment": (
        {"experiments/mine.yaml": "# Mine.\nseed: 1\n"},
        "+experiment=mine",
        [
            "experiment: is chosen already, so it takes no plus sign. Received: +experiment=mine."
            " Write experiment=mine."
        ],
    ),
    "an argument in an option": (
        {
            "conf/activation/mine.yaml": "# Mine.\n_target_: own.mine\nslop: 1\n",
            "own.py": "def mine(*, slope: float): ...\n",
        },
        "activation=mine",
        [
            "activation.slope: must be given, because mine needs it.",
            "activation.slop: there is no such key. Did you mean activation.slope?"
            " It stands in conf/activation/mine.yaml.",
        ],
    ),
    "a file that is no YAML": (
        {"conf/activation/mine.yaml": "# Mine.\n_target_: own.mine: 3\n"},
        "activation=mine",
        ["conf/activation/mine.yaml: is no valid YAML, line 2: mapping values are not allowed here."],
    ),
    "a shipped option": (
        {"conf/optimizer/adam.yaml": "# Mine.\n_target_: own.mine\n"},
        "seed=1",
        [
            "conf/optimizer/adam.yaml: has the name of an option that comes with the program,"
            " optimizer=adam. Give the file another name."
        ],
    ),
    "the shipped first file": (
        {"conf/config.yaml": "# Mine.\nseed: 1\n"},
        "seed=1",
        [
            "conf/config.yaml: has the name of the program's own first file."
            " Give it another name and choose it by --config-name."
        ],
    ),
}


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Returns the lines of the answer to a command line that must be refused."""
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60


def whole(sentences: list[str]) -> list[str]:
    """Returns an answer with its first and its last line."""
    count = "1 fault" if len(sentences) == 1 else f"{len(sentences)} faults"
    return [
        f"This configuration cannot run: {count}.",
        *(f"  {sentence}" for sentence in sentences),
        "Nothing was started. python -m runner list shows every choice and every key.",
    ]


@pytest.mark.parametrize("typed", CASES)
def test_what_is_wrong_is_said_in_these_words(
    typed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, *typed.split()) == whole(CASES[typed])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_what_is_wrong_in_a_file_is_said_with_its_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, typed, sentences = FILES[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert answer(capsys, *typed.split()) == whole(sentences)
    assert not (tmp_path / "outputs").exists()


def test_an_experiment_is_found_in_the_folder_that_it_lies_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "experiments" / "chapter"
    folder.mkdir(parents=True)
    (folder / "neuron_by_hand.yaml").write_text("# Mine.\nseed: 1\n")
    line = answer(capsys, "experiment=neuron_by_hand")[1]
    sentence = "experiment: there is no option 'neuron_by_hand'. Did you mean chapter/neuron_by_hand?"
    assert line.strip().startswith(sentence)


@pytest.mark.parametrize(
    ("backend", "absent", "sentence"),
    [
        ("torch", {"torch"}, "needs torch, which is not installed"),
        ("keras", {"keras", "tensorflow"}, "needs keras and tensorflow, which are not installed"),
    ],
)
def test_a_missing_framework_is_one_sentence_with_the_line_to_type(
    backend: str,
    absent: set[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in absent else find_spec(name, *more)
    )
    line = f'Type: pip install -e ".[{backend}]"'
    assert answer(capsys, f"backend={backend}") == whole(
        [f"backend: {sentence}. Received: {backend}. {line}"]
    )


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert answer(capsys) == whole(
        [
            f"folder: cannot be written: Read-only file system. Received: {tmp_path}."
            " Run in a folder of your own."
        ]
    )


def test_the_server_of_the_environment_is_asked_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert "no tracking server answers" in answer(capsys)[1]
    assert main(["check", "tracking=none"]) == 0


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            "trian",
            "trian: is neither a verb nor key=value. Did you mean train? Verbs: train, check, parity, explain, list,"
            " report, show, compare, evaluate, rerun, predict, export, register, resume, sync, clean, ui.",
        ),
        ("list optimizer=adm", "optimizer: there is no option 'adm'. Did you mean adam?"),
        ("list optimzer", "optimzer: there is no such group. Did you mean optimizer?"),
        ("ui port=many", "port: must be a whole number from 1 to 65535. Received: many."),
        ("ui prt=1", "prt=1: is nothing that ui takes. Did you mean port?"),
    ],
)
def test_a_wrong_word_after_the_program_is_one_sentence(
    typed: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = answer(capsys, *typed.split())
    assert line.startswith(sentence)
