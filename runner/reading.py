"""Plain mappings to an Experiment, and every unknown or missing key and wrong type or range on the way."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import lru_cache
from typing import Any, get_args

from runner import chosen_data, component, reconstruction, values
from runner.data import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component, Debug, Experiment, Output, Split, Task
from runner.layers import ShapeError
from runner.suggestions import listed, nearest

OUTPUT = "output"
# What the program itself adds to the arguments that a component's YAML states.
PROVIDED: Mapping[str, frozenset[str]] = {
    "data": frozenset({"seed", "split"}),
    "architecture": frozenset({"input_shape", "tokens", "activation", "outputs"}),
    "plots": frozenset({"result", "findings", "title"}),
}
_UNREAD = Component(target="", arguments={}, key="")
# What stands in for a faulty part of what data depend on.
_SOUND: Mapping[str, Any] = {
    "seed": 0,
    "split": Split(validation=0.1, test=0.1, by="auto", column=None, folds=None, fold=0),
    "standardise": True,
    "debug": Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None),
}


@dataclass(frozen=True)
class Reading:
    """What became of a configuration: an experiment, sound wherever no fault says otherwise, and the faults.

    Args:
        experiment: the records; a value with a fault stands in it as it was given.
        source: the data set, or None where its component has a fault.
        faults: every fault, in the order of the keys.
    """

    experiment: Experiment
    source: Source | None
    faults: tuple[Fault, ...]


def read(plain: Mapping[str, Any]) -> Reading:
    """Returns the experiment that plain mappings, lists and numbers state, and what is wrong with it."""
    known = [each.name for each in fields(Experiment) if each.name != OUTPUT]
    everywhere = dotted({name: node for name, node in plain.items() if name in known})
    found = _unknown_keys(plain, known, "", everywhere)
    types = annotations_of(Experiment)
    read_values: dict[str, Any] = {}
    for name, annotation in types.items():
        if name in ("loss", OUTPUT):
            continue
        read_values[name], faults = _read_field(name, annotation, plain)
        found += faults
    source, faults = _source(read_values, found)
    found += faults
    source, faults = _learned(source, read_values["architecture"], read_values["activation"], found)
    found += faults
    read_values["loss"], read_values[OUTPUT], faults = _read_loss(plain, source)
    found += faults
    return Reading(Experiment(**read_values), source, tuple(found))


def _read_field(name: str, annotation: Any, plain: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    if name not in plain:
        return (_UNREAD if annotation is Component else None), [_missing(name)]
    node = plain[name]
    if annotation is Component:
        return _read_component(node, name, PROVIDED.get(name, frozenset()))
    if is_dataclass(annotation):
        return read_record(annotation, node, name)
    if name == "plots":
        return _read_components(node, name)
    return node, _value_faults(node, annotation, name)


def read_record(kind: Any, node: Any, key: str) -> tuple[Any, list[Fault]]:
    """Returns a record with the values of a mapping; those that are missing are None and have a fault."""
    # YAML owns every number: what has a default of its own is not for YAML.
    owned = {each.name for each in fields(kind) if each.default is MISSING}
    types = {name: annotation for name, annotation in annotations_of(kind).items() if name in owned}
    if not isinstance(node, Mapping):
        rule = f"must be a mapping with the keys {listed(types)}"
        blank = dict.fromkeys(types)
        return kind(**blank), [Fault(key, rule, values.shown(node))]
    found = _unknown_keys(node, types, f"{key}.")
    read_values: dict[str, Any] = {}
    for name, annotation in types.items():
        inner = f"{key}.{name}"
        if name not in node:
            read_values[name] = None
            found.append(_missing(inner))
        elif is_dataclass(annotation):
            read_values[name], faults = read_record(annotation, node[name], inner)
            found += faults
        else:
            read_values[name] = node[name]
            found += _value_faults(node[name], annotation, inner)
    return kind(**read_values), found


def _read_component(node: Any, key: str, provided: frozenset[str]) -> tuple[Component, list[Fault]]:
    try:
        read_component = component.parse(node, key)
    except ConfigurationError as error:
        return _UNREAD, list(error.faults)
    return read_component, component.faults(read_component, provided)


def _read_components(node: Any, key: str) -> tuple[dict[str, Component], list[Fault]]:
    if not isinstance(node, Mapping):
        return {}, [Fault(key, "must be a mapping of names to components", values.shown(node))]
    read_components: dict[str, Component] = {}
    found: list[Fault] = []
    for name, each in node.items():
        if each is not None:
            read_components[str(name)], faults = _read_component(each, f"{key}.{name}", PROVIDED[key])
            found += faults
    return read_components, found


def _source(read_values: Mapping[str, Any], found: list[Fault]) -> tuple[Source | None, list[Fault]]:
    faulty = {fault.key.split(".")[0] for fault in found}
    if "data" in faulty:
        return None, []
    # Faults elsewhere need not hide those of the data.
    sound = {**read_values, **{name: each for name, each in _SOUND.items() if name in faulty}}
    data = read_values["data"]
    try:
        return chosen_data.source(data, **{name: sound[name] for name in _SOUND}), []
    except ConfigurationError as error:
        return None, list(error.faults)
    except TypeError as error:
        # A target without source text tells only here which arguments it takes.
        return None, [Fault("data", f"cannot be made: {error}", data.target)]


def _learned(
    source: Source | None, architecture: Component, activation: Component, found: list[Fault]
) -> tuple[Source | None, list[Fault]]:
    """Returns what is learnt of a source: its own inputs, where the architecture gives them back."""
    faulty = {fault.key.partition(".")[0] for fault in found}
    if source is None or faulty & {"architecture", "activation"}:
        return source, []
    try:
        return reconstruction.learned(source, architecture, activation), []
    except (ShapeError, ConfigurationError):
        # What is wrong with a network is told where it is drawn.
        return source, []


def _read_loss(plain: Mapping[str, Any], source: Source | None) -> tuple[Component, Any, list[Fault]]:
    """Returns the loss, the one of the data's task where the node has one for each, and its output."""
    node = plain.get("loss")
    if not isinstance(node, Mapping):
        return _UNREAD, None, [Fault("loss", "must be chosen", values.shown(node))]
    if component.TARGET in node:
        return _read_one_loss(node, "loss")
    tasks = get_args(Task)
    found = _unknown_keys(node, tasks, "loss.", dotted(node, "loss."))
    read_losses = {task: _read_one_loss(node.get(task), f"loss.{task}") for task in tasks}
    found += [fault for _, _, faults in read_losses.values() for fault in faults]
    chosen, output, _ = read_losses[source.task if source is not None else tasks[0]]
    return chosen, output, found


