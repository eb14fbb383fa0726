"""Ctrl-C and SIGTERM as an exception, so that whatever is under way can end in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from runner.errors import Interrupted


@dataclass
class _Deferral:
    """Whether a first signal waits for a good moment, and which one does."""

    is_on: bool = False
    pending: int | None = None


_deferral = _Deferral()


@contextlib.contextmanager
def signals_raised() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into Interrupted while it lasts; a second one meanwhile is not needed and ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        if _deferral.is_on and _deferral.pending is None:
            _deferral.pending = number
            return
        _end(number)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Has the first signal wait while it lasts, until :func:`raise_pending` or its end; a second one is raised at once."""
    _deferral.is_on = True
    try:
        yield
        raise_pending()
    finally:
        _deferral.is_on, _deferral.pending = False, None


def is_pending() -> bool:
    """Returns whether a signal waits."""
    return _deferral.pending is not None


def raise_pending() -> None:
    """Raises the signal that waits.

    Raises:
        Interrupted: where one does.
    """
    number, _deferral.pending = _deferral.pending, None
    if number is not None:
        _end(number)


def _end(number: int) -> None:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(number)
