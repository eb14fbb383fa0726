"""Findings as two files: ``findings.json`` has texts, tables and numbers, ``findings.npz`` arrays, without a pickle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runner.findings import Comparison, Curve, Findings, Landscape, Table, VectorCurve

FINDINGS = "findings.json"
ARRAYS = "findings.npz"

# The fields of findings that hold records of arrays: one, or one for each name.
_ONE: Mapping[str, type[Any]] = {"landscape": Landscape, "comparison": Comparison}
_MANY: Mapping[str, type[Any]] = {"curves": Curve, "vectors": VectorCurve}
_OUTPUTS = "outputs"


def save_findings(findings: Findings, folder: Path) -> None:
    """Writes findings as text and arrays that need no pickle."""
    # The names of functions and layers stand in the text, because a file in an archive may not have every name.
    arrays: dict[str, Any] = {
        f"{_OUTPUTS}/{number}": values for number, values in enumerate(findings.outputs.values())
    }
    names: dict[str, list[str]] = {}
    for field in _ONE:
        record = getattr(findings, field)
        if record is not None:
            arrays |= _arrays(field, record)
            names[field] = list(record.names)
    for field in _MANY:
        records = getattr(findings, field)
        names[field] = list(records)
        for number, record in enumerate(records.values()):
            arrays |= _arrays(f"{field}/{number}", record)
    content = {
        "task": findings.task,
        "tables": [dataclasses.asdict(table) for table in findings.tables],
        "metrics": dict(findings.metrics),
        "sentences": findings.sentences,
        "failure": findings.failure,
    }
    np.savez(folder / ARRAYS, **arrays)
    names[_OUTPUTS] = list(findings.outputs)
    (folder / FINDINGS).write_text(json.dumps({"findings": content, "names": names}), encoding="utf-8")


def load_findings(folder: Path) -> Findings:
    """Returns the findings that :func:`save_findings` wrote."""
    read = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
    content, names = read["findings"], read["names"]
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    one: dict[str, Any] = {
        field: kind(names=tuple(names[field]), **_fields(kind, field, arrays))
        for field, kind in _ONE.items()
        if field in names
    }
    many: dict[str, Any] = {
        field: {
            name: kind(**_fields(kind, f"{field}/{number}", arrays))
            for number, name in enumerate(names[field])
        }
        for field, kind in _MANY.items()
    }
    return Findings(
        task=content["task"],
        tables=tuple(_table(each) for each in content["tables"]),
        metrics=content["metrics"],
        sentences=tuple(content["sentences"]),
        failure=content["failure"],
        outputs={name: arrays[f"{_OUTPUTS}/{number}"] for number, name in enumerate(names[_OUTPUTS])},
        **one,
        **many,
    )


def _arrays(prefix: str, record: Any) -> dict[str, Any]:
    return {f"{prefix}/{name}": value for name, value in vars(record).items() if name != "names"}


def _fields(kind: type[Any], prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    words = (each.name for each in dataclasses.fields(kind) if each.name != "names")
    return {word: arrays[f"{prefix}/{word}"] for word in words}


def _table(content: Mapping[str, Any]) -> Table:
    lines = tuple(
        tuple(tuple(cell) if isinstance(cell, list) else cell for cell in line) for line in content["lines"]
    )
    return Table(content["name"], tuple(content["headings"]), lines, content["shown"])
