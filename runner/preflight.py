"""What was typed, before Hydra sees it: every override is read on its own, so that all faults are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from runner import folders
from runner.errors import Fault
from runner.suggestions import listed, nearest

Known = dict[str, list[str]]


@dataclass(frozen=True)
class Typed:
    """The overrides of a command line.

    Args:
        good: those that Hydra may see, as they were typed.
        values: of these, those that set a key rather than choose an option of a group.
        faults: what is wrong with the others.
    """

    good: tuple[str, ...]
    values: tuple[Override, ...]
    faults: tuple[Fault, ...]


def known_options(repository: ConfigRepository) -> Known:
    """Returns the options of every group that Hydra finds on its search path."""
    names = repository.get_group_options("", ObjectType.GROUP)
    groups = [name for name in names if name != "hydra" and not name.startswith(("_", "."))]
    return {group: sorted(_options(repository, group)) for group in groups}


def read(overrides: Sequence[str], *, known: Known, multirun: bool) -> Typed:
    """Returns the overrides that can be tried and the faults of the others.

    Args:
        overrides: as they were typed.
        known: the options of every group.
        multirun: whether several values of a key are several jobs.
    """
    parser = OverridesParser.create()
    good: list[str] = []
    values: list[Override] = []
    faults: list[Fault] = [*_shadowed()]
    for text in overrides:
        try:
            override = parser.parse_overrides([text])[0]
        except HydraException:
            faults.append(_unreadable(text))
            continue
        found = list(_override_faults(override, known, multirun))
        faults += found
        if not found:
            good.append(text)
            if not _chooses(override, known):
                values.append(override)
    return Typed(tuple(good), tuple(values), tuple(faults))


def no_option(group: str, name: str, options: Sequence[str]) -> Fault:
    """Returns the fault of an option that a group does not have."""
    rule = f"there is no option {name!r}"
    remedy = f"Options: {listed(options)}." if options else "There are none yet."
    return Fault(group, rule, suggestion=nearest(name, options), remedy=remedy)


def _options(repository: ConfigRepository, group: str) -> Iterator[str]:
    # What begins with a stroke is the program's own, as the options of a run that is opened again.
    yield from (name for name in repository.get_group_options(group) if not name.startswith("_"))
    for folder in repository.get_group_options(group, ObjectType.GROUP):
        yield from (f"{folder}/{name}" for name in _options(repository, f"{group}/{folder}"))


def _override_faults(override: Override, known: Known, multirun: bool) -> Iterator[Fault]:
    if override.is_hydra_override():
        if override.is_sweep_override():
            rule = "takes one value, because Hydra itself is the same for all jobs"
            yield Fault(override.key_or_group, rule, override.get_value_string())
        elif "/" in override.key_or_group and not isinstance(override.value(), str):
            yield Fault(override.key_or_group, "must name one option", _text(override))
    elif override.key_or_group == "hydra":
        yield Fault(
            "hydra", "is Hydra's own", _text(override), remedy="Set one of its keys, as hydra.run.dir=."
        )
    elif not override.key_or_group:
        yield Fault(_text(override), "must be written as key=value")
    elif override.is_sweep_override() and override.key_or_group.partition(".")[0] == "sweep":
        rule = "takes one value, because it is the same for all jobs"
        yield Fault(override.key_or_group, rule, override.get_value_string())
    elif override.is_sweep_override() and not multirun:
        yield _several_values(override)
    elif override.key_or_group in known and override.package is not None:
        group = override.key_or_group
        rule = "cannot be placed anywhere else than under its own name"
        yield Fault(group, rule, _text(override), remedy=f"Write {group}={override.get_value_string()}.")
    elif override.key_or_group in known:
        yield from _choice_faults(override, known[override.key_or_group])
    elif override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        rule = "is no group, so a glob has no options to pick from"
        yield Fault(override.key_or_group, rule, override.get_value_string())
    elif "/" in override.key_or_group or override.package is not None:
        yield _no_group(override, known)


def _chooses(override: Override, known: Known) -> bool:
    return override.key_or_group.startswith("hydra/") or override.key_or_group in known


def _choice_faults(override: Override, options: Sequence[str]) -> Iterator[Fault]:
    group = override.key_or_group
    if override.is_delete():
        yield Fault(group, "cannot be left out", _text(override), remedy=f"Options: {listed(options)}.")
    elif override.is_add() or override.is_force_add():
        bare = _text(override).lstrip("+")
        rule = "is chosen already, so it takes no plus sign"
        yield Fault(group, rule, _text(override), remedy=f"Write {bare}.")
    else:
        for choice in _choices(override):
            if choice is None or isinstance(choice, list | dict):
                remedy = f"Options: {listed(options)}."
                yield Fault(group, "must name one option", _text(override), remedy=remedy)
            elif str(choice) not in options:
                yield no_option(group, str(choice), options)


def _choices(override: Override) -> list[object]:
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP or override.is_sweep_override():
        # Which options a glob picks is for Hydra to say: there are none that could be wrong.
        is_glob = override.value_type == ValueType.GLOB_CHOICE_SWEEP
        return [] if is_glob or not override.is_discrete_sweep() else list(override.sweep_iterator())
    return [override.value()]


def _several_values(override: Override) -> Fault:
    remedy = "Add -m to run once with each of them, or write a list as [a,b]."
    return Fault(override.key_or_group, "takes one value", override.get_value_string(), remedy=remedy)


def _no_group(override: Override, known: Known) -> Fault:
    group = override.key_or_group
    suggestion = nearest(group, known)
    return Fault(group, "there is no such group", suggestion=suggestion, remedy=f"Groups: {listed(known)}.")


def _unreadable(text: str) -> Fault:
    key, separator, value = text.partition("=")
    if not separator or not key.strip("+~ "):
        return Fault(text, "must be written as key=value")
    if "[" in key:
        whole = key.partition("[")[0]
        return Fault(key, "must be a key without brackets", remedy=f"Write the whole list: {whole}=[a,b].")
    remedy = f"Quote a text with blanks or special signs: '{key}=\"{value}\"'."
    return Fault(key, "has a value that cannot be read", value, remedy=remedy)


def _shadowed() -> Iterator[Fault]:
    for group in folders.groups():
        options = folders.options(group)
        shipped = {option.name for option in options if option.shipped}
        for option in options:
            if not option.shipped and option.name in shipped:
                rule = f"has the name of an option that comes with the program, {group}={option.name}"
                yield Fault(folders.shown(option.path).as_posix(), rule, remedy="Give the file another name.")
    user = folders.user_conf()
    if user is not None and (user / "config.yaml").exists():
        rule = "has the name of the program's own first file"
        remedy = "Give it another name and choose it by --config-name."
        yield Fault(folders.shown(user / "config.yaml").as_posix(), rule, remedy=remedy)


def _text(override: Override) -> str:
    return override.input_line or ""
