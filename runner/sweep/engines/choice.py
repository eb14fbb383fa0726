"""The engine that ``hydra/launcher`` chose, with its keys."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from runner import reading
from runner.errors import ConfigurationError, Fault
from runner.suggestions import listed, nearest
from runner.sweep.engines import KEY, Engine
from runner.sweep.engines.joblib import Joblib
from runner.sweep.engines.local import Local
from runner.sweep.engines.ray import Ray
from runner.sweep.engines.submitit import SubmititLocal, SubmititSlurm

ENGINES: Mapping[str, type[Engine]] = {
    "local": Local,
    "joblib": Joblib,
    "ray": Ray,
    "submitit_local": SubmititLocal,
    "submitit_slurm": SubmititSlurm,
}


def chosen(stated: Mapping[str, Any]) -> Engine:
    """Returns the engine that the keys of ``hydra.launcher`` name.

    Raises:
        ConfigurationError: there is no such engine, a key has a fault, or something is not installed.
    """
    name, keys = str(stated.get("engine")), {key: each for key, each in stated.items() if key != "engine"}
    if name not in ENGINES:
        rule = f"there is no engine {name!r}"
        remedy = f"Engines: {listed(ENGINES)}."
        raise ConfigurationError([Fault(f"{KEY}.engine", rule, None, nearest(name, ENGINES), remedy)])
    engine, faults = reading.read_record(ENGINES[name], keys, KEY)
    faults = faults or engine.faults()
    if faults:
        raise ConfigurationError(faults)
    return typing.cast(Engine, engine)
