"""Categories whose rows of learnt tables a network takes in their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import own_tables
import pytest
from scipy.special import softmax
from support import experiment

from runner import forward, network_file
from runner.blueprint import Blueprint, blueprint
from runner.data import Embedded, prepare
from runner.data.own import as_source
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.layers import ShapeError, categories, parameters

NONE = "tracking=none", "plots=none"


def chosen(*overrides: str) -> Experiment:
    return replace(experiment(*NONE, *overrides), data=own_tables.component())


def drawing(*overrides: str) -> Blueprint:
    return blueprint(chosen(*overrides))


def test_every_category_has_a_table_whose_row_stands_beside_the_numbers() -> None:
    drawn = drawing("architecture.hidden_sizes=[6]")
    shapes = {name: array.shape for name, array in parameters(drawn.tree, drawn.input_shape).items()}
    assert shapes["embedding0/table"] == (5, 3)
    assert shapes["embedding1/table"] == (3, 2)
    # Two numbers, and rows of 3 and 2.
    assert shapes["dense0/kernel"] == (2 + 3 + 2, 6)
    assert categories(drawn.tree) == {2: 5, 3: 3}


def test_the_network_file_says_what_the_equation_says(tmp_path: Path) -> None:
    run = chosen("architecture=linear", "standardise=false")
    drawn = blueprint(run)
    splits = prepare(drawn.source, split=run.split, standardise=False, seed=0, debug=run.debug)
    draws = np.random.default_rng(0)
    weights = {
        name: draws.normal(size=array.shape)
        for name, array in parameters(drawn.tree, drawn.input_shape).items()
    }
    stored = network_file.Network(drawn.tree, drawn.input_shape, "softmax", drawn.source.classes, splits)
    network_file.save(stored, tmp_path / "network.json")
    inputs, _ = own_tables.arrays()
    found = forward.predict(forward.read(tmp_path / "network.json"), weights, inputs)
    one, other = inputs[:, 2].astype(int), inputs[:, 3].astype(int)
    row = np.hstack([inputs[:, :2], weights["embedding0/table"][one], weights["embedding1/table"][other]])
    expected = softmax(row @ weights["dense0/kernel"] + weights["dense0/bias"], axis=1)
    assert found == pytest.approx(expected, rel=1e-12)


def test_numbers_are_standardised_and_those_of_categories_are_not() -> None:
    data = own_tables.source(seed=0)
    run = chosen()
    splits = prepare(data, split=run.split, standardise=True, seed=0, debug=run.debug)
    inputs = splits.train.numbers()
    assert inputs[:, :2].mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert inputs[:, :2].std(axis=0) == pytest.approx([1, 1])
    assert set(inputs[:, 2]) == {0, 1, 2, 3, 4}
    assert set(inputs[:, 3]) == {0, 1, 2}


@pytest.mark.parametrize(("code", "received"), [(5.0, "0 to 5"), (0.5, "0 to 4"), (-1.0, "-1 to 4")])
def test_a_number_that_is_no_category_is_refused(code: float, received: str) -> None:
    inputs, targets = own_tables.arrays()
    inputs[7, 2] = code
    data = replace(own_tables.source(seed=0), read=lambda: (inputs, targets))
    run = chosen()
    rule = "data: must hold categories, whole numbers from 0 to 4. Received: " + received
    with pytest.raises(ConfigurationError, match=rule):
        prepare(data, split=run.split, standardise=True, seed=0, debug=run.debug)


def test_embedded_columns_stand_last() -> None:
    data = replace(own_tables.source(seed=0), embedded=(Embedded(1, 5, 3), Embedded(3, 3, 2)))
    rule = "must have the embedded inputs as the last columns of its rows, in order. Received: columns 1, 3 of inputs 4"
    with pytest.raises(ConfigurationError, match=rule):
        as_source(data, own_tables.component())


def test_a_network_of_pictures_refuses_a_table() -> None:
    with pytest.raises(ShapeError, match="must get images of height x width x channels, not shape 7"):
        drawing("architecture=cnn", "data=digits")


def test_the_place_of_a_layer_is_that_in_the_yaml() -> None:
    tree = chosen(
        "data=wine", "architecture=tree", "architecture.layers=[{dense:{units:8}},{reshape:{shape:[4,2]}}]"
    )
    odd = replace(
        tree.architecture, arguments={"layers": [{"dense": {"units": 3}}, {"reshape": {"shape": [4, 2]}}]}
    )
    with pytest.raises(ShapeError) as caught:
        blueprint(replace(tree, architecture=odd))
    assert caught.value.path == "[1].reshape"


def test_categories_cannot_be_given_back() -> None:
    with pytest.raises(
        ConfigurationError, match="gives back numbers, and data=own has categories that are looked up"
    ):
        drawing("architecture=autoencoder")
