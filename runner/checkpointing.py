"""When a checkpoint is due, and a thread that writes it while the training goes on."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from runner import checkpoints, signals, training_state
from runner.checkpoints import Checkpoint
from runner.experiment import Checkpointing, Experiment

_SECONDS_IN_A_MINUTE = 60.0


def are_written(experiment: Experiment) -> bool:
    """Returns whether a training leaves checkpoints behind."""
    return training_state.can_be_kept(experiment) and experiment.training.checkpoint.is_on


class Checkpoints:
    """Writes the checkpoints of one training; a context, at whose end everything is written.

    What is written is a copy, made between two steps; the file is made by a thread. Where the disk is slower than the
    training, a newer checkpoint takes the place of one that still waits.

    Args:
        folder: where they lie.
        rule: how often, and how many stay.
        settled: called before each; what was told until then must be on the disk before a checkpoint counts it as told.
        problem: told once in a sentence where they cannot be written.
        begun: batches that the training has behind it already.
    """

    def __init__(
        self,
        folder: Path,
        rule: Checkpointing,
        *,
        settled: Callable[[], None],
        problem: Callable[[str], None],
        begun: int = 0,
    ) -> None:
        self._folder = folder
        self._rule = rule
        self._settled = settled
        self._problem = problem
        self._step = begun
        self._saved = time.monotonic()
        self._waiting: queue.Queue[Checkpoint | None] = queue.Queue(maxsize=1)
        self._failure: str | None = None
        self._error: Exception | None = None
        self._is_told = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.settle()

    def is_due(self, step: int, ended_epoch: int | None) -> bool:
        """Returns whether the training is to be written down.

        Args:
            step: batches so far.
            ended_epoch: the epoch, from 1, that has ended with it, or None in the middle of one.
        """
        rule = self._rule
        by_epochs = rule.epochs is not None and ended_epoch is not None and ended_epoch % rule.epochs == 0
        by_steps = rule.steps is not None and step // rule.steps > self._step // rule.steps
        minutes = (time.monotonic() - self._saved) / _SECONDS_IN_A_MINUTE
        return by_epochs or by_steps or (rule.minutes is not None and minutes >= rule.minutes)

    def save(self, checkpoint: Checkpoint) -> None:
        """Takes a checkpoint, which nobody changes any more, and has it written."""
        self._step, self._saved = checkpoint.step, time.monotonic()
        self._tell()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="checkpoints", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(checkpoint)
        except queue.Full:
            # The thread may have just taken it.
            with contextlib.suppress(queue.Empty):
                self._waiting.get_nowait()
            self._waiting.put(checkpoint)

    def settle(self) -> None:
        """Waits until everything is written, and says what could not be."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
        self._tell()

    def raise_if_stopped(self) -> None:
        """Ends the training by what Ctrl-C or SIGTERM asked for, once what has been saved is written.

        Raises:
            Interrupted: where somebody asked for it.
        """
        if signals.is_pending():
            self.settle()
            signals.raise_pending()

    def _write_all(self) -> None:
        while (checkpoint := self._waiting.get()) is not None:
            try:
                self._write(checkpoint)
            except OSError as error:
                self._failure = (
                    f"checkpoints: that of step {checkpoint.step} could not be written ({error.strerror or error});"
                    " the training goes on, and the older ones are as they were."
                )
            except Exception as error:
                # What is wrong with the program ends the training, where somebody hears of it.
                self._error = error

    def _write(self, checkpoint: Checkpoint) -> None:
        # From weights that are no numbers nobody could go on; the loss of the next step ends the training.
        if not checkpoints.are_finite(checkpoint):
            return
        self._settled()
        checkpoints.save(checkpoint, self._folder, keep=self._rule.keep)

    def _tell(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._failure is not None and not self._is_told:
            self._is_told = True
            self._problem(self._failure)
