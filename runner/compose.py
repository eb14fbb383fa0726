"""Hydra to Experiment: the only file that sees a configuration of Hydra's; past it there are records."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.hydra import Hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from runner import check, folders, reading, sources, task
from runner.blueprint import Blueprint
from runner.component import TARGET
from runner.errors import ConfigurationError, Fault
from runner.experiment import Experiment
from runner.origins import Origins

if TYPE_CHECKING:
    from runner.runs import RunRequest

CONFIG_NAME = "config"
PARITY, SWEEP = "parity", "sweep"
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Checked:
    """A configuration that would run: its records, its network if its task reads one, and what is odd but not wrong."""

    experiment: Experiment
    blueprint: Blueprint | None
    warnings: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out about the data, a sentence each."""
        return self.blueprint.source.notes if self.blueprint is not None else ()


@contextmanager
def session(config_dir: Path | None = None) -> Iterator[Hydra]:
    """Opens Hydra on the shipped folders, the user's, and ``config_dir``; one at a time in a process."""
    sources.register()
    sources.SearchPath.additional = config_dir
    try:
        with initialize_config_dir(config_dir=str(folders.conf()), job_name="runner", version_base="1.3"):
            yield current()
    finally:
        sources.SearchPath.additional = None


def current() -> Hydra:
    """Returns the Hydra of the open session."""
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    return hydra


def repository() -> ConfigRepository:
    """Returns the folders of the open session, in the order in which they are searched."""
    loader = current().config_loader
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository


def compose(
    overrides: Sequence[str], *, config_name: str = CONFIG_NAME, multirun: bool = False
) -> DictConfig:
    """Returns the whole configuration, the node ``hydra`` included; needs an open session.

    Raises:
        HydraException: and the others of :data:`REFUSALS`, where Hydra refuses.
    """
    mode = RunMode.MULTIRUN if multirun else RunMode.RUN
    return current().compose_config(
        config_name=config_name, overrides=list(overrides), run_mode=mode, validate_sweep_overrides=False
    )


def is_multirun(config: DictConfig) -> bool:
    """Returns whether a configuration asks for several jobs."""
    try:
        return bool(config.hydra.mode == RunMode.MULTIRUN)
    except OmegaConfBaseException as error:
        raise ConfigurationError([_reference_fault("hydra.mode", error)]) from error


def read(config: DictConfig) -> Experiment:
    """Returns the experiment of a composed configuration.

    Raises:
        ConfigurationError: every fault of the configuration itself; the surroundings are not looked at.
    """
    return inspect(config).experiment


def attempted(config: DictConfig) -> Experiment:
    """Returns the experiment of a configuration that may have faults; where it has, values stand as they were given."""
    return reading.read(_plain(config)[0]).experiment


def inspect(config: DictConfig) -> Checked:
    """Returns the experiment of a composed configuration, its network and its warnings.

    Raises:
        ConfigurationError: every fault of the configuration itself; the surroundings are not looked at.
    """
    plain, faults = _plain(config)
    found = reading.read(plain)
    # A node with a reference to nothing is not there as a whole, which is no second fault.
    broken = {fault.key for fault in faults} | {str(name) for name in config if name not in plain}
    faults += [fault for fault in found.faults if fault.key not in broken]
    verdict = check.combinations(found, [*broken, *(fault.key for fault in faults)])
    faults += verdict.faults
    if faults:
        origins = Origins(choices(config), _overridden(config))
        raise ConfigurationError([origins.named(fault) for fault in faults])
    return Checked(found.experiment, verdict.blueprint, verdict.warnings)


def resolved_yaml(config: DictConfig) -> str:
    """Returns the configuration as YAML, every reference replaced by its value, without Hydra's own node."""
    return _yaml(_resolved(config))


def flat(config: DictConfig) -> dict[str, Scalar]:
    """Returns the parameters of a run by dotted key; see :func:`parameters`."""
    plain = _resolved(config)
    return parameters(plain, reading.read(plain).experiment)


def parameters(plain: Mapping[str, Any], experiment: Experiment) -> dict[str, Scalar]:
    """Returns the parameters of a run by dotted key.

    A component stands under its own key with its bare name (``optimizer: adam``), a list as text, and
    of a loss that is chosen by the data only the one that is used. What the task does not read is left out, and what
    only a comparison or a sweep looks at.

    Args:
        plain: the configuration, every reference followed.
        experiment: the same as records.
    """
    loss = experiment.loss.key.partition(".")[2]
    chosen = plain["loss"][loss] if loss else plain["loss"]
    of_run = {name: node for name, node in plain.items() if name not in (PARITY, SWEEP)}
    asked_for = task.of(experiment)
    found = _flattened({**of_run, "loss": chosen}, "")
    return {key: value for key, value in found if task.depends_on(asked_for, key)}


def overrides_of(config: DictConfig) -> list[str]:
    """Returns the overrides that were typed for a configuration, those of Hydra itself left out."""
    # As they stand: an override may hold a reference, which is for the whole configuration to follow.
    typed = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return [str(each) for each in cast(list[Any], typed)]


