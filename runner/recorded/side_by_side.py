"""Recorded runs side by side, as tables: who they are, where their configurations differ, and which is best in what."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from runner import metrics, values
from runner.findings import Cell, Table
from runner.metrics import number
from runner.recorded import differences
from runner.recorded.records import Record
from runner.results import SPLITS

BEST_MARK = "*"
# So many characters of a value are shown.
_LONGEST = 40


def letters(count: int) -> list[str]:
    """Returns short names for so many runs: A, B, C; beyond Z their numbers."""
    known = string.ascii_uppercase
    return list(known[:count]) if count <= len(known) else [str(each + 1) for each in range(count)]


def runs(records: Sequence[Record]) -> Table:
    """Returns who the runs are."""
    headings = ("", "run", "status", "backend", "began", "number")
    lines = [
        (
            letter,
            record.name,
            record.status.lower(),
            record.tags.get("backend", ""),
            f"{datetime.fromtimestamp(record.began):%Y-%m-%d %H:%M}",
            record.run_id or str(record.folder),
        )
        for letter, record in zip(letters(len(records)), records, strict=True)
    ]
    return Table("runs", headings, tuple(lines))


def facts(record: Record) -> Table:
    """Returns what there is to say of one run."""
    commit = record.tags.get("git_commit", "")
    if commit and record.tags.get("git_dirty") == "true":
        commit += " and changes"
    versions = {
        name.removeprefix("version."): value
        for name, value in record.tags.items()
        if name.startswith("version.")
    }
    known = {
        "status": record.status.lower(),
        "error": (record.error or "").partition("\n")[0],
        "task": record.tags.get("task", ""),
        "backend": record.tags.get("backend", ""),
        "versions": ", ".join(f"{name} {value}" for name, value in versions.items()),
        "began": f"{datetime.fromtimestamp(record.began):%Y-%m-%d %H:%M:%S}",
        "experiment": record.experiment,
        "sweep": record.sweep or "",
        "evaluated from": record.tags.get("evaluated_from", ""),
        "rerun of": record.tags.get("rerun_of", ""),
        "command": record.tags.get("command", ""),
        "commit": commit,
        "data": record.dataset,
        "kept epoch": str(record.kept_epoch or ""),
        "folder": str(record.folder or ""),
        "MLflow": record.run_id or "",
    }
    return Table(record.name, ("", " "), tuple((name, text) for name, text in known.items() if text))


def configurations(records: Sequence[Record]) -> Table:
    """Returns the keys in which the configurations differ."""
    found = differences.keys(records)
    lines = [(key, *map(_shown, row)) for key, row in found.items()]
    return Table("configuration", ("key", *letters(len(records))), tuple(lines))


def changes(record: Record, defaults: Mapping[str, Any]) -> Table:
    """Returns the keys in which a configuration differs from that of the first file.

    Args:
        record: the run.
        defaults: the configuration of today without an override.
    """
    found = differences.keys_of([record.config, defaults])
    lines = [(key, *map(_shown, row)) for key, row in found.items()]
    return Table("configuration", ("key", "the run's", "the default"), tuple(lines))


def metric_table(records: Sequence[Record]) -> Table:
    """Returns the metrics of the kept weights, the best of each marked where there are several runs."""
    found = dict.fromkeys(name for record in records for name in record.metrics)
    names = sorted(found, key=_place)
    lines = [(name, *_marked(name, [record.metrics.get(name) for record in records])) for name in names]
    headings = tuple(letters(len(records))) if len(records) > 1 else ("value",)
    return Table("metrics", ("metric", *headings), tuple(lines))


def _place(name: str) -> tuple[int, str]:
    """Returns where a metric stands: test rows first, then validation rows; in each the loss first."""
    split, _, metric = name.partition("/")
    order = list(reversed(SPLITS))
    return (order.index(split) if split in order else len(order), "" if metric == "loss" else metric)


def _marked(name: str, row: Sequence[float | None]) -> list[Cell]:
    known = [value for value in row if value is not None and math.isfinite(value)]
    best = None
    # What is the same for all has no best, and of the loss of other tasks nobody knows the direction.
    if len(known) > 1 and min(known) != max(known) and name.partition("/")[0] in SPLITS:
        best = max(known) if metrics.higher_is_better(name) else min(known)
    return [
        "" if value is None else f"{number(value)}{f' {BEST_MARK}' if value == best else ''}" for value in row
    ]


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else values.shown(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
