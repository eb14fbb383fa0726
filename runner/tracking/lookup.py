"""A run looked up in MLflow by a process of its own, because this one never imports MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runner.tracking import asking


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A run as MLflow knows it.

    Args:
        run_id: its number.
        name: what it is called.
        status: FINISHED, FAILED, KILLED or RUNNING.
        experiment: the name of the experiment that it belongs to.
        began: when, in seconds since 1970.
        tags: all of them.
        parameters: by dotted key, as texts.
        curves: (step, value) of every metric with several steps or one beyond step 0.
        final: the metrics of step 0.
        steps: (step, loss) of every step.
        dataset: the first digits of the SHA-256 of its rows, or empty.
        experiment_id: the number of the experiment.
        artifacts: the folder of its files where that is on this machine, or empty.
    """

    run_id: str
    name: str
    status: str
    experiment: str
    began: float
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    curves: Mapping[str, Sequence[tuple[int, float]]]
    final: Mapping[str, float]
    steps: Sequence[tuple[int, float]]
    dataset: str
    experiment_id: str
    artifacts: str


@dataclass(frozen=True)
class Answer:
    """What was found.

    Args:
        run: the run; None where there is none, or several.
        several: the numbers of runs that all begin with the digits that were given.
        names: of the newest runs, where there is no such run.
        groups: of sweeps and experiments, where there is no such run.
        trouble: why the store could not be asked, or empty.
    """

    run: FoundRun | None = None
    several: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    trouble: str = ""


def look_up(*, uri: str, text: str, trainings: bool = False) -> Answer:
    """Returns a run by its number, by the first digits of it, by its name, of which the newest counts, or as ``last``.

    Args:
        uri: the address of MLflow's store.
        text: what a person typed.
        trainings: whether ``last`` is the newest training, whatever was done after it.
    """
    question = {"uri": uri, "text": text, "only": "train" if trainings else ""}
    answer, trouble = asking.ask("runner.tracking.looking_up", question)
    if trouble:
        return Answer(trouble=trouble)
    several, names, groups = (tuple(answer[key]) for key in ("several", "names", "groups"))
    return Answer(_run(answer["run"]) if answer["run"] else None, several, names, groups)


def _run(record: dict[str, Any]) -> FoundRun:
    pairs = {name: [(step, value) for step, value in points] for name, points in record["curves"].items()}
    steps = [(step, value) for step, value in record["steps"]]
    return FoundRun(**record | {"curves": pairs, "steps": steps})
