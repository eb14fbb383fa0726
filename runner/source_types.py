"""Annotations read from source text: syntax in, types out, and nothing of the module is executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Literal, Union

from runner import quantities
from runner.experiment import Component

_KNOWN: Mapping[str, Any] = {
    **{name: value for name, value in vars(quantities).items() if not name.startswith("_")},
    "Component": Component,
    "Mapping": Mapping,
    "None": None,
    "Sequence": list,
    "bool": bool,
    "dict": dict,
    "float": float,
    "int": int,
    "list": list,
    "str": str,
}


def read(node: ast.expr | None, module: ast.Module) -> Any:
    """Returns the type that an annotation names; ``Any`` where it is none of those a YAML value can have.

    Args:
        node: the annotation as syntax, or None where there is none.
        module: the syntax of the module, for the names that it gives to types of its own.
    """
    if isinstance(node, ast.Constant):
        return _read_constant(node, module)
    if isinstance(node, ast.Name):
        return _KNOWN[node.id] if node.id in _KNOWN else _read_alias(node.id, module)
    if isinstance(node, ast.Attribute):
        return _KNOWN.get(node.attr, Any)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([read(node.left, module), read(node.right, module)])
    if isinstance(node, ast.Subscript):
        return _read_subscript(node, module)
    return Any


def _read_constant(node: ast.Constant, module: ast.Module) -> Any:
    if isinstance(node.value, str):
        return read(ast.parse(node.value, mode="eval").body, module)
    return None if node.value is None else Any


def _read_alias(name: str, module: ast.Module) -> Any:
    for statement in module.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            assert isinstance(statement, ast.Assign)
            return read(statement.value, module)
    return Any


def _read_subscript(node: ast.Subscript, module: ast.Module) -> Any:
    origin = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if origin == "Literal":
        values = tuple(each.value for each in elements if isinstance(each, ast.Constant))
        return Literal[values] if len(values) == len(elements) else Any
    inner = [read(each, module) for each in elements]
    if origin in ("list", "Sequence"):
        return list[inner[0]]  # type: ignore[valid-type]  # A type made while running.
    if origin in ("dict", "Mapping"):
        return dict[inner[0], inner[-1]]  # type: ignore[valid-type]  # The same.
    if origin == "Optional":
        return _union([inner[0], None])
    return _union(inner) if origin == "Union" else Any


def _union(members: list[Any]) -> Any:
    return Any if any(member is Any for member in members) else Union[tuple(members)]  # noqa: UP007  # The members are not known here.
