"""What an experiment needs around it: its framework, a folder to write to, a store that answers, its rows, its start."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from runner import folders, starting, supplies, task
from runner.distributed import meeting
from runner.errors import Fault
from runner.experiment import Backend, Experiment, Tracking
from runner.tracking import store

_FRAMEWORKS = {"torch": ("torch", "pytorch_lightning"), "keras": ("keras", "tensorflow")}
_SECONDS_FOR_AN_ANSWER = 5.0


def faults(experiment: Experiment, folder: Path, *, unread: Collection[str] = ()) -> list[Fault]:
    """Returns what is missing around an experiment; imports no framework.

    Args:
        experiment: what would be carried out.
        folder: where its files would go; it need not exist yet.
        unread: the first words of keys that have faults of their own, and of which nothing more is asked.
    """
    of_store = list(_store_faults(experiment.tracking)) if "tracking" not in unread else []
    return [
        *(_framework_faults(experiment.backend) if "backend" not in unread else ()),
        *_folder_faults(folder),
        *of_store,
        *(_node_faults(experiment) if not {"training", "task"} & set(unread) else ()),
        *supplies.faults(experiment, unread=unread),
        *starting.faults(experiment, unread={*unread, "tracking"} if of_store else unread),
    ]


def _framework_faults(backend: Backend) -> Iterator[Fault]:
    packages = _FRAMEWORKS.get(backend.name, ())
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        rule = f"needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        yield Fault(
            "backend", rule, backend.name, remedy=f"Type: pip install {folders.installable(backend.name)}"
        )


def _node_faults(experiment: Experiment) -> Iterator[Fault]:
    nodes = experiment.training.nodes
    if task.depends_on(task.of(experiment), "training.epochs"):
        yield from meeting.faults(nodes)
    elif nodes > 1:
        rule = f"must be 1 with task={experiment.task.name}, because only a training is shared"
        yield Fault("training.nodes", rule, str(nodes), remedy="Leave it out.")


def _folder_faults(folder: Path) -> Iterator[Fault]:
    """A file is made and removed, for a permission alone does not tell: the disk may be full or read-only."""
    existing = next(place for place in (folder, *folder.parents) if place.is_dir())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        rule = f"cannot be written: {error.strerror}"
        yield Fault("folder", rule, str(existing), remedy="Run in a folder of your own.")


def _store_faults(tracking: Tracking) -> Iterator[Fault]:
    uri = tracking.uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not tracking.enabled or not uri:
        return
    scheme, separator, _ = uri.partition("://")
    database = store.database(uri)
    if database is not None and not database.parent.is_dir():
        yield Fault("tracking.uri", f"there is no folder {database.parent}", uri)
    elif uri.startswith("databricks"):
        return
    elif not separator or scheme == "file":
        rule = "must be a database or a server, because MLflow no longer develops its store of plain files"
        yield Fault("tracking.uri", rule, uri, remedy="Write sqlite:///mlflow.db or leave it null.")
    elif scheme in ("http", "https"):
        yield from _server_faults(uri)


def _server_faults(uri: str) -> Iterator[Fault]:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS_FOR_AN_ANSWER):
            return
    except HTTPError as error:
        # A server that wants a password is there; anything else that answers with an error is no MLflow.
        if error.code in (401, 403):
            return
        reason = f"{error.code} {error.reason}"
    except (OSError, ValueError) as error:
        inner = getattr(error, "reason", error)
        reason = str(getattr(inner, "strerror", None) or inner) or type(inner).__name__
    remedy = "Start it with mlflow server, or leave tracking.uri at null for a file in this folder."
    yield Fault("tracking.uri", f"no tracking server answers: {reason}", uri, remedy=remedy)
