import math
from typing import Any, Literal

import pytest

from runner.quantities import (
    BelowOne,
    Count,
    Finite,
    NotNegative,
    OpenUnitInterval,
    Positive,
    PositiveCount,
    UnitInterval,
)
from runner.values import broken_rule, describe, shown


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (0.1, Positive),
        (3, Positive),
        (0, NotNegative),
        (1, UnitInterval),
        (0.999, BelowOne),
        (0.5, OpenUnitInterval),
        (-3.5, Finite),
        (0, Count),
        (1, PositiveCount),
        (None, PositiveCount | None),
        ("auto", PositiveCount | Literal["auto"]),
        (64, Literal[32, 64, "bf16-mixed"]),
        ([], list[PositiveCount]),
        ([64, 32], list[PositiveCount]),
        (None, list[Positive] | None),
        ({"a": 1}, dict[str, int]),
        (True, bool),
        ("text", str),
        (object(), Any),
    ],
)
def test_a_value_that_fits_breaks_no_rule(value: Any, annotation: Any) -> None:
    assert broken_rule(value, annotation) is None


@pytest.mark.parametrize(
    ("value", "annotation", "rule"),
    [
        (0, Positive, "must be above 0"),
        (math.inf, Positive, "must be above 0"),
        (math.nan, Finite, "must be finite"),
        (-1, NotNegative, "must be at least 0"),
        (1, BelowOne, "must be at least 0 and below 1"),
        (1.5, UnitInterval, "must be at least 0 and at most 1"),
        ("fast", Positive, "must be a number above 0"),
        (True, Count, "must be a whole number of at least 0"),
        (1.0, PositiveCount, "must be a whole number of at least 1"),
        (0, PositiveCount | None, "must be at least 1 or null"),
        ("all", PositiveCount | Literal["auto"], "must be a whole number of at least 1 or auto"),
        (16, Literal[32, 64], "must be 32 or 64"),
        (True, Literal[1], "must be 1"),
        ([64, 0], list[PositiveCount], "every element must be at least 1"),
        (64, list[PositiveCount], "must be a list, each element a whole number of at least 1"),
        (1, bool, "must be true or false"),
        (3, str, "must be a text"),
        (3, str | None, "must be a text or null"),
        ([1], dict[str, int], "must be a mapping"),
    ],
)
def test_a_value_that_does_not_fit_breaks_a_rule_in_words(value: Any, annotation: Any, rule: str) -> None:
    assert broken_rule(value, annotation) == rule


def test_a_type_is_described_by_the_values_it_allows() -> None:
    assert describe(PositiveCount | None) == "a whole number of at least 1 or null"
    assert describe(Literal["best", "last"]) == "best or last"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), ("a b", "'a b'"), ([1, "x"], "[1, 'x']"), ({"a": None}, "{a: null}")],
)
def test_a_value_is_shown_as_yaml_writes_it(value: Any, text: str) -> None:
    assert shown(value) == text
