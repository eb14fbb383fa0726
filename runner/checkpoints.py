"""Checkpoints: everything that a training needs to go on as if it had never stopped, each a file of its own.

A run keeps them in ``checkpoints/`` of its folder, ``step-00000430.safetensors`` after 430 batches; nothing else lies there
but, for a moment, the ``.part`` of the next one. A file is there as a whole or not at all, and says by a digest whether it
still is what was written. A random state is in it only where a framework draws by itself, with native semantics or in a
network of a user's own: whatever else is random follows from (seed, purpose, epoch or step).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner import training_state, weights
from runner.results import EpochRecord, Weights
from runner.training_state import TrainingState

FOLDER = "checkpoints"

_FORMAT = "runner.checkpoint.1"
_PART = ".part"
_NAME = re.compile(r"step-(\d{8,})\.safetensors")
_KEPT, _FINITE, _LOSSES, _RECORDS = "kept/", "finite/", "losses", "records/"
_SHA256 = "sha256"


class Damaged(Exception):
    """A checkpoint is not what was written; the message says how, as a clause."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A training after any of its steps.

    Args:
        state: where it stands, in names and a layout that no framework owns.
        losses: of the steps of the epoch under way, (steps,).
        records: of the epochs that have ended.
        first_epoch: epochs that an earlier training had behind it, from which this one went on.
        kept_epoch: the epoch whose weights are kept so far; 0 for none.
        kept_weights: those weights.
        finite_epoch: the last epoch at whose end all weights were finite.
        finite_weights: those weights.
        data: a SHA-256 of the rows that are learnt from, in hexadecimal.
    """

    state: TrainingState
    losses: NDArray[np.float64]
    records: tuple[EpochRecord, ...]
    first_epoch: int
    kept_epoch: int
    kept_weights: Weights
    finite_epoch: int
    finite_weights: Weights
    data: str

    @property
    def step(self) -> int:
        """Batches so far."""
        return self.state.step


@dataclass(frozen=True)
class Found:
    """The newest whole checkpoint of a folder, if there is one, and a sentence on each newer one that is damaged."""

    path: Path | None
    checkpoint: Checkpoint | None
    damaged: tuple[str, ...] = field(default=())


def save(checkpoint: Checkpoint, folder: Path, *, keep: int) -> Path:
    """Writes a checkpoint, and then removes all but the newest ones.

    Args:
        checkpoint: what to write.
        folder: where checkpoints lie; made where it is missing.
        keep: how many stay, at least 1.

    Raises:
        OSError: it could not be written; the older ones are as they were.
    """
    from safetensors.numpy import save as packed

    arrays, texts = _arrays(checkpoint), _texts(checkpoint)
    content = packed(arrays, metadata={**texts, _SHA256: _digest(arrays, texts)})
    path = folder / f"step-{checkpoint.step:08d}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    _write_whole(path, content)
    prune(folder, keep=keep)
    return path


def prune(folder: Path, *, keep: int) -> None:
    """Removes all checkpoints of a folder but the newest ones, and what a process left that died while writing."""
    for path in [*paths(folder)[keep:], *folder.glob(f"*{_PART}")]:
        path.unlink(missing_ok=True)


def paths(folder: Path) -> list[Path]:
    """Returns the checkpoints in a folder, the newest first."""
    numbered = ((path, _NAME.fullmatch(path.name)) for path in folder.glob("step-*.safetensors"))
    found = [(int(name[1]), path) for path, name in numbered if name]
    return [path for _, path in sorted(found, reverse=True)]


def newest(folder: Path) -> Found:
    """Returns the newest checkpoint of a folder that is what was written."""
    damaged: list[str] = []
    for path in paths(folder):
        try:
            return Found(path, read(path), tuple(damaged))
        except Damaged as error:
            damaged.append(f"{path} is damaged: {error}")
    return Found(None, None, tuple(damaged))


def read(path: Path) -> Checkpoint:
    """Returns the checkpoint in a file.

    Raises:
        Damaged: it is not what :func:`save` wrote.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            texts: dict[str, str] = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # No mapping.
    except (SafetensorError, OSError, ValueError) as error:
        raise Damaged(str(error)) from error
    if texts.get("format") != _FORMAT:
        raise Damaged(f"its format is {texts.get('format')}, not {_FORMAT}")
    said = texts.pop(_SHA256, None)
    if said != _digest(arrays, texts):
        raise Damaged("its content is not that of its digest")
    return _checkpoint(arrays, texts)


