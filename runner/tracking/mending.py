"""What earlier commands left behind: runs that died, and runs that MLflow does not have completely."""

from __future__ import annotations

import time
from pathlib import Path

from runner.tracking import sent, unsent
from runner.tracking.journal import JOURNAL
from runner.tracking.mlflow import Store
from runner.tracking.process import Process


def left_behind(store: Store, recorder: Process) -> list[Path]:
    """Returns the folders of the runs that ``recorder`` now has to send.

    Those are the noted ones and those that MLflow calls RUNNING though their process is gone, unless another
    recorder is still at it. A dead run without a journal has nothing to send, and is closed as KILLED.
    """
    folders = [folder for folder, uri in unsent.noted(unsent.place(store.uri)) if uri == store.uri]
    for run in store.dead():
        if _has_more(run.folder):
            folders.append(run.folder)
        elif not (run.folder / JOURNAL).exists():
            # With a complete journal, its own recorder has closed the run since the store was asked.
            store.kill(run.run_id, time.time())
    for folder in folders:
        if not _has_more(folder):
            unsent.forget(store.uri, folder)
    return [
        folder for folder in dict.fromkeys(folders) if _has_more(folder) and unsent.claim(folder, recorder)
    ]


def _has_more(folder: Path) -> bool:
    return (folder / JOURNAL).exists() and not sent.load(folder).complete
