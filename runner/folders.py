"""Where configurations lie: those of the project, and those of the folder that a person works in."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

EXPERIMENT = "experiment"
_PACKAGE = Path(__file__).resolve().parent
# A line of a header that begins something: "Time: ten seconds".
_ENTRY = re.compile(r"(?P<name>[A-Z]\w*): ")


# A dataclass would be the usual record, but importing dataclasses takes as long as the whole help.
class Option(NamedTuple):
    """One choice of a group: its name, its file, and whether it belongs to the project or to the user."""

    group: str
    name: str
    path: Path
    shipped: bool


def conf() -> Path:
    """Returns the folder of the shipped groups."""
    return _shipped("conf")


def experiments() -> Path:
    """Returns the folder of the shipped experiments."""
    return _shipped("experiments")


def is_clone() -> bool:
    """Returns whether the project runs from its own source folder rather than from an installed wheel."""
    return not (_PACKAGE / "conf").is_dir()


def installable(extra: str) -> str:
    """Returns what pip installs the project with, together with one of its extras."""
    return f'-e ".[{extra}]"' if is_clone() else f'"runner[{extra}]"'


def user_conf() -> Path | None:
    """Returns ``conf`` in the working folder, or None where there is none or it is the shipped one."""
    return _user("conf", conf())


def user_experiments() -> Path | None:
    """Returns ``experiments`` in the working folder, or None where there is none or it is the shipped one."""
    return _user("experiments", experiments())


def make_importable() -> None:
    """Puts the working folder on the import path: a user's own module is found however the program starts."""
    working = str(Path.cwd())
    if working not in sys.path and "" not in sys.path:
        sys.path.insert(0, working)


def groups() -> list[str]:
    """Returns the names of all groups in the order in which an experiment is thought of."""
    order = list(defaults())
    found = {path.name for folder in _conf_folders() for path in folder.iterdir() if path.is_dir()}
    found = {name for name in found if name != "hydra" and not name.startswith(("_", "."))} | {EXPERIMENT}
    return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))


def options(group: str) -> list[Option]:
    """Returns the choices of a group by name; where a name is there twice, the user's comes second."""
    found = []
    for folder, shipped in _folders_of(group):
        found += [
            Option(group, name, path, shipped) for name, path in _yaml_files(folder) if not _hidden(name)
        ]
    return sorted(found, key=lambda option: (option.name, not option.shipped))


def option_names(group: str) -> list[str]:
    """Returns the names of the choices of a group, each once."""
    return list(dict.fromkeys(option.name for option in options(group)))


def defaults() -> dict[str, str]:
    """Returns the option of each group that the first file chooses, in its order."""
    lines = (line.strip("- \n") for line in _first_file() if line.startswith("  - ") and ":" in line)
    pairs = (line.partition(":")[::2] for line in lines if not line.startswith("override "))
    return {group: option.strip() for group, option in pairs}


def top_level_keys() -> list[tuple[str, str, str]]:
    """Returns the keys of the first file that are in no group, dotted, with their values and comments."""
    found: list[tuple[str, str, str]] = []
    parent = comment = ""
    for line in _first_file():
        key, separator, value = line.strip().partition(":")
        if line.strip().startswith("#"):
            comment = line.strip("# ")
        elif line.startswith("hydra:"):
            break
        elif separator and not line.startswith((" ", "defaults")):
            parent = "" if value.strip() else f"{key}."
            found += [(key, value.strip(), comment)] if value.strip() else []
        elif separator and parent and not line.startswith("  - "):
            found.append((f"{parent}{key}", value.strip(), comment))
    return found


def _first_file() -> list[str]:
    """The lines of the first file: help may not wait for a YAML parser."""
    return (conf() / "config.yaml").read_text(encoding="utf-8").splitlines()


def headline(path: Path) -> str:
    """Returns the first comment of a YAML file that is not an instruction to Hydra, without its ``#``."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.startswith("#"):
                return ""
            text = line.lstrip("#").strip()
            if text and not text.startswith("@"):
                return text
    return ""


def entries(text: str, names: Collection[str]) -> Iterator[str]:
    """Yields the lines of those entries (``# Time: ten seconds``) in the header of a YAML text that are named."""
    is_asked = False
    for line in itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()):
        bare = line.removeprefix("#").removeprefix(" ")
        begun = _ENTRY.match(bare)
        is_asked = begun["name"] in names if begun else is_asked and bool(bare)
        if is_asked:
            yield bare


def comments(text: str) -> dict[str, str]:
    """Returns the comment that stands above each key of a YAML text, by the dotted key."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines()[1:]:
        bare = line.strip()
        if bare.startswith("#"):
            comment.append(bare.strip("# "))
            continue
        key, separator, _ = bare.partition(":")
        indentation = len(line) - len(line.lstrip())
        if separator and not bare.startswith("-"):
            path = [(depth, name) for depth, name in path if depth < indentation] + [(indentation, key)]
            found[".".join(name for _, name in path)] = " ".join(comment)
        comment = []
    return found


def shown(path: Path) -> Path:
    """Returns a path as a person in the working folder would type it."""
    working = Path.cwd()
    return path.relative_to(working) if path.is_relative_to(working) else path


def _shipped(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def _user(name: str, shipped: Path) -> Path | None:
    folder = Path.cwd() / name
    return folder if folder.is_dir() and folder.resolve() != shipped.resolve() else None


def _conf_folders() -> list[Path]:
    return [folder for folder in (conf(), user_conf()) if folder is not None]


def _folders_of(group: str) -> Iterator[tuple[Path, bool]]:
    if group == EXPERIMENT:
        pairs = ((experiments(), True), (user_experiments(), False))
    else:
        user = user_conf()
        pairs = ((conf() / group, True), (user / group if user is not None else None, False))
    for folder, shipped in pairs:
        if folder is not None and folder.is_dir():
            yield folder, shipped


def _yaml_files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.yaml")):
        yield path.relative_to(folder).with_suffix("").as_posix(), path


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
