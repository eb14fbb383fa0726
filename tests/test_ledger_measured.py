"""What the ledger calls exact is exact in the frameworks' own classes, and what it corrects would differ."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shipped
import yaml
from numpy.typing import NDArray
from support import curve, one_tensorflow_thread, trained

from runner import ledger

Floats = NDArray[np.float64]

# Rounding of numbers around 1 over some fifty steps; the smallest difference of meaning is ten times as large.
ROUNDING = 2e-13
# Arguments of both frameworks that are numbers of their own.
OTHER_NUMBERS = {"alpha": 1.7, "momentum": 0.9, "nesterov": True, "centered": True}
LEFT_OUT = {"l2", "decoupled_weight_decay", "decay_on", "learning_rate"}


@pytest.fixture(scope="module", autouse=True)
def _float64() -> Iterator[None]:
    import keras

    one_tensorflow_thread()
    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(before[0])
    keras.config.set_dtype_policy(before[1])


def named(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def shipped_arguments(group: str, name: str) -> dict[str, Any]:
    node = yaml.safe_load((shipped.CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in node.items() if key not in {"_target_", *LEFT_OUT}}


def native(group: str, name: str, values: dict[str, Any], framework: str) -> dict[str, Any]:
    """Returns the arguments of a framework's own class for ours, as far as it has them."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        word = getattr(ledger.FAMILIES[group][name].arguments[key], framework)
        if word is None:
            continue
        word, _, place = word.partition("[")
        found[word] = (*found.get(word, ()), value) if place else value
    return found


# Activations

POINTS = np.concatenate([np.linspace(-8, 8, 1601), [-300.0, -60.0, -25.0, -1.0, 0.0, 1.0, 21.0, 60.0, 300.0]])


def both_activations(name: str) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Returns values and slopes of torch's and of Keras' own function."""
    import tensorflow as tf
    import torch

    own = ledger.FAMILIES["activation"][name].own
    values = {
        key: OTHER_NUMBERS.get(key, value) for key, value in shipped_arguments("activation", name).items()
    }
    assert own.torch is not None
    assert own.keras is not None
    one, other = named(own.torch), named(own.keras)
    one = one() if isinstance(one, type) else one
    point = torch.tensor(POINTS, requires_grad=True)
    result = one(point, **native("activation", name, values, "torch"))
    result.sum().backward()
    assert point.grad is not None
    x = tf.constant(POINTS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = other(x, **native("activation", name, values, "keras"))
    return (result.detach().numpy(), point.grad.numpy()), (y.numpy(), tape.gradient(y, x).numpy())


# A softmax looks along an axis, and prelu is a layer with an array in both frameworks.
ALONE = [each for each in ledger.FAMILIES["activation"] if each not in ("softmax", "prelu")]


@pytest.mark.parametrize("name", ALONE)
def test_an_activation_is_exact_or_differs(name: str) -> None:
    entry = ledger.FAMILIES["activation"][name]
    counterparts = [entry.own, *entry.arguments.values()]
    gap = max(
        float((np.abs(one - other) / np.maximum(np.abs(one), 1)).max())
        for one, other in zip(*both_activations(name), strict=True)
    )
    if all(each.status == "exact" for each in counterparts):
        assert gap <= ROUNDING
    else:
        assert gap > 10 * ROUNDING


# Optimizers

STEPS = 50
RATES = 0.01 * np.array([1.0, 1.0, 0.5, 2.0, 0.1] * 10)


def gradients() -> list[Floats]:
    draws = np.random.default_rng(0)
    return [draws.normal(size=(5, 4)) * 10.0 ** draws.integers(-2, 1) for _ in range(STEPS)]


def final_weights(name: str, values: dict[str, Any], rates: Floats) -> tuple[Floats, Floats]:
    """Returns the weights after training by torch's and by Keras' own class."""
    import keras
    import tensorflow as tf
    import torch

    own = ledger.FAMILIES["optimizer"][name].own
    assert own.torch is not None
    assert own.keras is not None
    more = {"amsgrad": True} if name == "amsgrad" else {}
    start = np.random.default_rng(1).normal(size=(5, 4))
    parameter = torch.nn.Parameter(torch.tensor(start))
    torchs = named(own.torch)(
        [parameter], weight_decay=0, **native("optimizer", name, values, "torch"), **more
    )
    variable = keras.Variable(start, dtype="float64")
    words = native("optimizer", name, values, "keras")
    kerass = named(own.keras)(learning_rate=0.01, weight_decay=0.0, **words, **more)
    kerass.build([variable])
    for rate, gradient in zip(rates, gradients(), strict=True):
        for group in torchs.param_groups:
            group["lr"] = float(rate)
        parameter.grad = torch.tensor(gradient)
        torchs.step()
        kerass.learning_rate = float(rate)
        kerass.apply([tf.constant(gradient)], [variable])
    return parameter.detach().numpy(), variable.numpy()


@pytest.mark.parametrize(
    "name", [name for name, entry in ledger.FAMILIES["optimizer"].items() if entry.own.torch is not None]
)
def test_an_optimizer_is_exact_or_differs(name: str) -> None:
    entry = ledger.FAMILIES["optimizer"][name]
    one, other = final_weights(name, shipped_arguments("optimizer", name), RATES)
    gap = float(np.abs(one - other).max())
    assert (gap <= ROUNDING) == (entry.own.status == "exact")


@pytest.mark.parametrize(
    ("name", "argument"), [("sgd", "momentum"), ("sgd", "nesterov"), ("rmsprop", "momentum")]
)
def test_a_momentum_without_the_rate_in_it_is_another_one(name: str, argument: str) -> None:
    values = shipped_arguments("optimizer", name) | {"momentum": 0.9, argument: OTHER_NUMBERS[argument]}
    one, other = final_weights(name, values, RATES)
    assert np.abs(one - other).max() > 0.1
    assert ledger.FAMILIES["optimizer"][name].arguments[argument].status == "corrected"


# Training


@pytest.mark.parametrize("backend", shipped.BACKENDS)
def test_the_loss_of_an_epoch_counts_rows_and_not_batches(backend: str) -> None:
    few = ("data=iris", "training.epochs=2", "training.batch_size=40", "training.threads=0", "tracking=none")
    result, told = trained(f"backend={backend}", "training.precision=64", *few)
    losses = [loss for _, columns in told.all_steps for loss in columns["train/step_loss"]]
    # 106 rows of iris are for training.
    rows = [40, 40, 26]
    means = [np.average(losses[start : start + 3], weights=rows) for start in (0, 3)]
    np.testing.assert_allclose(curve(result, "train/loss"), means, rtol=1e-14)
    assert abs(means[0] - np.mean(losses[:3])) > 1e-4
