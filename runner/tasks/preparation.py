"""Everything that is decided before a framework is imported: network, rows, order, rates and first weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from runner import backend, checkpoints, component, semantics, tables, training_state, weighting
from runner import weights as weight_files
from runner.backend import Job
from runner.blueprint import Blueprint, blueprint
from runner.checkpoints import Checkpoint
from runner.conductor import earlier_history, shortened
from runner.data import Rows, Splits, Units, prepare
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment, Training
from runner.place import ALONE, Place
from runner.plan import Plan, balanced, permutation, steps_in_epoch, updates_in_epoch
from runner.results import SPLITS, Weights
from runner.schedules import Schedule
from runner.tracking import DatasetCard
from runner.training_state import STATE, TrainingState
from runner.weights import WEIGHTS


@dataclass(frozen=True)
class Prepared:
    """An experiment that can begin.

    Args:
        drawing: what is trained on what.
        schedule: how the learning rate reacts to the history.
        job: what the backend is given.
        checkpoint: where the training stood before it was stopped, if it was.
    """

    drawing: Blueprint
    schedule: Schedule
    job: Job
    checkpoint: Checkpoint | None = None

    @property
    def weights(self) -> Weights:
        """The first weights."""
        return self.job.weights


def prepared(experiment: Experiment, place: Place = ALONE, units: Units | None = None) -> Prepared:
    """Returns an experiment with its rows read and its first weights drawn, for one process of its training.

    Args:
        experiment: a checked experiment.
        place: which process this is.
        units: means and scales that were learnt before, or None to learn them from the training rows.

    Raises:
        ConfigurationError: the data are not what the source promised.
    """
    experiment = semantics.with_own_functions(experiment)
    drawing = blueprint(experiment)
    splits = _splits(experiment, drawing, units)
    schedule: Schedule = component.build(experiment.schedule)
    plan = _plan(experiment, splits, schedule)
    initializer = component.build(experiment.initializer)
    first = weight_files.draw(drawing.tree, drawing.input_shape, initializer, experiment.seed)
    first, start = _started(experiment.training) or (first, None)
    checkpoint = _checkpoint(experiment.training, splits)
    if checkpoint is not None:
        first, start = checkpoint.state.weights, checkpoint.state
    job = Job(
        experiment,
        drawing.tree,
        drawing.input_shape,
        first,
        splits,
        plan,
        start=start,
        learning_rate_factor=schedule.reaction(earlier_history(experiment, start)),
        native=semantics.left_native(experiment.backend),
        place=place,
    )
    return Prepared(drawing, schedule, job, checkpoint)


def dataset(ready: Prepared) -> DatasetCard:
    """Returns what a run looks at, as it is told to a tracker."""
    source, splits = ready.drawing.source, ready.job.splits
    return DatasetCard(
        name=source.name,
        input_shape=source.input_shape,
        classes=source.classes,
        rows={name: len(getattr(splits, name)) for name in SPLITS},
        sha256=splits.sha256,
    )


def data_files(ready: Prepared, folder: Path) -> tuple[Path, ...]:
    """Writes what makes inputs of a table's columns into a run's folder, and what the columns are; returns the files."""
    source = ready.drawing.source
    files = source.preparation.save(folder) if source.preparation is not None else ()
    if source.described is None:
        return files
    path = folder / f"{source.described.name}.csv"
    path.write_text(tables.comma_separated(source.described), encoding="utf-8")
    return (*files, path)


def with_own_draws(ready: Prepared) -> Prepared:
    """Returns the same with the framework's own first weights and order of rows, where those are left to it."""
    job = ready.job
    own = job.native & {"first_weights", "batch_order"}
    if not own:
        return ready
    experiment = job.experiment
    # TensorFlow fixes its threads at its first work, which this may be.
    backend.load(experiment.backend.package).configure(training=experiment.training, place=job.place)
    draws = backend.load_randomness(experiment.backend.package)
    if "batch_order" in own:
        job = replace(job, plan=replace(job.plan, permutation=draws.permutation))
    if "first_weights" in own and experiment.training.start_from is None and ready.checkpoint is None:
        first = draws.first_weights(tree=job.tree, input_shape=job.input_shape, seed=experiment.seed)
        job = replace(job, weights=first)
    return replace(ready, job=job)


