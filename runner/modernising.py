"""A recorded configuration as today's program reads it: newer keys get today's value, old ones go, and it is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from runner import folders, reading, values
from runner.component import TARGET
from runner.experiment import Component, Experiment

_BACKEND, _PLOTS = "backend", "plots"
_PACKAGE = "${backend.package}"


@dataclass(frozen=True)
class Modernised:
    """A configuration with the keys of today.

    Args:
        config: as today's program reads it.
        notes: what was added or left out, a sentence each.
    """

    config: dict[str, Any]
    notes: tuple[str, ...]


def modernised(recorded: Mapping[str, Any]) -> Modernised:
    """Returns a recorded configuration with the keys of today; only what is no key at all any more is lost.

    Args:
        recorded: plain mappings, lists, texts and numbers.
    """
    notes: list[str] = []
    config: dict[str, Any] = {}
    for name, kind in reading.annotations_of(Experiment).items():
        if name not in recorded:
            continue
        node = recorded[name]
        if kind is Component or name == _PLOTS:
            config[name] = _components(node, _shipped(name), name, str(_package(recorded)), notes)
        elif is_dataclass(kind) and isinstance(node, Mapping):
            config[name] = _record(node, _today(name, node), kind, name, notes)
        else:
            config[name] = node
    gone = [str(name) for name in recorded if name not in config]
    # Hydra's own node would name classes for Hydra to make: it is never taken from a record.
    notes += [_gone(name) for name in gone]
    return Modernised(config, tuple(notes))


def _record(
    node: Mapping[str, Any], today: Mapping[str, Any], kind: Any, key: str, notes: list[str]
) -> dict[str, Any]:
    """Returns a node with the keys of its record."""
    types = reading.annotations_of(kind)
    found: dict[str, Any] = {}
    for name, each in node.items():
        if name not in types:
            notes.append(_gone(f"{key}.{name}"))
        elif is_dataclass(types[name]) and isinstance(each, Mapping) and isinstance(today.get(name), Mapping):
            found[name] = _record(each, today[name], types[name], f"{key}.{name}", notes)
        else:
            found[name] = each
    return _completed(found, today, key, notes)


def _components(node: Any, shipped: Mapping[str, Any], key: str, package: str, notes: list[str]) -> Any:
    """Returns a component, or a mapping of names to components, with the arguments that were added since."""
    if not isinstance(node, Mapping):
        return node
    if TARGET not in node:
        return {
            name: _components(each, shipped, f"{key}.{name}", package, notes) for name, each in node.items()
        }
    target = str(node[TARGET])
    neutral = target.replace(package, _PACKAGE, 1) if package and target.startswith(package) else target
    return _completed(dict(node), shipped.get(neutral, {}), key, notes)


def _completed(node: dict[str, Any], today: Mapping[str, Any], key: str, notes: list[str]) -> dict[str, Any]:
    for name, each in today.items():
        # A list of choices is no key, and a reference leads nowhere from here.
        if name not in node and name not in (TARGET, "defaults") and "${" not in str(each):
            node[name] = each
            notes.append(f"{key}.{name} is newer than the run: today's {values.shown(each)} is taken.")
    return node


def _gone(key: str) -> str:
    return f"{key} of the run is no key any more and is left out."


def _package(recorded: Mapping[str, Any]) -> Any:
    backend = recorded.get(_BACKEND)
    return backend.get("package", "") if isinstance(backend, Mapping) else ""


def _today(group: str, node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values with which a record stands in the shipped files."""
    option = folders.defaults().get(group)
    if option is None:
        found = _load(folders.conf() / "config.yaml").get(group, {})
    else:
        name = node.get("name", option) if group == _BACKEND else option
        path = folders.conf() / group / f"{name}.yaml"
        found = _load(path) if path.is_file() else {}
    return found if isinstance(found, Mapping) else {}


def _shipped(group: str) -> dict[str, Any]:
    """Returns the shipped components of a group by their targets."""
    found: dict[str, Any] = {}
    for path in sorted((folders.conf() / group).rglob("*.yaml")):
        for node in _nodes(_load(path)):
            found.setdefault(str(node[TARGET]), node)
    return found


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        if TARGET in node:
            yield node
        else:
            for each in node.values():
                yield from _nodes(each)


def _load(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}
