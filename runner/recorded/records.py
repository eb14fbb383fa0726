"""A recorded run as plain data, whether its folder is on this machine or only MLflow has it."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from runner import metrics as metric_rules
from runner import stopping
from runner.errors import Fault, RunnerError, UsageError
from runner.results import Status
from runner.tracking import Scalar, fetch

CONFIG, OVERRIDES = "config.yaml", "overrides.yaml"
TRAIN = "train"

# The values of a metric by epoch: (epoch, value), the epoch from 1.
Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run, as its folder or MLflow remembers it; what lies in a file is read when it is asked for.

    Args:
        run_id: MLflow's number of the run; None where MLflow does not know it.
        name: the readable name.
        status: how it ended; RUNNING where it has not.
        error: why it did not finish, or None.
        experiment: the name of MLflow's experiment.
        uri: the address of MLflow's store.
        folder: where its files are on this machine; None where they are in MLflow alone.
        began: when, in seconds since 1970.
        tags: all of them: ``backend``, ``task``, ``command``, ``git_commit``, ``sweep``.
        parameters: the configuration by dotted key, as far as the run's task reads it.
        curves: what was told of every epoch, by the name of the metric.
        final: what was told once, at the end.
        steps: the loss of every step, (step, value), the step from 1.
        dataset: the SHA-256 of its rows, or of that the first digits; empty where it has none.
        artifacts: where MLflow keeps its files, if that is known and on this machine.
        page: the address of its page in MLflow; empty where it has none.
    """

    run_id: str | None
    name: str
    status: Status | str
    error: str | None
    experiment: str
    uri: str
    folder: Path | None
    began: float
    tags: Mapping[str, str]
    parameters: Mapping[str, Scalar]
    curves: Mapping[str, Curve] = field(default_factory=dict)
    final: Mapping[str, float] = field(default_factory=dict)
    steps: Curve = ()
    dataset: str = ""
    artifacts: Path | None = None
    page: str = ""

    @property
    def sweep(self) -> str | None:
        """The sweep that it belongs to, or None."""
        return self.tags.get("sweep")

    @property
    def is_training(self) -> bool:
        """Whether a network was trained, and not looked into or compared."""
        return self.tags.get("task", TRAIN) == TRAIN and "role" not in self.tags

    @property
    def monitor(self) -> str:
        """The metric that decided which epoch was the best."""
        return str(self.parameters.get("training.monitor", "validation/loss"))

    @property
    def word(self) -> str:
        """What names this run and no other, for a command that a person may type."""
        if self.run_id is not None:
            return self.run_id
        return self.name if self.folder is None else str(self.folder)

    @cached_property
    def kept_epoch(self) -> int:
        """The epoch, from 1, whose weights were kept; 0 where none was."""
        told = self.curves.get(self.monitor, ())
        if not told:
            return 0
        if self.parameters.get("training.keep") == "last":
            return told[-1][0]
        sign = -1.0 if metric_rules.higher_is_better(self.monitor) else 1.0
        return told[stopping.best_epoch([sign * value for _, value in told])][0]

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of the kept weights by name, ``test/accuracy``; of other tasks what they found."""
        of_epoch = {
            name: value
            for name, points in self.curves.items()
            for epoch, value in points
            if epoch == self.kept_epoch and name.partition("/")[0] in ("train", "validation")
        }
        return of_epoch | dict(self.final)

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration as plain mappings, as the run recorded it.

        Raises:
            UsageError: it is gone, or no YAML.
        """
        import yaml

        try:
            found = yaml.safe_load(self.require(CONFIG).read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = str(error).partition("\n")[0]
            raise UsageError([Fault(self.word, f"its {CONFIG} cannot be read: {reason}")]) from error
        if not isinstance(found, dict):
            raise UsageError([Fault(self.word, f"its {CONFIG} is no mapping of keys to values")])
        return found

    @cached_property
    def overrides(self) -> tuple[str, ...]:
        """What was typed for the run; nothing where that is gone."""
        import yaml

        path = self.file(OVERRIDES)
        found = yaml.safe_load(path.read_text(encoding="utf-8")) if path else None
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def file(self, name: str) -> Path | None:
        """Returns where one of the run's files is on this machine, fetched from MLflow where need be; None where it is gone.

        Args:
            name: of the file in the run's folder, which MLflow has it by as well.

        Raises:
            RunnerError: MLflow's store could not be asked.
        """
        for place in (self.folder, self.artifacts):
            if place is not None and (place / name).is_file():
                return place / name
        return None if self.run_id is None else _fetched(self.uri, self.run_id, name)

    def folder_with(self, names: Sequence[str]) -> Path | None:
        """Returns a folder in which some of the run's files lie by their names; None where one of them is gone.

        Args:
            names: of the files in the run's folder.

        Raises:
            RunnerError: MLflow's store could not be asked.
        """
        for place in (self.folder, self.artifacts):
            if place is not None and all((place / name).is_file() for name in names):
                return place
        found = {name: path for name in names if (path := self.file(name))}
        if len(found) < len(names):
            return None
        made = _temporary_folder()
        for name, path in found.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, made / name)
        return made

    def require(self, name: str) -> Path:
        """Returns where one of the run's files is on this machine.

        Raises:
            UsageError: it is gone.
            RunnerError: MLflow's store could not be asked.
        """
        path = self.file(name)
        if path is None:
            places = [*([str(self.folder)] if self.folder else []), *(["MLflow"] if self.run_id else [])]
            rule = f"the run {self.name!r} has no {name} any more, not in {' and not in '.join(places)}"
            raise UsageError([Fault(self.word, rule, remedy="Name another run, or train it again.")])
        return path


@cache
def _fetched(uri: str, run_id: str, name: str) -> Path | None:
    """Returns a file of a run in MLflow, in the store's own folder or in one that goes with this process."""
    answer = fetch.ask(uri=uri, run=run_id, name=name, folder=_temporary_folder())
    if answer.trouble:
        raise RunnerError(f"MLflow's store could not be asked for {name}: {answer.trouble}")
    return answer.path


def _temporary_folder() -> Path:
    """Returns a folder that goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="runner-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
