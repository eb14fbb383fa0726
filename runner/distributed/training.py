"""A training on several devices, as the command sees it that started it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from socket import socket
from typing import Any

from runner import backend, checkpointing, signals
from runner.distributed import meeting, processes
from runner.distributed.meeting import Meeting
from runner.distributed.processes import Failed, Member, Settled, Told
from runner.errors import Interrupted, RunnerError
from runner.experiment import Experiment
from runner.results import Result
from runner.task import Display
from runner.tracking import Tracker
from runner.weights import WEIGHTS

# Where one process fails, the others fail for want of it: so long is waited for the one that has no words left.
_GRACE_SECONDS = 1.0
# How often is looked whether somebody asked the training to end.
_LOOK_SECONDS = 0.2


def devices(experiment: Experiment) -> int:
    """Returns how many devices of this machine take part; only where all GPUs are asked for, the framework is."""
    training = experiment.training
    if training.devices != "auto":
        return training.devices
    if training.accelerator == "cpu":
        return 1
    return max(1, backend.load(experiment.backend.package).gpus())


def train(
    experiment: Experiment, *, devices: int, folder: Path, tracker: Tracker, display: Display
) -> Result:
    """Trains in one process for each device, of which the first tells what comes of it.

    Args:
        experiment: a checked experiment.
        devices: how many there are on this machine.
        folder: where the run's files go.
        tracker: what is told of every epoch, and of the files.
        display: what a person sees meanwhile.

    Raises:
        RunnerError: one of the processes failed, here or on another machine.
    """
    listeners = {"tracker": tracker, "display": display}
    writes = checkpointing.are_written(experiment)
    try:
        with signals.deferred() if writes else contextlib.nullcontext():
            result = _carried_out(experiment, devices, folder, listeners)
    except Interrupted:
        if (folder / WEIGHTS).exists():
            tracker.artifact(folder / WEIGHTS)
        raise
    if result is None:
        raise RunnerError("the training ended without a result")
    return result


def help_out(experiment: Experiment) -> None:
    """Takes part in a training that the command on another machine tells of.

    Raises:
        RunnerError: it failed, here or there.
    """
    _carried_out(experiment, devices(experiment), Path(), {})


def _carried_out(
    experiment: Experiment, devices: int, folder: Path, listeners: Mapping[str, Any]
) -> Result | None:
    with meeting.held(experiment, devices) as held:
        reason: str | None = "the command on another machine was stopped"
        try:
            with processes.started(experiment, folder, held.node, devices, held.addresses) as members:
                result = _Watch(members, held, listeners).result()
            reason = None
        except Exception as error:
            reason = f"another machine: {error}"
            raise
        finally:
            held.tell(reason)
    return result


class _Elsewhere(Exception):
    """The traceback of another process, as the cause of what is raised here."""


class _Watch:
    """Hears all processes, and the other machines, until there is a result or somebody fails."""

    def __init__(self, members: list[Member], held: Meeting, listeners: Mapping[str, Any]) -> None:
        self._members = {member.connection: member for member in members}
        self._first = members[0]
        # Before it has told anything, the first process has nothing to write down.
        self._has_begun = self._is_asked = False
        self._others = held.others
        self._listeners = listeners

    def result(self) -> Result | None:
        """Returns what came of the training; None on a machine that is not told."""
        while True:
            if signals.is_pending():
                self._stop()
            for source in wait([*self._members, *self._others], timeout=_LOOK_SECONDS):
                if isinstance(source, socket):
                    reason = meeting.heard(source)
                    if reason is not None:
                        raise RunnerError(reason)
                    return None
                assert isinstance(source, Connection)
                told = self._next(source)
                if isinstance(told, Result):
                    return told
                if isinstance(told, Told):
                    self._has_begun = True
                    getattr(self._listeners[told.listener], told.name)(*told.arguments)
                elif isinstance(told, Settled):
                    self._listeners["tracker"].settle()
                    source.send(told)
                else:
                    # Whoever was asked to end did so.
                    signals.raise_pending()
                    self._fail(source, told)

    def _stop(self) -> None:
        """Has a signal that waits end the training, once the first process has written down where it stands."""
        if not self._has_begun:
            signals.raise_pending()
        if not self._is_asked:
            self._is_asked = True
            self._first.stop()

    def _next(self, source: Connection) -> Any:
        try:
            return source.recv()
        except (EOFError, OSError):
            return None

    def _fail(self, source: Connection, told: Failed | None) -> None:
        """Raises what went wrong first: the death of a process before what others say of its silence."""
        if told is None:
            raise RunnerError(self._members[source].how_it_died())
        ends = time.monotonic() + _GRACE_SECONDS
        rest = [each for each in self._members if each is not source]
        while (left := ends - time.monotonic()) > 0:
            for other in wait([*rest, *self._others], timeout=left):
                if isinstance(other, socket):
                    raise RunnerError(meeting.heard(other) or str(told.error))
                assert isinstance(other, Connection)
                if self._next(other) is None:
                    raise RunnerError(self._members[other].how_it_died())
        raise told.error from _Elsewhere(told.traceback)
