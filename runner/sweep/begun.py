"""The runs of a sweep that were cut short: each goes on from its newest checkpoint, in its folder and its MLflow run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from runner import checkpoints, resuming
from runner.runs import Resumption, RunRequest
from runner.sweep import record
from runner.tracking import continuing, sent, unsent
from runner.tracking.journal import Journal

# So long the recorder of a sweep that has just died may need to tell MLflow of its runs.
_RECORDER_SECONDS = 60.0


class Begun:
    """The runs of earlier processes that can be gone on with, by what they are.

    Args:
        folder: of the sweep.
        uri: the address of MLflow's store; None where it is told nothing.
    """

    def __init__(self, folder: Path, uri: str | None) -> None:
        self._uri = uri
        self._folders: dict[str, list[Path]] = {}
        self._steps: dict[Path, int] = {}
        self._damaged: list[Path] = []
        # Those that another recorder still tells of, or another store knows, begin anew.
        end = time.monotonic() + _RECORDER_SECONDS
        for attempt in record.attempts(folder):
            is_here = uri is None or attempt.card.uri == uri
            if attempt.is_cut_short and is_here and checkpoints.paths(attempt.folder / checkpoints.FOLDER):
                left = max(end - time.monotonic(), 0.0)
                if uri is None or continuing.claim(attempt.folder, left):
                    self._folders.setdefault(attempt.meaning, []).append(attempt.folder)

    def request(self, new: RunRequest, meaning: str) -> RunRequest | None:
        """Returns what goes on with the run that a new one would be once more; None where none can be gone on with.

        Args:
            new: the new one.
            meaning: the digest of what it is.
        """
        folders = self._folders.get(meaning, [])
        while folders:
            folder = folders.pop(0)
            found = checkpoints.newest(folder / checkpoints.FOLDER)
            if found.checkpoint is None:
                self._damaged.append(folder)
                continue
            self._steps[folder] = found.checkpoint.step
            return replace(
                new,
                folder=folder,
                experiment=resuming.from_checkpoint(new.experiment, found),
                resumption=Resumption(step=found.checkpoint.step, is_longer=False, changed={}),
            )
        return None

    def begin(self, folder: Path) -> None:
        """Tells, where a run is one of them, that it goes on: before its recorder could find it at its end."""
        step = self._steps.pop(folder, None)
        if step is None:
            return
        if self._uri is not None:
            continuing.reopen(folder)
        journal = Journal(folder)
        journal.resume(step, {})
        journal.close()

    def left(self) -> Iterator[Path]:
        """Yields those that were not gone on with after all, and of which MLflow does not have everything."""
        if self._uri is None:
            return
        unused = (each for folders in self._folders.values() for each in folders)
        for folder in [*self._steps, *self._damaged, *unused]:
            if sent.load(folder).complete:
                unsent.forget(self._uri, folder)
            else:
                yield folder
