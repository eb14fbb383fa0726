"""A recorded configuration opened again: as the choice in every group, so that Hydra's grammar goes on from there.

The configuration is laid out as a folder of options named ``_recorded``, one for each group. ``optimizer=sgd`` then
takes the place of the recorded optimizer as it would that of the first file, and every check is that of a typed command.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from runner import compose, folders, modernising, request, trust
from runner.errors import ConfigurationError, Fault, UsageError
from runner.experiment import Experiment
from runner.recorded import Record
from runner.request import Answer, Request

RECORDED = "_recorded"
_PACKAGE = "${backend.package}"


@dataclass(frozen=True)
class Reopened:
    """A recorded configuration that would run today.

    Args:
        answer: its configuration, its records and its network.
        notes: what had to be changed because the program has changed since, a sentence each.
    """

    answer: Answer
    notes: tuple[str, ...]

    @property
    def experiment(self) -> Experiment:
        """The experiment that it means."""
        return self.answer.checked.experiment


@contextmanager
def reopened(record: Record, overrides: Sequence[str], *, is_trusted: bool = False) -> Iterator[Reopened]:
    """Opens a session of Hydra on a recorded configuration, with some of its keys changed.

    Args:
        record: the run.
        overrides: in Hydra's grammar: values of keys, or options of groups.
        is_trusted: whether code that is neither the program's nor of the working folder may be imported.

    Raises:
        ConfigurationError: every fault of the configuration; nothing of it has been imported then.
    """
    asked = request.parse(overrides)
    if asked.multirun:
        raise UsageError([Fault("-m", "one run is one configuration", remedy="Leave -m out.")])
    found = modernising.modernised(record.config)
    if not is_trusted:
        trust.require(_untouched(found.config, asked.overrides))
    with tempfile.TemporaryDirectory(prefix="runner-") as temporary:
        _lay_out(found.config, Path(temporary))
        asked = replace(asked, config_name=RECORDED, config_dir=Path(temporary))
        with compose.session(asked.config_dir):
            yield Reopened(_answered(asked, found.config, overrides), found.notes)


def experiment_of(record: Record, overrides: Sequence[str] = (), *, is_trusted: bool = False) -> Experiment:
    """Returns the experiment that a run's recorded configuration means, with some of its keys changed.

    Args:
        record: the run.
        overrides: in Hydra's grammar.
        is_trusted: whether code that is neither the program's nor of the working folder may be imported.

    Raises:
        ConfigurationError: every fault of the configuration; nothing of it has been imported then.
    """
    with reopened(record, overrides, is_trusted=is_trusted) as found:
        return found.experiment


def _untouched(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Returns what is still the record's own: an option of a group takes the place of what was recorded there."""
    groups = folders.defaults()
    chosen = {text.partition("=")[0] for text in overrides}
    return {name: node for name, node in config.items() if not (name in groups and name in chosen)}


def _answered(asked: Request, config: Mapping[str, Any], overrides: Sequence[str]) -> Answer:
    """Returns what a recorded configuration means today.

    Raises:
        ConfigurationError: every fault; those of recorded values, as of a file that has moved, say which key is to be given.
    """
    try:
        return request.answer(asked)
    except ConfigurationError as error:
        typed = {text.lstrip("+~").partition("=")[0] for text in overrides}
        raise ConfigurationError([recorded_fault(each, config, typed) for each in error.faults]) from error


def recorded_fault(fault: Fault, config: Mapping[str, Any], typed: Collection[str]) -> Fault:
    """Returns a fault that says, where it is of a text that was recorded, how another one is given.

    Args:
        fault: as a typed command has it.
        config: what was recorded.
        typed: the keys that were given anew.
    """
    node: Any = config
    for name in fault.key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if not isinstance(node, str) or fault.received != node or fault.key in typed:
        return fault
    remedy = f"That is what the run recorded; {fault.key}=VALUE gives what it is here."
    return replace(fault, remedy=" ".join(filter(None, (fault.remedy, remedy))))


def _lay_out(config: Mapping[str, Any], folder: Path) -> None:
    """Writes a configuration as options of groups, and the first file that chooses them."""
    first = yaml.safe_load((folders.conf() / "config.yaml").read_text(encoding="utf-8"))
    package = str(config.get("backend", {}).get("package", ""))
    nodes = {name: _written(node, package) for name, node in config.items()}
    groups = [name for name, node in nodes.items() if name in folders.defaults() and isinstance(node, dict)]
    for name in groups:
        (folder / name).mkdir()
        _write(folder / name / f"{RECORDED}.yaml", nodes[name])
    chosen = [_choice(entry, groups) for entry in first["defaults"]]
    values = {name: node for name, node in nodes.items() if name not in groups}
    _write(folder / f"{RECORDED}.yaml", {**first, **values, "defaults": chosen})


def _choice(entry: Any, groups: Sequence[str]) -> Any:
    """Returns an entry of the first file's list of choices, with what was recorded where something was."""
    if not isinstance(entry, dict):
        return entry
    return {group: RECORDED if group in groups else option for group, option in entry.items()}


def _written(node: Any, package: str) -> Any:
    """Returns a node whose functions of a backend are those of whatever backend is chosen, and whose texts are texts."""
    if isinstance(node, dict):
        return {name: _written(each, package) for name, each in node.items()}
    if isinstance(node, list):
        return [_written(each, package) for each in node]
    if not isinstance(node, str):
        return node
    if package and node.startswith(f"{package}."):
        return f"{_PACKAGE}{node.removeprefix(package)}"
    # A reference was followed when the run was recorded; what still looks like one is a text.
    return node.replace("${", "\\${")


def _write(path: Path, node: Any) -> None:
    path.write_text(yaml.safe_dump(node, sort_keys=False, allow_unicode=True), encoding="utf-8")


def refuse_overrides(overrides: Sequence[str], keys: Sequence[str], reason: str) -> None:
    """Refuses overrides of keys that make no sense for a verb.

    Args:
        overrides: as they were typed.
        keys: the first words of the keys that may not be set.
        reason: why not, as a clause.

    Raises:
        ConfigurationError: one fault for each.
    """
    typed = [text.lstrip("+~").partition("=")[0] for text in overrides]
    found = [Fault(key, reason) for key in typed if key.partition(".")[0] in keys]
    if found:
        raise ConfigurationError(found)
