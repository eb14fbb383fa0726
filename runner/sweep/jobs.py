"""The jobs of a sweep before any of them is composed: their numbers, what tells them apart, and their names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from runner.study.records import shortened
from runner.tracking.identity import WITHOUT_MEANING

Grid = Mapping[str, Sequence[str]]
# The one short word that everybody reads as a word.
_SHORT = {"learning_rate": "lr"}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job of a sweep.

    Args:
        number: its place in the grid, from 0.
        overrides: all of its overrides, those that it shares with the others too.
        choices: those that not all jobs share, by key.
        label: the same in a few words: ``keras tanh lr=0.01 seed=3``.
    """

    number: int
    overrides: tuple[str, ...]
    choices: Mapping[str, str]
    label: str


def jobs_of(job_overrides: Sequence[Sequence[str]], first: int, groups: Collection[str]) -> list[Job]:
    """Returns the jobs of a sweep.

    Args:
        job_overrides: the overrides of each.
        first: the number of the first one.
        groups: the keys that choose an option, whose value alone is a name.
    """
    return [
        Job(number=number, overrides=tuple(overrides), choices=chosen, label=label(chosen, groups))
        for number, (overrides, chosen) in enumerate(
            zip(job_overrides, differences(job_overrides), strict=True), first
        )
    ]


def differences(job_overrides: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Returns for each job the overrides that not all jobs share, by key."""
    typed = [_by_key(job) for job in job_overrides]
    keys = list(dict.fromkeys(key for job in typed for key in job))
    varying = [key for key in keys if len({job.get(key) for job in typed}) > 1]
    return [{key: job[key] for key in varying if key in job} for job in typed]


def label(choices: Mapping[str, str], groups: Collection[str]) -> str:
    """Returns what tells a job from the others: an option by its name, a number by the last word of its key.

    A name that was given stands before all of it anyway.
    """
    told = {key: value for key, value in choices.items() if key != "name"}
    last = Counter(key.rpartition(".")[2] for key in told)
    words = []
    for key, value in told.items():
        word = key.rpartition(".")[2]
        if key in groups:
            words.append(value)
        else:
            words.append(f"{_SHORT.get(word, word) if last[word] == 1 else key}={shortened(value)}")
    return " ".join(words)


def values(jobs: Sequence[Job]) -> dict[str, list[str]]:
    """Returns the keys in which jobs differ, each with its values in the order of the jobs."""
    keys = dict.fromkeys(key for job in jobs for key in job.choices)
    return {key: list(dict.fromkeys(job.choices[key] for job in jobs if key in job.choices)) for key in keys}


def grid(job_overrides: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    """Returns every key that was set for the jobs, with its values; what decides no number of a run is left out."""
    found: dict[str, dict[str, None]] = {}
    for job in job_overrides:
        for key, value in _by_key(job).items():
            if key.partition(".")[0].partition("/")[0] not in WITHOUT_MEANING:
                found.setdefault(key, {})[value] = None
    return {key: list(each) for key, each in found.items()}


def grid_differences(before: Grid, now: Grid) -> list[str]:
    """Returns in words what two grids do not have in common; the order of keys and values does not matter."""
    found = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key, ()), now.get(key, ())
        if set(old) != set(new):
            found.append(f"{key} was {', '.join(old) or 'not set'} and is {', '.join(new) or 'not set'}")
    return found


def _by_key(overrides: Sequence[str]) -> dict[str, str]:
    return {key: value for key, _, value in (each.partition("=") for each in overrides if "=" in each)}
