"""Every shipped YAML file: their number, what they state, and that they bind and build on both backends."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import shipped
import yaml
from support import experiment, trained

from runner import chosen_data, component, values
from runner.blueprint import blueprint
from runner.data.pictures import store
from runner.experiment import Clipping
from runner.layers import Parameter
from runner.randomness import generator

ROOT = shipped.CONF.parent
PROVIDED = {
    "data": {"seed", "split"},
    "architecture": {"input_shape", "tokens", "activation"},
    "plots": {"result", "findings", "title"},
}
# What stands in the file of a component and is no argument of it.
BESIDE_ARGUMENTS = {"loss": {"output"}}

both = pytest.mark.parametrize("backend", shipped.BACKENDS)


def each(group: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", shipped.names(group))


def stated(path: Path) -> dict[str, Any]:
    node = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(node, dict)
    return node


def components(group: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the components that the files of a group hold: one, or for the figures one under each name."""
    for path in shipped.files(group):
        node = stated(path)
        inner = {path.stem: node} if "_target_" in node else node
        for name, part in inner.items():
            if isinstance(part, Mapping) and "_target_" in part:
                yield f"{group}/{path.stem}:{name}", dict(part)
                yield from nested(f"{group}/{path.stem}:{name}", part)


def nested(name: str, node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the components among the arguments of another."""
    for key, part in node.items():
        if isinstance(part, Mapping) and "_target_" in part:
            yield f"{name}.{key}", dict(part)


def function(target: str, backend: str) -> Callable[..., Any]:
    module, _, name = target.replace("${backend.package}", f"runner.backends.{backend}").rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def numbers(node: Any) -> list[float]:
    if isinstance(node, bool):
        return []
    if isinstance(node, int | float):
        return [node]
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return [number for child in children for number in numbers(child)]


GROUPS = (
    "activation",
    "architecture",
    "data",
    "initializer",
    "loss",
    "optimizer",
    "plots",
    "schedule",
    "task",
)
COMPONENTS = {name: node for group in GROUPS for name, node in components(group)}
FILES = [path for group in shipped.COUNTS for path in shipped.files(group)]


# The files


def test_every_file_is_counted() -> None:
    found = {group: len(shipped.files(group)) for group in shipped.COUNTS}
    assert found == shipped.COUNTS
    assert len(list(shipped.CONF.rglob("*.yaml"))) == 1 + sum(shipped.COUNTS.values()) == 127
    # A data set may have parts of its own, as an augmentation. Of the eleven losses one is a choice among
    # the others; there are fourteen figures of a training and six of other tasks.
    assert len(COMPONENTS) == 21 + 8 + (25 + 2) + 11 + 10 + 10 + (14 + 6) + 11 + 5


@pytest.mark.parametrize(
    "path", [shipped.CONF / "config.yaml", *FILES], ids=lambda path: path.relative_to(shipped.CONF).as_posix()
)
def test_a_file_says_first_what_it_is(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines[:2] if line.startswith("# ") and not line.startswith("# @package")]
    assert lines[0].startswith("# ")
    assert comments
    assert comments[0].endswith((".", "?"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(shipped.CONF).as_posix())
def test_a_number_is_written_as_a_number(path: Path) -> None:
    """YAML 1.1 takes 1e-8 for a text."""

    def texts(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
        for child in children:
            yield from texts(child)

    node = stated(path)
    for text in texts(node):
        with pytest.raises(ValueError, match="could not convert"):
            float(text)
    assert all(math.isfinite(number) for number in numbers(node))


# What they state, against the functions themselves


@both
@pytest.mark.parametrize("name", COMPONENTS)
def test_a_file_states_every_argument_and_no_other(name: str, backend: str) -> None:
    node, group = COMPONENTS[name], name.partition("/")[0]
    parameters = inspect.signature(function(node["_target_"], backend)).parameters
    stated_here = node.keys() - {"_target_"} - BESIDE_ARGUMENTS.get(group, set())
    assert stated_here == parameters.keys() - (set() if "." in name else PROVIDED.get(group, set()))
    assert {parameter.kind for parameter in parameters.values()} <= {inspect.Parameter.KEYWORD_ONLY}
    assert {parameter.default for parameter in parameters.values()} <= {inspect.Parameter.empty}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_number_has_a_range_and_lies_in_it(name: str) -> None:
    node = COMPONENTS[name]
    hints = get_type_hints(function(node["_target_"], "torch"), include_extras=True)
    for key, value in node.items():
        if not numbers(value) or name.endswith(":tree") or f"{name}.{key}" in COMPONENTS:
            continue
        assert values.broken_rule(value, hints[key]) is None
        endless = [math.inf] if isinstance(value, list) else math.inf
        assert values.broken_rule(endless, hints[key]) is not None, f"{key} has no range"


# As the program reads them, with no framework at hand


@pytest.fixture(scope="module")
def told() -> Any:
    answer = subprocess.run(
        [sys.executable, str(Path(shipped.__file__))],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_every_option_is_sound_on_both_backends(told: Any) -> None:
    assert len(told["said"]) == 2 * sum(shipped.COUNTS.values())
    assert {words: said for words, said in told["said"].items() if said != "sound"} == {}


def test_that_needs_no_framework(told: Any) -> None:
    heavy = {"torch", "pytorch_lightning", "tensorflow", "keras", "mlflow", "matplotlib"}
    assert heavy & set(told["imported"]) == set()


# Built


@both
@each("activation")
def test_an_activation_is_built(name: str, backend: str) -> None:
    activation = component.build(experiment(*shipped.overrides("activation", name, backend)).activation)
    points = np.linspace(-3.0, 3.0, 12).reshape(3, 4)
    learned = [tensor(backend, np.array([0.25]))] if name == "prelu" else []
    values_there = np.asarray(activation(tensor(backend, points), *learned))
    assert values_there.shape == ((3, 2) if name == "glu" else points.shape)
    assert np.isfinite(values_there).all()


@both
@each("loss")
def test_a_loss_is_built(name: str, backend: str) -> None:
    read = experiment(*shipped.overrides("loss", name, backend))
    loss = component.build(read.loss)
    width = 10 if read.output == "softmax" else 1
    is_number = read.output in ("identity", "exponential")
    targets = np.zeros((5, 1)) if is_number else np.zeros(5, dtype=np.int64)
    right, wrong = np.zeros((5, width)), np.zeros((5, width))
    right[:, 0], wrong[:, -1] = (4.0, 4.0) if read.output == "softmax" else (-0.1, 4.0)
    losses = [float(loss(tensor(backend, logits), tensor(backend, targets))) for logits in (right, wrong)]
    assert 0 <= losses[0] < losses[1]


@both
@each("optimizer")
def test_an_optimizer_is_built_and_goes_downhill(name: str, backend: str) -> None:
    build = component.build(experiment(*shipped.overrides("optimizer", name, backend)).optimizer)
    start = np.array([1.0, -2.0])
    if backend == "torch":
        import torch

        parameter = torch.nn.Parameter(torch.tensor(start))
        parameter.grad = parameter.detach().clone()
        optimizer = build([("dense0/kernel", parameter)])
        optimizer.step()
        after = parameter.detach().numpy()
    else:
        import keras

        variable = keras.Variable(start, dtype="float64")
        optimizer = build(np.array([0.01]), Clipping(global_norm=None, value=None))
        optimizer.apply([tensor(backend, start)], [variable])
        after = variable.numpy()
    assert (np.abs(after) < np.abs(start)).all()


@each("schedule")
def test_a_schedule_is_built(name: str) -> None:
    schedule = component.build(experiment(f"schedule={name}").schedule)
    factors = schedule.factors(6, 5)
    assert factors.shape == (30,)
    assert ((factors >= 0) & (factors <= 1)).all()
    assert factors.max() > 0
    assert schedule.reaction([1.0, 0.5]) == 1.0


@each("initializer")
def test_an_initializer_is_built(name: str) -> None:
    initializer = component.build(experiment(f"initializer={name}").initializer)
    kernel = initializer.kernel(Parameter((40, 30), fan_in=40, fan_out=30), generator(0, "kernel"))
    bias = initializer.bias(Parameter((30,), fan_in=40, fan_out=30), generator(0, "bias"))
    assert kernel.shape == (40, 30)
    assert bias.shape == (30,)
    assert kernel.dtype == bias.dtype == np.float64
    assert (kernel.std() > 0) == (name != "zeros")


@each("data")
def test_a_data_set_is_built(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = experiment(*shipped.overrides("data", name, "torch"))
    monkeypatch.setattr(store, "cache", lambda: tmp_path)
    source = chosen_data.of(read)
    if source.files and source.files.missing() and f"data={name}" not in shipped.BESIDE:
        pytest.skip(f"{name} is not in the cache of this machine")
    inputs, targets, *weights = source.read()
    assert bool(weights) == source.weighted
    assert inputs.shape == (source.rows, *source.input_shape)
    assert inputs.dtype == (np.uint8 if source.files else np.float64)
    if source.task == "regression":
        assert targets.shape == (source.rows, source.target_width)
        assert source.classes == ()
    else:
        assert set(targets) == set(range(len(source.classes)))
        assert (len(source.classes) == 2) == (source.task == "binary")


@both
@each("architecture")
def test_an_architecture_is_built_and_trains(name: str, backend: str) -> None:
    overrides = shipped.overrides("architecture", name, backend)
    drawing = blueprint(experiment(*overrides))
    # An autoencoder gives back the 8 x 8 pixels that the others tell ten classes by.
    assert drawing.tree.output_shape(drawing.input_shape) == ((64,) if name == "autoencoder" else (10,))
    # TensorFlow fixes its threads at its first work, which another test may have done.
    result, _ = trained(*overrides, "debug=fast", "training.threads=0")
    assert [record.step for record in result.epochs] == [2]
    assert 0 < result.metrics["test/loss"] < 100


def tensor(backend: str, array: Any) -> Any:
    if backend == "torch":
        import torch

        return torch.tensor(array)
    import tensorflow as tf

    return tf.constant(array)
