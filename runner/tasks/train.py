"""Training: from an experiment to a result, in the order of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Any as Display

import numpy as np
from numpy.typing import NDArray

from runner import backend, component, illustrations, metrics, network_file
from runner import weights as weight_files
from runner.backend import Job, Model, TrainingModule
from runner.blueprint import Blueprint, blueprint
from runner.conductor import Conductor, predictions, shortened
from runner.data import Splits, prepare
from runner.errors import Diverged, Interrupted
from runner.experiment import Experiment
from runner.plan import Plan, steps_in_epoch
from runner.results import SPLITS, EpochRecord, Predictions, Result, Weights
from runner.schedules import Schedule
from runner.tracking import DatasetCard, Tracker

WEIGHTS = "weights.safetensors"
NETWORK = "network.json"


def train(experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Result:
    """Trains as the experiment says and returns what came of it.

    Args:
        experiment: a checked experiment.
        folder: where the run's files go.
        tracker: what is told of every epoch, and of the files.
        display: what a person sees meanwhile.

    Raises:
        Diverged: where the loss became NaN or infinite; the last finite weights lie in the folder.
    """
    # What is trained on what
    drawing = blueprint(experiment)
    splits = _splits(experiment, drawing)
    schedule: Schedule = component.build(experiment.schedule)
    plan = _plan(experiment, splits, schedule)
    initializer = component.build(experiment.initializer)
    first = weight_files.draw(drawing.tree, drawing.input_shape, initializer, experiment.seed)
    tracker.dataset(_dataset(drawing, splits))
    tracker.tags({"initial_weights_sha256": weight_files.digest(first), "batch_order_sha256": plan.digest()})

    # The framework
    engine = backend.load(experiment.backend.package)
    tracker.tags({f"version.{name}": version for name, version in engine.versions().items()})
    job = Job(experiment, drawing.tree, drawing.input_shape, first, splits, plan)
    model = engine.build(job=job)

    # Training
    def tell(record: EpochRecord) -> None:
        tracker.metrics(record.epoch, record.metrics)
        display.epoch(record)

    def tell_steps(first_step: int, losses: NDArray[np.float64]) -> None:
        tracker.steps(first_step, {"train/step_loss": losses.tolist()})

    def keep(weights: Weights) -> None:
        weight_files.save(weights, folder / WEIGHTS, precision=experiment.training.precision)

    conductor = Conductor(
        experiment=experiment,
        task=drawing.source.task,
        splits=splits,
        plan=plan,
        schedule=schedule,
        weights=first,
        tell=tell,
        tell_steps=tell_steps,
        keep=keep,
    )
    try:
        engine.fit(model=model, job=job, observer=conductor)
    except Diverged:
        keep(conductor.finite_weights)
        tracker.artifact(folder / WEIGHTS)
        tracker.tags({"kept_epoch": str(conductor.finite_epoch)})
        raise
    except Interrupted:
        if conductor.kept_epoch > 0:
            tracker.artifact(folder / WEIGHTS)
        raise

    # The kept weights on every split
    model.load(conductor.kept_weights)
    tracker.artifact(folder / WEIGHTS)
    _tell_model(tracker, experiment, drawing, splits, folder)
    shown, final = _evaluate(model, experiment, drawing, splits)
    result = Result(
        task=drawing.source.task,
        classes=drawing.source.classes,
        epochs=tuple(conductor.records),
        best_epoch=conductor.best_epoch,
        monitor=experiment.training.monitor,
        kept_epoch=conductor.kept_epoch,
        metrics=final,
        predictions=shown,
        **_illustrations(engine, model, job, drawing, shown),
    )
    # MLflow draws a single value at step 0 as a bar beside those of other runs, at any other step as a lone dot.
    tracker.metrics(0, _new_metrics(result))
    tracker.result(result)
    return result


def _splits(experiment: Experiment, drawing: Blueprint) -> Splits:
    splits = prepare(
        drawing.source,
        split=experiment.split,
        standardise=experiment.standardise,
        seed=experiment.seed,
        debug=experiment.debug,
    )
    return shortened(splits, experiment.training.batch_size) if experiment.debug.one_batch else splits


def _dataset(drawing: Blueprint, splits: Splits) -> DatasetCard:
    source = drawing.source
    return DatasetCard(
        name=source.name,
        input_shape=source.input_shape,
        classes=source.classes,
        rows={name: len(getattr(splits, name)) for name in SPLITS},
        sha256=splits.sha256,
    )


def _tell_model(
    tracker: Tracker, experiment: Experiment, drawing: Blueprint, splits: Splits, folder: Path
) -> None:
    """Writes down the network beside its weights, so that both together predict without a framework."""
    if network_file.unknown_functions(drawing.tree, drawing.input_shape):
        # A user's own activation is not known outside of the framework; the weights are kept all the same.
        return
    network = network_file.Network(
        tree=drawing.tree,
        input_shape=drawing.input_shape,
        output=experiment.output,
        classes=drawing.source.classes,
        splits=splits,
    )
    network_file.save(network, folder / NETWORK)
    tracker.model(folder / NETWORK, folder / WEIGHTS)


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


def _evaluate(
    model: Model, experiment: Experiment, drawing: Blueprint, splits: Splits
) -> tuple[dict[str, Predictions], dict[str, float]]:
    """Returns what the model predicts on each split that has rows, and its metrics there, ``test/accuracy``."""
    source = drawing.source
    shown: dict[str, Predictions] = {}
    values: dict[str, float] = {}
    for name in SPLITS:
        rows = getattr(splits, name)
        if len(rows) == 0:
            continue
        answer = model.evaluate(rows.inputs, rows.targets)
        shown[name] = predictions(experiment.output, splits, rows.targets, answer.logits)
        found = metrics.final(source.task, shown[name].targets, shown[name].outputs, source.classes)
        values |= {f"{name}/{metric}": value for metric, value in ({"loss": answer.loss} | found).items()}
    return shown, values


def _illustrations(
    engine: TrainingModule, model: Model, job: Job, drawing: Blueprint, shown: Mapping[str, Predictions]
) -> dict[str, Any]:
    """Returns what some figures need beside the predictions; nothing where no figure is drawn."""
    if not job.experiment.plots:
        return {}
    return {
        "boundary": illustrations.boundary(model, job, drawing),
        "mistakes": illustrations.mistakes(shown["test"], job, drawing) if "test" in shown else None,
        "activation": illustrations.activation(engine, model, job),
    }


def _new_metrics(result: Result) -> Mapping[str, float]:
    """Returns the final metrics that no epoch has told yet: a curve gets no second point at its best epoch."""
    told = {name for record in result.epochs for name in record.metrics}
    return {name: value for name, value in result.metrics.items() if name not in told}
