"""Finite differences against derivatives that are known, smooth functions and kinks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from runner import finite_difference
from runner.finite_difference import Floats, Slopes


def slopes(function: Callable[[Floats], Floats], x: Floats) -> Slopes:
    steps = finite_difference.steps(x)
    return finite_difference.slopes(function(x), function(x - steps), function(x + steps), steps)


@pytest.mark.parametrize(
    ("function", "derivative"),
    [
        (np.sin, np.cos),
        (np.exp, np.exp),
        (lambda x: x**3, lambda x: 3 * x**2),
        (lambda x: x / (1 + np.abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2),
    ],
    ids=["sin", "exp", "cube", "softsign"],
)
def test_a_derivative_is_found_and_a_wrong_one_is_not(
    function: Callable[[Floats], Floats], derivative: Callable[[Floats], Floats]
) -> None:
    x = np.array([-2.0, 0.0, 0.7, 3.0])
    found = slopes(function, x)
    assert (found.apart(derivative(x)) < 1e-6).all()
    assert (found.apart(derivative(x) + 1e-4) > 9e-5).all()


def test_at_a_kink_every_slope_between_both_sides_is_a_derivative() -> None:
    found = slopes(np.abs, np.zeros(5))
    distances = found.apart(np.array([-1.0, 0.0, 1.0, 1.5, -1.25]))
    np.testing.assert_allclose(distances, [0.0, 0.0, 0.0, 0.5, 0.25], atol=1e-12)


def test_a_large_argument_has_a_large_step() -> None:
    np.testing.assert_array_equal(
        finite_difference.steps(np.array([0.0, -1.0, 1000.0])), 2.0**-22 * np.array([1.0, 1.0, 1000.0])
    )
