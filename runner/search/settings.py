"""How a search is carried out: the keys of ``hydra.sweeper``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from runner import values
from runner.errors import ConfigurationError, Fault
from runner.quantities import Count, PositiveCount
from runner.suggestions import nearest

KEY = "hydra.sweeper"
Sampler = Literal["tpe", "random"]
Pruner = Literal["none", "median", "hyperband", "successive_halving"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a search is carried out.

    Args:
        trials: how many there are in all, of every process that shares the study.
        metric: what is made best; None for the metric that decides which epoch is the best.
        sampler: who chooses the values of the next trial.
        seed: from which its chance follows.
        startup_trials: trials by chance before the sampler learns, and ended ones before the median pruner judges.
        pruner: who ends runs without hope.
        warmup_epochs: epochs that every run is given.
        storage: the address of the study's database; None for a file in the sweep's folder.
        study: the study's name; None for the sweep's.
    """

    trials: PositiveCount
    metric: str | None
    sampler: Sampler
    seed: Count
    startup_trials: Count
    pruner: Pruner
    warmup_epochs: PositiveCount
    storage: str | None
    study: str | None


def read(node: Mapping[str, Any]) -> Settings:
    """Returns the settings that plain values state.

    Raises:
        ConfigurationError: every value that does not fit.
    """
    types = get_type_hints(Settings, include_extras=True)
    stated: dict[str, Any] = {name: node.get(name) for name in types}
    faults = [fault for name, value in stated.items() for fault in _faults(name, value, types[name])]
    if faults:
        raise ConfigurationError(faults)
    return Settings(**stated)


def metric_faults(chosen: str, known: tuple[str, ...]) -> list[Fault]:
    """Returns the fault of a metric that no epoch has.

    Args:
        chosen: what is to be made best.
        known: the metrics of an epoch.
    """
    if chosen in known:
        return []
    key = f"{KEY}.metric"
    if chosen.startswith("test/"):
        rule = "must not be one of the test rows, which are for the end alone"
        return [Fault(key, rule, chosen, chosen.replace("test/", "validation/", 1))]
    rule = "is no metric of an epoch"
    return [Fault(key, rule, chosen, nearest(chosen, known), f"Metrics: {', '.join(known)}.")]


def _faults(name: str, value: Any, annotation: Any) -> list[Fault]:
    rule = values.broken_rule(value, annotation)
    if rule is None:
        return []
    names = [str(each) for each in get_args(annotation) if isinstance(each, str)]
    suggestion = nearest(value, names) if isinstance(value, str) else None
    return [Fault(f"{KEY}.{name}", rule, values.shown(value), suggestion)]
