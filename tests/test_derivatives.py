"""The product's formulas of derivatives against the tests' own, and against differences of NumPy's values."""

from __future__ import annotations

import numpy as np
import pytest
import shipped
from oracle import activations as oracle

from runner import derivatives, finite_difference, forward

POINTS = np.array([-30.0, -6.0, -3.0, -2.5, -1.0, -0.1, 0.0, 0.3, 1.0, 2.0, 3.0, 6.0, 7.0, 40.0])
ARGUMENTS = dict(shipped.components("activation"))
LEARNED = {"prelu"}


def test_every_activation_has_a_formula() -> None:
    known = {*derivatives.ACTIVATIONS, *derivatives.VECTOR_ACTIVATIONS}
    assert known == set(shipped.names("activation")) == set(forward.ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(derivatives.ACTIVATIONS.keys() - LEARNED))
def test_a_formula_is_that_of_the_oracle(name: str) -> None:
    found = derivatives.ACTIVATIONS[name](POINTS, **ARGUMENTS[name])
    _, expected = getattr(oracle, name)(POINTS, **ARGUMENTS[name])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", sorted(derivatives.ACTIVATIONS))
def test_a_formula_is_the_slope_of_the_values(name: str) -> None:
    more = {"slope": np.array([0.25])} if name in LEARNED else {}

    def values(x: derivatives.Floats) -> derivatives.Floats:
        return forward.ACTIVATIONS[name](x, **ARGUMENTS[name], **more)

    steps = finite_difference.steps(POINTS)
    slopes = finite_difference.slopes(values(POINTS), values(POINTS - steps), values(POINTS + steps), steps)
    found = derivatives.ACTIVATIONS[name](POINTS, **ARGUMENTS[name])
    assert slopes.apart(found).max() < 1e-6


@pytest.mark.parametrize("name", sorted(derivatives.VECTOR_ACTIVATIONS))
def test_a_matrix_of_derivatives_is_that_of_the_values(name: str) -> None:
    vector = np.array([2.0, -1.0, 0.1, 0.5])
    found = derivatives.VECTOR_ACTIVATIONS[name](vector, **ARGUMENTS[name])
    for place in range(len(vector)):
        moved = np.eye(len(vector))[place] * 1e-6
        high, low = (forward.ACTIVATIONS[name](vector + sign * moved) for sign in (1, -1))
        np.testing.assert_allclose(found[:, place], (high - low) / 2e-6, atol=1e-9)


def test_softmax_has_the_matrix_of_the_oracle() -> None:
    vector = np.array([2.0, 1.0, 0.1])
    np.testing.assert_allclose(
        derivatives.softmax(vector, axis=-1), oracle.softmax(vector)[1], rtol=0, atol=1e-16
    )


def test_the_derivative_of_a_polynomial_is_one_of_the_next_lower_degree() -> None:
    assert derivatives.polynomial([1.0, 3.0, 1.0]) == [3.0, 2.0]
    assert derivatives.polynomial([5.0]) == [0.0]
    assert derivatives.polynomial([0.0, 0.0, 0.0, 2.0]) == [0.0, 0.0, 6.0]
