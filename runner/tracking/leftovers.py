"""What runs have left behind that nobody needs: a status that is not true, checkpoints of deleted runs, half-made files."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.tracking import RunCard, asking, journal, sent
from runner.tracking.journal import JOURNAL, Journal
from runner.tracking.process import GONE, gone, is_elsewhere
from runner.tracking.store import StoredRun, database
from runner.weights import WEIGHTS

# In the folder of a run.
CHECKPOINTS = "checkpoints"
_UNFINISHED = "*.part"
# What is younger may still be written.
_STILL_SECONDS = 3600.0


@dataclass(frozen=True)
class Pile:
    """Files or a folder that can go: where, how large, and whose they are."""

    path: Path
    bytes: int
    whose: str


@dataclass(frozen=True)
class Leftovers:
    """What was found.

    Args:
        dead: folders of runs without an end whose process is gone, with their names.
        dead_in_store: such runs whose folder is gone too, by number, with their names, of each store.
        piles: what can be removed.
        troubles: which store could not be asked, and why; of its runs nothing is removed.
    """

    dead: Mapping[Path, str]
    dead_in_store: Mapping[str, Mapping[str, str]]
    piles: tuple[Pile, ...]
    troubles: tuple[str, ...] = field(default=())


def found(root: Path, uri: str, cache: Path) -> Leftovers:
    """Returns what runs have left behind; nothing is changed.

    Args:
        root: the folder below which runs have theirs.
        uri: the address of MLflow's store.
        cache: the user's cache.
    """
    folders = sorted(path.parent for path in root.glob(f"**/{JOURNAL}"))
    stored = {folder: known for folder in folders if (known := StoredRun.load(folder))}
    kept = [folder for folder in folders if (folder / CHECKPOINTS).is_dir() and not _lives(folder)]
    troubles: list[str] = []
    dead_in_store: dict[str, Mapping[str, str]] = {}
    piles: list[Pile] = []
    for each in dict.fromkeys([uri, *(known.uri for known in stored.values())]):
        path = database(each)
        if path is not None and not path.is_file():
            continue
        numbers = {
            stored[folder].run_id: folder
            for folder in kept
            if folder in stored and stored[folder].uri == each
        }
        answer, trouble = asking.ask("runner.tracking.cleaning", {"uri": each, "numbers": ",".join(numbers)})
        if trouble:
            troubles.append(f"MLflow's store at {each} could not be asked: {trouble}")
            continue
        if answer["dead"]:
            dead_in_store[each] = answer["dead"]
        piles += [
            _pile(numbers[number] / CHECKPOINTS, _name(numbers[number])) for number in answer["deleted"]
        ]
    piles += [_pile(path, "unfinished") for path in _unfinished(cache)]
    dead = {folder: _name(folder) for folder in folders if _is_dead(folder)}
    return Leftovers(dead, dead_in_store, tuple(piles), tuple(troubles))


def mark(folders: Sequence[Path]) -> None:
    """Tells the journals of runs whose process is gone that they were killed; a recorder tells MLflow then."""
    for folder in folders:
        told = Journal(folder)
        if (folder / WEIGHTS).exists():
            # The best weights are whole: each of them took the place of the last at once.
            told.artifact(folder / WEIGHTS)
        told.end("KILLED", GONE)


def remove(piles: Sequence[Pile]) -> list[str]:
    """Removes files and folders, and returns what could not be removed, a sentence each."""
    troubles = []
    for pile in piles:
        try:
            if pile.path.is_dir() and not pile.path.is_symlink():
                shutil.rmtree(pile.path)
            else:
                pile.path.unlink()
        except OSError as error:
            troubles.append(f"{pile.path} could not be removed: {error.strerror}")
    return troubles


def _is_dead(folder: Path) -> bool:
    """Returns whether a run has no end, nobody has told MLflow that it has, and its process is gone."""
    card = _card(folder)
    if card is None or journal.ending(folder) is not None or sent.load(folder).status is not None:
        return False
    return gone(card.process)


def _lives(folder: Path) -> bool:
    """Returns whether a process may still write into the folder of a run."""
    card = _card(folder)
    if card is None or journal.ending(folder) is not None:
        return False
    return is_elsewhere(card.process) or not gone(card.process)


def _card(folder: Path) -> RunCard | None:
    try:
        return journal.beginning(folder)
    except (KeyError, TypeError):
        # What lies there is none of ours.
        return None


def _name(folder: Path) -> str:
    card = _card(folder)
    return card.name if card else ""


def _unfinished(cache: Path) -> list[Path]:
    """Returns what processes that are gone had begun to write into the cache."""
    if not cache.is_dir():
        return []
    oldest = time.time() - _STILL_SECONDS
    return [path for path in sorted(cache.rglob(_UNFINISHED)) if path.stat().st_mtime < oldest]


def _pile(path: Path, whose: str) -> Pile:
    files = path.rglob("*") if path.is_dir() else [path]
    return Pile(path, sum(each.stat().st_size for each in files if each.is_file()), whose)
