"""The whole error tree: what can go wrong, in words for the person who meets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing in a configuration that cannot work.

    Args:
        key: the config key as a person types it, for example ``optimizer.learning_rate``.
        rule: what must hold, as a clause: ``must be above 0``.
        received: what was given, or None where there is nothing to show.
        suggestion: the nearest valid names, or None.
        remedy: what to do, as a sentence, or None.
    """

    key: str
    rule: str
    received: str | None = None
    suggestion: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        parts = [f"{self.key}: {self.rule}."]
        if self.received is not None:
            parts.append(f"Received: {self.received}.")
        if self.suggestion is not None:
            parts.append(f"Did you mean {self.suggestion}?")
        if self.remedy is not None:
            parts.append(self.remedy)
        return " ".join(parts)


class RunnerError(Exception):
    """Anything this project raises on purpose; ``exit_code`` is the process's."""

    exit_code = 1


class ConfigurationError(RunnerError):
    """A user's mistake: every fault that was found, before anything was started."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


class UsageError(ConfigurationError):
    """Words that name no verb, group, option or run; there is no configuration yet that could run or not."""


class Diverged(RunnerError):
    """The training loss became NaN or infinite at ``step``, numbered from 1."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"diverged at step {step}")

    def __reduce__(self) -> tuple[type[Diverged], tuple[int]]:
        return type(self), (self.step,)


class TrackingError(RunnerError):
    """MLflow's store could not be reached or written; the journal still holds everything."""


class Interrupted(BaseException):
    """A signal asked the process to end; not an Exception, so that nothing on the way takes it for a failure."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(f"interrupted by signal {signal_number}")
