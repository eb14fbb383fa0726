"""Activation functions that a task names: by a word, with the numbers of its YAML, or as components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import yaml

from runner import component, folders
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.layers import Activation
from runner.suggestions import listed, nearest

GROUP = "activation"
# Each looks at a whole vector; every other function looks at one number at a time.
OF_VECTORS = frozenset({"softmax", "glu"})
# How a file names the package of the chosen backend.
_PACKAGE = "${backend.package}"

Chosen = Sequence[str | Component]


def functions(chosen: Chosen, package: str) -> dict[str, Component]:
    """Returns the functions by name, in their order.

    Args:
        chosen: names of options of ``activation``, or components; sound ones.
        package: of the backend.
    """
    found = [
        _named(each, package, _key(place)) if isinstance(each, str) else each
        for place, each in enumerate(chosen)
    ]
    return {each.name: each for each in found}


def faults(chosen: Chosen, package: str) -> Iterator[Fault]:
    """Yields what is wrong with the choice of functions."""
    if not chosen:
        yield Fault("task.functions", "must name at least one function", "[]")
    names = [each if isinstance(each, str) else each.name for each in chosen]
    for name in dict.fromkeys(each for each in names if names.count(each) > 1):
        yield Fault("task.functions", "must name each function once", name)
    options = folders.option_names(GROUP)
    for place, each in enumerate(chosen):
        if isinstance(each, Component):
            continue
        if each not in options:
            remedy = f"Functions: {listed(options)}."
            yield Fault(_key(place), f"there is no function {each!r}", None, nearest(each, options), remedy)
            continue
        try:
            yield from component.faults(_named(each, package, _key(place)))
        except ConfigurationError as error:
            yield from error.faults


def vector_faults(chosen: Chosen, vector: Sequence[float]) -> Iterator[Fault]:
    """Yields what a function of a vector cannot do with the vector that is given."""
    names = [each if isinstance(each, str) else each.name for each in chosen]
    if not vector and OF_VECTORS.intersection(names):
        yield Fault("task.vector", f"must have numbers, because {listed(names)} needs them", "[]")
    elif "glu" in names and len(vector) % 2:
        rule = "must have an even length, because glu halves it"
        yield Fault("task.vector", rule, f"{len(vector)} numbers")


def is_of_vectors(function: Component) -> bool:
    """Returns whether a function looks at a whole vector."""
    return Activation(function=function).own in OF_VECTORS


def is_own(function: Component) -> bool:
    """Returns whether a function is one of the backends', so that its formula is known."""
    return Activation(function=function).own is not None


def _named(name: str, package: str, key: str) -> Component:
    option = [each for each in folders.options(GROUP) if each.name == name][-1]
    text = option.path.read_text(encoding="utf-8").replace(_PACKAGE, package)
    return component.parse(yaml.safe_load(text), key)


def _key(place: int) -> str:
    return f"task.functions[{place}]"
