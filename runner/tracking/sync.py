"""What could not be sent to MLflow, sent now: every run that is noted in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.tracking import unsent
from runner.tracking.recorder import LOG, Recorder
from runner.tracking.store import address


@dataclass(frozen=True)
class SyncReport:
    """The folders of the runs that MLflow has now, and of those of which something is still unsent."""

    sent: tuple[Path, ...]
    unsent: tuple[Path, ...]
    log: Path

    @property
    def sentences(self) -> tuple[str, ...]:
        """Returns what a person should know."""
        if not self.sent and not self.unsent:
            return ("MLflow has every run.",)
        sent = (f"{len(self.sent)} runs are in MLflow now.",) if self.sent else ()
        left = f"{len(self.unsent)} runs could not be sent; {self.log} has the reason."
        return (*sent, left) if self.unsent else sent


def sync(folder: Path, uri: str | None, timeout: float) -> SyncReport:
    """Sends everything that earlier commands in ``folder`` could not, and closes the runs that died.

    Args:
        folder: the working folder.
        uri: the address of a further store, or None.
        timeout: seconds for each store.
    """
    store = address(uri, folder)
    notes = unsent.place(store)
    before = dict.fromkeys(unsent.noted(notes))
    for each in dict.fromkeys([store, *(known for _, known in before)]):
        # A recorder that follows no run of its own takes up what it finds.
        Recorder.start(each, notes).finish(timeout)
    left = dict.fromkeys(unsent.noted(notes))
    return SyncReport(
        sent=tuple(run for run, known in before if (run, known) not in left),
        unsent=tuple(run for run, _ in left),
        log=notes / LOG,
    )
