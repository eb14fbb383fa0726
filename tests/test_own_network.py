"""A network that somebody wrote for one framework: it trains, and is told that it has no parity."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support import curve, experiment, trained

from runner import compose, request, weights
from runner.__main__ import main
from runner.errors import ConfigurationError
from runner.weights import WEIGHTS

TORCH = '''
import torch
from torch import nn


class Net(nn.Module):
    """An image as torch has it, channels first."""

    def __init__(self, *, input_shape: tuple[int, ...], outputs: int, hidden: int) -> None:
        super().__init__()
        assert input_shape == (1, 8, 8)
        self.body = nn.Sequential(nn.Conv2d(1, hidden, 3), nn.BatchNorm2d(hidden), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(hidden * 36, outputs))

    def forward(self, inputs):
        return self.head(self.body(inputs))


def plain(*, outputs: int, biased: bool) -> nn.Module:
    return nn.Linear(4, outputs, bias=biased)


def reader(*, outputs: int, tokens: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(tokens, 4), nn.Flatten(), nn.Linear(4 * 8, outputs))


def narrow() -> nn.Module:
    return nn.Linear(4, 2)


def other_width(*, outputs: int) -> nn.Module:
    return nn.Linear(5, outputs)


def none_at_all() -> str:
    return "a text"
'''
KERAS = """
import keras


class Own(keras.Model):
    def __init__(self, *, outputs: int) -> None:
        super().__init__()
        self.first = keras.layers.Dense(6, activation="relu")
        self.norm = keras.layers.BatchNormalization()
        self.drop = keras.layers.Dropout(0.2)
        self.last = keras.layers.Dense(outputs)

    def call(self, inputs, training=None):
        return self.last(self.drop(self.norm(self.first(inputs)), training=training))


def plain(*, outputs: int, biased: bool) -> keras.Model:
    return keras.Sequential([keras.layers.Dense(outputs, use_bias=biased)])
