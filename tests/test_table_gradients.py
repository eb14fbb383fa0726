"""The gradient of a table, which TensorFlow gives as rows, several of them of one row of the table, on Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shipped
from matrix.trainings import BOUNDS, RNN, TOKENS, differences, pair
from numpy.typing import NDArray
from support import experiment, one_tensorflow_thread

from runner import component
from runner.experiment import Clipping

ROWS = [2, 0, 2, 2]
RATES = np.full(3, 0.1)
CLIPPINGS = {
    "whole": Clipping(global_norm=None, value=None),
    "by norm": Clipping(global_norm=0.5, value=None),
    "by value": Clipping(global_norm=None, value=0.3),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


def parts(step: int) -> NDArray[np.float64]:
    """Returns what each of the rows says of its row of the table in a step, (4, 2)."""
    return np.random.default_rng(step).standard_normal((len(ROWS), 2))


def summed(step: int) -> NDArray[np.float64]:
    """Returns the gradient of a table of three rows in a step, by hand."""
    whole = np.zeros((3, 2))
    for row, part in zip(ROWS, parts(step), strict=True):
        whole[row] += part
    return whole


def updated(
    name: str, clipping: Clipping, *, as_rows: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns a table after three steps of an optimizer, and the norm of its last gradient."""
    import keras
    import tensorflow as tf

    chosen = experiment("backend=keras", f"optimizer={name}").optimizer
    optimizer = component.build(chosen)(RATES, clipping)
    table = keras.Variable(np.ones((3, 2)), dtype="float64")
    optimizer.build([table])
    optimizer.watch_gradients(1)

    @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]  # TensorFlow has no types.
    def step(values: Any) -> None:
        rows = tf.IndexedSlices(values, tf.constant(ROWS), tf.constant([3, 2]))
        optimizer.apply([rows if as_rows else values], [table])

    for number in range(len(RATES)):
        step(tf.constant(parts(number) if as_rows else summed(number)))
    return np.asarray(table.numpy()), optimizer.gradient_norms()


@pytest.mark.drawn(10)
@pytest.mark.parametrize("clipping", CLIPPINGS)
@pytest.mark.parametrize("name", shipped.names("optimizer"))
def test_what_several_rows_say_of_one_is_added_before_anything_is_made_of_it(
    name: str, clipping: str
) -> None:
    table, norms = updated(name, CLIPPINGS[clipping], as_rows=True)
    expected, _ = updated(name, CLIPPINGS[clipping], as_rows=False)
    np.testing.assert_allclose(table, expected, rtol=1e-15)
    assert (table != 1).any()
    np.testing.assert_allclose(norms, np.linalg.norm(summed(2)), rtol=1e-14)


@pytest.mark.parametrize(
    "words",
    [
        "optimizer=rmsprop training.clipping.global_norm=0.1",
        "optimizer=adamax training.accumulation=3",
    ],
)
def test_a_table_is_learnt_alike_on_both(words: str) -> None:
    torch, keras = pair([*f"{RNN}=simple_rnn {TOKENS}".split(), *words.split()])
    for kind, difference in differences(torch, keras).items():
        assert difference <= BOUNDS[kind], f"{kind} {difference:.1e}"
