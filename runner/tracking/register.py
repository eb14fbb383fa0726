"""A run's model put into MLflow's registry, by a process of its own, because this one never imports MLflow."""

from __future__ import annotations

from dataclasses import dataclass

from runner.tracking import asking


@dataclass(frozen=True)
class Registered:
    """What came of it.

    Args:
        version: of the model under its name; None where the run has no model in MLflow.
        known: whether it was there already.
        trouble: why the store could not be asked, or empty.
    """

    version: str | None
    known: bool = False
    trouble: str = ""


def register(*, uri: str, run_id: str, name: str, alias: str | None) -> Registered:
    """Registers the model of a run; one that is registered under the name already keeps its version.

    Args:
        uri: the address of MLflow's store.
        run_id: MLflow's number of the run.
        name: of the registered model.
        alias: what the version is called besides, or None.
    """
    question = {"uri": uri, "run": run_id, "name": name, "alias": alias or ""}
    answer, trouble = asking.ask("runner.tracking.registering", question)
    if trouble:
        return Registered(None, trouble=trouble)
    return Registered(answer["version"], known=answer["known"])
