"""Training: from an experiment to a result, in the order of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import (
    backend,
    checkpointing,
    illustrations,
    metrics,
    network_file,
    samples,
    semantics,
    signals,
    training_state,
)
from runner import checkpoints as checkpoint_files
from runner import weights as weight_files
from runner.backend import Job, Model, TrainingModule
from runner.blueprint import Blueprint
from runner.checkpointing import Checkpoints
from runner.conductor import Conductor, predictions
from runner.data import Splits
from runner.distributed import training as distributed
from runner.errors import Diverged, Fault, Interrupted
from runner.experiment import Experiment
from runner.network_file import NETWORK
from runner.place import ALONE, Place
from runner.results import SPLITS, EpochRecord, Predictions, Program, Result, Weights
from runner.search.pruning import judge
from runner.task import Display
from runner.tasks.preparation import data_files, dataset, prepared, with_own_draws
from runner.tracking import Tracker
from runner.training_state import STATE, TrainingState
from runner.weights import WEIGHTS

PROGRAM = "program"

_LONGEST_REASON = 300


@dataclass(frozen=True)
class Training:
    """The training of a network; see :func:`runner.tasks.shipped.train`."""

    reads: frozenset[str] = frozenset(each.name for each in fields(Experiment))

    def faults(self, experiment: Experiment, drawing: Blueprint | None) -> Iterator[Fault]:
        """Yields nothing: what cannot be trained, a check finds by its rules."""
        yield from ()

    def run(self, experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display) -> Result:
        """Trains."""
        devices = distributed.devices(experiment)
        if devices == experiment.training.nodes == 1:
            return train(experiment, folder=folder, tracker=tracker, display=display)
        return distributed.train(experiment, devices=devices, folder=folder, tracker=tracker, display=display)


def train(
    experiment: Experiment, *, folder: Path, tracker: Tracker, display: Display, place: Place = ALONE
) -> Result:
    """Trains as the experiment says and returns what came of it.

    Args:
        experiment: a checked experiment.
        folder: where the run's files go.
        tracker: what is told of every epoch, and of the files.
        display: what a person sees meanwhile.
        place: which process this is, where there are several: the first one.

    Raises:
        Diverged: where the loss became NaN or infinite; the last finite weights lie in the folder.
    """
    # What is trained on what
    ready = prepared(experiment, place)
    tracker.dataset(dataset(ready))
    for path in data_files(ready, folder):
        tracker.artifact(path)

    # The framework
    engine = backend.load(experiment.backend.package)
    tracker.tags(backend.version_tags(experiment.backend.package))
    ready = with_own_draws(ready)
    drawing, job = ready.drawing, ready.job
    tracker.tags(
        {
            "semantics": experiment.backend.semantics,
            "initial_weights_sha256": weight_files.digest(job.weights),
            "batch_order_sha256": job.plan.digest(),
            **{f"{name}_rows_sha256": digest for name, digest in job.splits.rows_sha256.items()},
        }
    )
    model = engine.build(job=job)

    # Training
    def tell(record: EpochRecord) -> None:
        tracker.metrics(record.epoch, record.metrics)
        display.epoch(record)

    def tell_steps(first_step: int, losses: NDArray[np.float64]) -> None:
        tracker.steps(first_step, {"train/step_loss": losses.tolist()})

    def keep(weights: Weights) -> None:
        weight_files.save(weights, folder / WEIGHTS, precision=experiment.training.precision)

    def stand(state: TrainingState) -> None:
        training_state.save(state, folder / STATE, precision=experiment.training.precision)
        tracker.artifact(folder / STATE)

    has_slots = training_state.slot_names(experiment) is not None
    writes = checkpointing.are_written(experiment)
    checkpoints = Checkpoints(
        folder / checkpoint_files.FOLDER,
        experiment.training.checkpoint,
        settled=tracker.settle,
        problem=tracker.problem,
        begun=job.start.step if job.start else 0,
    )
    conductor = Conductor(
        experiment=experiment,
        task=drawing.source.task,
        splits=job.splits,
        plan=job.plan,
        schedule=ready.schedule,
        weights=model.weights(),
        tell=tell,
        tell_steps=tell_steps,
        keep=keep,
        start=job.start,
        stand=stand if has_slots else None,
        checkpoint=ready.checkpoint,
        checkpoints=checkpoints if writes else None,
        is_hopeless=judge(experiment.training.pruning, tracker.problem),
    )
    try:
        if not conductor.is_over:
            with checkpoints, signals.deferred() if writes else contextlib.nullcontext():
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
    _tell_model(tracker, model, job, drawing, folder)
    shown, final = evaluated(model, experiment, drawing, job.splits)
    kept = for_figures(shown, experiment, job.splits)
    result = Result(
        task=drawing.source.task,
        classes=drawing.source.classes,
        epochs=tuple(conductor.records),
        best_epoch=conductor.best_epoch,
        monitor=experiment.training.monitor,
        kept_epoch=conductor.kept_epoch,
        metrics=final,
        predictions=kept,
        output=experiment.output,
        pruned=_pruned(conductor, job),
        **illustrated(engine, model, job, drawing, shown),
    )
    # MLflow draws a single value at step 0 as a bar beside those of other runs, at any other step as a lone dot.
    tracker.metrics(0, _new_metrics(result))
    if result.pruned:
        tracker.tags({"pruned": result.pruned})
    tracker.result(result)
    # Who wants more epochs goes on from the last one.
    checkpoint_files.prune(folder / checkpoint_files.FOLDER, keep=1)
    return result


def _pruned(conductor: Conductor, job: Job) -> str:
    """Returns when a training was ended without hope; nothing where it was not."""
    return f"epoch {conductor.records[-1].epoch} of {job.plan.epochs}" if conductor.is_pruned else ""


def _tell_model(tracker: Tracker, model: Model, job: Job, drawing: Blueprint, folder: Path) -> None:
    """Writes down the network beside its weights, so that both together predict without a framework, or exports it."""
    tracking = job.experiment.tracking
    native = tracking.enabled and tracking.model == "native"
    unknown = network_file.unknown_functions(job.tree, job.input_shape)
    if not native and (unknown or semantics.moves_arrays(job.experiment, job.tree, job.input_shape)):
        # What is not known outside of the framework has no network file; the weights are kept all the same.
        return
    network = network_file.Network(
        tree=job.tree,
        input_shape=job.input_shape,
        output=job.experiment.output,
        classes=drawing.source.classes,
        splits=job.splits,
    )
    network_file.save(network, folder / NETWORK)
    tracker.artifact(folder / NETWORK)
    program = _exported(tracker, model, job, folder / PROGRAM) if native else None
    if program is not None or not native:
        tracker.model(folder / NETWORK, folder / WEIGHTS, program)


def _exported(tracker: Tracker, model: Model, job: Job, folder: Path) -> Program | None:
    """Returns the network as its framework exports it; where that fails it is said, and the run goes on."""
    try:
        return backend.load_export(job.experiment.backend.package).export(model=model, job=job, folder=folder)
    except Exception as error:
        # A user's own function may be of a kind that the framework cannot write down, whatever it raises then.
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        sentence = "tracking.model: MLflow has the weights alone, because the network could not be exported: "
        tracker.problem(sentence + reason[:_LONGEST_REASON])
        return None


def evaluated(
    model: Model,
    experiment: Experiment,
    drawing: Blueprint,
    splits: Splits,
    names: Sequence[str] = SPLITS,
) -> tuple[dict[str, Predictions], dict[str, float]]:
    """Returns what the model predicts on each split that has rows, and its metrics there, ``test/accuracy``.

    Args:
        model: with the weights to look at.
        experiment: the rules.
        drawing: what is predicted of what.
        splits: the rows.
        names: of the splits that are looked at.
    """
    source = drawing.source
    shown: dict[str, Predictions] = {}
    values: dict[str, float] = {}
    for name in names:
        rows = getattr(splits, name)
        if len(rows) == 0:
            continue
        if name == "train":
            rows = samples.of_rows(rows, experiment.training.sample.metrics, experiment.seed)
        answer = model.evaluate(rows)
        shown[name] = predictions(experiment.output, splits, rows.targets, answer.logits, rows.weights)
        found = metrics.final(
            source.task, shown[name].targets, shown[name].outputs, source.classes, rows.weights
        )
        values |= {f"{name}/{metric}": value for metric, value in ({"loss": answer.loss} | found).items()}
    return shown, values


def for_figures(
    shown: Mapping[str, Predictions], experiment: Experiment, splits: Splits
) -> dict[str, Predictions]:
    """Returns the predictions of each split that figures are drawn from, a sample where they are very many."""
    limit, seed = experiment.training.sample.predictions, experiment.seed
    return {
        name: samples.of_predictions(each, len(getattr(splits, name)), limit, seed)
        for name, each in shown.items()
    }


def illustrated(
    engine: TrainingModule, model: Model, job: Job, drawing: Blueprint, shown: Mapping[str, Predictions]
) -> dict[str, Any]:
    """Returns what some figures need beside the predictions; nothing where no figure is drawn."""
    if not job.experiment.plots:
        return {}
    return {
        "boundary": illustrations.boundary(model, job, drawing),
        "mistakes": illustrations.mistakes(shown["test"], job, drawing) if "test" in shown else None,
        "reconstructions": illustrations.reconstructions(shown["test"], drawing) if "test" in shown else None,
        "activation": illustrations.activation(engine, model, job),
    }


def _new_metrics(result: Result) -> Mapping[str, float]:
    """Returns the final metrics that no epoch has told yet: a curve gets no second point at its best epoch."""
    told = {name for record in result.epochs for name in record.metrics}
    return {name: value for name, value in result.metrics.items() if name not in told}
