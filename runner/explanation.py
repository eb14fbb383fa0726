"""What every key of a configuration and every layer of its network means, and what both frameworks call it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runner import folders, layers, ledger, values
from runner.component import TARGET
from runner.ledger import Counterpart, Entry
from runner.reading import OUTPUT

_YOURS = Counterpart(ours="a function of your own; the one for each framework is yours to know")
_PROJECT = "runner."


@dataclass(frozen=True)
class Row:
    """One key, or one layer or argument of a network.

    Args:
        key: as a person types it; a layer by its word.
        value: what it is set to, or empty.
        meaning: the comment above it in its YAML, or the equation of a layer; may be empty.
        counterpart: what both frameworks call it.
    """

    key: str
    value: str
    meaning: str
    counterpart: Counterpart

    @property
    def setting(self) -> str:
        return f"{self.key}={self.value}" if self.value else self.key


@dataclass(frozen=True)
class Section:
    """The rows of one group, or of the network."""

    title: str
    rows: tuple[Row, ...]

    @property
    def belongs_to_neither(self) -> bool:
        """Whether no row has a counterpart in either framework."""
        return all(row.counterpart.torch is row.counterpart.keras is None for row in self.rows)


def sections(
    plain: Mapping[str, Any], choices: Mapping[str, str], tree: layers.Sequence | None
) -> list[Section]:
    """Returns the rows of a configuration, the keys outside the groups first, and of its network at the end.

    Args:
        plain: the resolved configuration.
        choices: group -> the option that was chosen.
        tree: the network, or None where the task reads none.
    """
    comments = _comments(choices)
    alone = {key: node for key, node in plain.items() if key not in choices}
    found = [Section("keys outside the groups", tuple(_rows(alone, "", comments)))]
    for group in sorted(choices, key=folders.groups().index):
        rows = tuple(_rows({group: plain.get(group, {})}, "", comments))
        found += [Section(group, rows)] if rows and group in plain else []
    return [*found, Section("network", tuple(_network(tree)))] if tree else found


def _rows(node: Mapping[str, Any], prefix: str, comments: Mapping[str, str]) -> Iterator[Row]:
    for name, each in node.items():
        key = f"{prefix}{name}"
        if isinstance(each, Mapping) and TARGET in each:
            yield from _component(each, key, comments)
        elif isinstance(each, Mapping) and each:
            yield from _rows(each, f"{key}.", comments)
        else:
            yield Row(key, _shown(each), comments.get(key, ""), _counterpart(key))


def _component(node: Mapping[str, Any], key: str, comments: Mapping[str, str]) -> Iterator[Row]:
    """Yields a component and its arguments; one inside an argument stands among them as its value."""
    target = str(node[TARGET])
    name, entry = target.rpartition(".")[2], _entry(target, key)
    yield Row(key, name, comments.get(key, ""), entry.own if entry else _stranger(target, key))
    for argument, value in node.items():
        if argument != TARGET:
            inner = f"{key}.{argument}"
            known = entry.argument(argument) if entry and argument in entry.arguments else None
            if known is None:
                known = ledger.OUTPUT if argument == OUTPUT else _stranger(target, key)
            yield Row(inner, _shown(value), comments.get(inner, ""), known)


def _entry(target: str, key: str) -> Entry | None:
    entries = ledger.FAMILIES.get(key.partition(".")[0], {})
    return entries.get(target.rpartition(".")[2]) if target.startswith(_PROJECT) else None


def _stranger(target: str, key: str) -> Counterpart:
    """Returns what is known of a component that the ledger has no entry for."""
    return _counterpart(key) if target.startswith(_PROJECT) else _YOURS


def _counterpart(key: str) -> Counterpart:
    group, _, inside = key.partition(".")
    if group == "training" and inside in ledger.TRAINING:
        return ledger.TRAINING[inside]
    return Counterpart(ours=ledger.OURS.get(group, ""))


def _network(tree: layers.Sequence) -> Iterator[Row]:
    """Yields each kind of layer once, where it is met first, and its arguments with all their values."""
    seen: dict[str, list[Any]] = {}
    for layer in _every(tree):
        seen.setdefault(layers.word(layer), []).append(layer)
    for word, found in seen.items():
        entry = ledger.FAMILIES["layer"].get(word, Entry(_YOURS))
        meaning = (type(found[0]).__doc__ or "").partition("\n")[0]
        yield Row(f"{word} ({len(found)} of them)" if len(found) > 1 else word, "", meaning, entry.own)
        for argument in entry.arguments:
            received = dict.fromkeys(_shown(getattr(each, argument)) for each in found)
            yield Row(f"{word}.{argument}", ", ".join(received), "", entry.argument(argument))


def _every(layer: Any) -> Iterator[Any]:
    """Yields every layer inside a layer, then those inside these; the network itself is no row."""
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, layers.Layer):
                yield each
                yield from _every(each)


def _comments(choices: Mapping[str, str]) -> dict[str, str]:
    """Returns the comment above every key in the files that were chosen, and each file's headline, by dotted key."""
    found = {key: comment for key, _, comment in folders.top_level_keys()}
    for group, name in choices.items():
        for path, package in _files(group, name, group):
            headline = {package: folders.headline(path)}
            inner = folders.comments(path.read_text(encoding="utf-8"))
            for key, comment in {**headline, **_below(package, inner)}.items():
                if comment:
                    found.setdefault(key, comment)
    return found


def _below(package: str, comments: Mapping[str, str]) -> dict[str, str]:
    return {f"{package}.{key}" if package else key: comment for key, comment in comments.items()}


def _files(group: str, name: str, package: str) -> Iterator[tuple[Path, str]]:
    """Yields the file of an option with the key under which its own keys come, then those of its defaults list."""
    options = [option for option in folders.options(group) if option.name == name]
    # The last one is the user's own, where a name is there twice.
    for option in options[-1:]:
        text = option.path.read_text(encoding="utf-8")
        is_global = "@package _global_" in text or group == folders.EXPERIMENT
        yield option.path, "" if is_global else package
        node = yaml.safe_load(text)
        for entry in node.get("defaults", ()) if isinstance(node, Mapping) else ():
            if isinstance(entry, str) and entry != "_self_":
                other, separator, place = entry.partition("@")
                inside = place if is_global or not separator else f"{package}.{place}"
                yield from _files(group, other, inside if separator else package)


def _shown(value: Any) -> str:
    if dataclasses.is_dataclass(value):
        return str(getattr(value, "name", type(value).__name__))
    return value if isinstance(value, str) else values.shown(value)
