"""A process that does towards the recorder what a training does.

Its arguments are the folder of the store, the name of the run, and how it ends: FINISHED, KILLED, or ALONE,
which is killed after its recorder was, as soon as MLflow knows the run.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from examples import card, measurements

from runner.tracking.journal import Journal
from runner.tracking.recorder import Recorder
from runner.tracking.store import StoredRun, address

EPOCHS = 300


def main() -> None:
    """Writes a journal, and either ends in order or is killed in the middle."""
    base, name, ending = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder = base / name
    recorder = Recorder.start(address(None, base), folder)
    journal = Journal(folder)
    journal.start(card(base, name=name))
    recorder.follow(folder)
    for epoch, values in measurements(EPOCHS):
        journal.metrics(epoch, values)
    if ending == "ALONE":
        while StoredRun.load(folder) is None:
            time.sleep(0.01)
        os.kill(recorder._process.pid, signal.SIGKILL)
    if ending != "FINISHED":
        os.kill(os.getpid(), signal.SIGKILL)
    journal.end("FINISHED", None)
    report = recorder.finish(120)
    heavy = {"mlflow", "matplotlib", "sklearn", "pandas"} & set(sys.modules)
    assert not heavy, f"the training process imported {heavy}"
    assert not report.sentences, report.sentences


if __name__ == "__main__":
    main()
