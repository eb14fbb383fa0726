"""A file of a run in MLflow, fetched by a process of its own, because this one never imports MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from runner.tracking.recorder import environment

_SECONDS = 120.0
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Answer:
    """What was found.

    Args:
        path: the file, in the store's own folder where that is on this machine; None where there is none.
        found: whether there is such a run.
        names: of the newest runs, where there is not.
        trouble: why the store could not be asked, or empty.
    """

    path: Path | None
    found: bool = False
    names: tuple[str, ...] = ()
    trouble: str = ""


def ask(*, uri: str, run: str, name: str, folder: Path) -> Answer:
    """Returns where a file of a run is; a run has a number of 32 hexadecimal digits or a name, of which the newest counts.

    Args:
        uri: the address of MLflow's store.
        run: the number or the name of the run.
        name: of the file among the run's artifacts.
        folder: where it goes if it has to be fetched.
    """
    question = json.dumps({"uri": uri, "run": run, "name": name, "folder": str(folder)})
    command = [sys.executable, "-m", "runner.tracking.fetching"]
    try:
        done = subprocess.run(
            command,
            input=question,
            env=environment(os.environ),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(None, trouble=f"no answer within {_SECONDS:g} seconds")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return Answer(None, trouble=lines[-1][:_LONGEST_REASON] if lines else "its process died")
    answer = json.loads(done.stdout.splitlines()[-1])
    path = None if answer["path"] is None else Path(answer["path"])
    return Answer(path, found=answer["found"], names=tuple(answer["names"]))