def _read_one_loss(node: Any, key: str) -> tuple[Component, Any, list[Fault]]:
    inner = node if isinstance(node, Mapping) else {}
    read_loss, found = _read_component(
        {name: each for name, each in inner.items() if name != OUTPUT} or node, key, frozenset()
    )
    if OUTPUT not in inner:
        return read_loss, None, [*found, _missing(f"{key}.{OUTPUT}")]
    return read_loss, inner[OUTPUT], found + _value_faults(inner[OUTPUT], Output, f"{key}.{OUTPUT}")


def _value_faults(value: Any, annotation: Any, key: str) -> list[Fault]:
    rule = values.broken_rule(value, annotation)
    if rule is None:
        return []
    # As the first digits of a run's number may do: 5e116701.
    is_text = annotation in (str, str | None) and isinstance(value, int | float)
    remedy = f"A text that reads like a number is quoted: \"{key}='TEXT'\"." if is_text else None
    return [Fault(key, rule, values.shown(value), remedy=remedy)]


def _unknown_keys(
    node: Mapping[str, Any], known: typing.Iterable[str], prefix: str, more: typing.Iterable[str] = ()
) -> list[Fault]:
    names = list(known)
    candidates = list(more) or [f"{prefix}{name}" for name in names]
    return [unknown_key(f"{prefix}{name}", candidates) for name in node if str(name) not in names]


def unknown_key(key: str, candidates: typing.Iterable[str]) -> Fault:
    """Returns the fault of a key that does not exist, with the nearest of those that do."""
    names = list(candidates)
    suggestion = nearest(key, names)
    parent = key.rpartition(".")[0]
    siblings = list(
        dict.fromkeys(name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == parent)
    )
    remedy = f"Keys here: {listed(siblings)}." if suggestion is None and siblings else None
    return Fault(key, "there is no such key", suggestion=suggestion, remedy=remedy)


def dotted(node: Mapping[Any, Any], prefix: str = "") -> list[str]:
    """Returns every key of a mapping and of those inside it, dotted, after ``prefix``."""
    found = []
    for name, each in node.items():
        found.append(f"{prefix}{name}")
        if isinstance(each, Mapping):
            found += dotted(each, f"{prefix}{name}.")
    return found


def _missing(key: str) -> Fault:
    return Fault(key, "must be given")


@lru_cache(maxsize=32)
def annotations_of(kind: Any) -> dict[str, Any]:
    """Returns the types of the fields of a record, with their ranges."""
    return typing.get_type_hints(kind, include_extras=True)
