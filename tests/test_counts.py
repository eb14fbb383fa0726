"""Numbers from 0 up, whose logarithm a network gives: what is shown of it, and what cannot be a count."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from support import experiment, trained

from runner.blueprint import blueprint
from runner.conductor import predictions
from runner.data import prepare
from runner.errors import ConfigurationError

COUNTS = ["loss=poisson", "standardise=false"]


def test_the_exponential_of_a_logit_is_shown() -> None:
    read = experiment("data=diabetes", *COUNTS)
    source = blueprint(read).source
    splits = prepare(source, split=read.split, standardise=read.standardise, seed=0, debug=read.debug)
    targets, logits = np.array([[2.0], [5.0], [0.0]]), np.array([[0.0], [np.log(3)], [1000.0]])
    shown = predictions("exponential", splits, targets, logits)
    np.testing.assert_allclose(shown.outputs, [[1.0], [3.0], [inf]], rtol=1e-15)
    np.testing.assert_array_equal(shown.targets, targets)


def test_it_comes_near_the_mean_of_the_targets() -> None:
    """Whatever else it learns: the gradient by a bias of the output is the mean of rate - count."""
    result, _ = trained(
        "data=diabetes", *COUNTS, "architecture=linear", "optimizer.learning_rate=0.1", "training.keep=last"
    )
    shown = result.predictions["train"]
    assert shown.outputs.mean() == pytest.approx(shown.targets.mean(), rel=0.05)
    assert result.metrics["test/r2"] > 0.3


def test_a_negative_target_is_refused_with_the_smallest() -> None:
    with pytest.raises(ConfigurationError) as caught:
        trained("data=sine", *COUNTS)
    (fault,) = caught.value.faults
    read = experiment("data=sine", *COUNTS)
    _, targets = blueprint(read).source.read()
    assert (
        replace(fault, received=None, remedy=None).__str__() == "loss: poisson needs targets of at least 0."
    )
    assert fault.received == f"{targets.min():g} among those of sine"
    assert fault.remedy == "Take loss=mse, mae or huber."
