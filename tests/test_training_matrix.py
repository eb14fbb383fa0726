"""Whole trainings, 100 steps each: the promise is one YAML, two frameworks, the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import shipped
from matrix import product
from matrix.trainings import BOUNDS, CASES, COMMON, STEPS, differences, pair
from support import one_tensorflow_thread

from runner import compose
from runner.experiment import Experiment

PART = product.part(product.commit(), product.PART)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


def compared(overrides: Sequence[str], repeat: str) -> None:
    torch, keras = pair(overrides)
    assert len(torch.losses) == len(keras.losses) >= STEPS, repeat
    # Equal numbers that never move would say little.
    assert len(np.unique(torch.losses)) > STEPS / 2, repeat
    for kind, difference in differences(torch, keras).items():
        assert difference <= BOUNDS[kind], f"{kind} {difference:.1e}; {repeat}"


@pytest.mark.drawn(30)
@pytest.mark.parametrize("case", CASES)
def test_training_is_equal_in_float64(case: str) -> None:
    compared(CASES[case].split(), f"python -m runner parity {CASES[case]}")


@pytest.mark.parametrize("number", PART, ids=product.name)
def test_part_of_the_long_matrix(number: int) -> None:
    compared(product.overrides(number), f"python tests/long_matrix.py --only {number}")


def composed() -> list[Experiment]:
    with compose.session():
        return [compose.read(compose.compose((*COMMON, *words.split()))) for words in CASES.values()]


def test_every_choice_is_in_a_training() -> None:
    assert len(CASES) == 59
    met = composed()
    for group in ("activation", "architecture", "initializer", "loss", "optimizer", "schedule"):
        named = {getattr(each, group).name for each in met}
        assert named == {name for name, _ in shipped.components(group)}
    cells = {each.architecture.arguments.get("cell") for each in met}
    assert cells >= {"simple_rnn", "lstm", "gru"}
    trainings = [each.training for each in met]
    assert {each.accumulation for each in trainings} > {1}
    assert {each.weight_average for each in trainings} > {None}
    assert {each.clipping.global_norm for each in trainings} > {None}
    assert {each.clipping.value for each in trainings} > {None}


def test_the_long_matrix_is_a_product() -> None:
    counts = len(product.FAMILIES), len(shipped.names("optimizer")), len(shipped.names("schedule"))
    assert counts == (12, 10, 11)
    assert len(product.RUNS) == len(set(product.RUNS)) == 1320
    met = dict.fromkeys(shipped.names("architecture"), 0)
    for number in range(len(product.RUNS)):
        words = product.overrides(number)
        met[next(word.partition("=")[2] for word in words if word.startswith("architecture="))] += 1
    assert min(met.values()) >= 110


def test_a_part_is_the_same_for_the_same_seed() -> None:
    assert product.part("a", 5) == product.part("a", 5) != product.part("b", 5)
    assert len(set(product.part("a", 300))) == 300
