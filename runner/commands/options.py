"""The words after a verb that takes flags: names, and ``--flag value``, ``--flag=value`` or ``--switch``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from runner.errors import Fault, UsageError
from runner.suggestions import listed, nearest


@dataclass(frozen=True)
class Words:
    """What was typed after a verb.

    Args:
        names: the words without a flag.
        values: the values of flags, by flag: ``--input``.
        switches: the flags without a value that were given.
    """

    names: tuple[str, ...]
    values: dict[str, str]
    switches: frozenset[str]


def read(verb: str, words: Sequence[str], *, values: Collection[str], switches: Collection[str]) -> Words:
    """Returns what was typed after a verb.

    Args:
        verb: for messages.
        words: those after it.
        values: the flags that take a value.
        switches: the flags that take none.

    Raises:
        UsageError: a flag is not known, comes twice, or has no value.
    """
    names: list[str] = []
    found: dict[str, str] = {}
    given: set[str] = set()
    faults: list[Fault] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag, separator, value = word.partition("=")
        if not word.startswith("--"):
            names.append(word)
        elif flag in switches and not separator:
            given.add(flag)
        elif flag not in values:
            known = [*values, *switches]
            remedy = f"Its flags are {listed(known)}."
            faults.append(Fault(flag, f"is no flag of {verb}", None, nearest(flag, known), remedy))
        elif flag in found:
            faults.append(Fault(flag, "is given twice"))
        elif not separator and (not rest or (rest[0].startswith("--"))):
            faults.append(Fault(flag, "needs a value"))
        else:
            found[flag] = value if separator else rest.pop(0)
    if faults:
        raise UsageError(faults)
    return Words(tuple(names), found, frozenset(given))


def value_of(overrides: Sequence[str], key: str) -> str | None:
    """Returns what the last of some overrides sets a key to; None where none does.

    Args:
        overrides: ``key=value`` each.
        key: dotted.
    """
    pairs = (text.lstrip("+~").partition("=") for text in overrides)
    values = [value.strip("'\"") for name, separator, value in pairs if separator and name == key]
    return values[-1] if values else None


def without(names: Sequence[str], key: str) -> tuple[list[str], str | None]:
    """Returns words without those that set a key, and what the last of these sets it to.

    Args:
        names: words, of which others may hold an equals sign too: a run may be called ``lr=0.01``.
        key: dotted.
    """
    return [name for name in names if not name.startswith(f"{key}=")], value_of(names, key)
