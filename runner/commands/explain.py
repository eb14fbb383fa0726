"""The verb explain: what every key and layer means, what both frameworks call it, and whether their numbers are one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import yaml

from runner import compose, explanation, folders, request, task
from runner.errors import ConfigurationError, Fault, UsageError
from runner.explanation import Section
from runner.ledger import counterparts, document, verification
from runner.startup import log_lines_held
from runner.task import Task

_MARKDOWN, _CHECK, _DIFFERENCES = "--markdown", "--check", "--differences"
_HYDRA = "hydra"
_NATIVE = (
    "Note: with backend.semantics=native each framework goes its own way: what is called corrected here is not,"
    " and `python -m runner parity backend.semantics=native` measures it."
)


def run(words: Sequence[str]) -> int:
    """Prints the rows of a configuration, as a table or as Markdown; or checks every name, or prints all differences."""
    if _DIFFERENCES in words:
        _refuse_more(words)
        print(document.document())
        return 0
    folders.make_importable()
    asked = request.parse([word for word in words if word not in (_MARKDOWN, _CHECK)])
    if asked.multirun:
        rule = "explain looks at one configuration at a time"
        raise ConfigurationError([Fault("-m", rule, remedy="Leave -m out.")])
    found = _sections(asked)
    if _MARKDOWN in words:
        print("\n".join(_markdown(found)))
    else:
        from runner.explanation_table import show

        show(found, sys.stdout)
    return _check(found) if _CHECK in words else 0


def _refuse_more(words: Sequence[str]) -> None:
    others = [word for word in words if word != _DIFFERENCES]
    if others:
        rule = f"does not go with {_DIFFERENCES}, which is about all components"
        raise UsageError([Fault(others[0], rule, remedy=f"Leave {others[0]} out.")])


def _sections(asked: request.Request) -> list[Section]:
    with compose.session(asked.config_dir):
        answer = request.answer(asked)
        plain = yaml.safe_load(compose.resolved_yaml(answer.config))
        choices = compose.choices(answer.config)
    if answer.checked.experiment.backend.semantics == "native":
        print(_NATIVE, file=sys.stderr)
    plain = _read(plain, task.of(answer.checked.experiment))
    own = {group: name for group, name in choices.items() if not group.startswith(_HYDRA)}
    drawing = answer.checked.blueprint
    return explanation.sections(plain, own, drawing.tree if drawing else None)


def _read(node: Mapping[str, Any], asked_for: Task, prefix: str = "") -> dict[str, Any]:
    """Returns what a task reads of a configuration."""
    found: dict[str, Any] = {}
    for name, each in node.items():
        if task.depends_on(asked_for, f"{prefix}{name}"):
            found[name] = each
        elif isinstance(each, Mapping) and (inner := _read(each, asked_for, f"{prefix}{name}.")):
            found[name] = inner
    return found


def _markdown(found: Sequence[Section]) -> list[str]:
    lines: list[str] = []
    for section in found:
        rows = [[f"`{row.setting}`", row.meaning, *document.cells(row.counterpart)] for row in section.rows]
        lines += [
            f"## {section.title}",
            "",
            *document.table(("key", "meaning", *document.HEADINGS), rows),
        ]
    return lines


def _check(found: Sequence[Section]) -> int:
    """Says whether every name is there, those of this configuration and all others; exit code 1 where one is not."""
    # It names the framework under Keras, which Keras looks for when it is imported.
    import_module("runner.backends.keras")
    named = [row.counterpart for section in found for row in section.rows]
    named += [counterpart for _, _, counterpart in counterparts()]
    with log_lines_held():
        missing = verification.missing(named)
    for sentence in missing:
        print(f"{sentence}.", file=sys.stderr)
    if not missing:
        print(f"\nEvery class, function and argument is there: {verification.versions()}.")
    return 1 if missing else 0
