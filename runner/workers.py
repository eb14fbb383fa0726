"""Worker processes: one framework in each, used again for the next job, replaced when one dies."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator

from pebble import ProcessExpired, ProcessPool


@contextlib.contextmanager
def pool() -> Iterator[ProcessPool]:
    """Gives a pool of one worker, which ends with the block, at work or not."""
    # Spawned, not forked: a framework's threads and graphs do not survive a fork.
    made = ProcessPool(max_workers=1, context=multiprocessing.get_context("spawn"))
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


def how_it_died(error: ProcessExpired) -> str:
    """Returns in words how a worker came to its end."""
    if error.exitcode is not None and error.exitcode in (-9, 137):
        return "its process was killed (out of memory, or by somebody)"
    return f"its process ended without a word (exit code {error.exitcode})"
