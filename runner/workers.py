"""Worker processes: one framework in each, used again for the next job, replaced when one dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

from pebble import ProcessPool

# What is said of a process where there is no more to be known.
DIED = "its process ended without a word (killed, out of memory, or by itself)"
_LOOK_SECONDS = 0.5


@contextlib.contextmanager
def pool() -> Iterator[ProcessPool]:
    """Gives a pool of one worker, which ends with the block, at work or not, and with this process, however that ends."""
    # Spawned, not forked: a framework's threads and graphs do not survive a fork.
    context = multiprocessing.get_context("spawn")
    made = ProcessPool(max_workers=1, initializer=end_with, initargs=(os.getpid(),), context=context)
    try:
        yield made
    finally:
        made.stop()
        made.join()


@contextlib.contextmanager
def redirected(descriptor: int) -> Iterator[None]:
    """Sends the process's output and errors, those of compiled code too, to a file while it lasts."""
    # Workers inherit the terminal, where what a framework prints would stand between the parent's lines.
    sys.stdout.flush()
    kept = [os.dup(stream) for stream in (1, 2)]
    try:
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, original in zip((1, 2), kept, strict=True):
            os.dup2(original, stream)
            os.close(original)


def how_it_died(code: int | None) -> str:
    """Returns in words how a process came to its end, by its exit code."""
    if code is not None and code in (-9, 137):
        return "its process was killed (out of memory, or by somebody)"
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended without a word (exit code {code})"


def end_with(parent: int) -> None:
    """Has this process end with the one that started it, however that ends."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
