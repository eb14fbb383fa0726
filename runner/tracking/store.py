"""Where MLflow keeps the runs, and the addresses of its pages; needs no MLflow."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse
from urllib.request import url2pathname

DATABASE = "mlflow.db"
ARTIFACTS = "mlartifacts"
RUN_FILE = "mlflow.json"
LOCAL_SERVER = "http://127.0.0.1:5000"

_SQLITE = "sqlite:///"
# A new browser opens MLflow's pages for language models, where an experiment shows no runs: not with this.
_MODEL_TRAINING = "workflowType=machine_learning"


def address(uri: str | None, folder: Path) -> str:
    """Returns the store's address: ``uri``, else MLFLOW_TRACKING_URI, else mlflow.db in ``folder``."""
    chosen = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{DATABASE}"
    if not chosen.startswith(_SQLITE):
        return chosen.rstrip("/")
    return address_of(folder.resolve() / chosen.removeprefix(_SQLITE))


def address_of(path: Path) -> str:
    """Returns the store's address of an SQLite file."""
    return _SQLITE + path.as_posix()


def database(uri: str) -> Path | None:
    """Returns the SQLite file behind an address, or None for a server."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def is_server(uri: str) -> bool:
    """Returns whether the address is that of a tracking server."""
    return uri.startswith(("http://", "https://"))


def artifact_location(uri: str) -> str | None:
    """Returns where a new experiment keeps its files: beside an SQLite file; None leaves it to the store."""
    path = database(uri)
    return None if path is None else str(path.parent / ARTIFACTS)


def on_this_machine(address: str) -> Path | None:
    """Returns the folder that an address of a run's files means; None where they are fetched from somewhere."""
    parts = urlparse(address)
    return Path(url2pathname(parts.path)) if parts.scheme in ("", "file") else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a file that another process may read at any moment: whole, or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)


@dataclass(frozen=True)
class StoredRun:
    """Where a run lies in MLflow; ``mlflow.json`` in its folder says it as soon as MLflow knows the run."""

    run_id: str
    experiment_id: str
    uri: str

    @property
    def server(self) -> str:
        """Returns the root of MLflow's pages, which ``mlflow ui`` serves for a store that is no server."""
        return self.uri if is_server(self.uri) else LOCAL_SERVER

    @property
    def page(self) -> str:
        """Returns the address of the run's page."""
        return f"{self.server}/{self.place}"

    @property
    def place(self) -> str:
        """Returns the address of the run's page within MLflow's pages, whatever server they come from."""
        return f"#/experiments/{self.experiment_id}/runs/{self.run_id}?{_MODEL_TRAINING}"

    def save(self, folder: Path) -> None:
        """Writes ``mlflow.json``."""
        write_json(folder / RUN_FILE, asdict(self) | {"address": self.page})

    @staticmethod
    def load(folder: Path) -> StoredRun | None:
        """Returns what ``mlflow.json`` says, or None where MLflow does not know the run yet."""
        path = folder / RUN_FILE
        if not path.exists():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        return StoredRun(content["run_id"], content["experiment_id"], content["uri"])


def view_key(sweep: str | None) -> str:
    """Returns the name under which the experiment keeps the view of a sweep, or of every run."""
    return sweep or "all"


def charts_page(server: str, experiment_id: str, sweep: str | None, *, viewed: bool) -> str:
    """Returns the address of an experiment's charts, of one sweep's runs where a sweep is named.

    Args:
        server: the root of MLflow's pages.
        experiment_id: MLflow's number of the experiment.
        sweep: the sweep, or None.
        viewed: whether the experiment has a view for it. MLflow ignores one beside a filter, so the view has that too.
    """
    query = f"{_MODEL_TRAINING}&compareRunsMode=CHART"
    if viewed:
        query += f"&viewStateShareKey={view_key(sweep)}"
    elif sweep is not None:
        query += "&searchFilter=" + quote(f'tags.sweep="{sweep}"', safe=".")
    return f"{server}/#/experiments/{experiment_id}/runs?{query}"
