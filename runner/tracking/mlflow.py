"""MLflow as the recorder uses it: its store, opened safely, and a run's values as MLflow takes them."""

from __future__ import annotations

import contextlib
import getpass
import math
import re
from collections.abc import Iterator, Mapping

import mlflow
from filelock import FileLock
from mlflow.entities import Experiment, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from runner.tracking import RunCard, Scalar
from runner.tracking.journal import Event
from runner.tracking.store import StoredRun, artifact_location, database

_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_KEY = 250
_IDENTITY = "identity"


class Store:
    """MLflow's store at an absolute address.

    A new SQLite file that two processes open at once is broken for ever: it is opened under a lock beside it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        with self._alone():
            # The client opens the store, and makes it where there is none, as soon as it is made itself.
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

    def run(self, card: RunCard) -> StoredRun:
        """Returns the run of a card, which is made unless an earlier attempt made it."""
        experiment_id = self.experiment_id(card.experiment)
        same = f"tags.{_IDENTITY} = '{card.identity}'"
        known = self.client.search_runs([experiment_id], same, max_results=1)
        run = known[0] if known else self._new_run(experiment_id, card)
        return StoredRun(str(run.info.run_id), experiment_id, self.uri)

    def _new_run(self, experiment_id: str, card: RunCard) -> mlflow.entities.Run:
        tags = {
            _IDENTITY: card.identity,
            "mlflow.user": _user(),
            "mlflow.source.name": card.tags.get("command", "runner"),
            "mlflow.source.type": "LOCAL",
            "host": card.process.host,
            "pid": str(card.process.pid),
            "process_started": str(card.process.started),
        }
        return self.client.create_run(
            experiment_id, milliseconds(card.time), {**tags, **card.tags}, run_name=card.name
        )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        path = database(self.uri)
        if path is None:
            yield
            return
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=60):
            yield


def metrics(event: Event) -> list[Metric]:
    """Returns metrics as MLflow's rows.

    Infinity goes as NaN: MLflow would store 1.8e308, which flattens all else in a chart. The journal has it.
    """
    time = milliseconds(event["time"])
    return [
        Metric(_key(name), value if math.isfinite(value) else math.nan, time, event["step"])
        for name, value in event["values"].items()
    ]


def parameters(values: Mapping[str, Scalar]) -> list[Param]:
    """Returns the configuration as MLflow's rows, each value as YAML writes it and cut where MLflow would."""
    return [Param(_key(name), _text(value)[:_LONGEST_PARAMETER]) for name, value in values.items()]


def tags(values: Mapping[str, str]) -> list[RunTag]:
    """Returns tags as MLflow's rows."""
    return [RunTag(_key(name), value[:_LONGEST_TAG]) for name, value in values.items()]


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
