"""Made-up results and cards, for tests of what is remembered and shown of a run."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from runner import component
from runner.experiment import Component, Task
from runner.results import EpochRecord, Predictions, Result
from runner.tracking import RunCard, Scalar
from runner.tracking.process import this_process
from runner.tracking.store import address

CONF = Path(__file__).parents[1] / "conf"
CLASSES = ("setosa", "versicolor", "virginica")
ROWS = 12


def history(epochs: int, metric: str) -> tuple[EpochRecord, ...]:
    """Returns epochs of ten steps whose loss halves each time."""
    return tuple(
        EpochRecord(
            epoch=epoch,
            step=10 * epoch,
            metrics={
                "train/loss": 0.5**epoch,
                "validation/loss": 1.1 * 0.5**epoch,
                f"validation/{metric}": 1 - 0.5**epoch,
            },
            seconds=0.5,
        )
        for epoch in range(1, epochs + 1)
    )


def result(task: Task, *, epochs: int = 4) -> Result:
    """Returns a result whose test rows have twelve examples, two of them mistaken for the class before."""
    metric = "r2" if task == "regression" else "accuracy"
    classes = {"multiclass": CLASSES, "binary": CLASSES[:2], "regression": ()}[task]
    return Result(
        task=task,
        classes=classes,
        epochs=history(epochs, metric),
        best_epoch=epochs - 1,
        monitor="validation/loss",
        kept_epoch=epochs - 1,
        metrics={"train/loss": 0.25, "test/loss": 0.3, f"test/{metric}": 10 / 12},
        predictions={"test": _predictions(len(classes))},
    )


def _predictions(classes: int) -> Predictions:
    if classes == 0:
        targets = np.linspace(-1.0, 2.0, ROWS)[:, None]
        return Predictions(targets, targets + 0.25)
    targets = np.arange(ROWS) % classes
    taken = targets.copy()
    mistaken = np.flatnonzero(targets == 1)[:2]
    taken[mistaken] = 0
    outputs = np.eye(classes)[taken] * 0.8 + 0.1
    return Predictions(targets.astype(np.float64), outputs if classes > 2 else outputs[:, 1:])


def plots(**more: Component) -> dict[str, Component]:
    """Returns the shipped figures and ``more``."""
    shipped = yaml.safe_load((CONF / "plots" / "default.yaml").read_text(encoding="utf-8"))
    return {name: component.parse(node, f"plots.{name}") for name, node in shipped.items()} | more


def card(
    folder: Path,
    *,
    name: str = "a run",
    figures: Mapping[str, Component] | None = None,
    parameters: Mapping[str, Scalar] | None = None,
) -> RunCard:
    """Returns the card of a run of this process whose store lies in ``folder``."""
    return RunCard(
        identity=uuid.uuid4().hex,
        name=name,
        experiment="examples",
        uri=address(None, folder),
        parameters={"seed": 0} if parameters is None else parameters,
        chosen=("seed",),
        tags={"backend": "torch", "command": "python -m runner"},
        plots={} if figures is None else figures,
        time=time.time(),
        process=this_process(),
    )


def measurements(epochs: int) -> list[tuple[int, dict[str, float]]]:
    """Returns metrics by epoch that no two epochs share."""
    return [
        (epoch, {"train/loss": math.exp(-epoch), "validation/accuracy": 1 - 1 / (epoch + 1)})
        for epoch in range(1, epochs + 1)
    ]
