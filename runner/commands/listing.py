"""The verb list: the options of a group with their equations, keys, defaults and allowed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from runner import folders, values
from runner.component import TARGET
from runner.errors import Fault, UsageError
from runner.experiment import Backend, Debug, Split, Sweep, Tracking, Training
from runner.folders import Option
from runner.reading import annotations_of
from runner.signatures import Signature, TargetError, signature
from runner.suggestions import listed, nearest

_RECORDS = {
    "backend": Backend,
    "debug": Debug,
    "split": Split,
    "sweep": Sweep,
    "tracking": Tracking,
    "training": Training,
}
_INDENT = " " * 6
_SECTIONS = ("Args:", "Returns:", "Raises:")
# What is shown of an experiment's header.
_ENTRIES = ("Question", "Expected", "Time")


def run(words: Sequence[str]) -> int:
    """Prints every group, or those groups and options that the words name: ``optimizer=adam``."""
    folders.make_importable()
    blocks = ["\n".join(_group(group, names)) for group, names in _asked(words).items()]
    print("\n\n".join(blocks))
    return 0


def _asked(words: Sequence[str]) -> dict[str, list[str]]:
    """Returns the groups to show and of each the options, none for all."""
    groups = folders.groups()
    asked: dict[str, list[str]] = {}
    for word in words:
        group, _, name = word.partition("=")
        if group in groups:
            asked.setdefault(group, [])
        elif asked and not name:
            group, name = list(asked)[-1], word
        else:
            rule = "there is no such group"
            remedy = f"Groups: {listed(groups)}."
            raise UsageError([Fault(group, rule, suggestion=nearest(group, groups), remedy=remedy)])
        if name:
            asked[group].append(_existing(group, name))
    return asked or {group: [] for group in groups}


def _existing(group: str, name: str) -> str:
    names = folders.option_names(group)
    if name not in names:
        remedy = f"Options: {listed(names)}." if names else "There are none yet."
        rule = f"there is no option {name!r}"
        raise UsageError([Fault(group, rule, suggestion=nearest(name, names), remedy=remedy)])
    return name


def _group(group: str, names: Sequence[str]) -> Iterator[str]:
    chosen = folders.defaults().get(group)
    yield group
    for option in folders.options(group):
        if not names or option.name in names:
            star = "*" if option.name == chosen else " "
            yield f"  {star} {option.name}   {folders.headline(option.path)}".rstrip()
            yield from (f"{_INDENT}{line}" for line in _details(option))


def _details(option: Option) -> Iterator[str]:
    text = option.path.read_text(encoding="utf-8")
    node = yaml.safe_load(text)
    if not option.shipped:
        yield f"({folders.shown(option.path)})"
    if option.group == folders.EXPERIMENT:
        yield from folders.entries(text, _ENTRIES)
    if isinstance(node, Mapping):
        yield from _mapping(option, node, folders.comments(text), f"{option.group}.")


def _mapping(
    option: Option, node: Mapping[str, Any], comments: Mapping[str, str], prefix: str
) -> Iterator[str]:
    settings = {key: value for key, value in _settings(node, "") if key != option.group}
    is_global = option.group in node or "hydra" in node or option.group == folders.EXPERIMENT
    target = settings.pop(TARGET, None)
    known = _signature(target) if isinstance(target, str) else None
    # A component among the arguments has its own function behind its keys.
    inner = {
        key.removesuffix(TARGET): _signature(settings.pop(key))
        for key in list(settings)
        if key.endswith(f".{TARGET}") and not is_global
    }
    if known is not None:
        yield from _equation(known)
    width = max((len(f"{key}={values.shown(value)}") for key, value in settings.items()), default=0)
    for key, value in settings.items():
        part = next((prefix for prefix in inner if key.startswith(prefix)), "")
        signed = inner[part] if part else known
        allowed = _allowed(
            key.partition(".")[0] if is_global else option.group, key.removeprefix(part), signed
        )
        meaning = "  ".join(
            text for text in (comments.get(key, ""), f"({allowed})" if allowed else "") if text
        )
        setting = f"{key}={_shown(value)}"
        yield f"{'' if is_global else prefix}{setting:{width}}  {meaning}".rstrip()


def _settings(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, each in node.items():
        if name == "defaults" and not prefix:
            yield from _chosen(each)
        elif isinstance(each, Mapping) and each:
            yield from _settings(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", each


def _chosen(entries: Any) -> Iterator[tuple[str, Any]]:
    """Yields what a defaults list chooses: ``multiclass: cross_entropy``, or ``optimizer: sgd``."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            for group, name in entry.items():
                yield str(group).removeprefix("override ").lstrip("/"), name
        elif isinstance(entry, str) and "@" in entry:
            name, _, key = entry.partition("@")
            yield key, name


def _signature(target: str) -> Signature | None:
    package = "runner.backends.torch"
    try:
        return signature(target.replace("${backend.package}", package))
    except TargetError:
        return None


def _equation(known: Signature) -> Iterator[str]:
    for line in known.documentation.splitlines():
        if line.strip() in _SECTIONS:
            return
        if line.strip():
            yield line.rstrip().replace("``", "")


def _allowed(group: str, key: str, known: Signature | None) -> str:
    annotation = known.annotations.get(key) if known is not None else _record_annotation(group, key)
    text = "" if annotation is None else values.describe(annotation)
    return "" if text == "a value" else text


def _record_annotation(group: str, key: str) -> Any:
    kind: Any = _RECORDS.get(group)
    parts = key.split(".")[1:] if key.startswith(f"{group}.") else key.split(".")
    for part in parts:
        kind = annotations_of(kind).get(part) if isinstance(kind, type) else None
    return None if isinstance(kind, type) and kind not in (int, float, bool, str) else kind


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else values.shown(value)
