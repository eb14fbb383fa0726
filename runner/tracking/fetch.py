"""A file of a run in MLflow, fetched by a process of its own, because this one never imports MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner.tracking import asking


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
        name: of the file among the run's artifacts: ``weights.safetensors``, ``preparation/table.json``.
        folder: where it goes if it has to be fetched.
    """
    question = {"uri": uri, "run": run, "name": name, "folder": str(folder)}
    answer, trouble = asking.ask("runner.tracking.fetching", question)
    if trouble:
        return Answer(None, trouble=trouble)
    path = None if answer["path"] is None else Path(answer["path"])
    return Answer(path, found=answer["found"], names=tuple(answer["names"]))
