"""The promise: one YAML, two frameworks, the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from matrix.frameworks import network_step
from support import curve, trained

from runner import layers


def pair(*overrides: str) -> tuple[object, ...]:
    """Trains the same on both backends."""
    (torch_result, torch_told), (keras_result, keras_told) = (
        trained(f"backend={name}", *overrides) for name in ("torch", "keras")
    )
    for tag in ("initial_weights_sha256", "batch_order_sha256"):
        assert torch_told.all_tags[tag] == keras_told.all_tags[tag]
    assert len(torch_result.epochs) == len(keras_result.epochs)
    assert torch_result.kept_epoch == keras_result.kept_epoch
    return torch_result, keras_result


@pytest.mark.parametrize(("precision", "tolerance"), [(32, 1e-5), (64, 1e-10)])
def test_default_run_gives_the_same_curve_on_both_backends(precision: int, tolerance: float) -> None:
    results = pair(f"training.precision={precision}")
    for result in results:
        assert len(result.epochs) == 30
        assert result.metrics["test/accuracy"] >= 0.96
    losses = [curve(result, "train/loss") for result in results]
    assert max(np.abs(np.subtract(*losses))) <= tolerance
    # The curve is one of learning: a pair of flat lines would agree as well.
    assert losses[0][-1] < 0.1 * losses[0][0]


def test_mixed_precision_is_near_single_precision_on_both_backends() -> None:
    mixed = pair("training.precision=bf16-mixed", "training.epochs=3")
    (single, _) = trained("training.epochs=3")
    for result in mixed:
        np.testing.assert_allclose(curve(result, "train/loss"), curve(single, "train/loss"), rtol=0.05)
        # Really bfloat16: float32 would agree to far more digits.
        assert abs(curve(result, "train/loss")[0] - curve(single, "train/loss")[0]) > 1e-6


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_mixed_precision_looks_up_the_very_token(backend: str) -> None:
    """Rounded to bfloat16, 257 would be 256."""
    tree = layers.named(layers.Sequence((layers.Embedding(vocabulary=300, features=1), layers.Flatten())))
    weights = {"embedding0/table": (np.arange(300.0) % 2)[:, None]}
    x, upstream = np.array([[255.0, 256.0, 257.0, 258.0]], dtype=np.float32), np.ones((1, 4), np.float32)
    found = network_step(backend, tree, weights, x, upstream, training=False, mixed=True)
    assert found["outputs"].astype(np.float32).tolist() == [[1.0, 0.0, 1.0, 0.0]]
