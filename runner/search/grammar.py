"""A search from what was typed: its space by Hydra's own grammar of overrides, and how it is carried out."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NoReturn

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from runner import extras
from runner.errors import ConfigurationError, Fault
from runner.search import settings
from runner.search.settings import Settings
from runner.search.space import Axis, Choices, Numbers, Space
from runner.suggestions import listed, nearest

# An interval over so many powers of ten is searched by its logarithm: of its numbers nine tenths lie in the last one.
_DECADES = 2
_TAGS = ("log", "linear")


def search(
    overrides: Sequence[Override], groups: Collection[str], stated: Mapping[str, Any]
) -> tuple[Space, Settings]:
    """Returns what is searched, and how.

    Args:
        overrides: as Hydra's parser read them.
        groups: the keys that choose an option.
        stated: the keys of ``hydra.sweeper``.

    Raises:
        ConfigurationError: every fault of both; or Optuna is not installed.
    """
    faults = extras.missing("optuna", "hydra/sweeper", "optuna")
    found: list[Any] = []
    for read in (lambda: space(overrides, groups), lambda: settings.read(stated)):
        try:
            found.append(read())
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise ConfigurationError(faults)
    searched, how = found
    return searched, how


def space(overrides: Sequence[Override], groups: Collection[str]) -> Space:
    """Returns the space that overrides span; those with one value are shared by all trials.

    Args:
        overrides: as Hydra's parser read them; the last of several of one key counts.
        groups: the keys that choose an option.

    Raises:
        ConfigurationError: what is no space, or not one of numbers where it must be.
    """
    axes: dict[str, Axis] = {}
    fixed: list[str] = []
    faults: list[Fault] = []
    for override in overrides:
        if not override.is_sweep_override():
            fixed.append(override.input_line or "")
            axes.pop(override.get_key_element(), None)
            continue
        try:
            axes[override.get_key_element()] = _axis(override, groups)
        except ConfigurationError as error:
            faults += error.faults
    if not axes and not faults:
        remedy = "Write one, as optimizer.learning_rate=interval(1e-4,1e-1)."
        faults.append(
            Fault("hydra/sweeper", "needs a space to search, and every key has one value", None, None, remedy)
        )
    if faults:
        raise ConfigurationError(faults)
    return Space(tuple(axes.values()), tuple(fixed))


def explained(faults: Sequence[Fault], searched: Space) -> list[Fault]:
    """Returns the faults of single numbers as those of the space that they are from, each once, with what to write."""
    numbers = {axis.key.lstrip("+"): axis for axis in searched.axes if isinstance(axis, Numbers)}
    found = []
    for fault in faults:
        axis = numbers.get(fault.key)
        if axis is not None and fault.received is not None:
            whole = "whole number" in fault.rule and axis.step is None
            remedy = f"Write int({axis.text})." if whole else fault.remedy
            fault = replace(fault, received=axis.text, remedy=remedy)
        found.append(fault)
    return list(dict.fromkeys(found))


def _axis(override: Override, groups: Collection[str]) -> Axis:
    value, text, key = override.value(), override.get_value_string(), override.get_key_element()
    tags = set(getattr(value, "tags", ()))
    unknown = sorted(tags - set(_TAGS))
    if unknown:
        remedy = f"Tags: {listed(_TAGS)}."
        _refuse(
            key, f"has the tag {unknown[0]!r}, which means nothing", text, nearest(unknown[0], _TAGS), remedy
        )
    if not isinstance(value, IntervalSweep | RangeSweep):
        return _choices(override, tags)
    if override.key_or_group in groups:
        _refuse(key, "chooses an option, and numbers are none", text, None, "Name options: choice(a,b).")
    low, high, step = _interval(value) if isinstance(value, IntervalSweep) else _range(value)
    if not (math.isfinite(low) and math.isfinite(high)):
        _refuse(key, "must have two ends that are finite numbers", text)
    if low > high or (isinstance(value, IntervalSweep) and low == high):
        _refuse(key, "must have its lower end first and its upper end above it", text)
    is_wide = isinstance(value, IntervalSweep) and 0 < low * 10**_DECADES <= high
    is_log = "log" in tags or (is_wide and "linear" not in tags)
    if is_log and low <= 0:
        _refuse(key, "has no logarithm, because it begins at 0 or below", text, None, "Begin above 0.")
    if is_log and step not in (None, 1):
        _refuse(key, "is searched by its logarithm in steps of 1 alone", text, None, "Write an interval.")
    return Numbers(key=key, text=text, low=low, high=high, step=step, is_log=is_log)


def _interval(value: IntervalSweep) -> tuple[float, float, float | None]:
    assert value.start is not None
    assert value.end is not None
    is_whole = isinstance(value.start, int) and isinstance(value.end, int)
    return value.start, value.end, 1 if is_whole else None


def _range(value: RangeSweep) -> tuple[float, float, float]:
    """Returns the least and the greatest number of a range and their distance; of an empty one the greatest is the less."""
    assert value.start is not None
    assert value.stop is not None
    # By their decimal digits, for 0.1 is no number of a computer's.
    start, stop, step = (Decimal(str(each)) for each in (value.start, value.stop, value.step))
    steps = math.ceil((stop - start) / step) - 1 if step else -1
    if steps < 0:
        return 1, 0, 1
    kind = int if all(isinstance(each, int) for each in (value.start, value.stop, value.step)) else float
    low, high = sorted((start, start + steps * step))
    return kind(low), kind(high), kind(abs(step))


def _choices(override: Override, tags: Collection[str]) -> Choices:
    key, text = override.get_key_element(), override.get_value_string()
    if tags:
        _refuse(key, "has options without an order, and tags are for numbers", text)
    values = tuple(dict.fromkeys(override.sweep_string_iterator()))
    if not values:
        _refuse(key, "has no value, so that the search has no trial", text, None, "Name at least one.")
    return Choices(key=key, text=text, values=values)


def _refuse(
    key: str, rule: str, received: str, suggestion: str | None = None, remedy: str | None = None
) -> NoReturn:
    raise ConfigurationError([Fault(key, rule, received, suggestion, remedy)])
