"""MLflow as the recorder uses it: its store, opened safely, and a run's values as MLflow takes them."""

from __future__ import annotations

import contextlib
import getpass
import json
import math
import re
import socket
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
from filelock import FileLock
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from runner.errors import TrackingError
from runner.tracking import DatasetCard, RunCard, Scalar, tables
from runner.tracking.journal import Event
from runner.tracking.process import GONE, Process, gone
from runner.tracking.store import StoredRun, artifact_location, database
from runner.tracking.view import View

_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_KEY = 250
_IDENTITY = "identity"
# MLflow makes a store in a second or two.
_MAKING_SECONDS = 30.0


@dataclass(frozen=True)
class Dead:
    """A run without a process: its number in MLflow, and the folder in which its journal was."""

    run_id: str
    folder: Path


class Store:
    """MLflow's store at an absolute address.

    A new SQLite file that two processes open at once, or whose making was interrupted, is broken for ever: it is made under
    a lock and under another name, and comes to its place when it is whole.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        with self._alone() as path:
            if path is not None and not _is_whole(path):
                _make(path)
            # The client opens the store as soon as it is made itself.
            self.client = mlflow.MlflowClient(uri)

    def experiment_id(self, name: str) -> str:
        """Returns the number of an experiment, made or taken out of MLflow's bin where needed."""
        with self._alone():
            experiment = self.client.get_experiment_by_name(name)
            if experiment is None:
                return self._new_experiment(name)
            if experiment.lifecycle_stage == "deleted":
                self.client.restore_experiment(experiment.experiment_id)
            return str(experiment.experiment_id)

    def _new_experiment(self, name: str) -> str:
        try:
            return str(self.client.create_experiment(name, artifact_location(self.uri)))
        except MlflowException:
            # On a server another process may have been first.
            experiment: Experiment | None = self.client.get_experiment_by_name(name)
            if experiment is None:
                raise
            return str(experiment.experiment_id)

    def run(self, card: RunCard, folder: Path) -> StoredRun:
        """Returns the run of a card, its files in ``folder``; it is made unless an earlier attempt did."""
        experiment_id = self.experiment_id(card.experiment)
        same = f"tags.{_IDENTITY} = '{card.identity}'"
        known = self.client.search_runs([experiment_id], same, max_results=1)
        run = known[0] if known else self._new_run(experiment_id, card, folder)
        return StoredRun(str(run.info.run_id), experiment_id, self.uri)

    def _new_run(self, experiment_id: str, card: RunCard, folder: Path) -> mlflow.entities.Run:
        tags = {
            _IDENTITY: card.identity,
            "mlflow.user": _user(),
            "mlflow.source.name": card.tags.get("command", "runner"),
            "mlflow.source.type": "LOCAL",
            **({"mlflow.source.git.commit": commit} if (commit := card.tags.get("git_commit")) else {}),
            **process_tags(card.process),
            "folder": str(folder),
        }
        if card.parent is not None:
            tags["mlflow.parentRunId"] = _number_of(Path(card.parent))
        return self.client.create_run(
            experiment_id, milliseconds(card.time), {**tags, **card.tags}, run_name=card.name
        )

    def show(self, experiment_id: str, view: View) -> None:
        """Adds what the page of an experiment's runs is to show of one more run."""
        known = self.client.get_experiment(experiment_id).tags.get(view.tag)
        saved = view.saved(known, milliseconds(time.time()))
        if saved is not None:
            self.client.set_experiment_tag(experiment_id, view.tag, saved)

    def dead(self) -> list[Dead]:
        """Returns the runs that MLflow calls RUNNING and whose process on this machine is gone."""
        numbers = [each.experiment_id for each in self.client.search_experiments()]
        running = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
        found = self.client.search_runs(numbers, running, max_results=1000) if numbers else []
        dead = [_dead(str(run.info.run_id), run.data.tags) for run in found]
        return [run for run in dead if run is not None]

    def kill(self, run_id: str, time: float) -> None:
        """Closes a run as KILLED at ``time``, in seconds since 1970."""
        self.client.log_batch(run_id, tags=tags({"error": GONE}))
        self.client.set_terminated(run_id, "KILLED", milliseconds(time))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path | None]:
        """Keeps other processes from an SQLite file; yields it, or None for a server."""
        path = database(self.uri)
        if path is None:
            yield None
            return
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=60):
            yield path


