"""The network of the run that a word names, for the verbs that use one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from runner import network_reading
from runner.commands.options import Words
from runner.component import TARGET
from runner.data.pictures.decoding import Fit
from runner.data.tables.fitted import FILES, FOLDER, FittedTable, load
from runner.errors import ConfigurationError, Fault, RunnerError, UsageError
from runner.network_file import NETWORK
from runner.network_reading import StoredNetwork
from runner.recorded import Record, find
from runner.suggestions import nearest
from runner.weights import WEIGHTS

METRIC, OF = "--metric", "--of"
# The flags that every verb takes which names a run.
FLAGS = (METRIC, OF)
_URI = "tracking.uri"
_TABLE = "runner.data.tables.source.table"


@dataclass(frozen=True)
class Trained:
    """A recorded network.

    Args:
        name: of the run, or the folder that it was read from.
        network: read from its files.
        backend: the framework that trained it, or None where nobody says.
        preparation: what makes inputs of a table's columns; None where the network takes numbers as they stand.
        fit: how images of other proportions came to their size in the training.
    """

    name: str
    network: StoredNetwork
    backend: str | None
    preparation: FittedTable | None = None
    fit: Fit = "stretch"


def name_faults(verb: str, typed: Words) -> list[Fault]:
    """Returns what is wrong with the words that name a run and its store."""
    names = [name for name in typed.names if "=" not in name]
    keys = [name.partition("=")[0] for name in typed.names if "=" in name]
    faults = [
        Fault(key, f"is nothing that {verb} takes", None, nearest(key, [_URI]), f"It takes {_URI}=ADDRESS.")
        for key in keys
        if key != _URI
    ]
    if len(names) != 1:
        remedy = "Name it by its folder, its name or its number in MLflow, or write last or best."
        faults.append(Fault(verb, "takes one run", " ".join(names) or None, None, remedy))
    return faults


def record_of(typed: Words, *, finished: bool = True) -> Record:
    """Returns the run that was named, with ``--metric`` and ``--of`` for ``best``."""
    (name,) = (name for name in typed.names if "=" not in name)
    uri = dict(name.split("=", 1) for name in typed.names if "=" in name).get(_URI)
    return find(name, uri=uri, metric=typed.values.get(METRIC), of=typed.values.get(OF), finished=finished)


def network_of(typed: Words) -> Trained:
    """Returns the network of the run that was named; a folder with the files of one will do, wherever it is from.

    Raises:
        ConfigurationError: there is no such run, or its files are gone or damaged.
    """
    (name,) = (name for name in typed.names if "=" not in name)
    folder = Path(name)
    there = [each for each in (NETWORK, WEIGHTS) if (folder / each).is_file()]
    if len(there) == 2:
        read = network_reading.read(folder / NETWORK, folder / WEIGHTS)
        return Trained(name, read, *_told(folder))
    if there == [NETWORK]:
        raise UsageError(
            [Fault(name, f"has no {WEIGHTS}", remedy="They go together: take both from the run.")]
        )
    record = record_of(typed)
    weights = record.require(WEIGHTS)
    network = record.file(NETWORK)
    if network is None:
        remedy = (
            "A network with functions of a person's own, or one that native semantics turns, is known to its"
            " framework alone."
        )
        raise UsageError([Fault(record.word, f"the run {record.name!r} has no {NETWORK}", remedy=remedy)])
    read = network_reading.read(network, weights)
    preparation = _read(preparation_of(record))
    return Trained(record.name, read, record.tags.get("backend"), preparation, _fit(record))


def preparation_of(record: Record) -> Path | None:
    """Returns the folder in which the files of a run's preparation lie; None where its data were no table.

    Raises:
        UsageError: they are gone.
    """
    # The bare name may be that of a function of somebody's own.
    data = record.config.get("data") if record.parameters.get("data") == _TABLE.rpartition(".")[2] else None
    if not isinstance(data, Mapping) or data.get(TARGET) != _TABLE:
        return None
    folder = record.folder_with(FILES)
    if folder is None:
        rule = f"the run {record.name!r} has no {FOLDER} any more, which makes inputs of a table's columns"
        raise UsageError([Fault(record.word, rule, remedy="Name another run, or train it again.")])
    return folder


def _read(folder: Path | None) -> FittedTable | None:
    """Returns what makes inputs of a table's columns, where a folder has it.

    Raises:
        UsageError: it is damaged, or holds what could carry out code.
    """
    if folder is None or not (folder / FOLDER).is_dir():
        return None
    try:
        return load(folder)
    except ConfigurationError as error:
        raise UsageError(error.faults) from error


def _told(folder: Path) -> tuple[str | None, FittedTable | None, Fit]:
    """Returns who trained what lies in a folder, its preparation, and its fit; the least where it is no run's."""
    try:
        record = find(str(folder), finished=False)
    except RunnerError:
        return None, _read(folder), "stretch"
    return record.tags.get("backend"), _read(folder), _fit(record)


def _fit(record: Record) -> Fit:
    """Returns how a run brought images to their size, by its parameters."""
    said = str(record.parameters.get("data.fit", ""))
    return next((each for each in get_args(Fit) if each == said), "stretch")
