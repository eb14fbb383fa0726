"""Where a training stands: weights, the optimizer's arrays and the counts, in names and a layout that no framework owns.

It is a file of its own after the last epoch (``state.safetensors``), and the larger part of every checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import weights as weight_files
from runner.experiment import Experiment
from runner.results import Weights

STATE = "state.safetensors"

_FORMAT = "runner.training_state.1"
_WEIGHTS, _SLOTS, _AVERAGES, _SUMS = "weights/", "slots/", "averages/", "sums/"
_OWN, _OWN_BACKEND, _OWN_VERSIONS = "own/", "own_backend", "own_versions"
# What each of our optimizers remembers of every trained array, whatever its arguments are.
_REMEMBERED = {
    "sgd": (),
    "adam": ("mean", "square"),
    "adamw": ("mean", "square"),
    "amsgrad": ("mean", "square", "largest"),
    "nadam": ("mean", "square"),
    "adamax": ("mean", "largest"),
    "rmsprop": ("square",),
    "adagrad": ("sum",),
    "adadelta": ("square", "squared_step"),
    "lion": ("momentum",),
}


@dataclass(frozen=True)
class OwnState:
    """What one framework alone understands of a training, under its own names: what canonical names do not tell of it.

    Args:
        backend: whose it is: ``torch``.
        versions: of that framework's packages, by their names.
        arrays: in the types that they have there.
    """

    backend: str
    versions: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]

    def below(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Returns the arrays whose names begin with a prefix, by the rest of their names."""
        return {
            name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)
        }


@dataclass(frozen=True, kw_only=True)
class TrainingState:
    """A training after any of its steps.

    Args:
        epoch: epochs that have ended.
        step: batches so far.
        updates: updates of the weights so far.
        optimizer: the name of the optimizer: ``adam``.
        weights: every array by canonical name; of averaged weights those that are trained, not their average.
        slots: the optimizer's arrays by ``{slot}/{array}``, as the equations in its docstring have them.
        averages: the averaged weights of every trained array; empty where none are averaged.
        sums: of gradients by trained array, of the batches since the last update; empty where an update has just been made.
        monitor: the metric that decides which epoch is the best.
        history: that metric at the end of each epoch so far, turned so that lower is better.
        own: what the framework alone understands, where canonical names do not tell all; only a checkpoint has it.
    """

    epoch: int
    step: int
    updates: int
    optimizer: str
    weights: Weights
    slots: Weights
    averages: Weights
    sums: Weights = field(default_factory=dict)
    monitor: str = ""
    history: tuple[float, ...] = ()
    own: OwnState | None = None


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of itself: the shape of each array by its name, and its texts."""

    shapes: Mapping[str, tuple[int, ...]]
    texts: Mapping[str, str]

    @property
    def is_state(self) -> bool:
        return self.texts.get("format") == _FORMAT

    @property
    def weights(self) -> dict[str, tuple[int, ...]]:
        """The shapes of a state's weights by canonical name, or of all arrays of a file that is no state."""
        return self._below(_WEIGHTS) if self.is_state else dict(self.shapes)

    @property
    def slots(self) -> dict[str, tuple[int, ...]]:
        """The shapes of a state's optimizer by ``{slot}/{array}``."""
        return self._below(_SLOTS)

    def _below(self, prefix: str) -> dict[str, tuple[int, ...]]:
        return {
            name.removeprefix(prefix): shape for name, shape in self.shapes.items() if name.startswith(prefix)
        }


def slot_names(experiment: Experiment) -> tuple[str, ...] | None:
    """Returns what the optimizer remembers of every trained array, or None where it is not one of ours.

    What a framework's own one remembers has names that the framework alone knows.
    """
    optimizer = experiment.optimizer
    if not can_be_kept(experiment) or experiment.backend.semantics == "native":
        return None
    chosen = {"momentum": "momentum", "centered": "mean"}
    more = [slot for argument, slot in chosen.items() if optimizer.arguments.get(argument)]
    return (*_REMEMBERED[optimizer.name], *more)


