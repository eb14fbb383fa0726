"""Which rows are in which batch of which epoch, and the learning rate of each update: pure functions of the experiment."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner.randomness import generator

Permutation = Callable[[int, int, int], NDArray[np.int64]]


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """Returns the numbers of all rows in the order of one epoch, the same for every framework."""
    return generator(seed, "batches", epoch).permutation(rows)


def balanced(classes: NDArray[np.int64]) -> Permutation:
    """Returns a permutation that meets every class equally often, to one row, in an epoch of as many rows as ever.

    A class of too many rows is met by some of them, others in each epoch; one of too few by all of them as often as that
    goes, and by some once more.

    Args:
        classes: the class of each row.
    """
    _, of_rows, counts = np.unique(classes, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(of_rows, kind="stable"), np.cumsum(counts)[:-1])

    def drawn(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
        draws = generator(seed, "balance", epoch)
        wanted = np.full(len(members), rows // len(members))
        wanted[draws.permutation(len(members))[: rows % len(members)]] += 1
        chosen = [
            np.concatenate(
                [*[each] * (count // len(each)), each[draws.permutation(len(each))][: count % len(each)]]
            )
            for each, count in zip(members, wanted, strict=True)
        ]
        order: NDArray[np.int64] = np.concatenate(chosen)[permutation(seed, epoch, rows)]
        return order

    return drawn


@dataclass(frozen=True)
class Plan:
    """The order of a training.

    Args:
        seed: the experiment's seed.
        rows: number of training rows, at least 1.
        batch_size: rows in a batch; the last batch of an epoch may be smaller.
        epochs: number of passes.
        steps_per_epoch: batches in a pass.
        learning_rates: planned learning rate of every update, (epochs * updates_per_epoch,).
        accumulation: batches in an update, at least 1; the last update of an epoch may have fewer.
        permutation: the rows of an epoch in their order, from (seed, epoch, rows).
    """

    seed: int
    rows: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    learning_rates: NDArray[np.float64]
    accumulation: int = 1
    permutation: Permutation = permutation

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def updates_per_epoch(self) -> int:
        return updates_in_epoch(self.steps_per_epoch, self.accumulation)

    def ends_group(self, step: int) -> bool:
        """Returns whether an update follows the step, numbered from 0."""
        step_of_epoch = step % self.steps_per_epoch
        return (step_of_epoch + 1) % self.accumulation == 0 or step_of_epoch == self.steps_per_epoch - 1

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Returns the rows of one epoch, numbered from 0, in the order in which they are met."""
        order = self.permutation(self.seed, epoch, self.rows)
        return order[: self.steps_per_epoch * self.batch_size]

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Returns the row numbers of each batch of one epoch."""
        order = self.order(epoch)
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]

    def batch_sizes(self) -> NDArray[np.int64]:
        """Returns the number of rows in each batch of an epoch, (steps_per_epoch,)."""
        starts = np.arange(self.steps_per_epoch) * self.batch_size
        return np.minimum(self.rows - starts, self.batch_size)

    def digest(self) -> str:
        """Returns a SHA-256 of the whole batch order, in hexadecimal."""
        digest = hashlib.sha256(str(self.batch_size).encode())
        for epoch in range(self.epochs):
            digest.update(np.ascontiguousarray(self.order(epoch), dtype="<i8").data)
        return digest.hexdigest()


def steps_in_epoch(rows: int, batch_size: int, maximum_steps: int | None) -> int:
    """Returns ceil(rows / batch_size), or ``maximum_steps`` where that is less."""
    steps = math.ceil(rows / batch_size)
    return steps if maximum_steps is None else min(steps, maximum_steps)


def updates_in_epoch(steps: int, accumulation: int) -> int:
    """Returns ceil(steps / accumulation): no update has batches of two epochs."""
    return math.ceil(steps / accumulation)
