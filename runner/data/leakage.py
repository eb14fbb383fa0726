"""What makes a network look better than it is: rows in two parts, and inputs that give the target away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Source
from runner.data.splitting import Parts

# More numbers than these are not looked at, so that a check stays a matter of a second.
LARGEST = 2_000_000
# Fewer rows, or rows that mostly are equal to others, say nothing: there, equal rows are no mistake.
_FEWEST, _MOST_EQUAL = 20, 0.5
# A smaller share of the rows for validation and test is not worth a word.
_SHARE = 0.02
_ROUNDING = 1e-9


def warnings(source: Source, parts: Parts) -> tuple[str, ...]:
    """Returns what is probably a mistake, a sentence each; nothing of data that are too large to be looked at.

    Args:
        source: a person's own rows, those of a table fitted; of what is shipped or made nothing is said.
        parts: which rows are in which part.
    """
    if source.rows < _FEWEST:
        return ()
    if source.preparation is not None:
        return tuple(_of_table(source, parts, source.preparation.names))
    if source.alike is not None:
        return tuple(_of_examples(source, parts, source.alike()))
    return ()


def alike(rows: NDArray[Any]) -> NDArray[np.int64]:
    """Returns a number for each row, the same for rows that are equal, (rows,)."""
    _, same = np.unique(rows.reshape(len(rows), -1), axis=0, return_inverse=True)
    return same.ravel().astype(np.int64)


def _of_table(source: Source, parts: Parts, names: Sequence[str]) -> Iterator[str]:
    if source.rows * len(names) > LARGEST:
        return
    inputs, targets, *_ = source.read()
    values = np.asarray(inputs[:], np.float64)
    remedy = "leave duplicates out, or keep them together by split.by=group."
    yield from _in_two_parts(values, targets, parts, remedy)
    yield from _telling(values, targets, names)


def _of_examples(source: Source, parts: Parts, same: NDArray[np.int64]) -> Iterator[str]:
    yield from _in_two_parts(same[:, None], source.labels(), parts, "leave duplicates out.")
    if len(source.input_shape) == 1 and source.tokens is None:
        inputs, targets, *_ = source.read()
        names = [str(number) for number in range(source.input_shape[0])]
        yield from _telling(np.asarray(inputs[:], np.float64), targets, names)


def _in_two_parts(inputs: NDArray[Any], targets: NDArray[Any], parts: Parts, remedy: str) -> Iterator[str]:
    """Yields how many rows that are not learnt from are equal, with their target, to one that is."""
    same = alike(np.column_stack([inputs, np.asarray(targets, np.float64)]))
    if same.max() + 1 < _MOST_EQUAL * len(same):
        return
    counts = {
        name: int(np.isin(same[part], same[parts.train]).sum())
        for name, part in (("validation", parts.validation), ("test", parts.test))
    }
    others = len(parts.validation) + len(parts.test)
    if sum(counts.values()) > max(1, _SHARE * others):
        yield (
            f"data: {counts['validation']} of the {len(parts.validation):,} validation rows and {counts['test']} of the"
            f" {len(parts.test):,} test rows are equal to training rows, target and all, so that they test memory; {remedy}"
        )


def _telling(inputs: NDArray[np.float64], targets: NDArray[Any], names: Sequence[str]) -> Iterator[str]:
    """Yields the inputs that are the target in other words: a straight line of it, or a value for each class."""
    for column, name in zip(inputs.T, names, strict=True):
        if np.ptp(column) == 0:
            continue
        is_target = _is_line(column, targets) if targets.ndim == 2 else _is_class(column, targets)
        if is_target:
            yield (
                f"data: the input {name} is the target in other words, in all {len(column):,} rows; if it is not known"
                " when something is to be predicted, leave it out."
            )


def _is_line(column: NDArray[np.float64], targets: NDArray[np.float64]) -> bool:
    moving = targets[:, np.ptp(targets, axis=0) > 0]
    return any(abs(abs(np.corrcoef(column, each)[0, 1]) - 1) < _ROUNDING for each in moving.T)


def _is_class(column: NDArray[np.float64], targets: NDArray[np.int64]) -> bool:
    pairs = np.unique(np.column_stack([column, targets]), axis=0)
    return len(pairs) == len(np.unique(column)) == len(np.unique(targets)) > 1
