"""Every member of every vocabulary: PyTorch against Keras against plain NumPy, values and gradients."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter

import pytest
import shipped
from matrix import activations, layers, losses, optimizers, schedules
from matrix.case import BACKENDS, BOUNDS, Case
from support import one_tensorflow_thread

from runner.layers import BLOCKS, VOCABULARY

CASES: list[Case] = [
    *activations.CASES,
    *layers.CASES,
    *losses.CASES,
    *optimizers.CASES,
    *schedules.CASES,
]
COUNTS = {"activation": 62, "layer": 94, "loss": 164, "optimizer": 102, "schedule": 41}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


def test_every_case_is_counted() -> None:
    assert Counter(case.kind for case in CASES) == COUNTS
    assert sum(COUNTS.values()) == 463
    assert len({str(case) for case in CASES}) == len(CASES)


def test_every_member_is_here() -> None:
    met = {kind: {case.member for case in CASES if case.kind == kind} for kind in COUNTS}
    assert met["layer"] == {*VOCABULARY, *BLOCKS}
    # Two activations are layers.
    met["activation"] |= activations.LAYERS_OWN
    for kind in COUNTS.keys() - {"layer"}:
        assert met[kind] == {name for name, _ in shipped.components(kind)}


@pytest.mark.parametrize("kind", ["activation", "loss", "optimizer"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_has_what_is_shipped_and_nothing_else(backend: str, kind: str) -> None:
    plural = {"activation": "activations", "loss": "losses", "optimizer": "optimizers"}[kind]
    module = importlib.import_module(f"runner.backends.{backend}.{plural}")
    own = inspect.getmembers(module, inspect.isfunction)
    names = {name for name, each in own if each.__module__ == module.__name__ and name[0] != "_"}
    assert names == {name for name, _ in shipped.components(kind)}


@pytest.mark.parametrize(
    ("case", "dtype"), [(case, dtype) for case in CASES for dtype in case.dtypes], ids=str
)
def test_member(case: Case, dtype: str) -> None:
    answers = {backend: case.run(backend, dtype) for backend in BACKENDS}
    truth = case.truth()
    for answer in answers.values():
        assert {str(array.dtype) for array in answer.values()} <= {dtype, "float64"}
        assert case.apart(answer, truth) <= BOUNDS[dtype]
    assert case.apart(*answers.values()) <= BOUNDS[dtype]
