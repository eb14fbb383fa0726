"""Choices that are sound one by one and cannot work together, and those that can but rarely should."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runner import balance_rules, device_rules, metrics, network_rules, semantics, task, values
from runner.blueprint import Blueprint, output_width
from runner.data import Source, leakage, sizes, splitting
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment
from runner.reading import Reading
from runner.suggestions import listed, nearest


@dataclass(frozen=True)
class Verdict:
    """What was found about an experiment as a whole; no blueprint where there is no network, or none can be drawn."""

    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]
    blueprint: Blueprint | None


@dataclass(frozen=True)
class _Case:
    """An experiment whose data set is known."""

    experiment: Experiment
    source: Source

    @property
    def sizes(self) -> tuple[int, int, int]:
        experiment = self.experiment
        return sizes(self.source, experiment.split, experiment.seed, experiment.debug.rows)

    @property
    def has_validation(self) -> bool:
        try:
            return self.sizes[1] > 0
        except ConfigurationError:
            # A rule of its own tells of rows that cannot be divided.
            return self.experiment.split.validation > 0

    @property
    def training_rows(self) -> int:
        training = self.sizes[0]
        batch = self.experiment.training.batch_size
        return min(training, batch) if self.experiment.debug.one_batch else training


@dataclass(frozen=True)
class _Rule:
    """A rule across keys; it is asked only where none of the keys that it needs has a fault of its own."""

    needs: tuple[str, ...]
    faults: Callable[[_Case], Iterable[Fault]] = field(default=lambda case: ())
    warnings: Callable[[_Case], Iterable[str]] = field(default=lambda case: ())


def combinations(reading: Reading, faulty: Sequence[str]) -> Verdict:
    """Returns what does not go together in an experiment.

    Args:
        reading: the experiment and its data set.
        faulty: the keys that have a fault already; rules that need them are left out.
    """
    if reading.source is None or any(_touches("task", key) for key in faulty):
        return Verdict((), (), None)
    case = _Case(reading.experiment, reading.source)
    try:
        asked_for = task.of(case.experiment)
    except ConfigurationError as error:
        return Verdict(error.faults, (), None)
    sound = [rule for rule in _RULES if not any(_touches(need, key) for need in rule.needs for key in faulty)]
    asked = [rule for rule in sound if all(task.depends_on(asked_for, need) for need in rule.needs)]
    faults = [fault for rule in asked for fault in rule.faults(case)]
    drawing: Blueprint | None = None
    has_network = task.depends_on(asked_for, "architecture")
    if has_network and not any(_touches(need, key) for need in _NETWORK for key in faulty):
        drawing, found = network_rules.draw(case.experiment, case.source)
        faults += found
    is_readable = not any(_touches(need, key) for need in asked_for.reads for key in faulty)
    if is_readable and (drawing is not None or not has_network):
        faults += asked_for.faults(case.experiment, drawing)
    # They are about what is learnt.
    if not task.depends_on(asked_for, "training.epochs"):
        return Verdict(tuple(faults), (), drawing)
    warnings = [text for rule in asked for text in rule.warnings(case)] if not faults else []
    if not faults:
        warnings += reading.source.warnings
    if drawing is not None:
        warnings += network_rules.warnings(case.experiment, drawing)
    return Verdict(tuple(faults), tuple(warnings), drawing)


def steps(experiment: Experiment, source: Source) -> tuple[int, int]:
    """Returns the steps of an epoch and of the whole training, early stopping left aside."""
    from runner.plan import steps_in_epoch

    case = _Case(experiment, source)
    limit = experiment.debug.maximum_steps
    per_epoch = steps_in_epoch(case.training_rows, experiment.training.batch_size, limit)
    total = per_epoch * experiment.training.epochs
    return per_epoch, total if limit is None else min(total, limit)


def epoch_metrics(experiment: Experiment, source: Source) -> tuple[str, ...]:
    """Returns the names of the metrics that every epoch has and that tell quality."""
    validation = _of_validation(source) if _Case(experiment, source).has_validation else []
    return ("train/loss", *validation)


def split_sizes(experiment: Experiment, source: Source) -> tuple[int, int, int]:
    """Returns the rows for training, validation and test."""
    case = _Case(experiment, source)
    return (case.training_rows, *case.sizes[1:])


def _touches(need: str, key: str) -> bool:
    """Returns whether a fault at ``key`` makes ``need`` unsound: one lies within the other."""
    bare = key.partition("[")[0]
    return need == bare or bare.startswith(f"{need}.") or need.startswith(f"{bare}.")


def _output_fits(case: _Case) -> Iterable[Fault]:
    output, source, loss = case.experiment.output, case.source, case.experiment.loss
    data = f"data={source.name}"
    if source.task == "regression" and output in ("softmax", "sigmoid"):
        needs = "classes" if output == "softmax" else "two classes"
        given_back = f"architecture={case.experiment.architecture.name} gives back numbers"
        rule = f"{loss.name} needs {needs}, and {given_back if source.reconstructs else f'{data} is a regression'}"
        remedy = "Take loss=auto, mse, mae or huber."
        if loss.name == "cosine" and source.target_width > 1:
            remedy = f"Write {loss.key}.output=identity to compare the directions of outputs and targets."
        yield Fault(loss.key, rule, remedy=remedy)
    if output == "sigmoid" and source.task == "multiclass":
        rule = f"{loss.name} needs two classes, and {data} has {len(source.classes)}"
        yield Fault(loss.key, rule, remedy="Take loss=auto or cross_entropy.")
    if output in ("identity", "exponential") and source.task != "regression":
        rule = f"{loss.name} needs numbers to predict, and {data} has {len(source.classes)} classes"
        yield Fault(loss.key, rule, remedy="Take loss=auto or cross_entropy.")


def _several_outputs(case: _Case) -> Iterable[Fault]:
    loss, output = case.experiment.loss, case.experiment.output
    fits = output == "softmax" or case.source.task == "regression"
    if loss.name == "cosine" and fits and output_width(output, case.source) == 1:
        rule = f"cosine needs several outputs, and data={case.source.name} has one"
        yield Fault(loss.key, rule, remedy="Take loss=auto, mse, mae or huber.")


def _counts_stay(case: _Case) -> Iterable[Fault]:
    experiment = case.experiment
    exponential = experiment.output == "exponential" and case.source.task == "regression"
    if exponential and experiment.standardise:
        rule = f"must be false with {experiment.loss.name}, whose targets are numbers from 0 up"
        yield Fault(
            "standardise", rule, values.shown(experiment.standardise), remedy="Write standardise=false."
        )


def _backend_owns(case: _Case) -> Iterable[Fault]:
    """Yields the components that another backend would have to carry out."""
    experiment = case.experiment
    own = f"{experiment.backend.package}."
    for part in (experiment.activation, experiment.loss, experiment.optimizer):
        if part.is_of_backend and not part.target.startswith(own):
            rule = f"belongs to another backend than backend={experiment.backend.name}"
            remedy = f"Write ${{backend.package}}.{'.'.join(part.target.split('.')[-2:])}."
            yield Fault(f"{part.key}._target_", rule, part.target, remedy=remedy)


def _native_exists(case: _Case) -> Iterable[Fault]:
    yield from semantics.faults(case.experiment)


def _class_weights_fit(case: _Case) -> Iterable[Fault]:
    loss, count = case.experiment.loss, len(case.source.classes)
    weights = loss.arguments.get("class_weights")
    if isinstance(weights, list) and case.source.task != "regression" and len(weights) != count:
        rule = f"must have one number for each of the {count} classes of data={case.source.name}"
        yield Fault(f"{loss.key}.class_weights", rule, f"{len(weights)} numbers")


def _balance_fits(case: _Case) -> Iterable[Fault]:
    return balance_rules.faults(case.experiment, case.source)


def _rows_remain(case: _Case) -> Iterable[Fault]:
    split = case.experiment.split
    if split.folds is not None and split.fold >= split.folds:
        rule = f"must be from 0 to {split.folds - 1}, because split.folds is {split.folds}"
        yield Fault("split.fold", rule, str(split.fold))
        return
    try:
        training, validation, test = case.sizes
    except ConfigurationError as error:
        yield from error.faults
        return
    rule = "must leave at least one row for training"
    if case.source.test_rows:
        if training < 1:
            yield Fault("split", rule, f"{validation} rows, all of which are for validation")
    elif split.validation + split.test >= 1 and split.by != "column" and split.folds is None:
        rule = "validation and test together must be below 1"
        yield Fault("split", rule, f"{split.validation:g} + {split.test:g}")
    elif training < 1:
        rows = training + validation + test
        yield Fault(
            "split", rule, f"{rows} rows, of which {validation} are for validation and {test} for test"
        )


def _parts_hold_classes(case: _Case) -> Iterable[str]:
    count = len(case.source.classes)
    for name, part in zip(("training", "validation", "test"), case.sizes, strict=True):
        if 0 < part < count:
            yield f"split: {part} {name} rows cannot hold all {count} classes of data={case.source.name}."


def _rows_leak(case: _Case) -> Iterable[str]:
    source, experiment = case.source, case.experiment
    # What is shipped or made needs no such look; a table has been read already, if not one that is larger than memory.
    if (source.preparation is None and source.alike is None) or not source.is_in_memory:
        return ()
    parts = splitting.parts(source, experiment.split, experiment.seed, experiment.debug.rows)
    return leakage.warnings(source, parts)


def _batch_fits(case: _Case) -> Iterable[str]:
    batch_size = case.experiment.training.batch_size
    if batch_size > case.sizes[0] and not case.experiment.debug.one_batch:
        yield (
            f"training.batch_size: {batch_size} is more than the {case.sizes[0]} training rows,"
            " so every step takes them all."
        )


def _sample_stands(case: _Case) -> Iterable[str]:
    limit, rows = case.experiment.training.sample.metrics, case.training_rows
    if limit is not None and rows > limit:
        yield (
            f"training.sample.metrics: the final metrics of training rows are those of {limit:,} of the {rows:,},"
            " drawn by the seed; those of validation and test rows are of all."
        )


def _monitor_exists(case: _Case) -> Iterable[Fault]:
    monitor = case.experiment.training.monitor
    known = epoch_metrics(case.experiment, case.source)
    if monitor in known:
        return
    if monitor in _of_validation(case.source):
        why = "there are none" if case.experiment.split.validation > 0 else "split.validation is 0"
        rule = f"needs validation rows, and {why}"
        yield Fault("training.monitor", rule, monitor, remedy="Take training.monitor=train/loss.")
    else:
        rule = f"is no metric of an epoch for data={case.source.name}"
        suggestion = nearest(monitor, known)
        yield Fault("training.monitor", rule, monitor, suggestion, f"Metrics: {listed(known)}.")


def _of_validation(source: Source) -> list[str]:
    return [f"validation/{name}" for name in ("loss", *metrics.names(source.task))]


def _one_clipping(case: _Case) -> Iterable[Fault]:
    clipping = case.experiment.training.clipping
    if clipping.global_norm is not None and clipping.value is not None:
        rule = "only one of global_norm and value can be on"
        received = f"global_norm {clipping.global_norm:g} and value {clipping.value:g}"
        yield Fault("training.clipping", rule, received, remedy="Set one of them to null.")


def _devices_share(case: _Case) -> Iterable[Fault]:
    yield from device_rules.training_faults(case.experiment)


def _one_device(case: _Case) -> Iterable[Fault]:
    yield from device_rules.tool_faults(case.experiment)


def _warmup_ends(case: _Case) -> Iterable[Fault]:
    epochs = case.experiment.training.epochs
    warmup = case.experiment.schedule.arguments.get("warmup_epochs", 0)
    if isinstance(warmup, int | float) and warmup >= epochs and case.experiment.debug.maximum_steps is None:
        rule = f"must be below training.epochs, which is {epochs}"
        yield Fault("schedule.warmup_epochs", rule, f"{warmup:g}")


def _patience_ends(case: _Case) -> Iterable[str]:
    training = case.experiment.training
    patience = training.early_stopping.patience
    if patience is not None and patience >= training.epochs:
        yield (
            f"training.early_stopping.patience: {patience} epochs of patience never end"
            f" in a training of {training.epochs} epochs."
        )


def _start_named(case: _Case) -> Iterable[Fault]:
    training = case.experiment.training
    if training.start_with == "state" and training.start_from is None:
        yield Fault("training.start_with", "state needs training.start_from, which is null", "state")


# What a network is drawn from.
_NETWORK = ("data", "seed", "architecture", "activation", "loss")

# What decides how many devices share a batch.
_SHARED = ("training.devices", "training.nodes", "training.batch_size")

_RULES = (
    _Rule(("data", "loss"), faults=_output_fits),
    _Rule(("data", "loss"), faults=_several_outputs),
    _Rule(("data", "loss", "standardise"), faults=_counts_stay),
    _Rule(("data", "loss"), faults=_class_weights_fit),
    _Rule(("data", "architecture", "loss", "backend", "training.balance"), faults=_balance_fits),
    _Rule(("backend", "activation", "loss", "optimizer"), faults=_backend_owns),
    _Rule(("backend", "optimizer"), faults=_native_exists),
    _Rule(("data", "split", "debug.rows"), faults=_rows_remain, warnings=_parts_hold_classes),
    _Rule(("data", "split", "seed", "debug.rows"), warnings=_rows_leak),
    _Rule(("data", "split", "debug", "training.batch_size"), warnings=_batch_fits),
    _Rule(("data", "split", "debug", "training.sample"), warnings=_sample_stands),
    _Rule(("data", "split.validation", "training.monitor"), faults=_monitor_exists),
    _Rule(("training.clipping",), faults=_one_clipping),
    _Rule((*_SHARED, "backend", "architecture"), faults=_devices_share),
    _Rule(("training.devices", "task"), faults=_one_device),
    _Rule(("training.start_from", "training.start_with"), faults=_start_named),
    _Rule(("schedule", "training.epochs", "debug.maximum_steps"), faults=_warmup_ends),
    _Rule(("training.early_stopping", "training.epochs"), warnings=_patience_ends),
)
