"""The journal: every event of a run as one line of JSON in its folder, written first and sent later.

``journal.jsonl`` grows by whole lines only, so a reader may follow it while it is written, and a lost process
costs at most the line that it was writing. Arrays lie beside it in ``result.npz``, without a pickle.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from runner.experiment import Component
from runner.findings import Findings
from runner.results import Program, Result, Status
from runner.tracking import DatasetCard, RunCard
from runner.tracking.findings_files import save_findings
from runner.tracking.process import Process, this_process
from runner.tracking.result_files import save_result

JOURNAL = "journal.jsonl"
ERROR = "error.txt"
_RESUME = "resume"
# Bytes from the end of a journal among which its last event begins.
_LONGEST_END = 1 << 16

Event = dict[str, Any]


class Journal:
    """A tracker that appends to the journal in ``folder`` and waits for nobody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / JOURNAL, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            # Whoever wrote here before died in the middle of a line.
            os.write(self._file, b"\n")

    def start(self, card: RunCard) -> None:
        self._append("start", card=_card_to_json(card))

    def resume(self, step: int, changed: Mapping[str, str]) -> None:
        """Takes that this process goes on with the run, after so many batches, and which keys have other values now."""
        self._append(_RESUME, process=asdict(this_process()), step=step, changed=dict(changed))

    def tags(self, values: Mapping[str, str]) -> None:
        self._append("tags", values=dict(values))

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self._append("metrics", step=step, values={name: float(value) for name, value in values.items()})

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        columns = {name: np.asarray(column, np.float64).tolist() for name, column in values.items()}
        self._append("steps", first_step=first_step, values=columns)

    def dataset(self, card: DatasetCard) -> None:
        self._append("dataset", card=vars(card) | {"rows": dict(card.rows)})

    def artifact(self, path: Path) -> None:
        self._append("artifact", path=self._name(path))

    def model(self, network: Path, weights: Path, program: Program | None) -> None:
        files = {"network": self._name(network), "weights": self._name(weights)}
        if program is None:
            self._append("model", flavour="numpy", **files)
            return
        folder, versions = self._name(program.folder), dict(program.versions)
        self._append("model", flavour=program.flavour, **files, program=folder, versions=versions)

    def problem(self, sentence: str) -> None:
        self._append("problem", sentence=sentence)

    def comparison(self, path: Path) -> None:
        """Takes a complete file of curves, which the figure of a comparison is drawn from."""
        self._append("comparison", path=self._name(path))

    def attribution(self, path: Path) -> None:
        """Takes a complete table of corrections, which the figure of an attribution is drawn from."""
        self._append("attribution", path=self._name(path))

    def study(self, path: Path) -> None:
        """Takes a complete file of many runs, which their figures and their page are made from."""
        self._append("study", path=self._name(path))

    def result(self, result: Result) -> None:
        save_result(result, self.folder)
        self._append("result")

    def findings(self, findings: Findings) -> None:
        save_findings(findings, self.folder)
        self._append("findings")

    def settle(self) -> None:
        os.fsync(self._file)

    def end(self, status: Status, error: str | None, *, is_cut_short: bool = False) -> None:
        """Tells how the run ended, unless that has been told: who has ended a run that hangs may say so before it does.

        Args:
            status: how.
            error: why, where it did not finish.
            is_cut_short: whether it did not end by itself, so that it may still come to its end.
        """
        if ending(self.folder) is None:
            if error is not None:
                (self.folder / ERROR).write_text(error + "\n", encoding="utf-8")
                self.artifact(self.folder / ERROR)
            self._append("end", status=status, error=error, cut_short=is_cut_short or status == "KILLED")
        self.close()

    def close(self) -> None:
        """Lets go of the file, whether the run has ended or not."""
        os.close(self._file)

    def _name(self, path: Path) -> str:
        return path.resolve().relative_to(self.folder.resolve()).as_posix()

    def _append(self, event: str, **content: object) -> None:
        line = json.dumps({"event": event, "time": time.time(), **content}) + "\n"
        os.write(self._file, line.encode())


def read(folder: Path, offset: int) -> Iterator[tuple[Event, int]]:
    """Yields each complete event after byte ``offset`` and the offset behind it.

    A line that is no JSON, as a process leaves it that dies while writing, comes as the event ``unreadable``.
    """
    path = folder / JOURNAL
    if not path.exists():
        return
    with path.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            yield _event(line), offset


def beginning(folder: Path) -> RunCard | None:
    """Returns the card with which the journal in ``folder`` begins, or None where it has not begun.

    Its process is the one that is at the run, or was the last to be: another one may have gone on with it.
    """
    first = next(read(folder, 0), None)
    if first is None or first[0]["event"] != "start":
        return None
    place = _last_resumed(folder)
    if place is None:
        return card(first[0])
    event = next(read(folder, place))[0]
    return replace(card(first[0]), process=Process(**event["process"]))


def ending(folder: Path) -> Event | None:
    """Returns the event ``end`` of the journal in ``folder``, or None where the run has not come to one, or goes on."""
    path = folder / JOURNAL
    if not path.exists():
        return None
    begin = max(0, path.stat().st_size - _LONGEST_END, _last_resumed(folder) or 0)
    with path.open("rb") as lines:
        lines.seek(begin)
        ends = [
            _event(line) for line in lines if line.startswith(b'{"event": "end"') and line.endswith(b"\n")
        ]
    return ends[0] if ends else None


def _last_resumed(folder: Path) -> int | None:
    """Returns at which byte of its journal a run was last gone on with; None where it never was."""
    path = folder / JOURNAL
    if path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.rfind(f'\n{{"event": "{_RESUME}"'.encode())
        is_whole = place >= 0 and content.find(b"\n", place + 1) >= 0
    return place + 1 if is_whole else None


def _event(line: bytes) -> Event:
    try:
        event: Event = json.loads(line)
    except ValueError:
        return {"event": "unreadable", "text": line.decode(errors="replace")}
    return event


def card(event: Event) -> RunCard:
    """Returns the card of a ``start`` event."""
    content = event["card"]
    plots = {name: Component(**plot) for name, plot in content["plots"].items()}
    chosen = tuple(content["chosen"])
    return RunCard(**content | {"plots": plots, "chosen": chosen, "process": Process(**content["process"])})


def dataset_card(event: Event) -> DatasetCard:
    """Returns the card of a ``dataset`` event."""
    lists = {name: tuple(event["card"][name]) for name in ("input_shape", "classes")}
    return DatasetCard(**event["card"] | lists)


def program(event: Event, folder: Path) -> Program | None:
    """Returns the program of a ``model`` event in a run's folder; None where the model is the two files alone."""
    if "program" not in event:
        return None
    return Program(folder / event["program"], event["flavour"], event["versions"])


def _card_to_json(card: RunCard) -> dict[str, Any]:
    plots = {
        name: {"target": plot.target, "arguments": dict(plot.arguments), "key": plot.key}
        for name, plot in card.plots.items()
    }
    return vars(card) | {
        "parameters": dict(card.parameters),
        "tags": dict(card.tags),
        "plots": plots,
        "process": asdict(card.process),
    }