def with_hydra(config: DictConfig) -> DictConfig:
    """Returns the configuration that a job was given, with Hydra's own node, which Hydra keeps beside it."""
    whole = copy(config)
    with read_write(whole), open_dict(whole):
        whole["hydra"] = HydraConfig.get()
    return whole


def run_request(
    config: DictConfig,
    experiment: Experiment,
    *,
    overrides: Sequence[str],
    sweep: str | None = None,
    choices: Mapping[str, str] | None = None,
    label: str = "",
    parent: Path | None = None,
    folder: Path | None = None,
) -> RunRequest:
    """Returns what is to be carried out for one job.

    Args:
        config: the whole configuration of the job; Hydra has made its folder, or named it for a sweep.
        experiment: the same as records.
        overrides: the overrides of this job.
        sweep: the sweep that it belongs to, or None.
        choices: what tells this job from the others of its sweep, by key.
        label: the same in a few words.
        parent: the folder of the run under which MLflow folds this one, or None.
        folder: where its files go, or None for where Hydra has made or named a folder.

    Raises:
        ConfigurationError: what the run starts from is not there any more.
    """
    from runner.runs import RunRequest
    from runner.starting import pinned, resolved
    from runner.tracking.store import address

    if folder is None:
        folder = Path(config.hydra.runtime.output_dir) if sweep is None else _job_folder(config)
    name = str(config.hydra.job.config_name)
    flags = [] if name == CONFIG_NAME else [f"--config-name={name}"]
    plain = _resolved(config)
    if (start := pinned(experiment)) != experiment.training.start_from:
        plain["training"]["start_from"] = start
    return RunRequest(
        experiment=resolved(experiment),
        folder=folder,
        command=shlex.join(["python", "-m", "runner", *flags, *overrides]),
        overrides=tuple(overrides),
        config=_yaml(plain),
        parameters=parameters(plain, experiment),
        uri=address(experiment.tracking.uri, Path.cwd()),
        sweep=sweep,
        choices=dict(choices or {}),
        label=label,
        parent=parent,
    )


def keys(config: DictConfig, *, of_hydra: bool = False) -> list[str]:
    """Returns every key of a configuration, dotted, without Hydra's own, or those alone."""
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    return reading.dotted({name: node for name, node in plain.items() if (name == "hydra") == of_hydra})


def choices(config: DictConfig) -> dict[str, str]:
    """Returns the option that was chosen of every group, Hydra's own groups included."""
    chosen = config.hydra.runtime.choices
    return {str(group): str(name) for group, name in chosen.items() if name is not None}


def _job_folder(config: DictConfig) -> Path:
    return Path(str(config.hydra.sweep.dir)).resolve() / str(config.hydra.sweep.subdir)


def _plain(config: DictConfig) -> tuple[dict[str, Any], list[Fault]]:
    """Returns the nodes without Hydra's own, references followed, and a fault for each that leads nowhere."""
    plain: dict[str, Any] = {}
    faults: list[Fault] = []
    for name in (str(each) for each in config if each != "hydra"):
        node = config._get_node(name)
        if OmegaConf.is_config(node):
            unresolved = OmegaConf.to_container(cast(DictConfig, node), resolve=False)
            faults += [Fault(key, "must be given, its value is ???") for key in _unset(unresolved, name)]
        try:
            value = OmegaConf.select(config, name)
            plain[name] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except OmegaConfBaseException as error:
            faults.append(_reference_fault(name, error))
    return plain, faults


def _unset(node: Any, key: str) -> Iterator[str]:
    if node == "???":
        yield key
    elif isinstance(node, Mapping):
        for name, each in node.items():
            yield from _unset(each, f"{key}.{name}")


def _reference_fault(name: str, error: OmegaConfBaseException) -> Fault:
    text = str(error).partition("\n")[0].rstrip(".")
    key = str(getattr(error, "full_key", None) or name)
    return Fault(key, f"refers to something that is not there: {text}")


def _overridden(config: DictConfig) -> list[str]:
    keys_typed = [line.lstrip("+~").partition("=")[0] for line in overrides_of(config)]
    return [key for key in keys_typed if key not in config.hydra.runtime.choices]


def _resolved(config: DictConfig) -> dict[str, Any]:
    plain, faults = _plain(config)
    if faults:
        raise ConfigurationError(faults)
    return plain


def _yaml(plain: dict[str, Any]) -> str:
    return OmegaConf.to_yaml(OmegaConf.create(plain))


def _flattened(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Scalar]]:
    for name, each in node.items():
        key = f"{prefix}{name}"
        if name == TARGET:
            yield prefix.rstrip("."), str(each).rpartition(".")[2]
        elif isinstance(each, Mapping):
            yield from _flattened(each, f"{key}.")
        else:
            yield key, str(each) if isinstance(each, list) else each
