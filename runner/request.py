"""A command line on its way to a checked configuration: every fault is found before anything runs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from runner import compose, preflight, reading, refusals, searches, starting, surroundings
from runner.errors import ConfigurationError, Fault
from runner.search import grammar
from runner.search.space import Space

# Jobs of a sweep that are looked at for faults before its first one; the launcher looks at all of them.
_JOBS_INSPECTED = 64
# The sweepers whose jobs are every combination of what was typed.
_GRIDS = (BasicSweeper.__name__, "GridSweeper")


@dataclass(frozen=True)
class Request:
    """A command line without its verb.

    Args:
        overrides: as they were typed.
        multirun: whether ``-m`` was.
        config_name: the first file.
        config_dir: a further folder of groups, or None.
        flags: all of Hydra's flags, for what Hydra answers by itself.
    """

    overrides: tuple[str, ...]
    multirun: bool
    config_name: str
    config_dir: Path | None
    flags: Namespace


@dataclass(frozen=True)
class Answer:
    """A request without a fault: its configuration, and what was found in that of its first or only job.

    Args:
        config: as composed; that of the whole sweep where there is one.
        multirun: whether it is several jobs.
        checked: the first job.
        jobs: how many jobs there are, or None where the sweeper decides while it runs.
        overrides: those of each job, as far as they are known; of a search its spaces as they were typed.
    """

    config: DictConfig
    multirun: bool
    checked: compose.Checked
    jobs: int | None
    overrides: tuple[tuple[str, ...], ...] = ()

    @property
    def folder(self) -> Path:
        """Where the files go, of the run or of the whole sweep."""
        return _folder(self.config, self.multirun)


def parse(words: Sequence[str]) -> Request:
    """Returns the request of a command line, by Hydra's own flags.

    Raises:
        ConfigurationError: a flag that does not exist, lacks its value, or does not go with another.
    """
    starting.forget()
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # argparse would print its usage and exit.
    flags = parser.parse_intermixed_args(list(words))
    shows = [name for name in ("cfg", "info", "hydra_help", "shell_completion") if getattr(flags, name)]
    if flags.experimental_rerun is not None:
        _refuse("--experimental-rerun is not supported, type the overrides again")
    if len(shows) + flags.multirun + flags.run > 1:
        _refuse(
            "only one of --cfg, --info, --hydra-help, --shell-completion, --run and --multirun can be given"
        )
    if flags.resolve and not flags.cfg:
        _refuse("--resolve goes with --cfg only")
    config_dir = flags.config_dir or flags.config_path
    if config_dir is not None and not Path(config_dir).is_dir():
        raise ConfigurationError([Fault("--config-dir", "must be a folder", config_dir)])
    return Request(
        overrides=tuple(flags.overrides),
        multirun=flags.multirun,
        config_name=flags.config_name or compose.CONFIG_NAME,
        config_dir=None if config_dir is None else Path(config_dir).resolve(),
        flags=flags,
    )


def shows(request: Request) -> bool:
    """Returns whether a request is for Hydra to answer, by showing a configuration or itself; and answers it.

    Raises:
        ConfigurationError: where the configuration cannot be put together.
    """
    flags, hydra, name = request.flags, compose.current(), request.config_name
    overrides = list(request.overrides)
    if flags.shell_completion:
        hydra.shell_completion(config_name=name, overrides=overrides)
        return True
    if not (flags.cfg or flags.info or flags.hydra_help):
        return False
    attempt = _attempt(request, preflight.known_options(compose.repository()), multirun=False)
    if attempt.faults or attempt.refused:
        raise ConfigurationError(attempt.faults or attempt.refused)
    if flags.cfg:
        hydra.show_cfg(name, overrides, flags.cfg, flags.package, flags.resolve)
    elif flags.info:
        hydra.show_info(flags.info, config_name=name, overrides=overrides)
    else:
        hydra.hydra_help(config_name=name, args_parser=get_args_parser(), args=flags)
    return True


def answer(request: Request, *, every_job: bool = False) -> Answer:
    """Returns the configuration of a request; needs an open session.

    Args:
        request: what was typed.
        every_job: whether all jobs of a sweep are looked at; else only the first, unless that has a fault.

    Raises:
        ConfigurationError: every fault that was found.
    """
    known = preflight.known_options(compose.repository())
    attempt = _attempt(request, known, request.multirun)
    multirun = request.multirun
    if attempt.config is not None and compose.is_multirun(attempt.config) and not multirun:
        # A configuration may declare its own sweep, and then several values of a key need no -m.
        multirun = True
        attempt = _attempt(request, known, multirun)
    if attempt.config is None:
        raise ConfigurationError(attempt.faults)
    searched = how = None
    try:
        if multirun and searches.is_search(attempt.config):
            searched, how = searches.search(attempt.config, attempt.good)
        jobs = _jobs(attempt.config, attempt.good, searched) if multirun else None
    except ConfigurationError as error:
        raise ConfigurationError(attempt.faults or error.faults) from error
    checked, faults = _inspect(attempt.config) if jobs is None else _inspect_job(request, jobs[0], known)
    if jobs is not None and (faults or attempt.faults or every_job):
        for job in jobs[1:] if every_job else jobs[1:_JOBS_INSPECTED]:
            faults += _inspect_job(request, job, known)[1]
    faults = [*attempt.faults, *faults] or list(attempt.refused)
    if faults or checked is None:
        faults += _around(attempt.config, _folder(attempt.config, multirun), faults)
        found = faults if searched is None else grammar.explained(faults, searched)
        raise ConfigurationError(list(dict.fromkeys(found)))
    if searched is not None and how is not None:
        searches.metric(checked, how)
        return Answer(attempt.config, multirun, checked, None, (searched.typed,))
    every = tuple(map(tuple, jobs or ()))
    return Answer(attempt.config, multirun, checked, None if jobs is None else len(jobs), every)


def _folder(config: DictConfig, multirun: bool) -> Path:
    node = config.hydra.sweep if multirun else config.hydra.run
    return Path(str(node.dir)).absolute()


def _around(config: DictConfig, folder: Path, faults: Sequence[Fault]) -> list[Fault]:
    """Returns what is missing around a configuration that cannot run anyway, so that all is said at once."""
    unread = {fault.key.partition(".")[0] for fault in faults}
    return surroundings.faults(compose.attempted(config), folder, unread=unread)


@dataclass(frozen=True)
class _Attempt:
    """A configuration of the overrides that could be tried, and the faults of the others.

    Args:
        config: what was composed; None where nothing could be.
        good: the overrides that Hydra takes.
        faults: what is wrong with the others.
        refused: what Hydra itself said, for where nothing better is found.
    """

    config: DictConfig | None
    good: tuple[str, ...]
    faults: tuple[Fault, ...]
    refused: tuple[Fault, ...] = ()


def _attempt(request: Request, known: preflight.Known, multirun: bool) -> _Attempt:
    typed = preflight.read(request.overrides, known=known, multirun=multirun)
    config, refused = _try(request, typed.good, known, multirun)
    if not refused:
        return _Attempt(config, typed.good, typed.faults)
    values = {override.input_line for override in typed.values}
    choices = tuple(text for text in typed.good if text not in values)
    base, unmade = _try(request, choices, known, multirun)
    if base is None:
        return _Attempt(None, (), (*typed.faults, *unmade))
    found = [fault for override in typed.values for fault in set_value(base, override)]
    return _Attempt(base, choices, (*typed.faults, *found), tuple(refused))


def _try(
    request: Request, overrides: Sequence[str], known: preflight.Known, multirun: bool
) -> tuple[DictConfig | None, list[Fault]]:
    try:
        return compose.compose(overrides, config_name=request.config_name, multirun=multirun), []
    except refusals.REFUSALS as error:
        return None, [refusals.fault(error, known, request.overrides)]


def set_value(config: DictConfig, override: Override) -> list[Fault]:
    """Sets the value of an override as Hydra does; returns the fault of one at a wrong place."""
    key, line = override.key_or_group, override.input_line or ""
    is_there = _has(config, key)
    if override.is_add() and is_there:
        rule = "is there already, so it takes no plus sign"
        return [Fault(key, rule, line, remedy=f"Write {line.lstrip('+')}.")]
    if not is_there and not (override.is_add() or override.is_force_add()):
        return [reading.unknown_key(key, compose.keys(config, of_hydra=override.is_hydra_override()))]
    if override.is_delete():
        parent, _, last = key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        with open_dict(node):
            del node[last]
    elif override.is_hydra_override():
        # A wrong value of Hydra's own is for Hydra to refuse, and it has.
        with suppress(OmegaConfBaseException):
            OmegaConf.update(config, key, override.value())
    elif not override.is_sweep_override():
        _update(config, key, override.value())
        config.hydra.overrides.task.append(line)
    return []


def _update(config: DictConfig, key: str, value: Any) -> None:
    """Sets a value that Hydra may have refused, so that its faults are found with all others."""
    try:
        OmegaConf.update(config, key, value, merge=True, force_add=True)
    except OmegaConfBaseException:
        OmegaConf.update(config, key, value, merge=False, force_add=True)


def _has(config: DictConfig, key: str) -> bool:
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else config
    return isinstance(node, DictConfig) and last.partition("[")[0] in node


def _jobs(config: DictConfig, overrides: Sequence[str], searched: Space | None) -> list[list[str]]:
    """Returns the overrides of every job; where the sweeper decides them as it goes, those that all share."""
    if searched is not None:
        return searched.probes()
    typed = searches.typed(config, overrides)
    if searches.sweeper(config) in _GRIDS:
        spaces = [_no_search(each) for each in typed if _is_space(each)]
        if spaces:
            raise ConfigurationError(spaces)
        try:
            jobs: list[list[str]] = BasicSweeper.split_arguments(typed, None)[0]
        except HydraException as error:
            raise ConfigurationError([refusals.fault(error, {})]) from error
        if not jobs:
            raise ConfigurationError([_no_value(each) for each in typed if _is_empty(each)])
        return jobs
    return [[override.input_line or "" for override in typed if not override.is_sweep_override()]]


def _is_space(override: Override) -> bool:
    return override.is_sweep_override() and not override.is_discrete_sweep()


def _no_search(override: Override) -> Fault:
    rule = "is a space of numbers, and a sweep goes through values"
    remedy = "Add hydra/sweeper=optuna to search it."
    return Fault(override.key_or_group, rule, override.get_value_string(), remedy=remedy)


def _is_empty(override: Override) -> bool:
    return override.is_discrete_sweep() and not list(override.sweep_string_iterator())


def _no_value(override: Override) -> Fault:
    rule = "has no value, so that the sweep has no job"
    return Fault(override.key_or_group, rule, override.get_value_string(), remedy="Name at least one.")


def _inspect(config: DictConfig) -> tuple[compose.Checked | None, list[Fault]]:
    try:
        return compose.inspect(config), []
    except ConfigurationError as error:
        return None, list(error.faults)


def _inspect_job(
    request: Request, overrides: Sequence[str], known: preflight.Known
) -> tuple[compose.Checked | None, list[Fault]]:
    attempt = _attempt(replace(request, overrides=tuple(overrides)), known, multirun=False)
    faults = list(attempt.faults or attempt.refused)
    if attempt.config is None or faults:
        return None, faults
    return _inspect(attempt.config)


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError([Fault("command line", message.rstrip("."))])