"""
SMALL = ("plots=none", "tracking=none", "training.epochs=3", "training.precision=64")
NATIVE = "architecture._target_=runner.architectures.native"


@pytest.fixture(autouse=True)
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with somebody's own networks, and a configuration for each."""
    (tmp_path / "torch_networks.py").write_text(TORCH)
    (tmp_path / "keras_networks.py").write_text(KERAS)
    folder = tmp_path / "conf" / "architecture"
    folder.mkdir(parents=True)
    (folder / "net.yaml").write_text("_target_: torch_networks.Net\nhidden: 4\n")
    (folder / "own.yaml").write_text("_target_: keras_networks.Own\n")
    for module in ("torch_networks", "keras_networks"):
        for name in ("plain", "narrow", "other_width", "none_at_all", "reader"):
            arguments = "  biased: false\n" if name == "plain" else ""
            text = f"_target_: runner.architectures.native\nmodule:\n  _target_: {module}.{name}\n{arguments}"
            (folder / f"{module}_{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("torch_networks", "keras_networks"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


@pytest.mark.parametrize(("backend", "architecture"), [("torch", "net"), ("keras", "own")])
def test_it_trains_the_same_way_twice(backend: str, architecture: str, tmp_path: Path) -> None:
    data = "data=digits" if backend == "torch" else "data=iris"
    chosen = (f"backend={backend}", f"architecture={architecture}", data, *SMALL)
    first, told = trained(*chosen, folder=tmp_path)
    second, _ = trained(*chosen)
    assert curve(first, "train/loss") == curve(second, "train/loss")
    assert first.metrics["test/accuracy"] > 0.5
    assert curve(first, "train/loss")[-1] < curve(first, "train/loss")[0]
    kept = weights.read(tmp_path / WEIGHTS)
    expected = "native0/head/1/weight" if backend == "torch" else "native0/own/dense_1/kernel"
    assert expected in kept
    assert tmp_path / WEIGHTS in told.artifacts


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_linear_network_is_trained_as_the_layers_are(backend: str, tmp_path: Path) -> None:
    """From the same weights, somebody's own linear network is the layer tree's: an independent truth for every step."""
    own = (f"backend={backend}", f"architecture={backend}_networks_plain", "data=iris", *SMALL)
    ours = (f"backend={backend}", "architecture=linear", "data=iris", *SMALL)
    trained(*ours, "training.epochs=1", folder=tmp_path)
    kernel = weights.read(tmp_path / WEIGHTS)["dense0/kernel"]
    name, array = (
        ("native0/weight", kernel.T) if backend == "torch" else ("native0/sequential/dense/kernel", kernel)
    )
    weights.save({name: array}, tmp_path / "mine.safetensors", precision=64)
    zeros = {"dense0/kernel": kernel, "dense0/bias": np.zeros(3)}
    weights.save(zeros, tmp_path / "ours.safetensors", precision=64)
    # The layer tree has a bias, which is zero in the first step only.
    mine, _ = trained(*own, f"training.start_from={tmp_path / 'mine.safetensors'}", "debug.maximum_steps=1")
    tree, _ = trained(*ours, f"training.start_from={tmp_path / 'ours.safetensors'}", "debug.maximum_steps=1")
    np.testing.assert_allclose(curve(mine, "train/loss"), curve(tree, "train/loss"), rtol=1e-12)


def test_tokens_reach_it_as_whole_numbers() -> None:
    result, _ = trained("data=brackets", "data.length=8", "architecture=torch_networks_reader", *SMALL)
    assert np.isfinite(result.metrics["test/loss"])


def test_what_it_starts_from_must_have_its_arrays(tmp_path: Path) -> None:
    weights.save({"native0/kernel": np.zeros((4, 3))}, tmp_path / "other.safetensors", precision=64)
    with pytest.raises(ConfigurationError) as error:
        trained(
            "data=iris",
            "architecture=torch_networks_plain",
            f"training.start_from={tmp_path / 'other.safetensors'}",
            *SMALL,
        )
    assert str(error.value) == (
        "training.start_from: has other arrays than the network: native0/weight is not there and 3 x 4 here,"
        f" native0/kernel is 4 x 3 there and not here. Received: {tmp_path / 'other.safetensors'}."
    )


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ("data=iris", "architecture=torch_networks_narrow"),
            "architecture.module: must return logits of shape rows x 3, as data and loss ask for. Received: 2 x 2 of 2"
            " rows. It may take the argument outputs, which is that number.",
        ),
        (
            ("data=iris", "architecture=torch_networks_other_width"),
            "architecture.module: must take a batch of shape 2 x 4. Received: RuntimeError: mat1 and mat2 shapes cannot"
            " be multiplied (2x4 and 5x3).",
        ),
        (
            ("data=iris", "architecture=torch_networks_none_at_all"),
            "architecture.module._target_: must make a torch.nn.Module with backend=torch. Received: str.",
        ),
        (
            ("data=iris", "architecture=torch_networks_plain", "backend=keras"),
            "architecture.module._target_: must make a keras.Model with backend=keras. Received: Linear.",
        ),
    ],
)
def test_what_is_no_such_network_is_told_when_it_is_built(overrides: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        trained(*overrides, *SMALL)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ("architecture=net", "backend=keras"),
            "architecture._target_: must be a network of the framework of backend=keras. Received: torch_networks.Net."
            " Take backend=torch.",
        ),
        (
            ("architecture=net", "optimizer.decay_on=kernels"),
            "optimizer.decay_on: must be all, because the kernels of a network of a framework's own are not told from its"
            " other arrays. Received: kernels.",
        ),
        (("architecture=net", "architecture.hiden=3"), "architecture.hiden: there is no such key."),
        (
            ("architecture=torch_networks_plain", "~architecture.module.biased"),
            "architecture.module.biased: must be given, because plain needs it.",
        ),
    ],
)
def test_what_source_text_tells_is_said_before_anything_starts(
    overrides: tuple[str, ...], words: str
) -> None:
    loaded = set(sys.modules)
    with compose.session(), pytest.raises(ConfigurationError) as error:
        request.answer(request.parse(overrides))
    assert words in str(error.value)
    assert "torch_networks" not in set(sys.modules) - loaded


def test_a_function_that_returns_no_layers_is_told_how_to_be_named() -> None:
    with compose.session(), pytest.raises(ConfigurationError) as error:
        request.answer(
            request.parse(["architecture=linear", "architecture._target_=torch_networks.none_at_all"])
        )
    assert (
        "architecture._target_: must return a runner.layers.Sequence, or be a class derived from torch.nn.Module or"
        " keras.Model. Received: str. Where a function makes your network, name runner.architectures.native, and the"
        " function by module." in str(error.value)
    )


def test_it_is_told_that_it_has_no_parity(capsys: pytest.CaptureFixture[str]) -> None:
    with compose.session():
        checked = request.answer(request.parse(["architecture=net"])).checked
    assert checked.warnings[0].startswith(
        "architecture: a network of one framework's own has no parity with the other;"
    )
    assert main(["parity", "architecture=net"]) == 2
    told = capsys.readouterr().err
    assert (
        "architecture: has no parity: it is a network of one framework's own. Received: torch_networks.Net."
        " Write it in layers (architecture=tree) to have it on both." in told
    )
    assert "verdict" not in told


def test_its_name_stands_in_the_runs_name() -> None:
    from runner.runs import default_name

    assert default_name(experiment("architecture=net")) == "digits Net adam torch"
    named = experiment("architecture=torch_networks_plain", "data=iris")
    assert default_name(named) == "iris plain adam torch"


def test_check_and_explain_know_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "architecture=net"]) == 0
    told = capsys.readouterr().out
    assert "native0  native  8 x 8 x 1  10" in told
    assert "as built" in told
    assert main(["explain", "architecture=net"]) == 0
    assert "yours to know" in " ".join(capsys.readouterr().out.split())
