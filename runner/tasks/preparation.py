"""Everything that is decided before a framework is imported: network, rows, order, rates and first weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runner import component
from runner import weights as weight_files
from runner.backend import Job
from runner.blueprint import Blueprint, blueprint
from runner.conductor import shortened
from runner.data import Splits, prepare
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment
from runner.plan import Plan, steps_in_epoch
from runner.results import Weights
from runner.schedules import Schedule


@dataclass(frozen=True)
class Prepared:
    """An experiment that can begin.

    Args:
        drawing: what is trained on what.
        schedule: how the learning rate reacts to the history.
        job: what the backend is given.
    """

    drawing: Blueprint
    schedule: Schedule
    job: Job

    @property
    def weights(self) -> Weights:
        """The first weights."""
        return self.job.weights


def prepared(experiment: Experiment) -> Prepared:
    """Returns an experiment with its rows read and its first weights drawn.

    Raises:
        ConfigurationError: the data are not what the source promised.
    """
    drawing = blueprint(experiment)
    splits = _splits(experiment, drawing)
    schedule: Schedule = component.build(experiment.schedule)
    plan = _plan(experiment, splits, schedule)
    initializer = component.build(experiment.initializer)
    first = weight_files.draw(drawing.tree, drawing.input_shape, initializer, experiment.seed)
    job = Job(experiment, drawing.tree, drawing.input_shape, first, splits, plan)
    return Prepared(drawing, schedule, job)


def _splits(experiment: Experiment, drawing: Blueprint) -> Splits:
    splits = prepare(
        drawing.source,
        split=experiment.split,
        standardise=experiment.standardise,
        seed=experiment.seed,
        debug=experiment.debug,
    )
    if experiment.output == "exponential":
        _require_not_negative(splits, experiment)
    return shortened(splits, experiment.training.batch_size) if experiment.debug.one_batch else splits


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
    rate = float(experiment.optimizer.arguments["learning_rate"])
    return Plan(
        seed=experiment.seed,
        rows=len(splits.train),
        batch_size=training.batch_size,
        epochs=epochs,
        steps_per_epoch=steps,
        learning_rates=rate * np.asarray(schedule.factors(epochs, steps), dtype=np.float64),
    )
