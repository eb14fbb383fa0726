"""The runs of a sweep or an experiment, gathered from MLflow as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from runner.tracking import asking
from runner.tracking.store import StoredRun

# What stands for the newest sweep.
LAST = "last"


@dataclass(frozen=True, kw_only=True)
class GatheredRun:
    """One run as MLflow knows it.

    Args:
        run_id: its number.
        name: what it is called.
        status: FINISHED, FAILED, KILLED or RUNNING.
        seconds: from its start to its end; 0 where it has not ended.
        parameters: by dotted key.
        metrics: the last value of each.
        curves: the values by epoch.
        tags: those that say where it belongs: ``command``, ``sweep``, ``error``, ``config_sha256``.
        page: the address of its page.
    """

    run_id: str
    name: str
    status: str
    seconds: float
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    curves: Mapping[str, list[float]]
    tags: Mapping[str, str]
    page: str


@dataclass(frozen=True)
class Gathered:
    """What was found.

    Args:
        name: of the sweep or experiment.
        command: that started the sweep, or empty.
        runs: its runs, the first to start first; empty where there is nothing of that name.
        names: of sweeps and experiments that there are, where there is nothing of that name.
        trouble: why the store could not be asked, or empty.
    """

    name: str = ""
    command: str = ""
    runs: tuple[GatheredRun, ...] = ()
    names: tuple[str, ...] = field(default=())
    trouble: str = ""


def gather(*, uri: str, text: str) -> Gathered:
    """Returns the runs of a sweep by its identifier, of an experiment by its name, or of the sweep ``last``.

    Args:
        uri: the address of MLflow's store.
        text: what a person typed.
    """
    answer, trouble = asking.ask("runner.tracking.gathering", {"uri": uri, "text": text})
    if trouble:
        return Gathered(trouble=trouble)
    runs = tuple(_run(record, uri) for record in answer["runs"])
    return Gathered(answer["name"], answer["command"], runs, tuple(answer.get("names", ())))


def _run(record: dict[str, Any], uri: str) -> GatheredRun:
    stored = StoredRun(record["run_id"], record.pop("experiment_id"), uri)
    return GatheredRun(**record, page=stored.page)
