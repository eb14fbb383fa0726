"""Two recordings compared step by step, phase by phase and array by array, against a measured floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from runner.experiment import Precision
from runner.parity.recording import Recording

Floats = NDArray[np.float64]
Phase = Literal["batch", "outputs", "loss", "gradient", "update", "state", "evaluation"]

# In the order in which they happen: what comes first may be the cause of what follows.
PHASES: tuple[Phase, ...] = ("batch", "outputs", "loss", "gradient", "update", "state", "evaluation")
# A difference is one beyond rounding where it is so many times what moving the first weights by one unit does ...
FLOOR_FACTOR = 10.0
# ... and more than so many units in the last place, since a few perturbations do not find the worst case.
SMALLEST_UNITS = 64.0

EPSILONS: Mapping[Precision, float] = {
    64: float(np.finfo(np.float64).eps),
    32: float(np.finfo(np.float32).eps),
    # bfloat16 keeps 8 significant bits.
    "bf16-mixed": 2.0**-8,
}


@dataclass(frozen=True)
class Place:
    """Where in a step something happens: the phase, and the array's canonical name where it has one."""

    phase: Phase
    array: str = ""


@dataclass(frozen=True)
class Divergence:
    """The first difference beyond the floor: the step from 1, the place, its size, and what the floor allows."""

    step: int
    place: Place
    gap: float
    allowed: float


Gaps = Mapping[Place, Floats]


def gaps(one: Recording, other: Recording) -> Gaps:
    """Returns the difference of two recordings at every place, one number for each step that both made.

    max |a - b| / max(|a|, |b|) over the elements of outputs; for a gradient the divisor is the largest of all steps
    so far, since what is left of a gradient when there is nothing more to learn is the rounding of larger numbers;
    |a - b| / max(1, |a|, |b|) for a loss and for weights, which are compared as they are. A batch differs by 0 or
    infinity. A step without an evaluation has NaN there.
    """
    steps = min(one.steps, other.steps)
    return {place: values[:steps] for place, values in _gaps(one, other, steps)}


def floor(base: Recording, perturbed: Sequence[Recording]) -> Gaps:
    """Returns the largest difference that perturbed recordings had from their base up to each step, at every place."""
    found = [gaps(base, each) for each in perturbed]
    steps = min(len(next(iter(each.values()))) for each in found)
    return {
        place: np.maximum.accumulate(
            np.nan_to_num(np.max([each[place][:steps] for each in found], axis=0), posinf=np.inf)
        )
        for place in found[0]
    }


def allowed(floors: Gaps, precision: Precision) -> Gaps:
    """Returns what rounding explains at every place: ten times the floor, at least 64 units in the last place."""
    smallest = SMALLEST_UNITS * EPSILONS[precision]
    return {place: np.maximum(FLOOR_FACTOR * values, smallest) for place, values in floors.items()}


def first_divergence(found: Gaps, limits: Gaps) -> Divergence | None:
    """Returns the first difference that is more than is allowed, or None.

    Args:
        found: the differences.
        limits: what is allowed; its last step holds for what comes after it.
    """
    for step in range(max((len(values) for values in found.values()), default=0)):
        for place, values in found.items():
            limit = 0.0 if place.phase == "batch" else float(limits[place][min(step, len(limits[place]) - 1)])
            # Not greater, and not a number either: both are differences, but a step without an evaluation is none.
            if place.phase == "evaluation" and np.isnan(values[step]):
                continue
            if not values[step] <= limit:
                return Divergence(step + 1, place, float(values[step]), limit)
    return None


def largest(found: Gaps, *phases: Phase) -> float:
    """Returns the largest difference of some phases over all steps, or 0 where they do not occur."""
    values = [gap for place, gap in found.items() if place.phase in phases and len(gap)]
    return float(max((np.nanmax(np.append(gap, 0.0)) for gap in values), default=0.0))


def weight_gaps(one: Recording, other: Recording) -> dict[str, float]:
    """Returns max |a - b| / max(1, |a|, |b|) of each array after the last common step, by canonical name."""
    steps = min(one.steps, other.steps)
    return {
        name: float(_bounded(array[steps : steps + 1], other.weights[name][steps : steps + 1])[0])
        for name, array in one.weights.items()
    }


def loss_gap(one: Recording, other: Recording) -> float:
    """Returns max |a - b| / max(1, |a|, |b|) over the losses of all steps and of all evaluations."""
    pairs = ((one.losses, other.losses), (one.evaluation_losses, other.evaluation_losses))
    if any(len(mine) != len(theirs) for mine, theirs in pairs):
        return float("inf")
    found = [_bounded(mine[:, None], theirs[:, None]) for mine, theirs in pairs]
    return float(np.max(np.nan_to_num(np.concatenate(found), nan=np.inf), initial=0.0))


def _gaps(one: Recording, other: Recording, steps: int) -> Iterator[tuple[Place, Floats]]:
    different = (one.batches[:steps] != other.batches[:steps]).any(axis=1)
    yield Place("batch"), np.where(different, np.inf, 0.0)
    yield Place("outputs"), _relative(one.outputs[:steps], other.outputs[:steps])
    yield Place("loss"), _bounded(one.losses[:steps, None], other.losses[:steps, None])
    for name, gradient in one.gradients.items():
        yield (
            Place("gradient", name),
            _quotient(gradient[:steps], other.gradients[name][:steps], over_time=True),
        )
    for name, array in one.weights.items():
        mine, theirs = array[: steps + 1], other.weights[name][: steps + 1]
        if name in one.gradients:
            yield Place("update", name), _bounded(np.diff(mine, axis=0), np.diff(theirs, axis=0))
        else:
            yield Place("state", name), _bounded(mine[1:], theirs[1:])
    yield Place("evaluation"), _evaluations(one, other, steps)


def _evaluations(one: Recording, other: Recording, steps: int) -> Floats:
    found = np.full(steps, np.nan)
    both = min(len(one.evaluation_steps), len(other.evaluation_steps))
    values = _relative(one.evaluation_outputs[:both], other.evaluation_outputs[:both])
    for at, value in zip(one.evaluation_steps[:both], values, strict=True):
        if at <= steps:
            found[at - 1] = value
    return found


def _relative(one: Floats, other: Floats) -> Floats:
    """Returns max |a - b| over that of |a| and |b| for each first index; equal arrays differ by 0, zeros alike."""
    return _quotient(one, other)


def _bounded(one: Floats, other: Floats) -> Floats:
    return _quotient(one, other, smallest=1.0)


def _quotient(one: Floats, other: Floats, *, smallest: float = 0.0, over_time: bool = False) -> Floats:
    if one.shape != other.shape:
        raise ValueError(f"the two recordings have arrays of different shapes: {one.shape} and {other.shape}")
    count = len(one)
    # Of nothing, -1 has no meaning.
    mine, theirs = (each.reshape(count, math.prod(each.shape[1:])) for each in (one, other))
    # Beyond the rows of a smaller batch both are NaN; where one alone is, they differ.
    present = ~(np.isnan(mine) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        difference = np.where(present & (mine != theirs), np.abs(mine - theirs), 0.0).max(axis=1, initial=0.0)
    scale = np.fmax(np.abs(mine), np.abs(theirs))
    scale = np.where(present, scale, 0.0).max(axis=1, initial=smallest)
    scale = np.maximum.accumulate(scale) if over_time else scale
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(difference == 0, 0.0, difference / scale)
