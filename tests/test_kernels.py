"""The kernels of TensorFlow that the Keras backend uses, against the equations that stand for them on another engine."""

from __future__ import annotations

import ast
import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import one_tensorflow_thread

import runner

KERNELS = Path(runner.__file__).parent / "backends" / "keras" / "kernels"
ARRAYS = {
    "apply_momentum": ("buffer",),
    "apply_adam": ("mean", "square"),
    "apply_amsgrad": ("mean", "square", "largest"),
    "apply_adagrad": ("total",),
    "apply_adadelta": ("square", "squared_step"),
}
UPDATES: list[tuple[str, dict[str, Any]]] = [
    ("apply_momentum", {"momentum": 0.9, "nesterov": False}),
    ("apply_momentum", {"momentum": 0.9, "nesterov": True}),
    ("apply_adam", {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-3}),
    ("apply_amsgrad", {"beta1": 0.5, "beta2": 0.6, "epsilon": 1e-3}),
    ("apply_adagrad", {"epsilon": 1e-3}),
    ("apply_adadelta", {"memory": 0.9, "epsilon": 1e-3}),
]
TOLERANCES = {"float64": 1e-14, "float32": 1e-5}

precisions = pytest.mark.parametrize("dtype", TOLERANCES)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


def functions(module: str) -> dict[str, tuple[str, str | None]]:
    tree = ast.parse((KERNELS / f"{module}.py").read_text(encoding="utf-8"))
    return {
        node.name: (ast.unparse(node.args), ast.get_docstring(node))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_kernels_and_equations_have_the_same_names_parameters_and_words() -> None:
    found = functions("tensorflow")
    assert found == functions("equations")
    assert len(found) == 13
    given = ast.parse((KERNELS / "__init__.py").read_text(encoding="utf-8"))
    imported = [
        {alias.name for alias in node.names} for node in ast.walk(given) if isinstance(node, ast.ImportFrom)
    ]
    assert imported == [set(found)] * 2


def three_steps(module: str, name: str, arguments: dict[str, Any], dtype: str) -> list[NDArray[Any]]:
    """The variable and the arrays after three steps whose gradients have zeros and both signs."""
    import keras
    import tensorflow as tf

    update = getattr(importlib.import_module(f"runner.backends.keras.kernels.{module}"), name)
    draws = np.random.default_rng(0)
    arrays = [keras.Variable(draws.uniform(0.5, 1.5, 7), dtype=dtype) for _ in ("variable", *ARRAYS[name])]
    given = dict(arguments)
    if name in ("apply_adam", "apply_amsgrad"):
        given["epsilon"] = tf.constant(arguments["epsilon"], dtype)
    for _ in range(3):
        gradient = draws.normal(size=7)
        gradient[0] = 0
        update(*arrays, rate=tf.constant(0.1, dtype), gradient=tf.constant(gradient, dtype), **given)
    return [array.value.numpy() for array in arrays]


@precisions
@pytest.mark.parametrize(("name", "arguments"), UPDATES)
def test_an_update_of_a_kernel_is_its_equation(name: str, arguments: dict[str, Any], dtype: str) -> None:
    kernel, equation = (three_steps(each, name, arguments, dtype) for each in ("tensorflow", "equations"))
    for one, other in zip(kernel, equation, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=TOLERANCES[dtype])
    # And something was updated.
    assert np.abs(kernel[0] - np.random.default_rng(0).uniform(0.5, 1.5, 7)).max() > 1e-3


@precisions
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("softplus", lambda x: np.logaddexp(0, x)),
        ("erfc", np.vectorize(math.erfc)),
        ("half_square", lambda x: np.sum(x**2) / 2),
        ("row", lambda x: x[2]),
        ("bias_add", lambda x: x + np.arange(4)),
    ],
)
def test_a_kernel_is_its_equation(name: str, expected: Callable[[Any], Any], dtype: str) -> None:
    import tensorflow as tf

    from runner.backends.keras.kernels import equations, tensorflow

    # Far enough for the shortcuts of a softplus; the tail of erfc is a difference from 1.
    x = np.random.default_rng(0).normal(size=(5, 4)) * (1 if name == "erfc" else 15)
    further = {"row": (tf.constant(2, tf.int64),), "bias_add": (tf.constant(np.arange(4), dtype),)}
    for module in (tensorflow, equations):
        found = getattr(module, name)(tf.constant(x, dtype), *further.get(name, ())).numpy()
        np.testing.assert_allclose(
            found, expected(x.astype(dtype).astype(np.float64)), rtol=TOLERANCES[dtype]
        )


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_carries_a_state_in_either_direction(reverse: bool) -> None:
    import tensorflow as tf

    from runner.backends.keras.kernels import equations, tensorflow

    steps = np.random.default_rng(0).normal(size=(4, 3))
    state, expected = np.zeros(3), np.empty((4, 3))
    for place in reversed(range(4)) if reverse else range(4):
        state = expected[place] = 0.5 * state + steps[place]
    for module in (tensorflow, equations):
        found = module.scan(
            lambda carried, step: (0.5 * carried[0] + step, carried[1] + 1),
            tf.constant(steps),
            first=(tf.zeros(3, tf.float64), tf.zeros((), tf.float64)),
            reverse=reverse,
        )
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-15)
