"""Tables larger than memory: fitted on training rows and made into inputs block by block, once for all runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.data import kept
from runner.data.on_demand import Indices, Selected
from runner.data.records import Arrays, Source
from runner.data.remembered import Remembered
from runner.data.tables import kinds, surveyed, transformer
from runner.data.tables.asked import Asked, Files
from runner.data.tables.columns import Settings
from runner.data.tables.faults import refuse
from runner.data.tables.fitted import FittedTable, load, plain
from runner.data.tables.surveyed import Bounds, Known
from runner.randomness import generator

if TYPE_CHECKING:
    import pandas as pd

_PRECISION = np.dtype(np.float32)


def source(files: Files, asked: Asked, settings: Settings, bounds: Bounds) -> Source:
    """Returns a large table as a data set.

    Raises:
        ConfigurationError: it cannot be read, or nothing can be learnt from it.
    """
    known = surveyed.known(tuple(each.identity for each in files.places), files, asked, bounds)

    def fit(training: Indices, scaled: bool) -> Source:
        made = _fitted(known, settings, training, scaled)

        def read() -> Arrays:
            inputs = _inputs(known, made)
            return (
                (inputs, known.target.values)
                if known.weights is None
                else (inputs, known.target.values, known.weights)
            )

        return replace(
            known_source,
            input_shape=(made.fitted.width,),
            read=read,
            fit=None,
            is_prepared=True,
            preparation=made.fitted,
            embedded=made.fitted.embedded,
            notes=(*known.notes, *_sample_note(known, len(training))),
        )

    def unread() -> Arrays:
        raise AssertionError("the inputs of a table are read once it is fitted")

    known_source = Source(
        files.places[0].name,
        known.target.task,
        (len(known.inputs),),
        known.target.classes,
        known.rows,
        unread,
        target_width=len(known.target.names) if known.target.task == "regression" else 1,
        weighted=known.weights is not None,
        is_in_memory=False,
        validation_rows=known.parts[1] if files.has_validation else 0,
        test_rows=known.parts[-1] if files.has_test else 0,
        columns=known.names,
        column=lambda name: _column(known, name),
        targets=lambda: known.target.values,
        fit=fit,
        notes=known.notes,
        described=known.described,
        warnings=known.warnings,
    )
    return known_source


@dataclass(frozen=True)
class _Fitted:
    """What makes inputs of the rows, and what it is for the keys of the cache."""

    fitted: FittedTable
    means: Mapping[str, Any]


def _column(known: Known, name: str) -> NDArray[Any]:
    import pandas as pd

    return kinds.dividing(pd.concat([block[name] for block in known.blocks([name])]))


def _fitted(known: Known, settings: Settings, training: Indices, scaled: bool) -> _Fitted:
    """Returns the preparation that training rows give; it is fitted once for all runs."""
    numbers = _sample(np.sort(training), known.bounds.fit_rows)
    digest = hashlib.sha256(np.ascontiguousarray(numbers, "<i8").data).hexdigest()
    means = {**known.means, "settings": asdict(settings), "rows": digest, "scaled": scaled}

    def make(folder: Path) -> Mapping[str, Any]:
        rows = _rows(known, numbers)
        made = transformer.fitted(plain(rows, known.inputs, settings), known.inputs, settings, scaled=scaled)
        table = FittedTable(
            columns=known.inputs,
            settings=settings,
            targets=known.target.names,
            task=known.target.task,
            classes=known.target.classes,
            transformer=made,
        )
        table.save(folder)
        return {}

    return _made_once(
        Remembered(json.dumps(means), (kept.Entry(means, 0, known.bounds.cache_gigabytes), make))
    )


@lru_cache(maxsize=2)
def _made_once(asked: Remembered[tuple[kept.Entry, Callable[[Path], Mapping[str, Any]]]]) -> _Fitted:
    entry, make = asked.value
    return _Fitted(entry.made(make, lambda folder, about: load(folder)), entry.means)


def _sample(numbers: Indices, limit: int) -> Indices:
    """Returns at most so many of the numbers, in their order, each as likely as any other."""
    if len(numbers) <= limit:
        return numbers
    found: Indices = numbers[np.sort(generator(0, "preparation").permutation(len(numbers))[:limit])]
    return found


def _rows(known: Known, numbers: Indices) -> pd.DataFrame:
    """Returns the input columns of the rows of these numbers, which are in their order."""
    import pandas as pd

    found: dict[str, NDArray[Any]] = {}
    rows_of_file, first = np.empty(len(numbers), np.int64), 0
    for block in known.blocks([each.name for each in known.inputs]):
        low, high = np.searchsorted(numbers, [first, first + len(block)])
        places = numbers[low:high] - first
        rows_of_file[low:high] = block.index.to_numpy()[places]
        for name in block.columns:
            values = block[name].to_numpy()[places]
            # In a place that is there from the beginning: a piece kept of every block would keep the room of the block.
            found[name] = _wide_enough(found.get(name), values.dtype, len(numbers))
            found[name][low:high] = values
        first += len(block)
    return pd.DataFrame(found, index=rows_of_file, copy=False)


def _wide_enough(array: NDArray[Any] | None, dtype: np.dtype[Any], rows: int) -> NDArray[Any]:
    """Returns an array for values of a further kind, with what it holds already."""
    if array is None:
        return np.empty(rows, dtype)
    try:
        common = np.result_type(array.dtype, dtype)
    except TypeError:
        common = np.dtype(object)
    return array if array.dtype == common else array.astype(common)


def _inputs(known: Known, made: _Fitted) -> Selected:
    """Returns the inputs of all rows, mapped; they are made once for all runs."""
    columns = (kept.Column("inputs", (made.fitted.width,), _PRECISION),)
    blocks = ((_numbers(made.fitted, block),) for block in known.blocks([each.name for each in known.inputs]))
    inputs, _ = kept.arrays(made.means, columns, known.rows, blocks, gigabytes=known.bounds.cache_gigabytes)
    return inputs


def _numbers(table: FittedTable, block: pd.DataFrame) -> NDArray[Any]:
    # What is too large for 32 bits becomes infinite, and is told so.
    with np.errstate(over="ignore"):
        found = table.transform(block).astype(_PRECISION)
    wrong = np.argwhere(~np.isfinite(found))
    if len(wrong):
        row, column = wrong[0]
        rule = f"{table.names[column]} of row {block.index[row] + 1} is too large for a number of 32 bits"
        refuse(rule, remedy="Mend it, or leave the column out: data.leave_out.")
    return found


def _sample_note(known: Known, training: int) -> Iterator[str]:
    limit = known.bounds.fit_rows
    if training > limit:
        yield f"Its preparation is fitted on {limit:,} of the {training:,} training rows, drawn among all: data.fit_rows."