def _make(path: Path) -> None:
    """Makes an empty store; at any moment there is a whole one, or none. What was there before is kept beside it."""
    unfinished = path.with_name(f".{path.name}.part")
    tables.remove(unfinished)
    tables.make(unfinished, path.parent / "mlruns")
    if path.exists():
        path.replace(path.with_name(f"{path.name}.half-made"))
    unfinished.replace(path)


def _is_whole(path: Path) -> bool:
    """Returns whether an SQLite file is a store, which has a first experiment from its making on.

    One without may have been left by a process that was killed at it, or another, which knows no lock, is at it now.
    """
    if not path.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (experiments,) = connection.execute("SELECT count(*) FROM experiments").fetchone()
    except sqlite3.Error:
        # It is empty, or of another kind, or in use: MLflow says what it can do with it.
        return True
    return experiments > 0 or time.time() - path.stat().st_mtime < _MAKING_SECONDS


def _number_of(folder: Path) -> str:
    """Returns MLflow's number of the run in a folder."""
    stored = StoredRun.load(folder)
    if stored is None:
        raise TrackingError(f"MLflow does not know the run in {folder} yet")
    return stored.run_id


def _dead(run_id: str, known: Mapping[str, str]) -> Dead | None:
    """Returns a run with these tags where its process is gone; one that others made has not all of them."""
    if not {"host", "pid", "process_started", "folder"} <= known.keys():
        return None
    process = Process(known["host"], int(known["pid"]), float(known["process_started"]))
    return Dead(run_id, Path(known["folder"])) if gone(process) else None


def metrics(event: Event) -> list[Metric]:
    """Returns the metrics of one step, or of several, as MLflow's rows.

    Infinity goes as NaN: MLflow would store 1.8e308, which flattens all else in a chart. The journal has it.
    """
    time = milliseconds(event["time"])
    first, columns = event.get("first_step"), event["values"]
    if first is None:
        first, columns = event["step"], {name: [value] for name, value in columns.items()}
    return [
        Metric(key, value if math.isfinite(value) else math.nan, time, step)
        for key, column in ((_key(name), column) for name, column in columns.items())
        for step, value in enumerate(column, first)
    ]


def dataset(card: DatasetCard) -> DatasetInput:
    """Returns what was learnt from as MLflow's input; of the digest it takes the first 32 digits."""
    shape = list(card.input_shape)
    features = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, *shape]}}]
    width = [] if card.classes else [1]
    kind = "int64" if card.classes else "float64"
    targets = [{"type": "tensor", "tensor-spec": {"dtype": kind, "shape": [-1, *width]}}]
    schema = {"features": json.dumps(features), "targets": json.dumps(targets)}
    profile = {"input_shape": shape, "classes": list(card.classes), "rows": dict(card.rows)}
    return DatasetInput(
        Dataset(
            name=card.name,
            digest=card.sha256[:32],
            source_type="code",
            source=json.dumps({"name": card.name, "sha256": card.sha256}),
            schema=json.dumps({"mlflow_tensorspec": schema}),
            profile=json.dumps(profile),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def parameters(values: Mapping[str, Scalar]) -> list[Param]:
    """Returns the configuration as MLflow's rows, each value as YAML writes it and cut where MLflow would."""
    return [Param(_key(name), _text(value)[:_LONGEST_PARAMETER]) for name, value in values.items()]


def tags(values: Mapping[str, str]) -> list[RunTag]:
    """Returns tags as MLflow's rows."""
    return [RunTag(_key(name), value[:_LONGEST_TAG]) for name, value in values.items()]


def process_tags(process: Process) -> dict[str, str]:
    """Returns the tags that say which process is at a run."""
    return {"host": process.host, "pid": str(process.pid), "process_started": str(process.started)}


def _key(name: str) -> str:
    """Returns a name with MLflow's letters only."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:_LONGEST_KEY]


def _text(value: Scalar) -> str:
    """Returns a value as YAML writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def milliseconds(seconds: float) -> int:
    """Returns a time as MLflow counts it."""
    return round(seconds * 1000)


def _user() -> str:
    # A container may run under a number that has no name.
    with contextlib.suppress(KeyError, OSError):
        return getpass.getuser()
    return "unknown"
