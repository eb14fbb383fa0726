"""A search from a composed configuration: what is searched, how, and which metric is made best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from runner import check, compose, preflight, task
from runner.errors import ConfigurationError, Fault
from runner.search import grammar, settings
from runner.search.settings import Settings
from runner.search.space import Space

# The sweeper that chooses the values of the next job by the outcomes of those before.
_SEARCH = "SearchSweeper"


def is_search(config: DictConfig) -> bool:
    """Returns whether the jobs of a sweep are the trials of a search."""
    return sweeper(config) == _SEARCH


def search(config: DictConfig, overrides: Sequence[str]) -> tuple[Space, Settings]:
    """Returns what a search searches, and how.

    Args:
        config: that of the whole sweep.
        overrides: what was typed, that for Hydra itself left out.

    Raises:
        ConfigurationError: every fault of both.
    """
    stated = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    groups = preflight.known_options(compose.repository())
    return grammar.search(typed(config, overrides), groups, cast(dict[str, Any], stated))


def metric(checked: compose.Checked, how: Settings) -> str:
    """Returns the metric that a search makes best.

    Raises:
        ConfigurationError: there is no such metric, or the task has no epochs.
    """
    experiment, drawing = checked.experiment, checked.blueprint
    if drawing is None or not task.depends_on(task.of(experiment), "training.epochs"):
        rule = "does not train, so that there is no metric to search by"
        raise ConfigurationError([Fault("task", rule, experiment.task.name, remedy="Take task=train.")])
    chosen = how.metric or experiment.training.monitor
    faults = settings.metric_faults(chosen, check.epoch_metrics(experiment, drawing.source))
    if faults:
        raise ConfigurationError(faults)
    return chosen


def typed(config: DictConfig, overrides: Sequence[str]) -> list[Override]:
    """Returns what YAML and the command line say of the jobs of a sweep, in this order."""
    params = OmegaConf.select(config.hydra.sweeper, "params") or {}
    parser = OverridesParser.create(config_loader=compose.current().config_loader)
    return parser.parse_overrides([*(f"{key}={value}" for key, value in params.items()), *overrides])


def sweeper(config: DictConfig) -> str:
    """Returns the name of the class that says which jobs a sweep has."""
    return str(OmegaConf.select(config.hydra.sweeper, "_target_")).rpartition(".")[2]
