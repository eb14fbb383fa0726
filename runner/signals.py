"""Ctrl-C and SIGTERM as an exception, so that whatever is under way can end in order."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from runner.errors import Interrupted


@contextlib.contextmanager
def signals_raised() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into Interrupted while it lasts; a second one meanwhile is not needed and ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
