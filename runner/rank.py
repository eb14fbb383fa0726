"""One process of a training on several devices: ``python -m runner.rank`` with the number of its pipe."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
from numpy.typing import NDArray

from runner import backend, folders, workers
from runner.distributed.processes import Assignment, Failed, Settled, Told
from runner.errors import Interrupted, RunnerError
from runner.results import Decision, Evaluation, Weights
from runner.signals import signals_raised
from runner.task import Display
from runner.tasks.preparation import prepared
from runner.tasks.train import train
from runner.tracking import Tracker
from runner.training_state import TrainingState


def main() -> None:
    """Does what it is assigned, and waits until it is ended with the others."""
    connection = Connection(int(sys.argv[1]))
    assignment: Assignment = connection.recv()
    workers.end_with(assignment.parent)
    folders.make_importable()
    warnings.simplefilter("default" if assignment.place.rank == 0 else "ignore")
    try:
        with signals_raised():
            _carry_out(assignment, connection)
    except Interrupted as interrupt:
        # Whoever asked for it hears by this that it is done; a framework might wait for the others first.
        os._exit(128 + interrupt.signal_number)
    except (Exception, SystemExit) as error:
        # Where nobody hears it any more, the command itself is gone.
        with contextlib.suppress(OSError):
            connection.send(Failed(_portable(error), traceback.format_exc()))
    # The others may still need this one to hear them.
    connection.poll(None)


def _carry_out(assignment: Assignment, connection: Connection) -> None:
    experiment, place = assignment.experiment, assignment.place
    if place.rank == 0:
        line = _Line(connection)
        tracker = cast(Tracker, _Relay("tracker", line))
        display = cast(Display, _Relay("display", line))
        connection.send(
            train(experiment, folder=assignment.folder, tracker=tracker, display=display, place=place)
        )
        return
    ready = prepared(experiment, place)
    engine = backend.load(experiment.backend.package)
    engine.fit(model=engine.build(job=ready.job), job=ready.job, observer=_Follower())


class _Line:
    """A connection over which the thread that trains tells, and the one that writes checkpoints asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def tell(self, message: object) -> None:
        """Sends a message, whole beside those of the other thread."""
        with self._lock:
            self._connection.send(message)

    def ask(self, question: object) -> None:
        """Sends a question, and waits for its answer.

        Raises:
            OSError: nobody is there any more who would answer it.
        """
        self.tell(question)
        try:
            self._connection.recv()
        except EOFError as error:
            raise BrokenPipeError("the command is gone") from error


class _Relay:
    """Sends every call of a tracker or a display to the process that has it."""

    def __init__(self, listener: str, line: _Line) -> None:
        self._listener = listener
        self._line = line

    def settle(self) -> None:
        """Waits until the other process has told the disk all that it was told."""
        self._line.ask(Settled())

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self._line.tell(Told(self._listener, name, arguments))


class _Follower:
    """Observes nothing and decides nothing: the first process does, for all."""

    def steps(self, first_step: int, losses: NDArray[np.float64], state: Callable[[], TrainingState]) -> None:
        """Takes losses, which are the same everywhere."""

    def epoch(
        self,
        epoch: int,
        validation: Evaluation | None,
        weights: Callable[[], Weights],
        gradient_norms: Mapping[str, float],
        state: Callable[[], TrainingState],
    ) -> Decision:
        """Adds nothing to the decision of the first process."""
        return Decision(stop=False, learning_rate_factor=0.0)


def _portable(error: BaseException) -> Exception:
    """Returns an error that means the same where no framework is imported."""
    if isinstance(error, RunnerError) or type(error).__module__ == "builtins":
        try:
            copy = pickle.loads(pickle.dumps(error))
        except Exception:
            copy = None
        if isinstance(copy, Exception):
            return copy
    return RunnerError(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
