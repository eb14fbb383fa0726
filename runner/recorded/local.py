"""The runs whose folders are here, read from their journals alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.recorded.records import Curve, Record
from runner.results import Status
from runner.tracking import RunCard, journal
from runner.tracking.journal import JOURNAL
from runner.tracking.process import gone
from runner.tracking.store import StoredRun

# Below the working folder, where runs and sweeps have their folders.
OUTPUTS = Path("outputs")
STEP_LOSS = "train/step_loss"


def cards(root: Path = OUTPUTS) -> list[tuple[Path, RunCard]]:
    """Returns the folder and the card of every run below a folder, the newest first."""
    found = [(path.parent, card) for path in root.glob(f"**/{JOURNAL}") if (card := _card(path.parent))]
    return sorted(found, key=lambda each: each[1].time, reverse=True)


def is_training(card: RunCard) -> bool:
    """Returns whether a card is that of a training."""
    return "role" not in card.tags and card.tags.get("task", "train") == "train"


def number(folder: Path) -> str:
    """Returns MLflow's number of the run in a folder; nothing where MLflow does not know it."""
    stored = StoredRun.load(folder)
    return stored.run_id if stored else ""


def status(folder: Path, card: RunCard) -> Status | str:
    """Returns how the run in a folder ended, by its journal and by its process."""
    end = journal.ending(folder)
    if end is not None:
        return str(end["status"])
    return "KILLED" if gone(card.process) else "RUNNING"


def read(folder: Path) -> Record | None:
    """Returns the run in a folder; None where no journal begins there."""
    card = _card(folder)
    if card is None:
        return None
    end = journal.ending(folder)
    events = [event for event, _ in journal.read(folder, 0)]
    stored = StoredRun.load(folder)
    curves, final = _told(events)
    return Record(
        run_id=stored.run_id if stored else None,
        name=card.name,
        status=status(folder, card),
        error=end["error"] if end else None,
        experiment=card.experiment,
        uri=stored.uri if stored else card.uri,
        folder=folder,
        page=stored.page if stored else "",
        began=card.time,
        tags=dict(card.tags) | _tags(events),
        parameters=card.parameters,
        curves=curves,
        final=final,
        steps=_steps(events),
        dataset=next((each["card"]["sha256"] for each in events if each["event"] == "dataset"), ""),
    )


def _card(folder: Path) -> RunCard | None:
    """Returns the card of the run in a folder; None where what lies there is none of ours."""
    try:
        return journal.beginning(folder)
    except (OSError, KeyError, TypeError):
        return None


def _tags(events: list[dict[str, Any]]) -> dict[str, str]:
    return {
        name: str(value)
        for event in events
        if event["event"] == "tags"
        for name, value in event["values"].items()
    }


def _told(events: list[dict[str, Any]]) -> tuple[dict[str, Curve], dict[str, float]]:
    """Returns the metrics of the epochs, of each epoch what was told last, and those of step 0."""
    by_epoch: dict[str, dict[int, float]] = {}
    final: dict[str, float] = {}
    for event in events:
        if event["event"] != "metrics":
            continue
        for name, value in event["values"].items():
            if event["step"] == 0:
                final[name] = float(value)
            else:
                by_epoch.setdefault(name, {})[int(event["step"])] = float(value)
    return {name: sorted(values.items()) for name, values in by_epoch.items()}, final


def _steps(events: list[dict[str, Any]]) -> Curve:
    """Returns the loss of every step, of each step what was told last."""
    found: dict[int, float] = {}
    for event in events:
        if event["event"] == "steps":
            found |= dict(enumerate(event["values"].get(STEP_LOSS, ()), event["first_step"]))
    return sorted(found.items())


def sweeps(found: list[tuple[Path, RunCard]]) -> list[str]:
    """Returns the names of the sweeps that runs belong to, in the order of the runs."""
    return list(dict.fromkeys(card.tags["sweep"] for _, card in found if "sweep" in card.tags))


def experiments(found: list[tuple[Path, RunCard]]) -> list[str]:
    """Returns the names of the experiments that runs belong to, in the order of the runs."""
    return list(dict.fromkeys(card.experiment for _, card in found))
