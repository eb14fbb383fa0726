"""Whether every value of a sweep can work: each is looked at once, in one job, before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from runner.errors import ConfigurationError, Fault
from runner.sweep.jobs import Job

Found = TypeVar("Found")
# Where a job has a fault, each of its values is looked at again beside so many other values.
_TRIES = 8


def look(jobs: Sequence[Job], check: Callable[[Job], Found]) -> dict[int, Found]:
    """Returns what was found in the jobs that were looked at, by number; together they have every value.

    A value that works in one of its jobs and not in another is no mistake: those other jobs fail when it is
    their turn.

    Args:
        jobs: all of them.
        check: looks at one; raises ConfigurationError where it cannot run.

    Raises:
        ConfigurationError: the faults of the values that work in no job.
    """
    sound: dict[int, Found] = {}
    suspects: list[tuple[Job, list[tuple[str, str]], ConfigurationError]] = []
    seen: set[tuple[str, str]] = set()
    for job in jobs:
        new = [value for value in job.choices.items() if value not in seen]
        if new or job is jobs[0]:
            seen.update(new)
            try:
                sound[job.number] = check(job)
            except ConfigurationError as error:
                suspects.append((job, new, error))
    faults: list[Fault] = []
    for job, new, refusal in suspects:
        if not new or not all(_works(value, jobs, job, check) for value in new):
            faults += refusal.faults
    if not sound and not faults:
        faults += [fault for _, _, refusal in suspects for fault in refusal.faults]
    if faults:
        raise ConfigurationError(list(dict.fromkeys(faults)))
    return sound


def _works(value: tuple[str, str], jobs: Sequence[Job], suspect: Job, check: Callable[[Job], object]) -> bool:
    """Returns whether a value works in another job than the one in which it did not."""
    others = [job for job in jobs if job is not suspect and value in job.choices.items()]
    step = max(1, len(others) // _TRIES)
    for job in others[::step]:
        try:
            check(job)
        except ConfigurationError:
            continue
        return True
    return False
