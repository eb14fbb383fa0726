"""How a training is run, in both frameworks; and the keys that belong to neither."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference

_BATCHES = Difference(
    title="Which rows are in which batch",
    framework="both",
    what="Keras' fit has batches of 32 and shuffles, torch's DataLoader has batches of 1 and does not;"
    " each shuffles with a generator of its own.",
    effect="another training, from the second step on.",
    correction="one order from the seed and the epoch, in NumPy",
    where=("runner.plan.Plan.order",),
    tests=(
        "tests/test_plan.py::test_order_follows_from_seed_and_epoch_alone",
        "tests/test_parity.py::test_default_run_gives_the_same_curve_on_both_backends",
        NATIVE,
    ),
)
_LOSS_OF_AN_EPOCH = Difference(
    title="The loss of a step and of an epoch",
    framework="both",
    what="What Keras tells after a batch is the mean of the epoch so far; what Lightning logs in a step"
    " is, at the end of the epoch, that of the last batch. A plain mean of batch losses gives the rows of"
    " a small last batch more weight.",
    effect="20.5 for the last batch, 12.0 for the plain mean and 9.17 for the mean over the rows of one"
    " epoch.",
    correction="every step's own loss, and a mean weighted by rows, or by their weights",
    where=("runner.conductor.Conductor",),
    tests=(
        "tests/test_ledger_measured.py::test_the_loss_of_an_epoch_counts_rows_and_not_batches",
        "tests/test_updates.py::test_updates_are_those_written_out_by_hand",
    ),
)
_METRICS = Difference(
    title="Metrics of one name",
    framework="both",
    what="Accuracy is the mean over classes in torchmetrics' MulticlassAccuracy and over rows in Keras; F1"
    " has three defaults; an area under a curve is from 200 thresholds in Keras; R2 is summed in float32.",
    effect="accuracy 0.606 and 0.595, area 0.728 and 0.715, R2 1.00 and 0.51 (exactly 0.75 for targets"
    " around 10,000), of the same predictions.",
    correction="computed once in NumPy, from predictions",
    where=("runner.metrics.per_epoch", "runner.metrics.final"),
    tests=(
        "tests/test_metrics.py::test_multiclass_is_scikit_learns",
        "tests/test_metrics.py::test_binary_is_scikit_learns",
        "tests/test_metrics.py::test_regression_is_scikit_learns",
    ),
)
_SHARED_BATCH = Difference(
    title="A batch shared by several devices",
    framework="both",
    what="torch's DDP takes the mean over the devices' means, whatever number of rows each has; Keras under a"
    " strategy of TensorFlow counts a batch for each device. On both a batch norm sees the rows of its device"
    " alone, and each device drops out units of its own.",
    effect="5.0 in the place of 4.4 for losses of 1, 2 and 3 on one device and 7 and 9 on another.",
    correction="the loss of the whole batch from the outputs of all devices, sums over all rows in batch norm, and the"
    " masks of the whole batch",
    where=(
        "runner.place.Place.share",
        "runner.backends.torch.ranks.Ranks",
        "runner.backends.torch.layers.plain._SharedBatchNorm",
        "runner.backends.keras.ranks.Ranks",
        "runner.backends.keras.layers.plain._SharedBatchNorm",
    ),
    tests=("tests/test_devices.py::test_several_devices_train_as_one",),
)
_FLOAT64 = Difference(
    title="A training in float64",
    framework="Keras",
    what="keras.config.set_floatx alone leaves layers in float32, because the policy of all layers is"
    " remembered at its first use.",
    effect="float32's 1e-7 in what should be 1e-15.",
    correction="float type and policy are both set",
    where=("runner.backends.keras.training.build",),
    tests=("tests/test_training_matrix.py::test_training_is_equal_in_float64",),
)
_BFLOAT16 = Difference(
    title="bf16-mixed",
    framework="both",
    what="bfloat16 has 8 bits, so that the order of a sum decides the third digit; the two frameworks also"
    " cast at other places.",
    effect="1.6e-3 on the loss between the frameworks, 1.5e-3 between torch's bf16 and torch's float32.",
    correction="the loss from float32; no equality is promised",
    where=(
        "runner.backends.torch.model.TorchModel.logits",
        "runner.backends.keras.model.JobNetwork._step",
    ),
    tests=("tests/test_parity.py::test_mixed_precision_is_near_single_precision_on_both_backends",),
)
_TENSOR_FLOAT_32 = Difference(
    title="TensorFloat-32",
    framework="both",
    what="On GPUs that have it, TensorFlow rounds the factors of every product to ten bits, torch those of"
    " convolutions.",
    effect="not measured, for want of such a GPU, and held by no test.",
    correction="TensorFloat-32 is off in both",
    where=("runner.backends.torch.training._device", "runner.backends.keras.training.configure"),
    tests=(),
)
_CLIPPED_NORM = Difference(
    title="Clipping by the global norm",
    framework="Keras",
    what="torch scales by min(1, c / (norm + 1e-6)), Keras by min(1, c / norm).",
    effect="8e-8 on a clipped gradient, in float64.",
    correction="the 1e-6 is in Keras' scale too",
    where=("runner.backends.keras.planned_optimizer.PlannedOptimizer._clipped",),
    tests=("tests/test_matrix.py::test_member",),
)

_ACCUMULATION = Difference(
    title="The last group of accumulated gradients",
    framework="both",
    what="Where batches are left over at the end of an epoch, Lightning updates the weights by their sum"
    " divided by the length of a whole group, and Keras keeps them for the next epoch.",
    effect="a weight of -7.5 in PyTorch, -5 in Keras and -10 with the mean, after five batches in groups"
    " of two.",
    correction="a group ends with its epoch and is divided by its own batches",
    where=(
        "runner.plan.Plan.ends_group",
        "runner.backends.torch.accumulation.Accumulation",
        "runner.backends.keras.accumulation.Accumulation",
    ),
    tests=(
        "tests/test_updates.py::test_groups_end_with_the_epoch",
        "tests/test_updates.py::test_updates_are_those_written_out_by_hand",
    ),
)
_AVERAGE = Difference(
    title="What averaged weights are for",
    framework="both",
    what="Both average by one formula and begin with a copy. Keras evaluates the weights themselves and"
    " puts the averages in their place when fit ends; torch keeps a second model, which a program has to"
    " evaluate by itself.",
    effect="nothing on the averages; -3.76 and -15 for the weight that is evaluated and kept, after five"
    " updates.",
    correction="the averages are evaluated and kept, the weights trained on",
    where=(
        "runner.backends.torch.averaging.WeightAverage",
        "runner.backends.keras.averaging.WeightAverage",
    ),
    tests=(
        "tests/test_updates.py::test_both_backends_average_gradients_and_weights_alike",
        "tests/test_updates.py::test_the_evaluation_of_averages_leaves_the_training_as_it_was",
    ),
)

_CONDUCTOR = "decided between epochs, once for both"
_SAMPLE = "after training, once for both"
_CHECKPOINT = "safetensors without a framework, from which either backend goes on"
_READ_AHEAD = "threads of the same process for both, where rows are not all in memory, for speed alone"

# Every key of the group training.
TRAINING: Mapping[str, Counterpart] = {
    "epochs": Counterpart(torch="pytorch_lightning.Trainer(max_epochs)", keras="keras.Model.fit(epochs)"),
    "batch_size": Counterpart(
        torch="torch.utils.data.DataLoader(batch_size)",
        keras="keras.Model.fit(batch_size)",
        differences=(_BATCHES, _LOSS_OF_AN_EPOCH),
    ),
    "accumulation": Counterpart(
        torch="pytorch_lightning.Trainer(accumulate_grad_batches)",
        keras="keras.optimizers.SGD(gradient_accumulation_steps)",
        differences=(_ACCUMULATION,),
        remark="every optimizer of Keras takes it",
    ),
    "balance": Counterpart(
        torch="torch.utils.data.WeightedRandomSampler",
        keras="keras.Model.fit(class_weight)",
        ours="weights of the rows, or their order, in NumPy before either framework sees a row",
    ),
    "weight_average": Counterpart(
        torch="torch.optim.swa_utils.get_ema_multi_avg_fn(decay)",
        keras="keras.optimizers.SGD(ema_momentum)",
        differences=(_AVERAGE,),
        remark="every optimizer of Keras takes it",
    ),
    "precision": Counterpart(
        torch="pytorch_lightning.Trainer(precision)",
        keras="keras.config.set_dtype_policy(policy)",
        differences=(_FLOAT64, _BFLOAT16, _TENSOR_FLOAT_32),
    ),
    "steps_per_execution": Counterpart(
        keras="keras.Model.compile(steps_per_execution)", ours="a loader of chunks for both, for speed alone"
    ),
    "monitor": Counterpart(
        torch="pytorch_lightning.callbacks.EarlyStopping(monitor)",
        keras="keras.callbacks.EarlyStopping(monitor)",
        differences=(_METRICS,),
    ),
    "keep": Counterpart(
        torch="pytorch_lightning.callbacks.ModelCheckpoint(save_top_k)",
        keras="keras.callbacks.ModelCheckpoint(save_best_only)",
        ours=_CONDUCTOR,
    ),
    "early_stopping.patience": Counterpart(
        torch="pytorch_lightning.callbacks.EarlyStopping(patience)",
        keras="keras.callbacks.EarlyStopping(patience)",
        ours=_CONDUCTOR,
    ),
    "early_stopping.minimum_improvement": Counterpart(
        torch="pytorch_lightning.callbacks.EarlyStopping(min_delta)",
        keras="keras.callbacks.EarlyStopping(min_delta)",
        ours=_CONDUCTOR,
    ),
    "clipping.global_norm": Counterpart(
        torch="torch.nn.utils.clip_grad_norm_(max_norm)",
        keras="keras.optimizers.SGD(global_clipnorm)",
        differences=(_CLIPPED_NORM,),
        remark="every optimizer of Keras takes it",
    ),
    "clipping.value": Counterpart(
        torch="torch.nn.utils.clip_grad_value_(clip_value)",
        keras="keras.optimizers.SGD(clipvalue)",
        remark="every optimizer of Keras takes it",
    ),
    "prefetch.chunks": Counterpart(
        torch="torch.utils.data.DataLoader(prefetch_factor)",
        keras="tensorflow.data.Dataset.prefetch(buffer_size)",
        ours=_READ_AHEAD,
    ),
    "prefetch.workers": Counterpart(
        torch="torch.utils.data.DataLoader(num_workers)",
        keras="keras.utils.PyDataset(workers)",
        ours=_READ_AHEAD,
    ),
    "checkpoint.epochs": Counterpart(
        torch="pytorch_lightning.callbacks.ModelCheckpoint(every_n_epochs)",
        keras="keras.callbacks.BackupAndRestore(save_freq)",
        ours=_CHECKPOINT,
    ),
    "checkpoint.steps": Counterpart(
        torch="pytorch_lightning.callbacks.ModelCheckpoint(every_n_train_steps)",
        keras="keras.callbacks.BackupAndRestore(save_freq)",
        ours=_CHECKPOINT,
    ),
    "checkpoint.minutes": Counterpart(
        torch="pytorch_lightning.callbacks.ModelCheckpoint(train_time_interval)",
        ours=_CHECKPOINT,
    ),
    "checkpoint.keep": Counterpart(
        torch="pytorch_lightning.callbacks.ModelCheckpoint(save_top_k)",
        ours=_CHECKPOINT,
    ),
    "sample.metrics": Counterpart(ours=_SAMPLE),
    "sample.predictions": Counterpart(ours=_SAMPLE),
    "accelerator": Counterpart(
        torch="pytorch_lightning.Trainer(accelerator)",
        keras="tensorflow.config.set_visible_devices(devices)",
        remark="Keras takes what is visible",
    ),
    "devices": Counterpart(
        torch="pytorch_lightning.Trainer(devices)",
        keras="tensorflow.distribute.MultiWorkerMirroredStrategy",
        differences=(_SHARED_BATCH,),
        remark="on both a process for each",
    ),
    "nodes": Counterpart(
        torch="pytorch_lightning.Trainer(num_nodes)",
        keras="tensorflow.distribute.cluster_resolver.TFConfigClusterResolver",
        differences=(_SHARED_BATCH,),
        remark="MASTER_ADDR, MASTER_PORT and NODE_RANK on both",
    ),
    "threads": Counterpart(
        torch="torch.set_num_threads",
        keras="tensorflow.config.threading.set_intra_op_parallelism_threads(num_threads)",
    ),
    "deterministic": Counterpart(
        torch="pytorch_lightning.Trainer(deterministic)",
        keras="tensorflow.config.experimental.enable_op_determinism",
    ),
    "start_from": Counterpart(
        torch="torch.nn.Module.load_state_dict(state_dict)",
        keras="keras.Model.load_weights(filepath)",
        ours="arrays by canonical name, which either framework may have written",
    ),
    "start_with": Counterpart(
        torch="pytorch_lightning.Trainer.fit(ckpt_path)",
        keras="keras.callbacks.BackupAndRestore",
        ours="arrays by canonical name, which either framework may have written",
    ),
}

# Who answers for the groups and keys that belong to neither framework.
OURS: Mapping[str, str] = {
    "name": "the name of the run",
    "seed": "NumPy draws for both: weights, batches, split and dropout",
    "standardise": "NumPy, before either framework sees a row; of bytes each batch, by the same two roundings on both",
    "split": "NumPy, before either framework sees a row",
    "backend": "which framework it is, and by whose rules",
    "task": "what is done with the rest",
    "data": "NumPy, before either framework sees a row",
    "plots": "Matplotlib, from what either framework gave",
    "tracking": "MLflow, in a process of its own",
    "debug": "shortcuts of the plan, the same for both",
    "parity": "read by the verb parity only",
    "sweep": "which processes run the jobs, and when",
    "experiment": "a set of keys",
}
