"""What a dotted target is and which arguments it takes, from source text: nothing is imported or executed."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from runner import source_types
from runner.suggestions import nearest

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_MAXIMUM_REDIRECTIONS = 8


class TargetError(LookupError):
    """A target that is not there: the rule it breaks and the nearest names that are."""

    def __init__(self, rule: str, suggestion: str | None = None) -> None:
        self.rule = rule
        self.suggestion = suggestion
        super().__init__(rule)


@dataclass(frozen=True)
class Signature:
    """The arguments of a function or class, as far as its source text tells.

    Args:
        annotations: parameter name -> type.
        required: the parameters that have no default.
        open: whether arguments beyond these may be taken as well.
        documentation: the docstring, cleaned.
        bases: the last words of the classes that a class is derived from; empty for a function.
    """

    annotations: Mapping[str, Any]
    required: frozenset[str]
    open: bool
    documentation: str
    bases: tuple[str, ...] = ()


UNKNOWN = Signature({}, frozenset(), open=True, documentation="")


def signature(target: str) -> Signature:
    """Returns the signature of a dotted target; :data:`UNKNOWN` where it exists but has no source text.

    Raises:
        TargetError: where no module or no such name in it is found.
    """
    module, _, rest = _split(target)
    return _signature_in(module, rest, _MAXIMUM_REDIRECTIONS)


def names_in(module: str) -> list[str]:
    """Returns the public functions and classes that a module's source text defines or imports."""
    tree = _syntax(module)
    return [] if tree is None else [name for name in _public_names(tree) if not name.startswith("_")]


def exists(module: str) -> bool:
    """Returns whether a module can be found, without importing it or its parents."""
    return _spec(module) is not None


def _split(target: str) -> tuple[str, str, str]:
    """Splits a target into the longest module that exists and the name inside it."""
    parts = target.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise TargetError("must be the dotted path of a function or class, package.module.name")
    for length in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:length])
        if exists(module):
            return module, ".", ".".join(parts[length:])
    raise TargetError(f"there is no module {parts[0]!r} to import it from")


def _signature_in(module: str, name: str, redirections: int) -> Signature:
    tree = _syntax(module)
    if tree is None:
        return UNKNOWN
    first, _, rest = name.partition(".")
    for node in _statements(tree.body):
        if isinstance(node, Definition) and node.name == first:
            return _read(_member(node, rest), tree) if rest else _read(node, tree)
    redirected = _redirection(module, tree, first)
    if redirected is not None and redirections > 0:
        return _signature_in(*redirected, redirections - 1) if exists(redirected[0]) else UNKNOWN
    if _may_hold(module, tree, first, redirections):
        return UNKNOWN
    raise TargetError(
        f"there is no {name!r} in {module}", _qualified(module, nearest(first, names_in(module)))
    )


def _member(definition: Definition, name: str) -> Definition | None:
    found = [node for node in definition.body if isinstance(node, Definition) and node.name == name]
    return found[0] if found else None


def _read(node: Definition | None, tree: ast.Module) -> Signature:
    if node is None:
        return UNKNOWN
    documentation = ast.get_docstring(node) or ""
    if isinstance(node, ast.ClassDef):
        bases = tuple(ast.unparse(base).rpartition(".")[2] for base in node.bases)
        return replace(_read_class(node, tree, documentation), bases=bases)
    return _read_arguments(node.args, tree, documentation, skip=0)


def _read_class(node: ast.ClassDef, tree: ast.Module, documentation: str) -> Signature:
    constructor = _member(node, "__init__")
    if isinstance(constructor, ast.FunctionDef):
        return _read_arguments(constructor.args, tree, documentation, skip=1)
    if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        types = {ast.unparse(each.target): source_types.read(each.annotation, tree) for each in fields}
        required = frozenset(ast.unparse(each.target) for each in fields if each.value is None)
        return Signature(types, required, bool(node.bases), documentation)
    return Signature({}, frozenset(), bool(node.bases), documentation)


def _read_arguments(arguments: ast.arguments, tree: ast.Module, documentation: str, skip: int) -> Signature:
    positional = [*arguments.posonlyargs, *arguments.args]
    defaulted = {each.arg for each in positional[len(positional) - len(arguments.defaults) :]}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    defaulted |= {each.arg for each, default in pairs if default is not None}
    named = [*positional[skip:], *arguments.kwonlyargs]
    types = {each.arg: source_types.read(each.annotation, tree) for each in named}
    required = frozenset(types) - defaulted
    return Signature(types, required, arguments.kwarg is not None, documentation)


def _redirection(module: str, tree: ast.Module, name: str) -> tuple[str, str] | None:
    """Returns where a module takes a name from: the module and its name there."""
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _origin(module, node), alias.name
        if isinstance(node, ast.Assign) and _assigned(node) == name and isinstance(node.value, ast.Name):
            return module, node.value.id
    return None


def _may_hold(module: str, tree: ast.Module, name: str, redirections: int) -> bool:
    """Returns whether a module may hold a name that its text does not define."""
    if name in _public_names(tree) or _makes_names(tree):
        return True
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and redirections > 0:
            origin = _origin(module, node)
            inner = _syntax(origin) if exists(origin) else None
            if inner is None or _may_hold(origin, inner, name, redirections - 1):
                return True
    return False


def _makes_names(tree: ast.Module) -> bool:
    """Returns whether a module makes names while it runs, so that its text cannot tell which it has."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    called = {node.id for node in calls if isinstance(node, ast.Name)}
    return bool(called & {"setattr", "globals"}) or "__getattr__" in _public_names(tree)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields the statements of a module, those inside its ``if`` and ``try`` as well."""
    for node in body:
        yield node
        if not isinstance(node, Definition):
            for inner in ("body", "orelse", "handlers", "finalbody"):
                yield from _statements(getattr(node, inner, []))


def _origin(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    spec = _spec(module)
    parts = module.split(".")
    is_package = spec is not None and spec.submodule_search_locations is not None
    parents = parts[: len(parts) - node.level + is_package]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _public_names(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in _statements(tree.body):
        if isinstance(node, Definition):
            names.append(node.name)
        elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("__future__"):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign) and _assigned(node):
            names.append(_assigned(node))
    return names


def _assigned(node: ast.Assign) -> str:
    target = node.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _qualified(module: str, names: str | None) -> str | None:
    return None if names is None else " or ".join(f"{module}.{name}" for name in names.split(" or "))


def _syntax(module: str) -> ast.Module | None:
    spec = _spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    try:
        return _parsed(spec.origin)
    except SyntaxError as error:
        raise TargetError(f"{module} is no valid Python: line {error.lineno}, {error.msg}") from error


@lru_cache(maxsize=256)
def _parsed(file: str) -> ast.Module:
    """Parses a file, by its path and not its module's name: one name may come to mean another file."""
    return ast.parse(Path(file).read_text(encoding="utf-8"))


def _spec(module: str) -> ModuleSpec | None:
    """Finds a module by walking down from its package, because the usual search would import the parents."""
    parts = module.split(".")
    try:
        spec = (
            importlib.util.find_spec(parts[0])
            if parts[0] not in sys.modules
            else sys.modules[parts[0]].__spec__
        )
    except (ValueError, ImportError):
        return None
    for length in range(2, len(parts) + 1):
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(".".join(parts[:length]), list(spec.submodule_search_locations))
    return spec
