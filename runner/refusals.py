"""What Hydra and its YAML parser refuse, as a fault in one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import OmegaConfBaseException

from runner import folders
from runner.errors import Fault
from runner.preflight import no_option
from runner.suggestions import listed, nearest

_HYDRAS_KEY = re.compile(r"Could not override '(?P<key>hydra\.[^']+)'")
# Every exception by which a configuration is refused while it is composed.
REFUSALS = (HydraException, OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError, ValueError, OSError)


def fault(error: BaseException, known: Mapping[str, Sequence[str]], overrides: Sequence[str] = ()) -> Fault:
    """Returns the fault behind an exception of :data:`REFUSALS`.

    Args:
        error: what was raised.
        known: the options of every group.
        overrides: what was typed.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        return _invalid_yaml(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return _no_first_file(name) if not group else _missing_option(group, name, known, overrides)
    unknown = _HYDRAS_KEY.match(str(error))
    if unknown is not None:
        key = unknown["key"]
        return Fault(key, "there is no such key", suggestion=nearest(key, _hydras_keys(key.split(".")[1])))
    text = " ".join(line.strip() for line in _lines(error)[:2])
    return Fault("configuration", f"cannot be put together: {text.rstrip('.')}")


def _invalid_yaml(error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    name = "configuration" if mark is None else folders.shown(Path(mark.name)).as_posix()
    place = "" if mark is None else f", line {mark.line + 1}"
    return Fault(name, f"is no valid YAML{place}: {error.problem or error.context}")


def _no_first_file(name: str) -> Fault:
    names = _names("")
    rule = f"there is no file {name}.yaml"
    return Fault("--config-name", rule, suggestion=nearest(name, names), remedy=f"Files: {listed(names)}.")


def _names(group: str) -> list[str]:
    """Returns the options of a group of Hydra's, or the first files."""
    places = [folder for folder in (folders.conf(), folders.user_conf()) if folder is not None]
    return sorted(path.stem for folder in places for path in (folder / group).glob("*.yaml"))


def _hydras_keys(node: str) -> list[str]:
    """Returns the keys of the files for a node of Hydra's own as a person types them."""
    stated = [
        yaml.safe_load(path.read_text("utf-8")) for path in (folders.conf() / "hydra" / node).glob("*.yaml")
    ]
    return [f"hydra.{node}.{key}" for keys in stated for key in keys]


def _missing_option(
    group: str, name: str, known: Mapping[str, Sequence[str]], overrides: Sequence[str]
) -> Fault:
    if group.startswith("hydra/"):
        return no_option(group, name, _names(group))
    if group not in known:
        remedy = f"Groups: {listed(known)}."
        return Fault(group, "there is no such group", suggestion=nearest(group, known), remedy=remedy)
    found = no_option(group, name, known[group])
    experiment = next((text.partition("=")[2] for text in overrides if text.startswith("experiment=")), None)
    paths = [each.path for each in folders.options(folders.EXPERIMENT) if each.name == experiment]
    if not paths or f"{group}={name}" in overrides:
        return found
    return replace(found, remedy=f"{found.remedy} It stands in {folders.shown(paths[0])}.")


def _lines(error: BaseException) -> list[str]:
    texts = [str(error), *([str(error.__cause__)] if error.__cause__ is not None else [])]
    return [line for text in texts for line in text.splitlines() if line.strip()]
