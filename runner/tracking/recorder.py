"""The handle on the recorder: a process of its own that follows journals and tells MLflow.

The training process starts it before a framework is imported, names the folders to follow, and at the end
waits until everything is sent. The recorder outlives a training process that is killed, and tells MLflow so.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from runner.results import Status
from runner.tracking import sent, unsent
from runner.tracking.process import process_of, this_process
from runner.tracking.store import StoredRun

LOG = "recorder.log"

# Runs of which is asked whether MLflow knows their end, and how often.
_LOOKED_AT = 50
_LOOK_SECONDS = 0.1

_OTHER_RUNS = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME")


@dataclass(frozen=True)
class RunReport:
    """What became of one run in MLflow: where it is, how it ended, what is unsent, what went wrong, and whether
    the page of the charts has a view that shows it.
    """

    folder: Path
    stored: StoredRun | None
    status: Status | None
    unsent: int
    problems: tuple[str, ...]
    viewed: bool


@dataclass(frozen=True)
class RecorderReport:
    """What became of every run, and a sentence on the recorder itself where it did not finish."""

    runs: tuple[RunReport, ...]
    trouble: str | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """Returns everything that a person should know, or nothing."""
        problems = tuple(problem for run in self.runs for problem in run.problems)
        return problems if self.trouble is None else (*problems, self.trouble)


class Recorder:
    """The handle on a recorder process; a broken recorder is reported by :meth:`finish` and never earlier."""

    def __init__(self, process: subprocess.Popen[bytes], uri: str, folder: Path) -> None:
        self._process = process
        self._uri = uri
        self._folder = folder
        self._itself = process_of(process.pid)
        self._followed: list[Path] = []

    @classmethod
    def start(cls, uri: str, folder: Path, *, patient: bool = False) -> Recorder:
        """Starts a recorder for the store at ``uri``, its log in ``folder``; a patient one lets others go first."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "runner.tracking.desk"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment(os.environ),
                # Ctrl-C in the terminal is for the training alone: the recorder has yet to tell how it ended.
                start_new_session=True,
            )
        recorder = cls(process, uri, folder)
        starter = this_process()
        recorder._tell(uri=uri, host=starter.host, pid=starter.pid, started=starter.started, patient=patient)
        return recorder

    def follow(self, run_folder: Path) -> None:
        """Names a folder whose journal is to be sent, by this recorder or, should it die, by a later one."""
        unsent.note(self._uri, run_folder, self._itself)
        self._followed.append(run_folder)
        self._tell(run=str(run_folder.resolve()))

    def take_up(self, run_folder: Path) -> None:
        """Follows a run that was left behind, unless another recorder that lives does."""
        if unsent.claim(run_folder, self._itself):
            self.follow(run_folder)

    def wait_for_beginnings(self, patience: float, tell: Callable[[int, int], None]) -> None:
        """Waits until MLflow knows every run, so that each has a number, as long as there is progress.

        Args:
            patience: seconds without a further run that MLflow knows, after which it is not waited for.
            tell: called with how many runs MLflow knows, and of how many.
        """
        self._tell(hurry=True)
        self._wait(lambda folder: StoredRun.load(folder) is not None, patience, tell)

    def finish(self, timeout: float, tell: Callable[[int, int], None] | None = None) -> RecorderReport:
        """Waits until MLflow knows the end of every run, and then until all is sent; the recorder goes on alone after that.

        Args:
            timeout: seconds without a further run that MLflow knows, after which it is not waited for, and then those
                that it is waited for the rest.
            tell: called with how many runs MLflow knows to have ended, and of how many.
        """
        self._tell(finish=True)
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        all_known = self._wait(lambda folder: sent.load(folder).status is not None, timeout, tell)
        try:
            code: int | None = self._process.wait(timeout if all_known else 0.0)
        except subprocess.TimeoutExpired:
            code = None
        runs = tuple(_report(folder) for folder in self._followed)
        log = self._folder / LOG
        trouble = _trouble(code, sum(run.unsent for run in runs), log)
        if trouble is None and log.stat().st_size == 0:
            log.unlink()
        return RecorderReport(runs, trouble)

    def _wait(
        self, is_known: Callable[[Path], bool], patience: float, tell: Callable[[int, int], None] | None
    ) -> bool:
        """Returns whether MLflow knows this of every run, after a wait as long as there is progress."""
        left, moved = list(self._followed), time.monotonic()
        while left and time.monotonic() - moved < patience:
            has_ended = self._process.poll() is not None
            # They are sent in about this order, and a sweep may have thousands.
            open_ones = [each for each in left[:_LOOKED_AT] if not is_known(each)]
            known = len(left[:_LOOKED_AT]) - len(open_ones)
            left = [*open_ones, *left[_LOOKED_AT:]]
            if tell is not None:
                tell(len(self._followed) - len(left), len(self._followed))
            if known:
                moved = time.monotonic()
            elif has_ended:
                return True
            else:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_LOOK_SECONDS)
        return not left

    @property
    def _stdin(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _tell(self, **message: object) -> None:
        # A recorder that died is told of once, at the end.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(json.dumps(message).encode() + b"\n")
            self._stdin.flush()


def _report(folder: Path) -> RunReport:
    state = sent.load(folder)
    stored = StoredRun.load(folder)
    return RunReport(folder, stored, state.status, sent.unsent(folder), state.problems, state.viewed)


def _trouble(code: int | None, unsent: int, log: Path) -> str | None:
    if unsent == 0:
        return None
    if code is None:
        if log.stat().st_size == 0:
            return "The recorder is still sending and drawing, and goes on by itself."
        return "MLflow's store has not answered yet; the recorder goes on trying by itself."
    why = f"ended with exit code {code}" if code else "could not reach MLflow's store"
    return (
        f"The recorder {why} and {unsent} events are unsent; the journal keeps them, and the next command here"
        f" or `python -m runner sync` sends them. The reason is in {log}."
    )


def environment(current: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which MLflow joins no other run, does not call home and is not patient."""
    theirs = {key: value for key, value in current.items() if key not in _OTHER_RUNS}
    return {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        **theirs,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MPLBACKEND": "agg",
    }
