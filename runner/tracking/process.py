"""Which process trains, so that another can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

# Why a run ended of which nobody told.
GONE = "the process that trained was gone without a word"


@dataclass(frozen=True)
class Process:
    """A process: since its number may be used again, the second of its start (since 1970) belongs to it."""

    host: str
    pid: int
    started: float


def this_process() -> Process:
    """Returns the process that asks."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """Returns the process of this machine that has a number now."""
    import psutil

    return Process(socket.gethostname(), pid, psutil.Process(pid).create_time())


def is_elsewhere(process: Process) -> bool:
    """Returns whether it is a process of another machine."""
    return process.host != socket.gethostname()


def gone(process: Process) -> bool:
    """Returns whether the process is known to have ended; of another machine's nothing is known."""
    import psutil

    if is_elsewhere(process):
        return False
    try:
        found = psutil.Process(process.pid)
        another = abs(found.create_time() - process.started) > 1
        # A killed process stays in the table as a zombie until its parent asks for it.
        return bool(another or found.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
