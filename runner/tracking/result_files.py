"""A result as two files: ``result.json`` has texts and numbers, ``result.npz`` arrays, without a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runner.results import (
    ActivationTrace,
    Boundary,
    EpochRecord,
    Mistakes,
    Predictions,
    Reconstructions,
    Result,
)

RESULT = "result.json"
ARRAYS = "result.npz"

_PREDICTIONS = "predictions/"
# What a result may hold for one figure or another; each is a record of arrays and texts.
_EXTRAS: Mapping[str, type[Any]] = {
    "boundary": Boundary,
    "mistakes": Mistakes,
    "reconstructions": Reconstructions,
    "activation": ActivationTrace,
}


def save_result(result: Result, folder: Path) -> None:
    """Writes a result as text and arrays that need no pickle."""
    parts = _parts(result)
    arrays: dict[str, Any] = {
        f"{part}/{name}": value
        for part, record in parts.items()
        for name, value in vars(record).items()
        if isinstance(value, np.ndarray)
    }
    content = {name: value for name, value in vars(result).items() if name not in {"predictions", *_EXTRAS}}
    content |= {
        "epochs": [_record_to_json(record) for record in result.epochs],
        "metrics": dict(result.metrics),
        "parts": {part: _without_arrays(record) for part, record in parts.items()},
    }
    np.savez(folder / ARRAYS, **arrays)
    (folder / RESULT).write_text(json.dumps(content), encoding="utf-8")


def load_result(folder: Path) -> Result:
    """Returns the result that :func:`save_result` wrote."""
    content = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    parts: dict[str, dict[str, Any]] = content.pop("parts")
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        for key in arrays.files:
            part, _, name = key.rpartition("/")
            parts[part][name] = arrays[key]
    predictions = {
        part.removeprefix(_PREDICTIONS): Predictions(**fields)
        for part, fields in parts.items()
        if part.startswith(_PREDICTIONS)
    }
    extras = {name: kind(**parts[name]) for name, kind in _EXTRAS.items() if name in parts}
    content["classes"] = tuple(content["classes"])
    content["epochs"] = tuple(EpochRecord(**record) for record in content["epochs"])
    return Result(**content, **extras, predictions=predictions)


def _parts(result: Result) -> dict[str, Any]:
    """Returns the records of a result that hold arrays, by name."""
    shown = {_PREDICTIONS + split: predictions for split, predictions in result.predictions.items()}
    extras = {name: getattr(result, name) for name in _EXTRAS}
    return shown | {name: record for name, record in extras.items() if record is not None}


def _without_arrays(record: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if not isinstance(value, np.ndarray)}


def _record_to_json(record: EpochRecord) -> dict[str, Any]:
    # JSON knows no other mapping than a plain one.
    fields = vars(record).items()
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in fields}
