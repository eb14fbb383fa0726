"""A table larger than memory, looked at: its targets read, its columns known from some of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.data import kept
from runner.data.tables import reading, targets
from runner.data.tables.asked import (
    Asked,
    Files,
    described,
    like,
    notes_on,
    require_columns,
    understood,
    warnings_of_rows,
    warnings_on,
    weights_of,
    with_target,
)
from runner.data.tables.columns import Column
from runner.data.tables.faults import refuse
from runner.data.tables.targets import Target
from runner.findings import Table

if TYPE_CHECKING:
    import pandas as pd

# Rows that are in memory at once.
BLOCK = 1 << 16
# Stretches of a Parquet file that are looked at to find out what its columns are.
_STRETCHES = 16
_GIGABYTE = 10**9


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """From where on a table is not in memory; see ``conf/data/table.yaml``.

    Args:
        in_memory_gigabytes: numbers of a table, 8 bytes each, up to which it is read as a whole.
        fit_rows: training rows, drawn among all, that its preparation is fitted on.
        cache_gigabytes: how much the cache holds at most.
    """

    in_memory_gigabytes: float
    fit_rows: int
    cache_gigabytes: float


@dataclass(frozen=True)
class Known:
    """What is known of a large table when its columns of targets have been read.

    Args:
        files: where it is.
        means: what it is, for the keys of the cache.
        bounds: how much of it is in memory.
        names: of all columns.
        columns: what could be inputs.
        target: its values mapped from the cache.
        weights: the same, or None where all rows count alike.
        is_kept: which rows of each file have a target, (all rows,), or None where all have one.
        parts: how many of the rows that are kept each file has.
        described: what each column is and what becomes of it, by the rows that were looked at.
        notes: what was found out.
        warnings: what is probably a mistake.
    """

    files: Files
    means: Mapping[str, Any]
    bounds: Bounds
    names: tuple[str, ...]
    columns: tuple[Column, ...]
    target: Target
    weights: NDArray[np.float64] | None
    is_kept: NDArray[np.bool_] | None
    parts: tuple[int, ...]
    described: Table
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def inputs(self) -> tuple[Column, ...]:
        return tuple(each for each in self.columns if not each.left_out)

    @property
    def rows(self) -> int:
        return sum(self.parts)

    def blocks(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Yields the rows that have a target, some at a time; their index is their place in their file."""
        place_of_mask = 0
        for place in self.files.places:
            first = 0
            for block in reading.blocks(place, rows=BLOCK, columns=columns):
                block.index = range(first, first + len(block))
                first += len(block)
                if self.is_kept is not None:
                    mask = self.is_kept[place_of_mask : place_of_mask + len(block)]
                    place_of_mask += len(block)
                    block = block[mask]
                yield block


def is_large(files: Files, bounds: Bounds) -> bool:
    """Returns whether tables are too large to be read as a whole, by what their files say without being read."""
    return sum(map(_size, files.places)) > bounds.in_memory_gigabytes * _GIGABYTE


def _size(place: reading.Place) -> int:
    """Returns about how many bytes the numbers of a table have in memory; 0 where it is always read as a whole."""
    if place.is_parquet:
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        try:
            about = parquet.read_metadata(place.file)
        except (ArrowException, OSError):
            # What is wrong with it is told where it is read.
            return 0
        return int(about.num_rows * about.num_columns * 8)
    return place.file.stat().st_size if place.is_text else 0


def _means(files: Files, **more: Any) -> dict[str, Any]:
    places = [[str(each) for each in (place, *place.identity[1:])] for place in files.places]
    return {"table": places, **more}


