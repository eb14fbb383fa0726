"""What a person is told where something cannot be done: one message, and a traceback only on request."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Iterable
from typing import NoReturn

from runner.errors import ConfigurationError, Fault, RunnerError, UsageError
from runner.suggestions import listed, nearest


def report(error: Exception) -> int:
    """Prints an error as a message and returns the exit code of the process."""
    if isinstance(error, ConfigurationError) and not isinstance(error, UsageError):
        print(_faults(error), file=sys.stderr)
        return error.exit_code
    if isinstance(error, RunnerError):
        print(error, file=sys.stderr)
        return error.exit_code
    print(_unexpected(error), file=sys.stderr)
    return 1


def refuse_verb(verb: str, verbs: Iterable[str]) -> NoReturn:
    """Refuses a first word that is neither a verb nor an override."""
    names = list(verbs)
    rule = "is neither a verb nor key=value"
    remedy = f"Verbs: {listed(names)}."
    raise UsageError([Fault(verb, rule, suggestion=nearest(verb, names), remedy=remedy)])


def _faults(error: ConfigurationError) -> str:
    count = len(error.faults)
    header = f"This configuration cannot run: {count} {'fault' if count == 1 else 'faults'}."
    lines = [f"  {fault}" for fault in error.faults]
    footer = "Nothing was started. python -m runner list shows every choice and every key."
    return "\n".join([header, *lines, footer])


def _unexpected(error: Exception) -> str:
    with tempfile.NamedTemporaryFile(
        "w", prefix="runner-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    return f"{type(error).__name__}: {error}\nThe traceback is in {file.name}; --traceback shows it here."
