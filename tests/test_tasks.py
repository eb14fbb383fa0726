"""The tasks beside training: the chapter's figures, plain NumPy, and both backends against each other."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shipped
from oracle import activations as oracle
from oracle import losses as loss_oracle
from safetensors.numpy import load_file
from support import curve, found, one_tensorflow_thread, table, trained

from runner.findings import Cell, Findings
from runner.tasks.trace import TRACE

one_tensorflow_thread()

both = pytest.mark.parametrize("backend", shipped.BACKENDS)
EXPERIMENTS = ("neuron", "activations", "softmax", "forward", "cross_entropy", "mse", "autodiff")
# A slope by a difference of values has so many digits and no more; which ones, rounding decides.
DIFFERENCES = ("difference", "largest difference", "finite difference")


@cache
def chapter(name: str, backend: str) -> Findings:
    return found(f"experiment=chapter/{name}", f"backend={backend}")[0]


def column(findings: Findings, name: str, heading: str) -> list[Cell]:
    """Returns the cells of a table under a heading."""
    whole = table(findings, name)
    return [line[whole.headings.index(heading)] for line in whole.lines]


def cells(findings: Findings, name: str, first: str) -> list[Cell]:
    """Returns the line of a table that begins with a text."""
    return next(list(line[1:]) for line in table(findings, name).lines if line[0] == first)


def layer(findings: Findings, name: str) -> Any:
    """Returns what a layer of a trace gave for its first row."""
    return findings.outputs[name][0]


# The chapter's figures


@both
def test_one_neuron_is_its_weights_times_its_inputs_plus_its_bias(backend: str, tmp_path: Path) -> None:
    findings, tracker = found("experiment=chapter/neuron", f"backend={backend}", folder=tmp_path)
    arrays = load_file(tmp_path / TRACE)
    w, b = arrays["dense0/kernel"], arrays["dense0/bias"]
    np.testing.assert_allclose(w[:, 0], [0.32298, 0.429975, -0.795755], atol=1e-6)
    np.testing.assert_allclose(layer(findings, "dense0"), np.array([1.0, 2.0, 3.0]) @ w + b, atol=1e-15)
    assert findings.metrics["output/0_0"] == pytest.approx(-1.20433, abs=1e-5)
    assert column(findings, "arrays", "values") == [tuple(w[:, 0]), (0.0,)]
    assert tmp_path / TRACE in tracker.artifacts


@both
def test_every_layer_of_a_small_network_is_told(backend: str, tmp_path: Path) -> None:
    findings, _ = found("experiment=chapter/forward", f"backend={backend}", folder=tmp_path)
    arrays = load_file(tmp_path / TRACE)
    x = np.array([1.0, 2.0, 3.0])
    hidden = x @ arrays["dense0/kernel"]
    assert not arrays["dense0/bias"].any()
    assert not arrays["dense1/bias"].any()
    logits = np.maximum(hidden, 0) @ arrays["dense1/kernel"]
    expected = {
        "input": x,
        "dense0": hidden,
        "activation0": np.maximum(hidden, 0),
        "dense1": logits,
        "output": oracle.softmax(logits)[0],
    }
    assert list(findings.outputs) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(layer(findings, name), values, atol=1e-14)
    assert column(findings, "layers", "shape") == ["3", "4", "4", "2", "2"]
    assert column(findings, "layers", "kind") == ["", "dense", "activation", "dense", "softmax"]


@both
def test_activations_have_the_values_of_the_chapter(backend: str) -> None:
    findings = chapter("activations", backend)
    headings = table(findings, "values").headings[1:]
    values = {
        name: dict(zip(headings, cells(findings, "values", name), strict=True))
        for name in ("relu", "sigmoid")
    }
    assert (values["relu"]["x = -2"], values["relu"]["x = 2"]) == (0.0, 2.0)
    shown = [f"{values['sigmoid'][point]:.4f}" for point in ("x = -5", "x = 0", "x = 5")]
    assert shown == ["0.0067", "0.5000", "0.9933"]
    assert findings.curves.keys() | findings.vectors.keys() == set(shipped.names("activation"))
    assert findings.failure is None


@both
def test_curves_are_those_of_plain_numpy(backend: str) -> None:
    findings = chapter("activations", backend)
    for name, drawn in findings.curves.items():
        arguments = dict(shipped.components("activation"))[name]
        if name == "prelu":
            value = np.where(drawn.inputs > 0, drawn.inputs, 0.25 * drawn.inputs)
            slope = np.where(drawn.inputs > 0, 1.0, 0.25)
        else:
            value, slope = getattr(oracle, name)(drawn.inputs, **arguments)
        np.testing.assert_allclose(drawn.values, value, atol=2e-15, err_msg=name)
        np.testing.assert_allclose(drawn.derivatives, slope, atol=2e-15, err_msg=name)


@both
def test_softmax_has_the_probabilities_of_the_chapter(backend: str) -> None:
    findings = chapter("softmax", backend)
    values, jacobian = oracle.softmax(np.array([2.0, 1.0, 0.1]))
    shown = [f"{value:.4f}" for value in column(findings, "softmax", "softmax(x)_i")]
    assert shown == ["0.6590", "0.2424", "0.0986"]
    assert findings.metrics["softmax/sum"] == pytest.approx(1.0, abs=1e-15)
    assert findings.metrics["softmax/class"] == 0
    np.testing.assert_allclose(findings.vectors["softmax"].jacobian, jacobian, atol=1e-15)
    np.testing.assert_allclose(findings.vectors["softmax"].values, values, atol=1e-15)


@both
def test_cross_entropy_and_its_gradient(backend: str) -> None:
    findings = chapter("cross_entropy", backend)
    logits = np.array([[2.0, 1.0, 0.1], [0.5, 2.5, 0.2]])
    loss, gradient = loss_oracle.cross_entropy(
        logits, np.array([0, 1]), label_smoothing=0.0, class_weights=None
    )
    assert f"{findings.metrics['loss']:.4f}" == "0.3143"
    assert findings.metrics["loss"] == pytest.approx(loss, abs=1e-15)
    np.testing.assert_allclose(column(findings, "loss", "dL/dz"), gradient, atol=1e-15)


@both
def test_mean_squared_error_and_its_gradient(backend: str) -> None:
    findings = chapter("mse", backend)
    assert f"{findings.metrics['loss']:.4f}" == "0.1100"
    gradient = [2 * (z - y) / 3 for z, y in ((2.5, 3.0), (3.8, 4.0), (1.2, 1.0))]
    np.testing.assert_allclose(column(findings, "loss", "dL/dz"), gradient, atol=1e-15)


@both
def test_automatic_differentiation_of_a_polynomial(backend: str) -> None:
    findings = chapter("autodiff", backend)
    ((name, value, automatic, formula, finite, difference, verdict),) = table(findings, "gradient").lines
    assert (name, value, automatic, formula, verdict) == ("dy/dx at x = 2", 11.0, 7.0, 7.0, "pass")
    assert finite == pytest.approx(7.0, abs=1e-9)
    assert difference < 1e-9
    assert findings.sentences == ("y = 1 + 3 x + x^2: at x = 2, y = 11 and dy/dx = 7.",)


def test_a_training_loop_has_one_loss_on_both_and_learns_nothing() -> None:
    results = {
        backend: trained("experiment=chapter/training_loop", f"backend={backend}")[0]
        for backend in shipped.BACKENDS
    }
    losses = [curve(result, "train/loss") for result in results.values()]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-6)
    shown = [f"{loss:.4f}" for loss in losses[0]]
    assert shown == ["0.7638", "0.7557", "0.7484", "0.7420", "0.7363"]
    for result in results.values():
        assert result.metrics["test/accuracy"] <= 0.5
        assert result.metrics["train/loss"] > math.log(2)


# Both backends


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_tables_and_metrics_are_the_same_on_both(name: str) -> None:
    one, other = (chapter(name, backend) for backend in shipped.BACKENDS)
    assert [each.name for each in one.tables] == [each.name for each in other.tables]
    compared = 0
    for here, there in zip(one.tables, other.tables, strict=True):
        assert here.headings == there.headings
        for line, its in zip(here.lines, there.lines, strict=True):
            for heading, cell, same in zip(here.headings, line, its, strict=True):
                compared += 1
                if isinstance(cell, str):
                    assert cell == same
                else:
                    rough = any(word in heading for word in DIFFERENCES)
                    np.testing.assert_allclose(same, cell, rtol=0, atol=1e-9 if rough else 1e-12)
    assert compared > 0
    assert one.metrics.keys() == other.metrics.keys()
    for key, value in one.metrics.items():
        assert other.metrics[key] == pytest.approx(value, abs=1e-9 if "difference" in key else 1e-12)
    assert one.sentences == other.sentences


@pytest.mark.parametrize(
    "architecture",
    [
        "architecture=cnn architecture.batch_norm=true data=digits",
        "architecture=resnet data=digits",
        "architecture=rnn data=brackets",
        "architecture=transformer data=brackets",
        "activation=glu data=iris",
    ],
)
def test_a_trace_of_any_network_is_the_same_on_both(architecture: str) -> None:
    words = [
        *architecture.split(),
        "task=trace",
        "task.rows=[0,5]",
        "task.split=test",
        "training.precision=64",
    ]
    one, other = (found(*words, f"backend={backend}")[0].outputs for backend in shipped.BACKENDS)
    assert list(one) == list(other)
    assert len(one) >= 5
    for name, values in one.items():
        assert values.shape == other[name].shape
        np.testing.assert_allclose(other[name], values, rtol=0, atol=1e-12, err_msg=name)


@both
def test_a_trained_network_is_traced_from_its_file(backend: str, tmp_path: Path) -> None:
    words = ["data=iris", f"backend={backend}", "tracking=none", "architecture.hidden_sizes=[4]"]
    result, _ = trained(*words, "training.epochs=2", "training.precision=64", folder=tmp_path)
    start = f"training.start_from={tmp_path}/weights.safetensors"
    findings, _ = found(
        *words, start, "task=trace", "task.split=test", "task.rows=[0,1,2]", "training.precision=64"
    )
    np.testing.assert_allclose(findings.outputs["output"], result.predictions["test"].outputs[:3], atol=1e-14)


def test_given_inputs_are_in_the_units_of_the_data() -> None:
    from sklearn.datasets import load_iris

    flowers = load_iris().data[[7, 100]]
    words = ["data=iris", "split.validation=0", "split.test=0", "task=trace", "training.precision=64"]
    given, _ = found(*words, f"task.inputs={flowers.tolist()}")
    whole = load_iris().data
    standardised = (flowers - whole.mean(axis=0)) / whole.std(axis=0)
    np.testing.assert_allclose(given.outputs["input"], standardised, atol=1e-12)


# Losses and gradients of every kind


@both
@pytest.mark.parametrize(
    ("words", "predictions", "targets"),
    [
        ("loss=mae", [[1.0], [-2.0], [0.5]], [0.0, -2.0, 1.0]),
        ("loss=huber", [[1.0], [-2.0], [4.0]], [0.0, -2.5, 1.0]),
        ("loss=log_cosh", [[1.0], [-2.0]], [0.0, 3.0]),
        ("loss=poisson", [[1.0], [-2.0]], [0.0, 3.0]),
        ("loss=binary_cross_entropy", [[1.0], [-2.0], [0.0]], [0, 1, 0.25]),
        ("loss=hinge", [[1.0], [-2.0], [0.5]], [0, 1, 1]),
        ("loss=cosine", [[1.0, 2.0], [-2.0, 1.0]], [0, 1]),
        ("loss=kl_divergence loss.label_smoothing=0.1", [[1.0, 2.0], [-2.0, 1.0]], [0, 1]),
    ],
)
def test_every_loss_and_its_gradient(backend: str, words: str, predictions: Any, targets: Any) -> None:
    findings, _ = found(
        "task=loss",
        f"backend={backend}",
        *words.split(),
        f"task.predictions={predictions}",
        f"task.targets={targets}",
    )
    name = words.split()[0].partition("=")[2]
    arguments = dict(shipped.components("loss", "output"))[name]
    if "label_smoothing" in words:
        arguments["label_smoothing"] = 0.1
    is_class = name in ("cosine", "kl_divergence")
    is_probability = name in ("hinge", "binary_cross_entropy")
    y = np.array(targets) if is_class or is_probability else np.array(targets)[:, None]
    value, gradient = getattr(loss_oracle, name)(np.array(predictions), y, **arguments)
    assert findings.metrics["loss"] == pytest.approx(value, abs=1e-14)
    shown = [list(each) if isinstance(each, tuple) else [each] for each in column(findings, "loss", "dL/dz")]
    np.testing.assert_allclose(shown, gradient, atol=1e-14)
    assert findings.failure is None
    assert findings.landscape is not None
    middle = findings.landscape.losses[:, len(findings.landscape.offsets) // 2]
    np.testing.assert_allclose(middle, value, atol=1e-14)


@both
def test_every_activation_passes_the_gradient_check_even_at_its_kinks(backend: str) -> None:
    functions = f"task.functions=[{','.join(shipped.names('activation'))}]"
    findings, _ = found(
        "task=gradient", "task.of=functions", functions, "task.points=[-3,-1,0,1,3,6]", f"backend={backend}"
    )
    assert findings.failure is None
    assert set(column(findings, "gradient", "verdict")) == {"pass"}
    assert len(column(findings, "gradient", "verdict")) == 19 * 6 + 4 * 4 + 2 * 4


@both
@pytest.mark.parametrize(
    "network",
    [
        "data=iris",
        "data=diabetes architecture.batch_norm=true",
        "data=digits architecture=cnn activation=tanh",
        "data=brackets architecture=rnn",
    ],
)
def test_the_gradient_of_a_whole_network_is_that_of_finite_differences(backend: str, network: str) -> None:
    findings, _ = found(
        "task=gradient", "task.of=model", "task.elements=3", f"backend={backend}", *network.split()
    )
    assert findings.failure is None
    assert findings.metrics["largest_difference"] < 1e-8
    assert findings.metrics["derivatives"] >= 12
    assert table(findings, "gradient").shown is False


@both
def test_a_loss_of_ones_own_has_its_gradient(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / f"own_{backend}.py").write_text(
        "def fourth_power():\n    return lambda z, y: ((z - y) ** 4).sum()\n"
        if backend == "torch"
        else "import tensorflow as tf\n\n"
        "def fourth_power():\n    return lambda z, y: tf.reduce_sum((z - y) ** 4)\n"
    )
    findings, _ = found(
        "task=loss",
        f"backend={backend}",
        "loss=mse",
        f"loss._target_=own_{backend}.fourth_power",
        "task.predictions=[1.0,2.0]",
        "task.targets=[0.0,4.0]",
    )
    assert findings.metrics["loss"] == pytest.approx(17.0, abs=1e-12)
    np.testing.assert_allclose(column(findings, "loss", "dL/dz"), [4.0, -32.0], atol=1e-12)


@both
def test_a_function_with_a_wrong_derivative_fails(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    own = {
        "torch": "import torch\n\n"
        "class _Wrong(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(context, x):\n        return x ** 2\n"
        "    @staticmethod\n    def backward(context, gradient):\n        return 3 * gradient\n\n"
        "def square():\n    return _Wrong.apply\n",
        "keras": "import tensorflow as tf\n\n"
        "def square():\n"
        "    @tf.custom_gradient\n    def wrong(x):\n        return x ** 2, lambda gradient: 3 * gradient\n"
        "    return wrong\n",
    }
    (tmp_path / f"wrong_{backend}.py").write_text(own[backend])
    findings, _ = found(
        "task=gradient",
        "task.of=functions",
        f"backend={backend}",
        f"task.functions=[{{_target_:wrong_{backend}.square}}]",
        "task.points=[1.5,4.0]",
    )
    # 3 happens to be the derivative at 1.5.
    assert column(findings, "gradient", "verdict") == ["pass", "fail"]
    assert findings.failure == "1 of 2 derivatives are wrong; the table says which"
    assert findings.metrics["failures"] == 1


# Numbers for a person


def test_a_polynomial_is_written_as_one_writes_it() -> None:
    words = ["task=gradient", "task.coefficients=[-1.5,0,1,-1,2]", "task.points=[0.0,1.0]"]
    findings, _ = found(*words)
    assert findings.sentences[1] == "y = -1.5 + x^2 - x^3 + 2 x^4: at x = 1, y = 0.5 and dy/dx = 7."


def test_many_numbers_are_counted_and_not_listed() -> None:
    findings, _ = found("task=trace", "data=iris", "task.listed=8")
    shown = dict(zip(column(findings, "layers", "layer"), column(findings, "layers", "values"), strict=True))
    assert shown["dense0"] == "64 numbers"
    assert isinstance(shown["input"], tuple)
    assert len(shown["input"]) == 4
