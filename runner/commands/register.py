"""The verb register: the model of a run under a name in MLflow's registry, from where it is served."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from runner.commands import options
from runner.commands.chosen_run import FLAGS, name_faults, record_of
from runner.errors import Fault, RunnerError, UsageError
from runner.tracking.register import register

_NAME, _ALIAS = "--name", "--alias"
# What MLflow cannot have in the name of a model.
_FORBIDDEN = "/:"


def run(words: Sequence[str]) -> int:
    """Registers the model of a run and says how it is served."""
    typed = options.read("register", words, values=[_NAME, _ALIAS, *FLAGS], switches=[])
    faults = name_faults("register", typed)
    name, alias = typed.values.get(_NAME), typed.values.get(_ALIAS)
    if name is None:
        faults.append(Fault(_NAME, "must be given", remedy="It is what the model is called in the registry."))
    elif not name.strip() or any(sign in name for sign in _FORBIDDEN):
        faults.append(Fault(_NAME, f"must be a name without {' and '.join(_FORBIDDEN)}", repr(name)))
    if faults:
        raise UsageError(faults)
    assert name is not None
    record = record_of(typed)
    if record.run_id is None:
        rule = f"MLflow does not know the run {record.name!r}"
        raise UsageError(
            [Fault(record.word, rule, remedy="python -m runner sync sends what it could not take.")]
        )
    found = register(uri=record.uri, run_id=record.run_id, name=name, alias=alias)
    if found.trouble:
        raise RunnerError(f"MLflow's registry could not be asked: {found.trouble}")
    if found.version is None:
        remedy = "A network with functions of a person's own has one with tracking.model=native."
        raise UsageError(
            [Fault(record.word, f"the run {record.name!r} has no model in MLflow", remedy=remedy)]
        )
    address = f"models:/{name}/{found.version}"
    there = ", which was there already" if found.known else ""
    also = f", also {name}@{alias}" if alias else ""
    print(f"model    {name}, version {found.version}{there}{also}, of the run {record.name!r}")
    print(f"load     mlflow.pyfunc.load_model({address!r})")
    uri = shlex.quote(record.uri)
    print(
        f"serve    MLFLOW_TRACKING_URI={uri} mlflow models serve -m {shlex.quote(address)} --env-manager local"
    )
    return 0
