"""Hydra's sweepers: every combination of what was typed, or the trials of a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from runner import searches
from runner.compose import choices
from runner.errors import ConfigurationError, Fault

_LAUNCHER = "hydra/launcher"


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper over every combination, without its silent look at all jobs before the first one."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Leaves it to the launcher to look at the jobs."""


class SearchSweeper(Sweeper):
    """Has the trials of a search carried out, whose values follow from those before."""

    def __init__(self, **stated: object) -> None:
        """Takes the keys of ``hydra.sweeper``, which are read where they are checked."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._config = config
        self._launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> list[Sequence[JobReturn]]:
        """Returns how each trial ended that this process has carried out.

        Raises:
            ConfigurationError: the search cannot be carried out; nothing has been started.
        """
        space, settings = searches.search(self._config, arguments)
        if not hasattr(self._launcher, "search"):
            rule = "carries out jobs that are all known before the first one, and those of a search are not"
            name = choices(self._config)[_LAUNCHER]
            raise ConfigurationError([Fault(_LAUNCHER, rule, name, remedy="Leave it out.")])
        return [self._launcher.search(space, settings)]
