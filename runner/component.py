"""A component from YAML: read, checked against source text, at last built; nothing else imports a target."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

from runner import values
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.signatures import Signature, TargetError, signature
from runner.suggestions import listed, nearest

TARGET = "_target_"
NOT_OF_PYTHON = "must name a part of an experiment, not of Python's own library"
_FORBIDDEN = sys.stdlib_module_names | {"builtins"}


def parse(node: Any, key: str) -> Component:
    """Returns the component that a YAML node states; a mapping with ``_target_`` inside it is one as well.

    Args:
        node: plain mappings, lists, texts and numbers.
        key: the config key of the node.

    Raises:
        ConfigurationError: where the node names no target.
    """
    if not isinstance(node, Mapping):
        raise ConfigurationError([Fault(key, "must be a mapping with a _target_", values.shown(node))])
    target = node.get(TARGET)
    if not isinstance(target, str):
        rule = f"must name its function or class by {TARGET}"
        raise ConfigurationError([Fault(key, rule, None if target is None else values.shown(target))])
    arguments = {
        str(name): _parse_argument(each, f"{key}.{name}") for name, each in node.items() if name != TARGET
    }
    return Component(target=target, arguments=arguments, key=key)


def faults(component: Component, provided: Collection[str] = ()) -> list[Fault]:
    """Returns what is wrong with a target and its arguments, from source text, the target not imported.

    Args:
        component: what the YAML states.
        provided: the arguments that the program adds where the target has them.
    """
    if is_forbidden(component.target):
        return [Fault(f"{component.key}.{TARGET}", NOT_OF_PYTHON, component.target)]
    try:
        known = signature(component.target)
    except TargetError as error:
        return [Fault(f"{component.key}.{TARGET}", error.rule, component.target, error.suggestion)]
    return [
        *_missing(component, known, provided),
        *(
            fault
            for name in component.arguments
            for fault in _argument_faults(component, name, known, provided)
        ),
    ]


def is_forbidden(target: str) -> bool:
    """Returns whether a dotted path leads into Python's own library."""
    return target.partition(".")[0] in _FORBIDDEN


def build(component: Component, /, **provided: Any) -> Any:
    """Imports the target and calls it with its arguments and those of ``provided`` that its signature names.

    A component among the arguments is built too, unless the signature asks for a ``Component``; the project's
    own functions take them all as they stand.

    Raises:
        ConfigurationError: where the target cannot be imported.
    """
    target = _import(component)
    parameters = _parameters(target)
    own = component.target.startswith("runner.")
    arguments = {
        name: each if own or "Component" in str(parameters.get(name, "")) else _built(each)
        for name, each in component.arguments.items()
    }
    added = {name: each for name, each in provided.items() if name in parameters and name not in arguments}
    return target(**arguments, **added)


def function(component: Component) -> Callable[..., Any]:
    """Returns the target of a component, imported.

    Raises:
        ConfigurationError: where it cannot be imported.
    """
    return _import(component)


def takes(component: Component, name: str) -> bool:
    """Returns whether the target, which is imported, has an argument of a name.

    Raises:
        ConfigurationError: where the target cannot be imported.
    """
    return name in _parameters(_import(component))


def _parse_argument(node: Any, key: str) -> Any:
    if isinstance(node, Mapping):
        if TARGET in node:
            return parse(node, key)
        return {str(name): _parse_argument(each, f"{key}.{name}") for name, each in node.items()}
    if isinstance(node, list):
        return [_parse_argument(each, f"{key}[{index}]") for index, each in enumerate(node)]
    return node


def _missing(component: Component, known: Signature, provided: Collection[str]) -> list[Fault]:
    given = {*component.arguments, *provided}
    names = [name for name in known.annotations if name in known.required and name not in given]
    return [
        Fault(f"{component.key}.{name}", f"must be given, because {component.name} needs it")
        for name in names
    ]


def _argument_faults(
    component: Component, name: str, known: Signature, provided: Collection[str]
) -> list[Fault]:
    key, value = f"{component.key}.{name}", component.arguments[name]
    if name not in known.annotations and not known.open:
        settable = [each for each in known.annotations if each not in provided]
        suggestion = nearest(name, settable)
        remedy = None if suggestion else _settable(component, settable)
        full = suggestion and " or ".join(f"{component.key}.{each}" for each in suggestion.split(" or "))
        return [Fault(key, "there is no such key", suggestion=full, remedy=remedy)]
    annotation = known.annotations.get(name, Any)
    # A component that is handed on as it stands gets the same arguments.
    found = _nested_faults(value, provided if annotation is Component else ())
    rule = None if _holds_component(value) else values.broken_rule(value, annotation)
    return found if rule is None else [*found, Fault(key, rule, values.shown(value))]


def _settable(component: Component, names: list[str]) -> str:
    return f"{component.name} takes {listed(names)}." if names else f"{component.name} takes no arguments."


def _nested_faults(value: Any, provided: Collection[str] = ()) -> list[Fault]:
    if isinstance(value, Component):
        return faults(value, provided)
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [fault for child in children for fault in _nested_faults(child)]


def _holds_component(value: Any) -> bool:
    if isinstance(value, Component):
        return True
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(_holds_component(child) for child in children)


def _import(component: Component) -> Callable[..., Any]:
    module, name = _imported_part(component)
    found: Any = module
    for part in name:
        try:
            found = getattr(found, part)
        except AttributeError as error:
            rule = f"there is no {part!r} in {getattr(found, '__name__', found)}"
            raise ConfigurationError([Fault(f"{component.key}.{TARGET}", rule, component.target)]) from error
    if not callable(found):
        rule = "must name a function or class"
        raise ConfigurationError([Fault(f"{component.key}.{TARGET}", rule, component.target)])
    if _is_of_python(found):
        raise ConfigurationError([Fault(f"{component.key}.{TARGET}", NOT_OF_PYTHON, component.target)])
    checked: Callable[..., Any] = found
    return checked


def _is_of_python(found: Callable[..., Any]) -> bool:
    """Returns whether a function or class is one of Python's own, by whatever name it was reached."""
    if not isinstance(found, type | FunctionType | BuiltinFunctionType):
        return False
    return str(found.__module__).partition(".")[0] in _FORBIDDEN


def _imported_part(component: Component) -> tuple[Any, list[str]]:
    """Imports the longest part of a target that is a module; returns it and the names that remain."""
    parts = component.target.split(".")
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            return importlib.import_module(name), parts[length:]
        except ModuleNotFoundError as error:
            # Only a missing module of the path itself sends the search on; one that it needs is a fault.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _unimportable(component, error) from error
        except Exception as error:
            raise _unimportable(component, error) from error
    rule = f"there is no module {parts[0]!r} to import it from"
    raise ConfigurationError([Fault(f"{component.key}.{TARGET}", rule, component.target)])


def _unimportable(component: Component, error: Exception) -> ConfigurationError:
    rule = f"cannot be imported: {type(error).__name__}: {error}"
    return ConfigurationError([Fault(f"{component.key}.{TARGET}", rule, component.target)])


def _parameters(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the parameters of a target and their annotations; none where it is compiled."""
    try:
        found = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return {}
    return {name: each.annotation for name, each in found.items()}


def _built(value: Any) -> Any:
    if isinstance(value, Component):
        return build(value)
    if isinstance(value, Mapping):
        return {name: _built(each) for name, each in value.items()}
    return [_built(each) for each in value] if isinstance(value, list) else value
