"""Inputs that are read on demand, on their way into TensorFlow's graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.backend import Job
from runner.data import Ahead, OnDemand, in_chunks


class Chunks:
    """The inputs of the chunks of an epoch, one after the other, where they are read or made on demand.

    What goes wrong there, TensorFlow would tell as an error of its graph: here it is told as what it is.

    Args:
        job: whose training rows are read.
    """

    def __init__(self, job: Job) -> None:
        inputs, training = job.splits.train.inputs, job.experiment.training
        self._ahead = Ahead(inputs, training.prefetch) if isinstance(inputs, OnDemand) else None
        self._rows = training.steps_per_execution * job.plan.batch_size
        self._chunks: Iterator[NDArray[Any]] = iter(())
        self._failure: Exception | None = None

    def __enter__(self) -> Chunks:
        return self

    def __exit__(self, kind: type[BaseException] | None, *others: object) -> None:
        if self._ahead is not None:
            self._ahead.__exit__()
        if self._failure is not None and kind is not None and issubclass(kind, tf.errors.OpError):
            raise self._failure

    def begin(self, epoch: int, order: NDArray[np.int64]) -> None:
        """Begins an epoch, numbered from 0, whose rows have an order."""
        if self._ahead is not None:
            self._chunks = self._ahead.chunks(in_chunks(order, self._rows), epoch)

    def next(self) -> NDArray[Any]:
        """Returns the inputs of the next chunk."""
        try:
            return next(self._chunks)
        except Exception as failure:
            self._failure = failure
            raise
