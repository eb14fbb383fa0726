"""Data sets of the Hugging Face Hub, of its cache, or saved in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner import extras, folders
from runner.data import gathered
from runner.data.gathered import Gathered, Keys
from runner.data.records import Source
from runner.errors import ConfigurationError, Fault
from runner.quantities import PositiveCount
from runner.suggestions import listed, nearest

NAME, INPUTS, TARGET = "data.name", "data.inputs", "data.target"
_TARGETS = ("label", "labels", "target", "targets", "y")
_PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


def huggingface(
    *,
    name: str,
    subset: str | None,
    inputs: list[str] | None,
    target: str | None,
    task: Literal["binary", "multiclass", "regression"] | None,
    most_classes: PositiveCount,
    tokens: PositiveCount | None,
) -> Source:
    """A data set of the Hugging Face Hub, or a folder that ``save_to_disk`` wrote; no program of it is ever run.

    Args:
        name: of the data set, as owner/name, or the folder.
        subset: which of the data set's own variants; None for its only one.
        inputs: the features that are looked at: numbers, or one of pictures or of lists of one length; None finds them.
        target: the feature that is predicted; None finds label, target and the like.
        task: what is predicted; None to tell it from the target.
        most_classes: how many different whole numbers are classes at most.
        tokens: how many different whole numbers, from 0, the inputs hold; None where they are numbers to reckon with.

    Raises:
        ConfigurationError: it cannot be had, or not be learnt.
    """
    missing = extras.missing("datasets", NAME, name)
    if missing:
        # The extra has the name of the hub, and the package another.
        remedy = f"Type: pip install {folders.installable('huggingface')}"
        raise ConfigurationError([replace(fault, remedy=remedy) for fault in missing])
    folder = Path(name).expanduser()
    stamp = (
        max((each.stat().st_mtime_ns for each in folder.rglob("*.json")), default=0) if folder.is_dir() else 0
    )
    chosen = None if inputs is None else tuple(inputs)
    return _source(name, stamp, subset, chosen, target, task, most_classes, tokens)


@lru_cache(maxsize=4)
def _source(
    name: str,
    stamp: int,
    subset: str | None,
    inputs: tuple[str, ...] | None,
    target: str | None,
    task: Literal["binary", "multiclass", "regression"] | None,
    most_classes: int,
    tokens: int | None,
) -> Source:
    """Returns the data set in the state that the stamp tells; a run asks for it several times."""
    splits = _splits(_loaded(name, subset))
    first = splits["train"]
    target = _target(first.features, target)
    names = _inputs(first.features, inputs, target)
    notes = [f"{NAME}: its splits are {listed(f'{part} ({len(rows):,})' for part, rows in splits.items())}."]
    arrays = {part: (_array(rows, names), _column(rows, target)) for part, rows in splits.items()}
    classes = tuple(getattr(first.features[target], "names", ()) or ())
    for part in [
        part for part, (_, labels) in arrays.items() if classes and part != "train" and (labels < 0).all()
    ]:
        notes.append(f"{NAME}: the labels of {part} are kept secret (-1), so that part is left out.")
        del arrays[part]
    shapes = {part: rows.shape[1:] for part, (rows, _) in arrays.items()}
    if len(set(shapes.values())) > 1:
        rule = "must have inputs of one shape in all splits"
        raise ConfigurationError(
            [Fault(INPUTS, rule, listed(f"{part} {shape}" for part, shape in shapes.items()))]
        )
    sizes = {part: len(rows) for part, (rows, _) in arrays.items()}
    found = Gathered(
        np.concatenate([rows for rows, _ in arrays.values()]),
        np.concatenate([labels for _, labels in arrays.values()]),
        None,
        sizes.get("validation", 0),
        sizes.get("test", 0),
    )
    source = gathered.source(
        "huggingface",
        found,
        keys=Keys(INPUTS, TARGET, TARGET),
        task=task,
        most_classes=max(most_classes, len(classes)),
        tokens=tokens,
        in_memory_bytes=np.inf,
        notes=tuple(notes),
    )
    if source.classes and classes:
        source = replace(source, classes=tuple(classes[int(number)] for number in source.classes))
    return source


def _loaded(name: str, subset: str | None) -> Any:
    import datasets

    datasets.disable_progress_bars()
    folder = Path(name).expanduser()
    try:
        if folder.is_dir() and any(folder.glob("*.json")):
            return datasets.load_from_disk(str(folder))
        return datasets.load_dataset(name, subset)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].strip().rstrip(".")
        rule = f"could not be loaded: {type(error).__name__}: {reason}"
        remedy = (
            "Without a network it must be in the cache (HF_HOME names it), or be a folder that save_to_disk wrote:"
            f" {NAME}=FOLDER."
        )
        raise ConfigurationError([Fault(NAME, rule, name, remedy=remedy)]) from error


def _splits(loaded: Any) -> dict[str, Any]:
    """Returns the rows of each part, in the order of the parts."""
    if not isinstance(loaded, Mapping):
        return {"train": loaded}
    known = {str(split).lower(): rows for split, rows in loaded.items()}
    found = {
        part: next((known[word] for word in words if word in known), None) for part, words in _PARTS.items()
    }
    if found["train"] is None and len(known) == 1:
        return {"train": next(iter(known.values()))}
    if found["train"] is None:
        rule = "must have a split called train"
        raise ConfigurationError([Fault(NAME, rule, listed(known))])
    return {part: rows for part, rows in found.items() if rows is not None}


def _target(features: Mapping[str, Any], name: str | None) -> str:
    likely = [each for each in features if each.lower() in _TARGETS]
    if name is None and len(likely) == 1:
        return likely[0]
    if name is None or name not in features:
        rule = "must name a feature" if name is None else "is no feature of the data set"
        suggestion = None if name is None else nearest(name, features)
        raise ConfigurationError(
            [Fault(TARGET, rule, name or "null", suggestion, f"Features: {listed(features)}.")]
        )
    return name


def _inputs(features: Mapping[str, Any], names: tuple[str, ...] | None, target: str) -> tuple[str, ...]:
    kinds = {name: _kind(feature) for name, feature in features.items() if name != target}
    if names is None:
        rich = [name for name, kind in kinds.items() if kind in ("picture", "list")]
        names = tuple(rich or (name for name, kind in kinds.items() if kind == "number"))
    faults = [
        Fault(
            INPUTS, "is no feature of the data set", name, nearest(name, kinds), f"Features: {listed(kinds)}."
        )
        for name in names
        if name not in kinds
    ]
    others = [name for name in names if kinds.get(name) == "other"]
    if others or not names:
        rule = "must be numbers, pictures, or lists of numbers of one length"
        remedy = "Words become whole numbers by a tokenizer; then save_to_disk, and write data.tokens and data.inputs."
        received = listed(f"{name} ({_called(features[name])})" for name in others or kinds)
        faults.append(Fault(INPUTS, rule, received, remedy=remedy))
    if len(names) > 1 and any(kinds.get(name) != "number" for name in names):
        rule = "must be one feature where it is of pictures or lists"
        faults.append(Fault(INPUTS, rule, listed(names), remedy=f"Write {INPUTS}=[{names[0]}]."))
    if faults:
        raise ConfigurationError(faults)
    return names


def _called(feature: Any) -> str:
    return str(getattr(feature, "dtype", type(feature).__name__))


def _kind(feature: Any) -> Literal["number", "picture", "list", "other"]:
    if type(feature).__name__ == "Image":
        return "picture"
    inner = feature
    while hasattr(inner, "feature"):
        inner = inner.feature
    dtype = str(getattr(inner, "dtype", ""))
    if not dtype.startswith(("int", "uint", "float", "bool")):
        return "other"
    is_plain = inner is feature and type(feature).__name__ in ("Value", "ClassLabel")
    return "number" if is_plain else "list"


def _array(rows: Any, names: tuple[str, ...]) -> NDArray[Any]:
    if len(names) == 1 and _kind(rows.features[names[0]]) == "picture":
        return _pictures(rows, names[0])
    if len(names) == 1 and _kind(rows.features[names[0]]) == "list":
        lists = [np.asarray(each) for each in _arrow(rows, names[0]).to_pylist()]
        shapes = {each.shape for each in lists}
        if len(shapes) > 1:
            rule = f"{names[0]} must have lists of one length"
            received = f"{min(shapes)} and {max(shapes)}"
            remedy = "Pad or cut them to one length, then save_to_disk."
            raise ConfigurationError([Fault(INPUTS, rule, received, remedy=remedy)])
        return np.stack(lists)
    return np.stack([_column(rows, name) for name in names], axis=1)


def _column(rows: Any, name: str) -> NDArray[Any]:
    """Returns a feature of every row in its own precision, which the library's NumPy format would make float32."""
    values: NDArray[Any] = _arrow(rows, name).to_numpy()
    return values.astype(str) if values.dtype.kind == "O" and isinstance(values[0], str) else values


def _arrow(rows: Any, name: str) -> Any:
    return rows.with_format("arrow")[:].column(name)


def _pictures(rows: Any, name: str) -> NDArray[np.uint8]:
    """Returns pictures as bytes, (rows, height, width, channels): grey where all are."""
    decoded = [row[name] for row in rows.select_columns([name])]
    mode = "L" if all(each.mode in ("1", "L") for each in decoded) else "RGB"
    found = [np.asarray(each.convert(mode), np.uint8) for each in decoded]
    shapes = {each.shape[:2] for each in found}
    if len(shapes) > 1:
        rule = f"{name} must have pictures of one size"
        received = f"{len(shapes)} sizes, as {min(shapes)} and {max(shapes)}"
        remedy = "Save them as files and take data=images, which brings them to one size."
        raise ConfigurationError([Fault(INPUTS, rule, received, remedy=remedy)])
    return np.stack(found).reshape(len(found), *next(iter(shapes)), -1)
