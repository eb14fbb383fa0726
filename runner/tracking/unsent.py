"""Which runs MLflow does not have completely, noted beside the store: a later command sends them.

A run has one recorder at a time: ``recorder.json`` in its folder names it, and only when that process is gone
may another one take the run over. Both notes go when the run is complete.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock

from runner.tracking.process import Process, gone
from runner.tracking.store import database, write_json

NOTES = ".unsent"
RECORDER = "recorder.json"


def place(uri: str) -> Path:
    """Returns the folder of the notes: beside an SQLite file, and in the working folder for a server."""
    path = database(uri)
    return (Path.cwd() if path is None else path.parent) / NOTES


def note(uri: str, folder: Path, recorder: Process) -> None:
    """Notes that ``recorder`` will send the run in ``folder`` to the store at ``uri``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / RECORDER, asdict(recorder))
    notes = place(uri)
    notes.mkdir(parents=True, exist_ok=True)
    write_json(notes / _name(folder), {"folder": str(folder.resolve()), "uri": uri})


def forget(uri: str, folder: Path) -> None:
    """Removes the notes of a run that is complete, or whose folder is gone."""
    (folder / RECORDER).unlink(missing_ok=True)
    (place(uri) / _name(folder)).unlink(missing_ok=True)


def noted(notes: Path) -> list[tuple[Path, str]]:
    """Returns the folder of each noted run and the address of its store, in the order of the notes' names."""
    found = []
    for path in sorted(notes.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            # Its recorder has just sent the rest.
            continue
        found.append((Path(content["folder"]), str(content["uri"])))
    return found


def claim(folder: Path, recorder: Process) -> bool:
    """Makes ``recorder`` the one that sends a run, unless another one lives; returns whether it is now."""
    with FileLock(folder / f".{RECORDER}.lock"):
        path = folder / RECORDER
        if path.exists() and not gone(Process(**json.loads(path.read_text(encoding="utf-8")))):
            return False
        write_json(path, asdict(recorder))
        return True


def _name(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16] + ".json"
