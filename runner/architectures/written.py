"""A network written out in YAML, layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from runner import layers
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.layers import Sequence
from runner.suggestions import nearest
from runner.values import broken_rule, shown

_PATHS = ("body", "shortcut")


def tree(*, activation: Component, layers: list[str | Mapping[str, Component | Any]]) -> Sequence:
    """The layers of a list, in order.

    An entry is a word (``flatten``), a word with its arguments (``dense: {units: 64}``), or a block with layers of its
    own: ``residual: [...]`` adds its input to its output, ``residual: {body: [...], shortcut: [...]}`` adds what two
    lists make of its input, ``concatenate: [[...], [...]]`` joins branches.
    A bare ``activation`` is the experiment's activation.

    Raises:
        ConfigurationError: every entry that is no layer, by its place.
    """
    reader = _Reader(activation)
    sequence = reader.sequence(layers, "architecture.layers")
    if reader.faults:
        raise ConfigurationError(reader.faults)
    return sequence


class _Reader:
    """Turns entries into records and collects what is wrong with any of them."""

    def __init__(self, activation: Component) -> None:
        self._activation = activation
        self.faults: list[Fault] = []

    def sequence(self, entries: Any, key: str) -> Sequence:
        if not isinstance(entries, list):
            self.faults.append(Fault(key, "must be a list of layers", shown(entries)))
            return Sequence(())
        read = [self._entry(entry, f"{key}[{place}]") for place, entry in enumerate(entries)]
        return Sequence(tuple(layer for layer in read if layer is not None))

    def _entry(self, entry: Any, key: str) -> layers.Layer | None:
        if isinstance(entry, str):
            return self._layer(entry, {}, key)
        if isinstance(entry, Mapping) and len(entry) == 1:
            ((word, arguments),) = entry.items()
            return self._layer(str(word), arguments, key)
        self.faults.append(
            Fault(
                key,
                "must be a layer's word, alone or with its arguments",
                shown(entry),
                None,
                "Write for example `dense: {units: 64}`.",
            )
        )
        return None

    def _layer(self, word: str, arguments: Any, key: str) -> layers.Layer | None:
        if word in layers.BLOCKS:
            return self._block(word, arguments, f"{key}.{word}")
        if word not in layers.VOCABULARY:
            words = [*layers.VOCABULARY, *layers.BLOCKS]
            self.faults.append(
                Fault(
                    key,
                    "must be a layer of the vocabulary",
                    shown(word),
                    nearest(word, words),
                    f"The words are {', '.join(words)}.",
                )
            )
            return None
        if word == "activation" and arguments in ({}, None):
            return layers.Activation(function=self._activation)
        return self._leaf(layers.VOCABULARY[word], {} if arguments is None else arguments, f"{key}.{word}")

    def _block(self, word: str, entries: Any, key: str) -> layers.Layer:
        if word == "concatenate":
            branches = entries if isinstance(entries, list) else []
            if not branches:
                self.faults.append(
                    Fault(key, "must be a list of branches, each a list of layers", shown(entries))
                )
            return layers.Concatenate(
                tuple(self.sequence(branch, f"{key}[{place}]") for place, branch in enumerate(branches))
            )
        if word == "residual":
            return self._residual(entries, key)
        return self.sequence(entries, key)

    def _residual(self, entries: Any, key: str) -> layers.Residual:
        if not isinstance(entries, Mapping):
            return layers.Residual(self.sequence(entries, key))
        if set(entries) != set(_PATHS):
            rule = "must be a list of layers, or have the keys body and shortcut, each a list of layers"
            self.faults.append(Fault(key, rule, shown(entries)))
            return layers.Residual(Sequence(()))
        return layers.Residual(*(self.sequence(entries[path], f"{key}.{path}") for path in _PATHS))

    def _leaf(self, kind: type[layers.Leaf], arguments: Any, key: str) -> layers.Leaf | None:
        if kind is layers.Activation:
            arguments = {"function": arguments}
        if not isinstance(arguments, Mapping):
            self.faults.append(Fault(key, "must be a mapping of the layer's arguments", shown(arguments)))
            return None
        faults = list(_argument_faults(kind, arguments, key))
        self.faults += faults
        return None if faults else kind(**arguments)


def _argument_faults(kind: type[layers.Leaf], arguments: Mapping[str, Any], key: str) -> list[Fault]:
    allowed = {field.name: field for field in dataclasses.fields(kind) if field.name != "name"}
    hints = get_type_hints(kind, include_extras=True)
    faults = [
        Fault(
            f"{key}.{name}",
            "this layer has no such argument",
            None,
            nearest(name, allowed),
            f"It takes {', '.join(allowed) or 'none'}.",
        )
        for name in arguments
        if name not in allowed
    ]
    for name, field in allowed.items():
        if name in arguments:
            rule = broken_rule(arguments[name], hints[name])
            if rule is not None:
                faults.append(Fault(f"{key}.{name}", rule, shown(arguments[name])))
        elif field.default is dataclasses.MISSING:
            faults.append(Fault(f"{key}.{name}", "must be given"))
    return faults
