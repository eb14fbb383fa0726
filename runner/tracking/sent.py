"""How much of a journal has reached MLflow, written after each success: the rest can be sent later."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.results import Status
from runner.tracking import journal
from runner.tracking.store import write_json

SENT = "sent.json"


@dataclass(frozen=True)
class Sent:
    """The state of one run's delivery.

    Args:
        offset: bytes of the journal that MLflow has.
        waiting: files in the run's folder that could not be sent so far.
        images: figures that are among MLflow's charts.
        viewed: whether MLflow's page of the charts has a view that shows the run.
        problems: what went wrong for good, in sentences.
        status: how the run ended in MLflow; None while it is open.
    """

    offset: int = 0
    waiting: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    viewed: bool = False
    problems: tuple[str, ...] = ()
    status: Status | None = None

    @property
    def complete(self) -> bool:
        """Returns whether the run is closed and nothing waits."""
        return self.status is not None and not self.waiting

    def save(self, folder: Path) -> None:
        """Writes ``sent.json``."""
        write_json(folder / SENT, asdict(self))


def load(folder: Path) -> Sent:
    """Returns the state of the run in ``folder``."""
    path = folder / SENT
    if not path.exists():
        return Sent()
    content = json.loads(path.read_text(encoding="utf-8"))
    return Sent(**content | {key: tuple(content[key]) for key in ("waiting", "images", "problems")})


def unsent(folder: Path) -> int:
    """Returns how many events and files of the run MLflow does not have."""
    sent = load(folder)
    return sum(1 for _ in journal.read(folder, sent.offset)) + len(sent.waiting)