@lru_cache(maxsize=2)
def known(identity: tuple[object, ...], files: Files, asked: Asked, bounds: Bounds) -> Known:
    """Returns what is known of a table; its targets are read once for all runs.

    Args:
        identity: of its files, which changes with what they hold.
        files: where it is.
        asked: what a person wants of its columns.
        bounds: how much of it is in memory.

    Raises:
        ConfigurationError: it cannot be read, or nothing can be learnt from it.
    """
    means = _means(files, asked=asdict(asked))

    def read(folder: Path, about: Mapping[str, Any]) -> Known:
        arrays = {
            path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in folder.glob("*.npy")
        }
        target = about["target"] | {name: tuple(about["target"][name]) for name in ("names", "classes")}
        return Known(
            files,
            means,
            bounds,
            tuple(about["names"]),
            tuple(Column(**each) for each in about["columns"]),
            Target(**target, values=arrays["targets"]),
            arrays.get("weights"),
            arrays.get("is_kept"),
            tuple(about["parts"]),
            Table("columns", tuple(about["headings"]), tuple(map(tuple, about["lines"]))),
            tuple(about["notes"]),
            tuple(about["warnings"]),
        )

    size = sum(map(_size, files.places)) // 10
    return kept.Entry(means, size, bounds.cache_gigabytes).made(
        lambda folder: _look(files, asked, folder), read
    )


def _look(files: Files, asked: Asked, folder: Path) -> Mapping[str, Any]:
    """Reads the targets and the weights of all rows, and enough of the other columns to know what they are."""
    import pandas as pd

    place, *others = files.places
    some = _stretches(place)
    names = [str(each) for each in some.columns]
    require_columns(names, place, some, asked)
    for other in others:
        first = next(reading.blocks(other, rows=1), None)
        if first is None:
            refuse("has a line of names and no row below it", other.path, key=other.key)
        like(first, names, other)
    wanted = list(dict.fromkeys([*asked.target, *([asked.weights] if asked.weights else [])]))
    parts, empty = [], []
    for each in files.places:
        part = pd.concat(list(reading.blocks(each, rows=BLOCK, columns=wanted)), ignore_index=True)
        empty.append(targets.empty_rows(part, asked.target))
        parts.append(with_target(part, asked, each)[0])
    rows = pd.concat(parts)
    found = targets.target(rows, asked.target, asked.task)
    columns = understood(some, asked)
    np.save(folder / "targets.npy", found.values)
    shown = described(some, columns, found)
    weights = weights_of(rows, asked.weights)
    if weights is not None:
        np.save(folder / "weights.npy", weights)
    dropped = int(np.concatenate(empty).sum())
    if dropped:
        np.save(folder / "is_kept.npy", ~np.concatenate(empty))
    looked = f"What its columns are is known from {len(some):,} rows, and verified when all are prepared."
    return {
        "names": names,
        "columns": [asdict(each) for each in columns],
        "target": {"names": found.names, "task": found.task, "classes": found.classes, "note": found.note},
        "parts": [len(part) for part in parts],
        "headings": shown.headings,
        "lines": shown.lines,
        "notes": [found.note, *notes_on(columns, dropped), looked],
        "warnings": [*warnings_on(columns), *warnings_of_rows(some, columns)],
    }


def _stretches(place: reading.Place) -> pd.DataFrame:
    """Returns some rows of a table: of a Parquet file from all over it, of a text the first."""
    import pandas as pd

    if not place.is_parquet:
        return next(reading.blocks(place, rows=BLOCK))
    import pyarrow.parquet as parquet

    with parquet.ParquetFile(place.file, pre_buffer=False) as file:
        groups = np.unique(np.linspace(0, file.num_row_groups - 1, _STRETCHES).round().astype(int))
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        return pd.concat([_stretch(file, int(group), sizes, BLOCK // len(groups)) for group in groups])


def _stretch(file: Any, group: int, sizes: Sequence[int], rows: int) -> pd.DataFrame:
    """Returns the first rows of a row group; their index is their place in the file."""
    found = reading.to_pandas(next(file.iter_batches(batch_size=rows, row_groups=[group])))
    first = sum(sizes[:group])
    found.index = range(first, first + len(found))
    return found
