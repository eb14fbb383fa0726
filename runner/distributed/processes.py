"""The processes of a training on this machine: started, heard, and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from runner import workers
from runner.experiment import Experiment
from runner.place import Place


@dataclass(frozen=True)
class Assignment:
    """What a process is to do: its part of a training; the first of all tells what comes of it."""

    experiment: Experiment
    folder: Path
    place: Place
    parent: int


@dataclass(frozen=True)
class Told:
    """What the first process tells of the training meanwhile: a call of the tracker or of the display."""

    listener: str
    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Settled:
    """What the first process asks: to be answered once the disk has all that it has told."""


@dataclass(frozen=True)
class Failed:
    """How a process failed, with its own traceback."""

    error: Exception
    traceback: str


@dataclass(frozen=True)
class Member:
    """A process with what it is heard by."""

    place: Place
    process: subprocess.Popen[bytes]
    connection: Connection

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return f"process {self.place.rank + 1} of {self.place.size}"

    def stop(self) -> None:
        """Asks it to end the training in order, by the signal that neither framework takes from Python."""
        self.process.send_signal(signal.SIGINT)

    def how_it_died(self) -> str:
        """Returns in words how it came to its end, which it has."""
        return f"{self.name}: {workers.how_it_died(self.process.wait())}"


@contextlib.contextmanager
def started(
    experiment: Experiment, folder: Path, node: int, devices: int, addresses: tuple[str, ...]
) -> Iterator[list[Member]]:
    """Gives one process for each device of this machine; they end with the block, at work or not."""
    members: list[Member] = []
    try:
        for rank in range(node * devices, (node + 1) * devices):
            place = Place(rank, devices, addresses)
            members.append(_start(place))
            members[-1].connection.send(Assignment(experiment, folder, place, os.getpid()))
        yield members
    finally:
        for member in members:
            # Both frameworks put SIGTERM off; whatever is kept is kept by this process, or takes its place at once.
            member.process.kill()
        for member in members:
            member.process.wait()
            member.connection.close()


def _start(place: Place) -> Member:
    here, there = Pipe()
    with there:
        process = subprocess.Popen(
            [sys.executable, "-m", "runner.rank", str(there.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
            # Ctrl-C in the terminal is for the command alone, which ends them.
            start_new_session=True,
        )
    return Member(place, process, here)
