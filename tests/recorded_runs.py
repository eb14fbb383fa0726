"""Runs as their folders remember them, written by the journal itself and without a training."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner import compose
from runner.recorded.records import CONFIG, OVERRIDES
from runner.results import Status
from runner.tracking import DatasetCard, RunCard, Scalar, asking
from runner.tracking.journal import Journal
from runner.tracking.process import Process, this_process
from runner.tracking.store import StoredRun, address

# No process has this number.
NOBODY = Process(this_process().host, 2**22 + 1, 0.0)
LOSSES = {"validation/loss": (0.9, 0.4, 0.6), "train/loss": (1.0, 0.5, 0.3)}
_BEGAN = time.time() - 1000


def write_run(
    folder: Path,
    *overrides: str,
    name: str,
    run_id: str = "",
    status: Status | None = "FINISHED",
    error: str | None = None,
    tags: Mapping[str, str] | None = None,
    curves: Mapping[str, Sequence[float]] = LOSSES,
    final: Mapping[str, float] | None = None,
    age: float = 0.0,
    experiment: str = "runner",
    process: Process = NOBODY,
    steps: Sequence[float] = (),
    sha256: str = "d" * 64,
) -> Path:
    """Writes the folder of a run and returns it; the larger ``age``, in seconds, the older the run.

    Args:
        folder: where its files go.
        overrides: those of the run, from which its configuration is put together.
        name: the readable name.
        run_id: MLflow's number, or nothing where MLflow does not know it.
        status: how it ended; None where it has not.
        error: why it did not finish.
        tags: further tags.
        curves: what is told of every epoch.
        final: what is told at the end.
        age: how long before the others it began.
        experiment: the name of MLflow's experiment.
        process: who trained.
        steps: the loss of every step.
        sha256: of its rows.
    """
    text, parameters = _composed(overrides)
    card = RunCard(
        identity=f"{folder}",
        name=name,
        experiment=experiment,
        uri=address(None, Path.cwd()),
        parameters=parameters,
        chosen=(),
        tags={"task": "train", "backend": "torch", "command": "python -m runner", **(tags or {})},
        plots={},
        time=_BEGAN - age,
        process=process,
    )
    journal = Journal(folder)
    journal.start(card)
    (folder / CONFIG).write_text(text, encoding="utf-8")
    (folder / OVERRIDES).write_text(yaml.safe_dump(list(overrides)), encoding="utf-8")
    journal.dataset(DatasetCard(name="rows", input_shape=(4,), classes=(), rows={"train": 3}, sha256=sha256))
    if len(steps):
        journal.steps(1, {"train/step_loss": steps})
    for epoch in range(max(map(len, curves.values()), default=0)):
        journal.metrics(epoch + 1, {key: values[epoch] for key, values in curves.items()})
    journal.metrics(0, final or {})
    if status is not None:
        journal.end(status, error)
    if run_id:
        StoredRun(run_id, "1", card.uri).save(folder)
    return folder


@cache
def _composed(overrides: tuple[str, ...]) -> tuple[str, Mapping[str, Scalar]]:
    """Returns the resolved configuration, as YAML and by dotted key."""
    with compose.session():
        config = compose.compose(overrides)
        return compose.resolved_yaml(config), compose.flat(config)


def answer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has this process answer what would be asked of one of its own: it has MLflow and matplotlib already."""

    def ask(module: str, question: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        # As it comes back from a process: plain data alone.
        return json.loads(json.dumps(importlib.import_module(module).answer(question))), ""

    monkeypatch.setattr(asking, "ask", ask)
