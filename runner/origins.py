"""Which file of the user's, or which experiment, a faulty key stands in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner import folders
from runner.errors import Fault


@dataclass(frozen=True)
class Origins:
    """The files and overrides that a configuration was made of.

    Args:
        choices: group -> the option that was chosen.
        overridden: the keys that were typed on the command line.
    """

    choices: Mapping[str, str]
    overridden: Sequence[str]

    def named(self, fault: Fault) -> Fault:
        """Returns the fault with the file that its key stands in, unless it was typed on the command line."""
        if any(_within(fault.key, key) or _within(key, fault.key) for key in self.overridden):
            return fault
        path = self._file_of(fault.key)
        if path is None:
            return fault
        remedy = f"It stands in {folders.shown(path)}."
        return replace(fault, remedy=f"{fault.remedy} {remedy}" if fault.remedy else remedy)

    def _file_of(self, key: str) -> Path | None:
        """An experiment comes after the groups, so it decides; of the program's own files none is named."""
        group, _, inside = key.partition(".")
        places = [
            *((option.path, key) for option in self._chosen(folders.EXPERIMENT)),
            *((option.path, inside) for option in self._chosen(group) if not option.shipped),
        ]
        return next((path for path, place in places if place and _has(_load(path), place)), None)

    def _chosen(self, group: str) -> list[folders.Option]:
        return [each for each in folders.options(group) if each.name == self.choices.get(group)]


def _within(key: str, other: str) -> bool:
    return key == other or key.startswith((f"{other}.", f"{other}["))


def _has(node: Any, key: str) -> bool:
    for part in key.partition("[")[0].split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _load(path: Path) -> Any:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))
