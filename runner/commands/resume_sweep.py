"""The verb resume, of a sweep: what is missing of it is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from runner.commands import train
from runner.errors import Fault, UsageError
from runner.suggestions import listed, nearest
from runner.sweep import record
from runner.tracking import journal
from runner.tracking.gather import gather
from runner.tracking.store import address, database

_SWEEPS = Path("outputs") / "sweeps"
# Of a sweep that was given no name: when it began.
_NAME = re.compile(r"\d{4}-\d\d-\d\d_")


def is_meant(text: str) -> bool:
    """Returns whether a word names a sweep: one of this folder, or one that MLflow alone may know by its name."""
    folder = _folder(text)
    if folder is not None:
        return record.load(folder) is not None or not (folder / journal.JOURNAL).exists()
    return _NAME.match(text) is not None


def run(text: str, rest: Sequence[str]) -> int:
    """Goes on with a sweep, by its name or its folder; further words are overrides such as ``sweep.workers=2``."""
    folder = _folder(text)
    known = record.load(folder) if folder else None
    if folder is None or known is None:
        folder, before = _from_mlflow(text, rest)
    else:
        before = known.words
    quoted = str(folder.resolve()).replace("'", "\\'")
    return train.run([*before, *rest, "sweep.resume=true", f"hydra.sweep.dir='{quoted}'"])


def _folder(text: str) -> Path | None:
    """Returns the folder of a sweep or a run that a text names, or None."""
    if Path(text).is_dir():
        return Path(text)
    return next((folder for folder, each in record.known(_SWEEPS) if each.name == text), None)


def _from_mlflow(text: str, overrides: Sequence[str]) -> tuple[Path, tuple[str, ...]]:
    """Returns the folder for a sweep whose own is gone, and what was typed, both as MLflow remembers it."""
    chosen = dict(word.split("=", 1) for word in overrides if "=" in word)
    uri = address(chosen.get("tracking.uri"), Path.cwd())
    path = database(uri)
    names = [each.name for _, each in record.known(_SWEEPS)]
    if path is None or path.is_file():
        gathered = gather(uri=uri, text=text)
        if gathered.trouble:
            _refuse(text, f"has no folder, and MLflow's store could not be asked: {gathered.trouble}")
        if gathered.command and gathered.name == f"sweep {text}":
            day, _, time = text.partition("_")
            folder = _SWEEPS / day / time
            folder.mkdir(parents=True, exist_ok=True)
            done = [run for run in gathered.runs if run.status == "FINISHED"]
            record.save_finished(folder, [run.tags.get("config_sha256", "") for run in done])
            # The command begins with: python -m runner.
            return folder, tuple(shlex.split(gathered.command)[3:])
        names += gathered.names
    remedy = f"There are {listed(dict.fromkeys(names), 8)}." if names else "There is no sweep here yet."
    _refuse(text, "is no sweep", suggestion=nearest(text, names), remedy=remedy)


def _refuse(key: str, rule: str, *, suggestion: str | None = None, remedy: str | None = None) -> NoReturn:
    raise UsageError([Fault(key, rule, suggestion=suggestion, remedy=remedy)])