def start_file(training: Training) -> Path | None:
    """Returns the file that a training starts from, if it does, where that is a file or a run's folder."""
    if training.start_from is None:
        return None
    path = Path(training.start_from)
    return path / (STATE if training.start_with == "state" else WEIGHTS) if path.is_dir() else path


def _started(training: Training) -> tuple[Weights, TrainingState | None] | None:
    """Returns the weights that a training starts from, and where it goes on, if it does."""
    path = start_file(training)
    if path is None:
        return None
    if not training_state.header(path).is_state:
        return weight_files.read(path), None
    state = training_state.read(path)
    return state.weights, state if training.start_with == "state" else None


def _checkpoint(training: Training, splits: Splits) -> Checkpoint | None:
    """Returns the checkpoint that a training goes on from, if it does."""
    if training.resume_from is None:
        return None
    checkpoint = checkpoints.read(Path(training.resume_from))
    if checkpoint.data != splits.sha256:
        rule = "must be the rows that the run began with, and their digest is another one now"
        raise ConfigurationError([Fault("data", rule, splits.sha256[:12], remedy="Begin a run of its own.")])
    return checkpoint


def _splits(experiment: Experiment, drawing: Blueprint, units: Units | None) -> Splits:
    splits = prepare(
        drawing.source,
        split=experiment.split,
        standardise=experiment.standardise,
        seed=experiment.seed,
        debug=experiment.debug,
        units=units,
    )
    if experiment.output == "exponential":
        _require_not_negative(splits, experiment)
    if experiment.debug.one_batch:
        splits = shortened(splits, experiment.training.batch_size)
    _require_weight(splits)
    return weighting.balanced(splits) if experiment.training.balance == "weights" else splits


def _require_weight(splits: Splits) -> None:
    for name in SPLITS:
        rows: Rows = getattr(splits, name)
        if rows.weights is not None and len(rows) and not rows.weights.any():
            rule = f"must have weights above 0, and those of its {name} rows are all 0"
            remedy = "Read the data without weights, or change split or seed."
            raise ConfigurationError([Fault("data", rule, remedy=remedy)])


def _require_not_negative(splits: Splits, experiment: Experiment) -> None:
    smallest = min(
        float(rows.targets.min(initial=0.0)) for rows in (splits.train, splits.validation, splits.test)
    )
    if smallest < 0:
        rule = f"{experiment.loss.name} needs targets of at least 0"
        received = f"{smallest:g} among those of {experiment.data.name}"
        raise ConfigurationError(
            [Fault(experiment.loss.key, rule, received, remedy="Take loss=mse, mae or huber.")]
        )


def _plan(experiment: Experiment, splits: Splits, schedule: Schedule) -> Plan:
    training = experiment.training
    limit = experiment.debug.maximum_steps
    steps = steps_in_epoch(len(splits.train), training.batch_size, limit)
    epochs = training.epochs if limit is None else min(training.epochs, max(limit // steps, 1))
    updates = updates_in_epoch(steps, training.accumulation)
    rate = float(experiment.optimizer.arguments["learning_rate"])
    return Plan(
        seed=experiment.seed,
        rows=len(splits.train),
        batch_size=training.batch_size,
        epochs=epochs,
        steps_per_epoch=steps,
        learning_rates=rate * np.asarray(schedule.factors(epochs, updates), dtype=np.float64),
        accumulation=training.accumulation,
        permutation=balanced(splits.train.targets) if training.balance == "sampling" else permutation,
    )
