"""Did you mean: the nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable

_ENOUGH = 0.65


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Returns up to three of ``names`` that look like ``word``, joined by ``or``; None where nothing is near.

    Names of dotted keys are looked for at the same place first (``optimizer.lr`` is near
    ``optimizer.learning_rate``, by its initials), then the same last part elsewhere, then anything alike.
    """
    candidates = [name for name in dict.fromkeys(names) if name != word]
    parent, _, last = word.rpartition(".")
    same_place = [name for name in candidates if name.rpartition(".")[0] == parent]
    same_last = [name for name in candidates if name.rpartition(".")[2] == last]
    found = _alike(word, same_place) or same_last or _alike(word, candidates)
    return " or ".join(found[:3]) or None


def listed(names: Iterable[str], limit: int = 24) -> str:
    """Returns names in a row, ``a, b, c``, the rest of a long row as their number."""
    row = list(names)
    rest = f" and {len(row) - limit} more" if len(row) > limit else ""
    return ", ".join(row[:limit]) + rest


def _alike(word: str, names: Iterable[str]) -> list[str]:
    """Returns the names that are near enough, the nearest first, and of those only what is nearly as near."""
    scores = {name: _likeness(word, name) for name in names}
    best = max(scores.values(), default=0.0)
    if best < _ENOUGH:
        return []
    near = [name for name, score in scores.items() if score >= max(_ENOUGH, best - 0.1)]
    return sorted(near, key=lambda name: -scores[name])


def _likeness(word: str, name: str) -> float:
    """Returns how alike two names are, from 0 to 1: by letters, by initials, or one inside the other."""
    from difflib import SequenceMatcher

    typed, right = word.rpartition(".")[2].lower(), name.rpartition(".")[2].lower()
    initials = "".join(part[:1] for part in right.split("_"))
    if typed == right.rpartition("/")[2] or (typed == initials and len(typed) > 1):
        return 0.95
    if len(typed) > 2 and (typed in right.split("_") or f"_{typed}" in right or right.startswith(typed)):
        return 0.9
    return SequenceMatcher(None, typed, right).ratio()
