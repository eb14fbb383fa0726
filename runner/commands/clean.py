"""The verb clean: runs that say RUNNING and have no process, checkpoints of deleted runs, half-made files of the cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.commands import options
from runner.data.files import cache
from runner.errors import Fault, UsageError
from runner.folders import shown
from runner.recorded.local import OUTPUTS
from runner.tracking import leftovers
from runner.tracking.leftovers import Leftovers, Pile
from runner.tracking.store import address

_YES, _URI = "--yes", "tracking.uri"
_SHOWN = 20
_SECONDS_FOR_A_STORE = 300.0


def run(words: Sequence[str]) -> int:
    """Says what there is to clean; with ``--yes`` marks and removes it. Exit code 1 where something could not be done."""
    typed = options.read("clean", words, values=(), switches=[_YES])
    names, chosen = options.without(typed.names, _URI)
    if names:
        remedy = f"It takes {_YES} and {_URI}=ADDRESS."
        raise UsageError([Fault(names[0], "is nothing that clean takes", remedy=remedy)])
    found = leftovers.found(OUTPUTS, address(chosen, Path.cwd()), cache())
    print("\n".join(_lines(found)))
    for trouble in found.troubles:
        print(trouble, file=sys.stderr)
    is_clean = not (found.dead or found.dead_in_store or found.piles)
    if is_clean or _YES not in typed.switches:
        if not is_clean:
            print(f"Nothing was changed. python -m runner clean {_YES} marks the runs and removes the files.")
        return 1 if found.troubles else 0
    return 1 if _carried_out(found, chosen) or found.troubles else 0


def _carried_out(found: Leftovers, uri: str | None) -> list[str]:
    """Marks and removes, and returns what could not be done."""
    from runner.tracking.sync import sync

    leftovers.mark(list(found.dead))
    troubles = leftovers.remove(found.piles)
    if found.dead or found.dead_in_store:
        report = sync(Path.cwd(), uri, _SECONDS_FOR_A_STORE)
        troubles += list(report.sentences) if report.unsent else []
    for trouble in troubles:
        print(trouble, file=sys.stderr)
    dead = len(found.dead) + sum(map(len, found.dead_in_store.values()))
    print(f"Done: {_counted(dead, 'run')} marked as KILLED, {_amount(found.piles)} freed.")
    return troubles


def _lines(found: Leftovers) -> Iterator[str]:
    dead = [f"{name}  {shown(folder)}" for folder, name in found.dead.items()]
    dead += [f"{name}  {number}" for runs in found.dead_in_store.values() for number, name in runs.items()]
    checkpoints = [pile for pile in found.piles if pile.path.name == leftovers.CHECKPOINTS]
    unfinished = [pile for pile in found.piles if pile not in checkpoints]
    if dead:
        yield f"{_counted(len(dead), 'run')} without an end whose process is gone:"
        yield from _some(dead)
    if checkpoints:
        yield f"Checkpoints of {_counted(len(checkpoints), 'deleted run')}, {_amount(checkpoints)}:"
        yield from _some([f"{pile.whose}  {shown(pile.path)}  {_amount([pile])}" for pile in checkpoints])
    if unfinished:
        yield f"Files of the cache that were never finished, {_amount(unfinished)}:"
        yield from _some([f"{pile.path}  {_amount([pile])}" for pile in unfinished])
    if not (dead or found.piles):
        yield "There is nothing to clean: every run has an end or lives, and no deleted run has checkpoints."


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines[:_SHOWN])
    if len(lines) > _SHOWN:
        yield f"  and {len(lines) - _SHOWN} more"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _amount(piles: Sequence[Pile]) -> str:
    return f"{sum(pile.bytes for pile in piles) / 1e6:.1f} MB"