def header(path: Path) -> training_state.Header:
    """Returns what a checkpoint says of itself; its arrays are not read."""
    return training_state.header(path)


def _arrays(checkpoint: Checkpoint) -> dict[str, NDArray[Any]]:
    groups = {"": training_state.arrays(checkpoint.state), _KEPT: checkpoint.kept_weights}
    if not _shares_weights(checkpoint.kept_epoch, checkpoint.finite_epoch):
        groups[_FINITE] = checkpoint.finite_weights
    found = {
        prefix + name: _narrow(array) for prefix, group in groups.items() for name, array in group.items()
    }
    own = training_state.own_arrays(checkpoint.state)
    return found | own | {_LOSSES: checkpoint.losses} | _columns(checkpoint.records)


def _texts(checkpoint: Checkpoint) -> dict[str, str]:
    return {
        **training_state.texts(checkpoint.state),
        **training_state.own_texts(checkpoint.state),
        "format": _FORMAT,
        "names": json.dumps(_names(checkpoint.records)),
        "first_epoch": str(checkpoint.first_epoch),
        "kept_epoch": str(checkpoint.kept_epoch),
        "finite_epoch": str(checkpoint.finite_epoch),
        "data": checkpoint.data,
    }


def _checkpoint(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, str]) -> Checkpoint:
    kept_epoch, finite_epoch = int(texts["kept_epoch"]), int(texts["finite_epoch"])
    kept = training_state.below(arrays, _KEPT)
    return Checkpoint(
        state=training_state.of(arrays, texts),
        losses=np.asarray(arrays[_LOSSES], np.float64),
        records=_records(training_state.below(arrays, _RECORDS), json.loads(texts["names"])),
        first_epoch=int(texts["first_epoch"]),
        kept_epoch=kept_epoch,
        kept_weights=kept,
        finite_epoch=finite_epoch,
        finite_weights=kept
        if _shares_weights(kept_epoch, finite_epoch)
        else training_state.below(arrays, _FINITE),
        data=texts["data"],
    )


def _shares_weights(kept_epoch: int, finite_epoch: int) -> bool:
    """Returns whether the weights that are kept are the last finite ones too."""
    return kept_epoch == finite_epoch and kept_epoch > 0


def _names(records: tuple[EpochRecord, ...]) -> dict[str, list[str]]:
    """Returns the names of what every epoch has."""
    if not records:
        return {"metrics": [], "gradient_norms": [], "weight_norms": []}
    first = records[0]
    return {kind: list(getattr(first, kind)) for kind in ("metrics", "gradient_norms", "weight_norms")}


def _columns(records: tuple[EpochRecord, ...]) -> dict[str, NDArray[np.float64]]:
    """Returns the records as a few arrays, since a long training has very many numbers of them."""
    found = {
        f"{_RECORDS}{kind}": np.array(
            [[getattr(record, kind)[name] for name in names] for record in records], np.float64
        ).reshape(len(records), len(names))
        for kind, names in _names(records).items()
    }
    found[f"{_RECORDS}seconds"] = np.array([record.seconds for record in records], np.float64)
    found[f"{_RECORDS}places"] = np.array(
        [[record.epoch, record.step] for record in records], np.float64
    ).reshape(len(records), 2)
    return found


def _records(columns: Weights, names: Mapping[str, list[str]]) -> tuple[EpochRecord, ...]:
    def row(kind: str, number: int) -> dict[str, float]:
        return dict(zip(names[kind], columns[kind][number].tolist(), strict=True))

    return tuple(
        EpochRecord(
            int(columns["places"][number, 0]),
            int(columns["places"][number, 1]),
            row("metrics", number),
            float(columns["seconds"][number]),
            row("gradient_norms", number),
            row("weight_norms", number),
        )
        for number in range(len(columns["seconds"]))
    )


def _narrow(array: NDArray[np.float64]) -> NDArray[Any]:
    """Returns an array as float32 where that holds every number of it exactly."""
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return np.ascontiguousarray(narrow if np.array_equal(narrow, array, equal_nan=True) else array)


def _digest(arrays: Mapping[str, NDArray[Any]], texts: Mapping[str, str]) -> str:
    total = hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(array.data)
    return total.hexdigest()


def _write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there as a whole or not at all, even where the machine stops at any moment."""
    part = path.with_name(path.name + _PART)
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Waits until the disk has the names in a folder."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def are_finite(checkpoint: Checkpoint) -> bool:
    """Returns whether a training can go on from it at all."""
    return weights.are_finite(checkpoint.state.weights)
