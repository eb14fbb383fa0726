"""Where Hydra looks for configurations: the shipped groups, the experiments, and the user's own folders."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from omegaconf import OmegaConf

from runner import folders

_PLUGIN_PACKAGE = "hydra_plugins"
_PLUGIN_MODULE = f"{_PLUGIN_PACKAGE}.runner"


class ExperimentSource(ConfigSource):
    """The files of a folder as options of the group ``experiment``; they set keys anywhere."""

    @staticmethod
    def scheme() -> str:
        return "experiments"

    def load_config(self, config_path: str) -> ConfigResult:
        path = self._file(config_path)
        if not self.is_config(config_path):
            raise ConfigLoadError(f"there is no experiment {config_path}")
        with path.open(encoding="utf-8") as stream:
            config = OmegaConf.load(stream)
        return ConfigResult(
            config=config, path=self.full_path(), provider=self.provider, header={"package": "_global_"}
        )

    def available(self) -> bool:
        return Path(self.path).is_dir()

    def is_group(self, config_path: str) -> bool:
        return config_path == "" or (self._inside(config_path) and self._folder(config_path).is_dir())

    def is_config(self, config_path: str) -> bool:
        return self._inside(config_path) and self._file(config_path).is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        if config_path == "":
            return [] if results_filter == ObjectType.CONFIG else [folders.EXPERIMENT]
        found = []
        for path in sorted(self._folder(config_path).iterdir()):
            is_config = path.suffix == ".yaml"
            wanted = ObjectType.CONFIG if is_config else ObjectType.GROUP
            if (is_config or path.is_dir()) and results_filter in (None, wanted):
                found.append(path.stem if is_config else path.name)
        return found

    def _inside(self, config_path: str) -> bool:
        return config_path.split("/")[0] == folders.EXPERIMENT

    def _folder(self, config_path: str) -> Path:
        return Path(self.path, *config_path.split("/")[1:])

    def _file(self, config_path: str) -> Path:
        return Path(self.path) / (config_path.partition("/")[2].removesuffix(".yaml") + ".yaml")


class SearchPath(SearchPathPlugin):
    """Adds the experiments, the user's folders, and the folder named by ``--config-dir``."""

    additional: ClassVar[Path | None] = None

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        experiments = [folders.experiments(), folders.user_experiments()]
        for folder in filter(None, experiments):
            search_path.append(provider="experiments", path=f"experiments://{folder}")
        for folder in filter(None, [folders.user_conf(), self.additional]):
            search_path.append(provider="user", path=f"file://{folder}")


def register() -> None:
    """Makes the sources known to Hydra."""
    for plugin in (ExperimentSource, SearchPath):
        Plugins.instance().register(plugin)


def register_for_sweeps(*kinds: type[Launcher] | type[Sweeper]) -> None:
    """Makes launchers and sweepers known to Hydra as ``hydra_plugins.runner.<their name>``.

    Hydra imports them by name from the package ``hydra_plugins`` alone: a module of that name is made.
    """
    package = sys.modules.setdefault(_PLUGIN_PACKAGE, ModuleType(_PLUGIN_PACKAGE))
    module = ModuleType(_PLUGIN_MODULE)
    for kind in kinds:
        plugin = type(kind.__name__, (kind,), {"__module__": _PLUGIN_MODULE})
        setattr(module, kind.__name__, plugin)
        Plugins.instance().register(plugin)
    setattr(package, _PLUGIN_MODULE.rpartition(".")[2], module)
    sys.modules[_PLUGIN_MODULE] = module