def can_be_kept(experiment: Experiment) -> bool:
    """Returns whether a training can be written down on its way: its optimizer is one of ours or the framework's own."""
    optimizer = experiment.optimizer
    return optimizer.is_of_backend and optimizer.name in _REMEMBERED


def by_slot(state: TrainingState) -> dict[str, Weights]:
    """Returns the optimizer's arrays of a state by slot, and of each slot by canonical name."""
    found: dict[str, Weights] = {}
    for place, array in state.slots.items():
        slot, _, name = place.partition("/")
        found.setdefault(slot, {})[name] = array
    return found


def save(state: TrainingState, path: Path, *, precision: int | str) -> None:
    """Writes a state as one safetensors file, in the precision in which it was trained.

    Args:
        state: what to write.
        path: the file; it is replaced as a whole, so that a reader never meets half of it.
        precision: 64, or 32 and bf16-mixed, whose arrays are float32.
    """
    weight_files.save(arrays(state), path, precision=precision, texts={**texts(state), "format": _FORMAT})


def read(path: Path) -> TrainingState:
    """Returns the state in a file that :func:`save` wrote, as float64."""
    with _opened(path) as file:
        return of({name: file.get_tensor(name) for name in file.keys()}, file.metadata())  # noqa: SIM118  # No mapping.


def arrays(state: TrainingState) -> dict[str, NDArray[np.float64]]:
    """Returns every array of a state by its name in a file."""
    groups = {_WEIGHTS: state.weights, _SLOTS: state.slots, _AVERAGES: state.averages, _SUMS: state.sums}
    return {prefix + name: array for prefix, group in groups.items() for name, array in group.items()}


def texts(state: TrainingState) -> dict[str, str]:
    """Returns what a file says of a state besides its arrays."""
    return {
        "epoch": str(state.epoch),
        "step": str(state.step),
        "updates": str(state.updates),
        "optimizer": state.optimizer,
        "monitor": state.monitor,
        "history": json.dumps(state.history),
    }


def own_arrays(state: TrainingState) -> dict[str, NDArray[Any]]:
    """Returns the arrays that the framework alone understands by their names in a file."""
    return {_OWN + name: array for name, array in state.own.arrays.items()} if state.own else {}


def own_texts(state: TrainingState) -> dict[str, str]:
    """Returns whose they are, if there are any."""
    if state.own is None:
        return {}
    return {_OWN_BACKEND: state.own.backend, _OWN_VERSIONS: json.dumps(dict(state.own.versions))}


def _own(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, str]) -> OwnState | None:
    if _OWN_BACKEND not in texts:
        return None
    found = OwnState(texts[_OWN_BACKEND], json.loads(texts[_OWN_VERSIONS]), arrays)
    return replace(found, arrays=found.below(_OWN))


def of(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, str]) -> TrainingState:
    """Returns the state that a file says by its arrays and texts; other arrays are left alone."""
    return TrainingState(
        epoch=int(texts["epoch"]),
        step=int(texts["step"]),
        updates=int(texts["updates"]),
        optimizer=texts["optimizer"],
        weights=below(arrays, _WEIGHTS),
        slots=below(arrays, _SLOTS),
        averages=below(arrays, _AVERAGES),
        sums=below(arrays, _SUMS),
        monitor=texts["monitor"],
        history=tuple(json.loads(texts["history"])),
        own=_own(arrays, texts),
    )


def below(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Weights:
    """Returns the arrays whose names begin with a prefix, by the rest of their names, as float64."""
    return {
        name.removeprefix(prefix): np.asarray(array, np.float64)
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def header(path: Path) -> Header:
    """Returns what a safetensors file says of itself; its arrays are not read.

    Raises:
        ValueError: it is no safetensors file.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError

    try:
        with _opened(path) as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  # No mapping.
            return Header(shapes, file.metadata() or {})
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _opened(path: Path) -> Any:
    from safetensors import safe_open

    return safe_open(path, framework="numpy")
