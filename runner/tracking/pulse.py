"""The sign of life of a run on another machine, whose processes cannot be looked up from here."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

PULSE = ".pulse"
_BEAT_SECONDS = 10.0
# More than twice what a shared file system may take to show a change elsewhere.
_STILL_SECONDS = 120.0


@contextlib.contextmanager
def beating(folder: Path) -> Iterator[None]:
    """Gives a sign of life in the folder of a run while it lasts."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(_BEAT_SECONDS):
            with contextlib.suppress(OSError):
                (folder / PULSE).touch()

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def is_still(folder: Path) -> bool:
    """Returns whether the last sign of life, or the folder where there was none, is old by the file system's own clock."""
    pulse = folder / PULSE
    last = (pulse if pulse.exists() else folder).stat().st_mtime
    with tempfile.TemporaryFile(dir=folder.parent) as now:
        return os.fstat(now.fileno()).st_mtime - last > _STILL_SECONDS
