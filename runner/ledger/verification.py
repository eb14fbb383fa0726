"""Whether the classes, functions and arguments that the ledger names are there, in the frameworks as installed."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from runner.ledger import VERSIONS, Counterpart


def missing(named: Iterable[Counterpart]) -> list[str]:
    """Returns a sentence for every name that is not there; imports both frameworks."""
    found: list[str] = []
    for name in dict.fromkeys(each for one in named for each in (one.torch, one.keras) if each):
        found += _faults(name)
    return found


def versions() -> str:
    """Returns the installed versions, and those that the differences were measured with where they are others."""
    installed = {name: importlib.metadata.version(name).partition("+")[0] for name in VERSIONS}
    said = ", ".join(f"{name} {version}" for name, version in installed.items())
    others = [f"{name} {VERSIONS[name]}" for name, version in installed.items() if version != VERSIONS[name]]
    return f"{said}; measured with {', '.join(others)}" if others else said


def _faults(name: str) -> Iterator[str]:
    path, _, argument = name.rstrip(")").partition("(")
    target = _found(path)
    if target is None:
        yield f"{path} is not there"
    elif argument and not _takes(target, argument.partition("[")[0]):
        yield f"{path} takes no {argument}"


def _found(path: str) -> Any:
    parts = path.split(".")
    found: Any = importlib.import_module(parts[0])
    for number, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:number]))
            except ImportError:
                return None
        found = getattr(found, part, None)
    return found


def _takes(target: Any, argument: str) -> bool:
    try:
        return argument in inspect.signature(target).parameters
    except ValueError:
        # A compiled function has no signature; its documentation begins with one.
        return argument in (inspect.getdoc(target) or "").partition("\n")[0]
