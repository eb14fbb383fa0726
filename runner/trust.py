"""Whose code a recorded configuration would import: the program's own parts, the working folder's, or somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from runner import component, folders
from runner.component import TARGET
from runner.errors import ConfigurationError, Fault

TRUST = "--trust"
# Told by no file of conf/, but by the documentation.
_DOCUMENTED = frozenset({"runner.architectures.native"})
_NAMED = re.compile(rf"{TARGET}:\s*(?P<target>[\w.${{}}]+)")
_BACKENDS = ("runner.backends.torch", "runner.backends.keras")


def require(config: Mapping[str, Any]) -> None:
    """Looks whose code a configuration names, and imports nothing.

    Args:
        config: plain mappings, lists and texts.

    Raises:
        ConfigurationError: some of it is neither one of the parts that the program offers nor of the working folder.
    """
    found = [_fault(key, target) for key, target in targets(config) if not is_known(target)]
    if found:
        raise ConfigurationError(found)


def targets(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yields the key and the dotted path of everything that a configuration would import."""
    if isinstance(node, Mapping):
        for name, each in node.items():
            inner = f"{key}.{name}" if key else str(name)
            if name == TARGET:
                yield inner, str(each)
            else:
                yield from targets(each, inner)
    elif isinstance(node, list):
        for place, each in enumerate(node):
            yield from targets(each, f"{key}[{place}]")


def is_known(target: str) -> bool:
    """Returns whether a dotted path is one of the parts that the program offers, or one in a file of the working folder."""
    return target in offered() or _is_of_working_folder(target)


@cache
def offered() -> frozenset[str]:
    """Returns the dotted paths that the shipped files name: not all that the program has, which also starts processes."""
    found = set(_DOCUMENTED)
    for folder in (folders.conf(), folders.experiments()):
        for path in folder.rglob("*.yaml"):
            for match in _NAMED.finditer(path.read_text(encoding="utf-8")):
                found |= {match["target"].replace("${backend.package}", package) for package in _BACKENDS}
    return frozenset(found)


def _is_of_working_folder(target: str) -> bool:
    """A name within a module of the folder: what that module has itself imported, ``mine.os.system``, is none."""
    module, _, name = target.rpartition(".")
    if not module or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        return False
    place = Path.cwd().joinpath(*module.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _fault(key: str, target: str) -> Fault:
    if component.is_forbidden(target):
        # No trust lets it in.
        return Fault(key, component.NOT_OF_PYTHON, target)
    rule = (
        "is code of somebody else's, neither the program's nor in this folder, and the run would carry it out"
    )
    return Fault(key, rule, target, remedy=f"Read it, and add {TRUST} if it may run.")
