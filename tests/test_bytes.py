"""Rows that stay bytes, in memory or on the disk: the same numbers as rows that were made numbers at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import byte_sources
import numpy as np
import pytest
from numpy.typing import NDArray
from shares import shares
from support import curve, experiment, one_tensorflow_thread, trained

from runner import forward
from runner.conductor import Conductor
from runner.data import Rows, Selected, Source, Splits, on_demand, prepare
from runner.experiment import Debug, Standardise
from runner.tasks.preparation import prepared
from runner.weights import read

BACKENDS = ("torch", "keras")
KEPT = ("bytes", "mapped")
ALL = Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)


def overrides(folder: Path, kept: str, *more: str) -> list[str]:
    chosen = (f"+data.kept={kept}", f"+data.folder={folder}", "data._target_=byte_sources.digits")
    short = ("training.epochs=2", "training.batch_size=50", "debug.rows=400", "plots=none", "tracking=none")
    return [*chosen, *short, *more]


def splits_of(folder: Path, kept: str, standardise: Standardise = True) -> Splits:
    source = byte_sources.digits(kept=kept, folder=str(folder))
    return prepare(source, split=shares(0.2, 0.1), standardise=standardise, seed=3, debug=ALL)


def equation(rows: NDArray[Any], splits: Splits, kind: type[np.floating[Any]]) -> NDArray[Any]:
    """(x - mean) / scale with two roundings."""
    return (rows.astype(kind) - splits.input_mean.astype(kind)) / splits.input_scale.astype(kind)


# Preparation


@pytest.mark.parametrize("kept", KEPT)
def test_bytes_stay_bytes_and_are_split_as_numbers_are(tmp_path: Path, kept: str) -> None:
    stored, numbers = (splits_of(tmp_path, each, standardise=False) for each in (kept, "numbers"))
    for part in ("train", "validation", "test"):
        rows, expected = getattr(stored, part), getattr(numbers, part)
        assert rows.inputs.dtype == np.uint8
        assert rows.inputs.shape == expected.inputs.shape
        assert isinstance(rows.inputs, Selected) == (kept == "mapped")
        np.testing.assert_array_equal(rows.inputs[:], expected.inputs)
        np.testing.assert_array_equal(rows.targets, expected.targets)
        np.testing.assert_array_equal(rows.numbers(), expected.inputs)
        np.testing.assert_array_equal(stored.in_units(rows), expected.inputs)


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("standardise", [True, "channels"])
def test_the_statistics_of_bytes_are_those_of_numbers(
    tmp_path: Path, kept: str, standardise: Standardise
) -> None:
    stored, numbers = (splits_of(tmp_path, each, standardise) for each in (kept, "numbers"))
    np.testing.assert_allclose(stored.input_mean, numbers.input_mean, rtol=1e-14)
    np.testing.assert_allclose(stored.input_scale, numbers.input_scale, rtol=1e-13)
    np.testing.assert_allclose(stored.train.numbers(), numbers.train.inputs, atol=1e-12)
    np.testing.assert_allclose(
        stored.in_units(stored.test), numbers.in_units(numbers.test), rtol=0, atol=1e-12
    )


def test_a_constant_byte_is_divided_by_one(tmp_path: Path) -> None:
    stored = splits_of(tmp_path, "bytes")
    assert (stored.input_mean[-1, -1, 0], stored.input_scale[-1, -1, 0]) == (7.0, 1.0)
    assert (stored.train.numbers()[:, -1, -1, 0] == 0).all()


@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_no_digit_of_the_statistics_depends_on_the_block(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = splits_of(tmp_path, "bytes")
    monkeypatch.setattr(on_demand, "_BLOCK", block)
    found = splits_of(tmp_path, "bytes")
    np.testing.assert_array_equal(found.input_mean, expected.input_mean)
    np.testing.assert_array_equal(found.input_scale, expected.input_scale)


@pytest.mark.parametrize("kept", ["bytes", "numbers"])
def test_channels_have_one_mean_and_one_deviation(tmp_path: Path, kept: str) -> None:
    """Three channels of which the last is constant, on rows with two sides."""
    draws = np.random.default_rng(0).integers(0, 256, (60, 4, 5, 3)).astype(np.uint8)
    draws[..., 1] //= 3
    draws[..., 2] = 9
    inputs = draws if kept == "bytes" else draws.astype(np.float64)
    source = Source(
        "three", "binary", (4, 5, 3), ("no", "yes"), 60, lambda: (inputs, np.arange(60, dtype=np.int64) % 2)
    )
    found = prepare(source, split=shares(0.0, 0.0), standardise="channels", seed=0, debug=ALL)
    assert found.input_mean.shape == found.input_scale.shape == (4, 5, 3)
    for channel in range(3):
        values = draws[..., channel].astype(np.float64)
        np.testing.assert_allclose(found.input_mean[..., channel], values.mean(), rtol=1e-13)
        expected = 1.0 if channel == 2 else values.std()
        np.testing.assert_allclose(found.input_scale[..., channel], expected, rtol=1e-13)


def test_the_digest_is_that_of_the_bytes_mapped_or_not(tmp_path: Path) -> None:
    digests = {kept: splits_of(tmp_path, kept).sha256 for kept in ("bytes", "mapped", "numbers")}
    assert digests["bytes"] == digests["mapped"] != digests["numbers"]


def test_mapped_rows_are_in_memory_only_when_they_are_asked_for(tmp_path: Path) -> None:
    splits = splits_of(tmp_path, "mapped")
    held = [value for value in vars(splits.train.inputs).values() if isinstance(value, np.ndarray)]
    assert sum(value.nbytes for value in held if not isinstance(value, np.memmap)) == 8 * len(splits.train)
    assert type(splits.train.inputs[np.array([4, 1])]) is np.ndarray


# Backends


class Taken:
    """Keeps the inputs of every step."""

    def __init__(self) -> None:
        self.inputs: list[NDArray[Any]] = []

    def step(self, *, inputs: NDArray[Any], **others: Any) -> None:
        self.inputs.append(np.array(inputs))


def steps(backend: str, precision: int, folder: Path, kept: str) -> tuple[list[NDArray[Any]], Any]:
    """Returns the inputs of every step as the network was given them, and the job."""
    if backend == "keras":
        one_tensorflow_thread()
    ready = prepared(
        experiment(*overrides(folder, kept, f"backend={backend}", f"training.precision={precision}"))
    )
    taken = Taken()
    job = replace(ready.job, probe=taken)
    engine = importlib.import_module(f"runner.backends.{backend}.training")
    conductor = Conductor(
        experiment=job.experiment,
        task="multiclass",
        splits=job.splits,
        plan=job.plan,
        schedule=ready.schedule,
        weights=job.weights,
        tell=lambda record: None,
        tell_steps=lambda first, losses: None,
        keep=lambda weights: None,
        start=None,
        stand=None,
    )
    engine.fit(model=engine.build(job=job), job=job, observer=conductor)
    return taken.inputs, job


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("kept", KEPT)
def test_every_batch_is_the_equation_to_the_last_bit(
    backend: str, precision: int, kept: str, tmp_path: Path
) -> None:
    batches, job = steps(backend, precision, tmp_path, kept)
    kind = np.float32 if precision == 32 else np.float64
    order = [rows for epoch in range(2) for rows in job.plan.batches(epoch)]
    assert len(batches) == len(order) > 10
    for batch, rows in zip(batches, order, strict=True):
        assert batch.dtype == kind
        np.testing.assert_array_equal(batch, equation(job.splits.train.inputs[rows], job.splits, kind))


@pytest.mark.parametrize("backend", BACKENDS)
def test_bytes_train_as_numbers_do(backend: str, tmp_path: Path) -> None:
    if backend == "keras":
        one_tensorflow_thread()
    results = {
        kept: trained(*overrides(tmp_path, kept, f"backend={backend}", "training.precision=64"))[0]
        for kept in ("numbers", "bytes", "mapped")
    }
    for kept in KEPT:
        for name in ("train/loss", "validation/loss"):
            found, expected = (curve(results[each], name) for each in (kept, "numbers"))
            np.testing.assert_allclose(found, expected, rtol=1e-11)
        expected_metrics: Mapping[str, float] = results["numbers"].metrics
        assert results[kept].metrics == pytest.approx(expected_metrics, rel=1e-10)
        np.testing.assert_allclose(
            results[kept].predictions["test"].outputs,
            results["numbers"].predictions["test"].outputs,
            atol=1e-10,
        )


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_of_numbers_are_taken_as_they_are(backend: str, tmp_path: Path) -> None:
    """A grid beside rows of bytes, as the decision boundary has one."""
    if backend == "keras":
        one_tensorflow_thread()
    ready = prepared(experiment(*overrides(tmp_path, "bytes", f"backend={backend}", "training.precision=64")))
    engine = importlib.import_module(f"runner.backends.{backend}.training")
    model = engine.build(job=ready.job)
    rows = ready.job.splits.validation
    plain = Rows(rows.numbers(), rows.targets)
    np.testing.assert_allclose(model.evaluate(rows).logits, model.evaluate(plain).logits, atol=1e-12)


@pytest.mark.parametrize("kept", KEPT)
def test_the_network_file_takes_the_units_of_the_data(kept: str, tmp_path: Path) -> None:
    result, _ = trained(*overrides(tmp_path, kept, "training.precision=64"), folder=tmp_path)
    splits = prepared(experiment(*overrides(tmp_path, kept))).job.splits
    network = forward.read(tmp_path / "network.json")
    found = forward.predict(network, read(tmp_path / "weights.safetensors"), splits.in_units(splits.test))
    np.testing.assert_allclose(found, result.predictions["test"].outputs, atol=1e-12)
    np.testing.assert_array_equal(network["example"], splits.train.inputs[:1])


def test_figures_show_bytes_in_the_units_of_the_data(tmp_path: Path) -> None:
    chosen = overrides(tmp_path, "bytes", "plots=default", "training.epochs=1")
    chosen.remove("plots=none")
    result, _ = trained(*chosen)
    assert result.mistakes is not None
    pixels = byte_sources.digits(kept="bytes", folder="").read()[0]
    shown = result.mistakes.images
    assert shown.dtype == np.float64
    assert all((pixels == image).all(axis=(1, 2, 3)).any() for image in shown)
    assert result.activation is not None
    assert result.activation.shares.sum() == pytest.approx(1, abs=0.02)
