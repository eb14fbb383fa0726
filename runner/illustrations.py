"""What some figures are drawn from and only a trained model can say; computed after training, drawn elsewhere."""

from __future__ import annotations

import numpy as np

from runner import layers, samples
from runner.backend import Job, Model, TrainingModule
from runner.blueprint import Blueprint
from runner.conductor import predictions
from runner.data import Rows
from runner.results import ActivationTrace, Boundary, Mistakes, Predictions, Reconstructions

_GRID_SIDE = 200
_IMAGES = 16
_ACTIVATION_POINTS = 401
_ACTIVATION_BINS = 60
# Rows that are enough to see where pre-activations lie.
_ACTIVATION_ROWS = 512


def boundary(model: Model, job: Job, drawing: Blueprint) -> Boundary | None:
    """Returns what the model says over the plane around the training rows, where it has two inputs and classes."""
    source = drawing.source
    # Between tokens there is nothing.
    if drawing.input_shape != (2,) or source.task == "regression" or source.tokens is not None:
        return None
    splits, sample = job.splits, job.experiment.training.sample.predictions
    rows = samples.of_rows(splits.train, sample, job.experiment.seed)
    inputs = rows.numbers()
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    margin = 0.1 * (high - low)
    first, second = (
        np.linspace(low[axis] - margin[axis], high[axis] + margin[axis], _GRID_SIDE) for axis in (0, 1)
    )
    grid = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    # Any class will do: the loss of points that belong to none is not looked at.
    answer = model.evaluate(Rows(grid, np.zeros(len(grid), dtype=np.int64)))
    outputs = predictions(job.experiment.output, splits, np.zeros(len(grid)), answer.logits).outputs
    scale, mean = splits.input_scale, splits.input_mean
    return Boundary(
        first=first * scale[0] + mean[0],
        second=second * scale[1] + mean[1],
        outputs=outputs.reshape(_GRID_SIDE, _GRID_SIDE, -1),
        inputs=inputs * scale + mean,
        targets=rows.targets.astype(np.float64),
    )


def mistakes(shown: Predictions, job: Job, drawing: Blueprint) -> Mistakes | None:
    """Returns the test images on whose class the model was most wrongly sure, where there are images and mistakes."""
    if len(drawing.input_shape) != 3 or drawing.source.task == "regression":
        return None
    outputs, targets = shown.outputs, shown.targets.astype(np.int64)
    certainty = outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])
    is_wrong = certainty.argmax(axis=1) != targets
    worst = np.argsort(np.where(is_wrong, -certainty.max(axis=1), np.inf), kind="stable")
    worst = worst[: min(_IMAGES, int(is_wrong.sum()))]
    if len(worst) == 0:
        return None
    images = job.splits.in_units(job.splits.test.part(worst))
    return Mistakes(images, targets[worst].astype(np.float64), outputs[worst])


def reconstructions(shown: Predictions, drawing: Blueprint) -> Reconstructions | None:
    """Returns test images and what is given back of them, where there are images and they are given back."""
    if len(drawing.input_shape) != 3 or not drawing.source.reconstructs:
        return None
    errors = np.sqrt(((shown.outputs - shown.targets) ** 2).mean(axis=1))
    places = np.linspace(0, len(errors) - 1, min(_IMAGES, len(errors))).round().astype(np.int64)
    chosen = np.argsort(errors, kind="stable")[places]
    originals, returned = (
        values[chosen].reshape(-1, *drawing.input_shape) for values in (shown.targets, shown.outputs)
    )
    return Reconstructions(originals, returned, errors[chosen])


def activation(engine: TrainingModule, model: Model, job: Job) -> ActivationTrace | None:
    """Returns the hidden activation over the pre-activations of validation rows, or of training rows without any.

    None where there is no hidden activation, where it looks at more than one number at a time, as softmax and glu do, or
    where each layer has learned another curve, as with prelu.
    """
    function = job.experiment.activation
    if function not in layers.activations(job.tree, job.input_shape).values():
        return None
    if layers.Activation(function=function).own in ("glu", "prelu"):
        return None
    rows = job.splits.validation if len(job.splits.validation) else job.splits.train
    entering = model.pre_activations(rows.part(slice(_ACTIVATION_ROWS)).numbers(), function)
    occurred = np.concatenate([array.ravel() for array in entering])
    occurred = occurred[np.isfinite(occurred)]
    if len(occurred) == 0:
        return None
    bound = max(float(np.quantile(np.abs(occurred), 0.999)), 1.0)
    points = np.linspace(-bound, bound, _ACTIVATION_POINTS)
    # Each number alone in an example, and then with another one beside it along every axis.
    axes = entering[0].ndim - 1
    values, derivatives = engine.activation(function=function, inputs=points.reshape(-1, *[1] * axes))
    pairs = points[: len(points) // 2**axes * 2**axes].reshape(-1, *[2] * axes)
    together, _ = engine.activation(function=function, inputs=pairs)
    if not np.allclose(values.ravel()[: pairs.size], together.ravel()):
        return None
    counts, edges = np.histogram(occurred, bins=_ACTIVATION_BINS, range=(-bound, bound))
    return ActivationTrace(
        name=function.name,
        inputs=points,
        values=values.ravel(),
        derivatives=derivatives.ravel(),
        edges=edges,
        shares=counts / len(occurred),
    )
