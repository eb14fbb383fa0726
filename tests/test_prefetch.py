"""Rows read ahead: the same ones in the same order, a bounded number, and no thread afterwards."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import curve, one_tensorflow_thread, trained

from runner.data import Ahead, OnDemand, Source, in_chunks
from runner.errors import ConfigurationError, Fault
from runner.experiment import Prefetch

Indices = NDArray[np.int64]
WAYS = [(0, 1), (1, 1), (2, 1), (5, 3), (100, 2)]


class Numbered(OnDemand):
    """Rows of which each holds its own number and the epoch that it is learnt from in; one of them may be damaged."""

    def __init__(self, numbers: Indices, damaged: int = -1) -> None:
        super().__init__((len(numbers), 2), np.dtype(np.float32))
        self.asked = 0
        self._numbers = numbers
        self._damaged = damaged

    def rows(self, numbers: Indices) -> NDArray[Any]:
        return self._read(numbers, -1)

    def part(self, numbers: Indices) -> Numbered:
        return Numbered(self._numbers[numbers], self._damaged)

    def training(self, numbers: Indices, epoch: int) -> NDArray[Any]:
        self.asked += 1
        found = self._numbers[numbers]
        if epoch == 1 and self._damaged in found:
            fault = Fault("data", f"row {self._damaged} cannot be read", remedy="Leave it out.")
            raise ConfigurationError([fault])
        return self._read(numbers, epoch)

    def _read(self, numbers: Indices, epoch: int) -> NDArray[Any]:
        found = self._numbers[numbers]
        return np.stack([found / 100, np.full(len(found), epoch)], axis=1).astype(np.float32)


def numbered(*, damaged: int) -> Source:
    """A hundred rows of two classes.

    Args:
        damaged: the number of one that cannot be read in the second epoch; -1 for none.
    """
    rows = np.arange(100)

    def read() -> Any:
        return Numbered(rows, damaged), rows % 2

    return Source("numbered", "binary", (2,), ("even", "odd"), 100, read)


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("prefetch")]


@pytest.mark.parametrize(("chunks", "workers"), WAYS)
def test_every_way_of_reading_gives_the_rows_of_the_order(chunks: int, workers: int) -> None:
    order = np.random.default_rng(0).permutation(103)
    rows = Numbered(np.arange(103))
    with Ahead(rows, Prefetch(chunks=chunks, workers=workers)) as ahead:
        for epoch in range(2):
            found = list(ahead.chunks(in_chunks(order, 10), epoch))
            assert [len(each) for each in found] == [10] * 10 + [3]
            expected = np.stack([order / 100, np.full(103, epoch)], axis=1).astype(np.float32)
            np.testing.assert_array_equal(np.concatenate(found), expected)
    assert not threads()


@pytest.mark.parametrize(("chunks", "workers"), WAYS)
def test_no_more_is_read_ahead_than_is_asked_for(chunks: int, workers: int) -> None:
    rows = Numbered(np.arange(100))
    with Ahead(rows, Prefetch(chunks=chunks, workers=workers)) as ahead:
        taken = ahead.chunks(in_chunks(np.arange(100), 10), 0)
        next(taken)
        expected = min(10, 1 + chunks)
        until = time.monotonic() + 5
        while rows.asked < expected and time.monotonic() < until:
            time.sleep(0.001)
        assert rows.asked == expected
        assert bool(threads()) == (chunks > 0)
    # What nobody takes any more is not read, and an epoch that is left holds no thread.
    assert not threads()
    assert rows.asked == expected


@pytest.mark.parametrize("chunks", [0, 2])
def test_what_goes_wrong_while_reading_is_told_when_its_turn_comes(chunks: int) -> None:
    rows = Numbered(np.arange(100), damaged=25)
    with Ahead(rows, Prefetch(chunks=chunks, workers=1)) as ahead:
        taken = ahead.chunks(in_chunks(np.arange(100), 10), 1)
        assert [len(next(taken)), len(next(taken))] == [10, 10]
        with pytest.raises(ConfigurationError, match="row 25 cannot be read"):
            next(taken)
    assert not threads()


def overrides(backend: str, *more: str, damaged: int = -1) -> list[str]:
    if backend == "keras":
        one_tensorflow_thread()
    target = ("data._target_=test_prefetch.numbered", f"+data.damaged={damaged}")
    short = ("training.epochs=3", "training.batch_size=8", "training.steps_per_execution=2", "plots=none")
    return [f"backend={backend}", *target, *short, "tracking=none", "standardise=false", *more]


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_training_is_the_same_to_the_last_bit_however_its_rows_are_read(backend: str) -> None:
    ways = [f"training.prefetch={{chunks: {chunks}, workers: {workers}}}" for chunks, workers in WAYS[::2]]
    results = [trained(*overrides(backend, way))[0] for way in ways]
    for result in results[1:]:
        assert curve(result, "train/loss") == curve(results[0], "train/loss")
        assert result.metrics == results[0].metrics
    assert not threads()


@pytest.mark.parametrize("backend", ["torch", "keras"])
@pytest.mark.parametrize("chunks", [0, 2])
def test_a_row_that_cannot_be_read_ends_a_training_with_its_own_words(
    backend: str, chunks: int, tmp_path: Path
) -> None:
    chosen = overrides(backend, f"training.prefetch.chunks={chunks}", "split.test=0", "split.validation=0.1")
    with pytest.raises(ConfigurationError, match=r"data: row 25 cannot be read\. Leave it out\."):
        trained(*[each.replace("damaged=-1", "damaged=25") for each in chosen], folder=tmp_path)
    assert not threads()
