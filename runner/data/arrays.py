"""Arrays of a person's own: ``.npy``, ``.npz`` and ``.safetensors``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data import array_files, gathered, paths
from runner.data.array_files import ONLY
from runner.data.gathered import Gathered, Keys
from runner.data.records import Source
from runner.errors import ConfigurationError, Fault
from runner.quantities import NotNegative, PositiveCount
from runner.suggestions import listed, nearest

Channels = Literal["last", "first", "none"]
Named = Mapping[str, NDArray[Any]]

PATH, TARGETS_PATH, INPUTS, TARGETS, WEIGHTS = (
    f"data.{key}" for key in ("path", "targets_path", "inputs", "targets", "weights")
)
# What arrays are called, without regard to capitals.
_INPUT_NAMES = ("inputs", "input", "x", "features", "data", "images", "sequences")
_TARGET_NAMES = ("targets", "target", "y", "labels", "label", "outputs")
_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}


def arrays(
    *,
    path: str | None,
    targets_path: str | None,
    inputs: str | None,
    targets: str | None,
    weights: str | None,
    channels: Literal["last", "first", "none"],
    task: Literal["binary", "multiclass", "regression"] | None,
    most_classes: PositiveCount,
    tokens: PositiveCount | None,
    in_memory_bytes: NotNegative,
) -> Source:
    """Arrays of your own, with a row for each example: vectors, sequences, images.

    Args:
        path: the file of the inputs, and of the targets where it holds several arrays.
        targets_path: a second file with the targets, or None.
        inputs: the name of the inputs; None to find it: inputs, x, features and the like.
        targets: the name of the targets; None to find it: targets, y, labels and the like.
        weights: the name of what each row counts; None for 1.
        channels: where an image's channels stand; none adds one at the end.
        task: what is predicted; None to tell it from the targets.
        most_classes: how many different whole numbers are classes at most.
        tokens: how many different whole numbers, from 0, the inputs hold; None where they are numbers to reckon with.
        in_memory_bytes: larger inputs stay on the disk and are read as they are needed.

    Raises:
        ConfigurationError: a file is not there, or its arrays cannot be learnt.
    """
    what = f"a file of arrays: {listed(array_files.ENDINGS)}"
    first = paths.existing(path, PATH, what)
    second = None if targets_path is None else paths.existing(targets_path, TARGETS_PATH, what)
    stamps = tuple(_stamp(each) for each in (first, second) if each is not None)
    return _source(
        first,
        second,
        stamps,
        (inputs, targets, weights),
        channels,
        task,
        most_classes,
        tokens,
        in_memory_bytes,
    )


@lru_cache(maxsize=4)
def _source(
    path: Path,
    targets_path: Path | None,
    stamps: tuple[tuple[int, int], ...],
    names: tuple[str | None, str | None, str | None],
    channels: Channels,
    task: Literal["binary", "multiclass", "regression"] | None,
    most_classes: int,
    tokens: int | None,
    in_memory_bytes: float,
) -> Source:
    """Returns the data set of files in the state that the stamps tell; a run asks for it several times."""
    known = dict(array_files.arrays(path, PATH))
    if targets_path is None and (ONLY in known or len(known) < 2):
        rule = f"{path.name} must hold inputs and targets, and has one array"
        remedy = f"Name that of the targets by {TARGETS_PATH}=FILE, or save both: np.savez(path, inputs=..., targets=...)."
        raise ConfigurationError([Fault(PATH, rule, remedy=remedy)])
    found, notes = _in_parts(known) if not any(names) and targets_path is None else (None, ())
    if found is None:
        found = _chosen(
            known, None if targets_path is None else array_files.arrays(targets_path, TARGETS_PATH), names
        )
    return gathered.source(
        "arrays",
        Gathered(
            _placed(found.inputs, channels),
            found.targets,
            found.weights,
            found.validation_rows,
            found.test_rows,
        ),
        keys=Keys(INPUTS, TARGETS, WEIGHTS),
        task=task,
        most_classes=most_classes,
        tokens=tokens,
        in_memory_bytes=in_memory_bytes,
        notes=notes,
    )


def _chosen(known: Named, others: Named | None, names: tuple[str | None, str | None, str | None]) -> Gathered:
    """Returns the arrays of these names, or of those that they usually have."""
    faults: list[Fault] = []
    there = known if others is None else others
    inputs = _one(known, names[0], _INPUT_NAMES, INPUTS, faults)
    targets = _one(there, names[1], _TARGET_NAMES, TARGETS, faults)
    weights = _one({**known, **there}, names[2], (), WEIGHTS, faults) if names[2] is not None else None
    if faults:
        raise ConfigurationError(faults)
    assert inputs is not None
    assert targets is not None
    return Gathered(known[inputs], there[targets], None if weights is None else {**known, **there}[weights])


def _one(known: Named, name: str | None, usual: Collection[str], key: str, faults: list[Fault]) -> str | None:
    """Returns the name of an array; where it cannot be told, says so among the faults."""
    if name is not None:
        if name not in known:
            faults.append(
                Fault(
                    key,
                    "there is no array of that name",
                    name,
                    nearest(name, known),
                    f"Arrays: {_told(known)}.",
                )
            )
        return name
    likely = [each for each in known if each.lower() in usual] or (list(known) if len(known) == 1 else [])
    if len(likely) != 1:
        rule = "must name one of the arrays, because " + (
            f"{listed(likely)} could all be meant" if likely else f"none is called {listed(usual)}"
        )
        faults.append(Fault(key, rule, remedy=f"Arrays: {_told(known)}."))
        return None
    return likely[0]


def _told(known: Named) -> str:
    return listed(f"{name or 'the only one'} {array.shape}" for name, array in known.items())


def _in_parts(known: Named) -> tuple[Gathered | None, tuple[str, ...]]:
    """Returns arrays that are called by the parts, ``x_train`` or ``test_labels``, one part behind the other."""
    named = {_part_and_role(name): name for name in known}
    if ("train", "inputs") not in named or ("train", "targets") not in named:
        return None, ()
    parts = [part for part in _PARTS if {(part, "inputs"), (part, "targets")} <= named.keys()]
    inputs, targets = ([known[named[part, role]] for part in parts] for role in ("inputs", "targets"))
    for part, of_part, own in zip(parts, inputs, targets, strict=True):
        if of_part.shape[1:] != inputs[0].shape[1:] or of_part.shape[:1] != own.shape[:1]:
            rule = f"{named[part, 'inputs']} and {named[part, 'targets']} must have as many rows as each other, of the shape"
            rule += f" of {named['train', 'inputs']}"
            raise ConfigurationError([Fault(PATH, rule, f"{of_part.shape} and {own.shape}")])
    sizes = {part: len(array) for part, array in zip(parts, inputs, strict=True)}
    found = Gathered(
        np.concatenate(inputs),
        np.concatenate(targets),
        None,
        sizes.get("validation", 0),
        sizes.get("test", 0),
    )
    told = listed(f"{named[part, 'inputs']} ({sizes[part]:,})" for part in parts)
    return found, (f"{PATH}: its arrays are the parts: {told}.",)


def _part_and_role(name: str) -> tuple[str, str]:
    words = name.lower().split("_")
    part = next((part for part, called in _PARTS.items() if set(called) & set(words)), "")
    rest = "_".join(word for word in words if word not in _PARTS.get(part, ()))
    role = "inputs" if rest in _INPUT_NAMES else "targets" if rest in _TARGET_NAMES else ""
    # What is neither stays apart under its own name.
    return (part, role) if part and role else ("", name)


def _placed(inputs: NDArray[Any], channels: Channels) -> NDArray[Any]:
    """Returns inputs with their channels last."""
    if channels == "first" and inputs.ndim > 2:
        return np.moveaxis(inputs, 1, -1)
    return inputs[..., None] if channels == "none" else inputs


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns
