"""What figures are drawn from beside predictions, on both backends."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import activations as truth
from support import trained

BACKENDS = ["torch", "keras"]
QUICK = ["training.epochs=3", "training.precision=64"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_boundary_of_a_linear_model_is_where_its_equation_says(backend: str) -> None:
    result, _ = trained(
        f"backend={backend}", "data=moons", "architecture=linear", "standardise=false", *QUICK
    )
    boundary = result.boundary
    assert boundary is not None
    assert boundary.outputs.shape == (len(boundary.second), len(boundary.first), 1)
    # The log-odds of a linear model are a plane: its second differences vanish.
    probability = boundary.outputs[:, :, 0]
    logits = np.log(probability / (1 - probability))
    for axis in (0, 1):
        np.testing.assert_allclose(np.diff(logits, n=2, axis=axis), 0, atol=1e-10)
    assert boundary.first[0] < boundary.inputs[:, 0].min() < boundary.inputs[:, 0].max() < boundary.first[-1]
    # Two half moons of radius 1 around (0, 0) and (1, 1/2), a little noise on top.
    assert -1.8 < boundary.inputs[:, 0].min() < -0.8
    assert 1.8 < boundary.inputs[:, 0].max() < 2.8


def test_tokens_have_no_boundary() -> None:
    assert trained("data=brackets", "data.length=2", "architecture=rnn", *QUICK)[0].boundary is None


def test_boundary_is_in_the_units_of_the_data() -> None:
    plain, _ = trained("data=moons", "standardise=false", *QUICK)
    standardised, _ = trained("data=moons", *QUICK)
    assert plain.boundary is not None
    assert standardised.boundary is not None
    np.testing.assert_allclose(plain.boundary.inputs, standardised.boundary.inputs, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_activation_over_what_occurred_follows_the_equation(backend: str, activation: str) -> None:
    result, _ = trained(f"backend={backend}", "data=moons", f"activation={activation}", *QUICK)
    trace = result.activation
    assert trace is not None
    assert trace.name == activation
    values, derivatives = getattr(truth, activation)(trace.inputs)
    np.testing.assert_allclose(trace.values, values, atol=1e-12)
    np.testing.assert_allclose(trace.derivatives, derivatives, atol=1e-12)
    assert len(trace.edges) == len(trace.shares) + 1
    assert 0.99 < trace.shares.sum() <= 1


def test_both_backends_meet_the_same_pre_activations() -> None:
    traces = [trained(f"backend={name}", "data=moons", *QUICK)[0].activation for name in BACKENDS]
    assert traces[0] is not None
    assert traces[1] is not None
    np.testing.assert_allclose(traces[0].edges, traces[1].edges, rtol=1e-9)
    np.testing.assert_allclose(traces[0].shares, traces[1].shares, atol=1e-9)


@pytest.mark.parametrize(
    "override", ["activation=softmax", "activation=glu", "activation=prelu", "architecture=linear"]
)
def test_activation_without_a_curve_is_left_out(override: str) -> None:
    assert trained("data=moons", override, *QUICK)[0].activation is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("axis", [-3, 1, 2])
def test_activation_over_an_axis_of_images_has_no_curve(axis: int, backend: str) -> None:
    images = ["architecture=cnn", "architecture.hidden_sizes=[]", "activation=softmax"]
    result, _ = trained(f"backend={backend}", *images, f"activation.axis={axis}", "debug=fast", *QUICK)
    assert result.activation is None


def test_mistakes_are_the_surest_ones_first() -> None:
    result, _ = trained("training.epochs=2")
    found, shown = result.mistakes, result.predictions["test"]
    assert found is not None
    predicted, sure = found.outputs.argmax(axis=1), found.outputs.max(axis=1)
    assert (predicted != found.targets).all()
    assert (np.diff(sure) <= 0).all()
    wrong = shown.outputs.argmax(axis=1) != shown.targets
    assert len(found.images) == min(16, wrong.sum())
    assert sure[0] == shown.outputs[wrong].max()
    # Digits are whole numbers from 0 to 16 before they are standardised.
    np.testing.assert_allclose(found.images, np.round(found.images), atol=1e-9)
    assert found.images.min() >= -1e-9
    assert found.images.max() <= 16 + 1e-9


def test_regression_has_neither_boundary_nor_mistakes() -> None:
    result, _ = trained("data=sine", *QUICK)
    assert result.boundary is None
    assert result.mistakes is None


def test_nothing_is_computed_for_figures_that_nobody_draws() -> None:
    result, _ = trained("data=moons", "plots=none", *QUICK)
    assert result.boundary is None
    assert result.activation is None
