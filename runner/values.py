"""A value from YAML against the type that an annotation states, in words for the person who typed it."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from runner.quantities import Range

_EVERY = "every element "


def broken_rule(value: Any, annotation: Any) -> str | None:
    """Returns what must hold and does not, ``must be above 0``, or None where the value fits.

    Args:
        value: a plain value: None, a truth value, a number, a text, a list or a mapping.
        annotation: a type, an ``Annotated`` number, a union, a ``Literal``, a list or mapping of those;
            anything else accepts every value.
    """
    if _fits(value, annotation):
        return None
    for choice in _choices(annotation):
        bounds = _range(choice)
        if bounds is not None and _is_number(value, _base(choice)):
            return f"must be {bounds}" + _alternatives(annotation, choice)
        if get_origin(choice) is list and isinstance(value, list):
            (element,) = get_args(choice)
            wrong = next(each for each in value if not _fits(each, element))
            inner = broken_rule(wrong, element) or ""
            # Of lists in lists it is the innermost element that counts.
            return inner if inner.startswith(_EVERY) else f"{_EVERY}{inner}"
    return f"must be {describe(annotation)}"


def describe(annotation: Any) -> str:
    """Returns the values that a type allows: ``a number above 0 or null``."""
    return " or ".join(_describe_one(choice) for choice in _choices(annotation))


def shown(value: Any) -> str:
    """Returns a value as YAML writes it: ``null``, ``true``, ``'text'``, ``[1, 2]``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(shown(each) for each in value) + "]"
    return str(value)


def _fits(value: Any, annotation: Any) -> bool:
    return any(_fits_one(value, choice) for choice in _choices(annotation))


def _fits_one(value: Any, choice: Any) -> bool:
    origin = get_origin(choice)
    bounds = _range(choice)
    if bounds is not None:
        return _is_number(value, _base(choice)) and value in bounds
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in get_args(choice))
    if choice is None or choice is type(None):
        return value is None
    if choice in (int, float):
        return _is_number(value, choice)
    if choice in (bool, str):
        return isinstance(value, choice)
    if origin in (list, Sequence) or choice in (list, Sequence):
        elements = get_args(choice)
        return isinstance(value, list) and all(_fits(each, elements[0]) for each in value if elements)
    if origin in (dict, Mapping) or choice in (dict, Mapping):
        inner = get_args(choice)[1:]
        return isinstance(value, Mapping) and all(_fits(each, inner[0]) for each in value.values() if inner)
    return True


def _describe_one(choice: Any) -> str:
    origin = get_origin(choice)
    bounds = _range(choice)
    if bounds is not None:
        return _describe_range(bounds, "a whole number" if _base(choice) is int else "a number")
    if origin is Literal:
        return " or ".join(str(each) for each in get_args(choice))
    if origin in (list, Sequence):
        return f"a list, each element {describe(get_args(choice)[0])}"
    if origin in (dict, Mapping) or choice in (dict, Mapping):
        return "a mapping"
    names = {
        None: "null",
        type(None): "null",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
    }
    return names.get(
        choice, "a text" if choice is str else "a list" if choice in (list, Sequence) else "a value"
    )


def _describe_range(bounds: Range, kind: str) -> str:
    text = str(bounds)
    if text == "finite":
        return "a finite number"
    return f"{kind} of {text}" if text.startswith("at") else f"{kind} {text}"


def _alternatives(annotation: Any, taken: Any) -> str:
    others = [_describe_one(choice) for choice in _choices(annotation) if choice is not taken]
    return "".join(f" or {other}" for other in others)


def _choices(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _range(choice: Any) -> Range | None:
    if get_origin(choice) is not Annotated:
        return None
    return next((extra for extra in get_args(choice)[1:] if isinstance(extra, Range)), None)


def _base(choice: Any) -> Any:
    return get_args(choice)[0]


def _is_number(value: Any, kind: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) if kind is int else isinstance(value, int | float)
