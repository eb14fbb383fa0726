"""What a sweep leaves behind so that it can go on: its command, its grid, and what its runs' journals say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runner.results import Status
from runner.sweep.jobs import Grid
from runner.sweep.plan import Plan
from runner.tracking import RunCard, journal
from runner.tracking.journal import JOURNAL
from runner.tracking.process import gone, is_elsewhere
from runner.tracking.pulse import is_still
from runner.tracking.store import write_json

SWEEP = "sweep.json"
LOCK = ".sweep.lock"
# Which runs of a sweep whose folder was lost are finished, as MLflow remembered them.
FINISHED = "finished.json"


@dataclass(frozen=True)
class Record:
    """A sweep as its folder remembers it.

    Args:
        name: of the sweep.
        words: what was typed, without the program's name.
        grid: every key that was set, with its values.
        jobs: how many there are.
        working: the folder in which it was typed.
    """

    name: str
    words: tuple[str, ...]
    grid: Grid
    jobs: int
    working: str


@dataclass(frozen=True)
class Attempt:
    """One run of a sweep as its journal tells it; no status where it has no end.

    It is cut short where it did not end by itself: stopped, killed, or out of its time.
    """

    folder: Path
    card: RunCard
    status: Status | None
    is_cut_short: bool

    @property
    def meaning(self) -> str:
        """The digest of what the run is."""
        return self.card.tags.get("config_sha256", "")

    @property
    def is_alive(self) -> bool:
        """Whether its process is still at it; of another machine's only its sign of life is known."""
        return self.status is None and not (self.is_lost or gone(self.card.process))

    @property
    def is_lost(self) -> bool:
        """Whether it is without an end and its process, on another machine, without a sign of life."""
        return self.status is None and is_elsewhere(self.card.process) and is_still(self.folder)


def save(plan: Plan) -> None:
    """Writes down what a sweep is, before anything of it starts."""
    if (plan.folder / SWEEP).exists():
        return
    record = Record(plan.name, plan.words, plan.grid, len(plan.jobs), str(Path.cwd()))
    write_json(plan.folder / SWEEP, asdict(record))


def load(folder: Path) -> Record | None:
    """Returns what the folder of a sweep says, or None where it is none."""
    path = folder / SWEEP
    if not path.is_file():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return Record(**content | {"words": tuple(content["words"])})


def attempts(folder: Path) -> Iterator[Attempt]:
    """Yields the runs in the folder of a sweep that have begun, those that sum it up left out."""
    for path in sorted(folder.glob(f"*/{JOURNAL}")):
        card = journal.beginning(path.parent)
        if card is not None and "role" not in card.tags:
            end = journal.ending(path.parent)
            # An end of before this was told has no word on it.
            cut = end is None or end.get("cut_short", end["status"] == "KILLED")
            yield Attempt(path.parent, card, end["status"] if end else None, cut)


def finished(folder: Path) -> Mapping[str, list[Path]]:
    """Returns the folders of the runs that came to their end, by what they are."""
    found: dict[str, list[Path]] = {}
    for attempt in attempts(folder):
        if attempt.status == "FINISHED":
            found.setdefault(attempt.meaning, []).append(attempt.folder)
    return found


def save_finished(folder: Path, meanings: Sequence[str]) -> None:
    """Writes down what is finished of a sweep whose runs have no folders any more, by what they are."""
    write_json(folder / FINISHED, {"meanings": list(meanings)})


def finished_elsewhere(folder: Path) -> list[str]:
    """Returns what :func:`save_finished` wrote down."""
    path = folder / FINISHED
    return list(json.loads(path.read_text(encoding="utf-8"))["meanings"]) if path.is_file() else []


def free(folder: Path) -> Path:
    """Returns the folder of a run, or where it was tried before one beside it: ``7``, ``7_2``."""
    names = [folder, *(folder.with_name(f"{folder.name}_{count}") for count in range(2, 1000))]
    return next(each for each in names if not (each / JOURNAL).exists())


def known(root: Path) -> list[tuple[Path, Record]]:
    """Returns the sweeps below a folder, the newest first."""
    folders = sorted((path.parent for path in root.glob(f"*/*/{SWEEP}")), reverse=True)
    return [(folder, record) for folder in folders if (record := load(folder))]
