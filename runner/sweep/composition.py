"""The configuration of each job of a sweep, composed once for each choice of options and not once for each job."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from runner import compose, preflight, refusals
from runner.errors import ConfigurationError
from runner.request import set_value

# Options that are swept over make a new start; more of them are not kept.
_KEPT = 32


class Composer:
    """Composes the jobs of a sweep."""

    def __init__(self, context: HydraContext, whole: DictConfig) -> None:
        self._context = context
        self._whole = whole
        self._known = preflight.known_options(compose.repository())
        self._parser = OverridesParser.create(config_loader=context.config_loader)
        self._starts: dict[tuple[str, ...], DictConfig] = {}

    @property
    def groups(self) -> frozenset[str]:
        """The keys that choose an option."""
        return frozenset(self._known)

    def config(self, overrides: Sequence[str], number: int) -> DictConfig:
        """Returns the configuration of a job, as Hydra would compose it.

        Raises:
            ConfigurationError: Hydra takes one of the overrides not, or not beside the others.
        """
        parsed = self._parser.parse_overrides(list(overrides))
        values = [override for override in parsed if not self._chooses(override)]
        choices = [override.input_line or "" for override in parsed if self._chooses(override)]
        # A copy takes a twentieth of the time.
        config = deepcopy(self._start(tuple(choices)))
        faults = [fault for override in values for fault in set_value(config, override)]
        if faults:
            raise ConfigurationError(faults)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            config.hydra.overrides.task = list(overrides)
        return config

    def _chooses(self, override: Override) -> bool:
        return override.is_hydra_override() or override.key_or_group in self._known

    def _start(self, choices: tuple[str, ...]) -> DictConfig:
        if choices not in self._starts:
            try:
                made = self._context.config_loader.load_sweep_config(self._whole, list(choices))
            except refusals.REFUSALS as error:
                raise ConfigurationError([refusals.fault(error, self._known, choices)]) from error
            while len(self._starts) >= _KEPT:
                del self._starts[next(iter(self._starts))]
            self._starts[choices] = made
        return self._starts[choices]
