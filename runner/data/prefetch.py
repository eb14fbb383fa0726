"""Rows read ahead: threads read those of the next steps while the framework computes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from runner.data.on_demand import Indices, OnDemand
from runner.experiment import Prefetch


class Ahead:
    """Reads the rows of an epoch chunk by chunk, some of them before they are asked for.

    The order of the chunks and what is in them is the same however many are read ahead, and by however many threads.

    Args:
        rows: what is read; with several workers it is asked by several threads at once.
        prefetch: how many chunks are read ahead, 0 for none and no thread, and by how many threads.
    """

    def __init__(self, rows: OnDemand, prefetch: Prefetch) -> None:
        self._rows = rows
        self._chunks = prefetch.chunks
        self._pool = ThreadPoolExecutor(prefetch.workers, "prefetch") if prefetch.chunks else None

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *reason: object) -> None:
        """Waits for the chunks that are being read and ends the threads; what was not begun is not read."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def chunks(self, numbers: Iterable[Indices], epoch: int) -> Iterator[NDArray[Any]]:
        """Yields the rows of each chunk of an epoch as they are learnt from.

        Args:
            numbers: those of the rows of each chunk.
            epoch: from 0.
        """

        def read(chunk: Indices) -> NDArray[Any]:
            return self._rows.training(chunk, epoch)

        if self._pool is None:
            yield from map(read, numbers)
            return
        begun: deque[Future[NDArray[Any]]] = deque()
        for chunk in numbers:
            begun.append(self._pool.submit(read, chunk))
            if len(begun) > self._chunks:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def in_chunks(order: Indices, rows: int) -> Iterator[Indices]:
    """Yields the numbers of an order, so many at a time."""
    for first in range(0, len(order), rows):
        yield order[first : first + rows]
