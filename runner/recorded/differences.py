"""What parts two runs: keys of their configurations, packages, code, data, and the curves that came of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.recorded.records import Curve, Record
from runner.suggestions import listed
from runner.tracking import identity

PACKAGES = "packages.txt"
# Keys that say where a run is kept and how it is shown, and no number of it.
_WITHOUT_MEANING = (*identity.WITHOUT_MEANING, "parity")
_TARGET, _SHIPPED = "_target_", "runner."
_SHOWN = 8
_COMMIT, _DIRTY = "git_commit", "git_dirty"


@dataclass(frozen=True)
class Gap:
    """How far two curves are apart.

    Args:
        compared: at how many places both have a value.
        first: the first place at which they differ, or None.
        largest: the largest |a - b| / max(1, |a|, |b|).
        at: where that is; 0 where they are equal.
        only_one: at how many places only one of them has a value.
    """

    compared: int
    first: int | None
    largest: float
    at: int
    only_one: int

    @property
    def is_nothing(self) -> bool:
        """Whether they are the same to the last bit."""
        return self.first is None and self.only_one == 0


def gap(one: Curve, other: Curve) -> Gap:
    """Returns how far two curves are apart; NaN differs from every number and not from itself."""
    mine, theirs = dict(one), dict(other)
    both = sorted(mine.keys() & theirs.keys())
    sizes = {place: size(mine[place], theirs[place]) for place in both}
    different = [place for place in both if sizes[place] > 0]
    at = max(different, key=lambda place: sizes[place], default=0)
    return Gap(
        compared=len(both),
        first=different[0] if different else None,
        largest=sizes.get(at, 0.0),
        at=at,
        only_one=len(mine.keys() ^ theirs.keys()),
    )


def size(one: float, other: float) -> float:
    """Returns |a - b| / max(1, |a|, |b|), 0 for equal numbers and for NaN twice, infinity for NaN beside a number."""
    if one == other or (one != one and other != other):
        return 0.0
    found = abs(one - other) / max(1.0, abs(one), abs(other))
    return found if found == found else float("inf")


def packages(record: Record) -> list[str]:
    """Returns which packages are of another version today: ``numpy 2.1.0 then, 2.2.0 now``; nothing where none was told."""
    path = record.file(PACKAGES)
    if path is None:
        return []
    then, now = (_versions(text) for text in (path.read_text(encoding="utf-8"), identity.packages()))
    names = sorted(then.keys() | now.keys())
    different = [name for name in names if then.get(name) != now.get(name)]
    return [f"{name} {then.get(name, 'absent')} then, {now.get(name, 'absent')} now" for name in different]


def surroundings(record: Record) -> Iterator[str]:
    """Yields what is different today around a run: its packages, its code; a sentence each."""
    found = packages(record)
    if found:
        yield f"Packages of another version than in the run: {listed(found, _SHOWN)}."
    then, now = record.tags, identity.git_tags(Path.cwd())
    if then.get(_COMMIT) != now.get(_COMMIT):
        commits = (each.get(_COMMIT, "no commit")[:12] for each in (then, now))
        yield "The code is of another commit: {} then, {} now.".format(*commits)
    elif then.get(_COMMIT) and "true" in (then.get(_DIRTY), now.get(_DIRTY)):
        yield "The code is of the same commit, but files had been changed in one of the two."


def same_data(one: Record, other: Record) -> bool | None:
    """Returns whether two runs learnt from the same rows; None where one of them does not say."""
    if not one.dataset or not other.dataset:
        return None
    # MLflow has the first digits only.
    length = min(len(one.dataset), len(other.dataset))
    return one.dataset[:length] == other.dataset[:length]


def keys(records: Sequence[Record]) -> dict[str, list[Any]]:
    """Returns the keys in which configurations differ, dotted, with the value of each; what has no meaning is left out.

    A component stands under its own key with its bare name, one of somebody's own with its whole target. What a
    configuration does not have is an empty text.
    """
    return keys_of([record.config for record in records])


def keys_of(configurations: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Returns the same of plain configurations."""
    flattened = [dict(_flattened(each)) for each in configurations]
    names = dict.fromkeys(name for each in flattened for name in each)
    rows = {name: [each.get(name, "") for each in flattened] for name in names}
    return {
        name: row
        for name, row in rows.items()
        if name.partition(".")[0] not in _WITHOUT_MEANING and any(value != row[0] for value in row)
    }


def _flattened(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping) and node:
        for name, each in node.items():
            if name == _TARGET:
                yield key, str(each).rpartition(".")[2] if str(each).startswith(_SHIPPED) else each
            else:
                yield from _flattened(each, f"{key}.{name}" if key else str(name))
    else:
        yield key, node


def _versions(text: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in text.splitlines() if "==" in line)
    return {name.lower(): version for name, _, version in pairs}
