"""Whole trainings, 100 steps each: the promise is one YAML, two frameworks, the same numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import shipped
from matrix import product
from matrix.trainings import BOUNDS, CASES, COMMON, STEPS, differences, pair
from support import experiment, one_tensorflow_thread

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


@pytest.mark.drawn(10)
@pytest.mark.parametrize("case", CASES)
def test_training_is_equal_in_float64(case: str) -> None:
    compared(CASES[case].split(), f"python -m runner parity {CASES[case]}")


@pytest.mark.parametrize("number", PART, ids=product.name)
def test_part_of_the_long_matrix(number: int) -> None:
    compared(product.overrides(number), f"python tests/long_matrix.py --only {number}")


def test_every_choice_is_in_a_training() -> None:
    assert len(CASES) == 59
    met = [dict(word.split("=", 1) for word in words.split()) for words in CASES.values()]
    usual = experiment(*COMMON)
    for group in ("activation", "architecture", "initializer", "optimizer", "schedule"):
        named = {each.get(group, getattr(usual, group).name) for each in met}
        assert named == {name for name, _ in shipped.components(group)}
    # Which loss a case takes that names none is decided by its data.
    assert {each["loss"] for each in met if "loss" in each} == {
        name for name, _ in shipped.components("loss")
    }
    assert {each.get("architecture.cell") for each in met} >= {"simple_rnn", "lstm", "gru"}
    settings = ("accumulation", "weight_average", "clipping.global_norm", "clipping.value")
    assert {key for each in met for key in each} >= {f"training.{name}" for name in settings}


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
