"""Examples in files of arrays: NumPy's npy and npz, and safetensors. Nothing in them is ever unpickled."""

from __future__ import annotations

import math
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.layers import Shape, describe
from runner.prediction.records import Block, Examples, InputError, Wanted, refuse
from runner.suggestions import listed

if TYPE_CHECKING:
    import pyarrow as pa

# What the inputs are called where a file has several arrays; otherwise the only one is meant.
_INPUTS = ("inputs", "x", "X", "x_test", "images", "data")
_NUMBERS = "biuf"


class Stored(ABC):
    """An array in a file, of which some rows after the others are read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @abstractmethod
    def blocks(self, rows: int) -> Iterator[NDArray[Any]]:
        """Yields all rows in their order, so many at a time."""


class Arrays(Examples):
    """Rows of one array of a file; further arrays of one number or text for each row go along."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name
        self._wanted = wanted
        path = Path(name)
        if not path.is_file():
            refuse(name, "there is no such file" if not path.exists() else "is no file")
        try:
            arrays = _OPENERS[path.suffix.lower()](path)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
            refuse(name, f"cannot be read: {_reason(error)}")
        inputs = _inputs(name, arrays)
        self._inputs = arrays[inputs]
        _require(name, self._inputs, wanted.shape)
        self.rows = self._inputs.shape[0]
        self._kept = _kept(name, arrays, inputs, self.rows, wanted)
        self.kept = {column: _arrow_type(each.dtype) for column, each in self._kept.items()}

    def blocks(self) -> Iterator[Block]:
        """Yields all rows in their order, some at a time."""
        import pyarrow as pa

        rows, first = self._wanted.rows, 1
        others = {column: each.blocks(rows) for column, each in self._kept.items()}
        try:
            for block in self._inputs.blocks(rows):
                examples = block.reshape(len(block), *self._wanted.shape)
                if block.dtype.kind == "f" and not np.isfinite(block).all():
                    row = first + int(np.argwhere(~np.isfinite(block))[0][0])
                    raise InputError(f"{self.name}: row {row} has a number that is not finite")
                yield Block(examples, {column: pa.array(next(each)) for column, each in others.items()})
                first += len(block)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{self.name}: cannot be read after row {first - 1}: {_reason(error)}"
            ) from error


class _NumPy(Stored):
    """An array in NumPy's format, in a file of its own or in an archive."""

    def __init__(self, path: Path, member: str | None) -> None:
        self._path = path
        self._member = member
        with self._opened() as file:
            self._skip_header(file)

    def blocks(self, rows: int) -> Iterator[NDArray[Any]]:
        size = math.prod(self.shape[1:])
        with self._opened() as file:
            self._skip_header(file)
            for first in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - first)
                content = file.read(count * size * self.dtype.itemsize)
                block = np.frombuffer(content, self.dtype)
                yield block.reshape(count, *self.shape[1:])

    def _opened(self) -> IO[bytes]:
        if self._member is None:
            return self._path.open("rb")
        return zipfile.ZipFile(self._path).open(self._member)

    def _skip_header(self, file: IO[bytes]) -> None:
        formats = np.lib.format
        version = formats.read_magic(file)
        read = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        self.shape, by_columns, self.dtype = read(file)
        if self.dtype.hasobject:
            raise ValueError("it has objects, which only a pickle could hold, and a pickle may do anything")
        if by_columns and len(self.shape) > 1:
            raise ValueError("its rows are not one after the other; save numpy.ascontiguousarray of it")


class _Tensor(Stored):
    """An array of a safetensors file."""

    def __init__(self, path: Path, name: str) -> None:
        from safetensors import safe_open

        self._part = safe_open(path, framework="numpy").get_slice(name)
        self.shape = tuple(self._part.get_shape())
        self.dtype = self._part[:0].dtype if self.shape else np.dtype(np.float64)

    def blocks(self, rows: int) -> Iterator[NDArray[Any]]:
        for first in range(0, self.shape[0], rows):
            yield self._part[first : first + rows]


def _npy(path: Path) -> Mapping[str, Stored]:
    return {path.stem: _NumPy(path, None)}


def _npz(path: Path) -> Mapping[str, Stored]:
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.namelist() if each.endswith(".npy")]
    return {member.removesuffix(".npy"): _NumPy(path, member) for member in members}


def _safetensors(path: Path) -> Mapping[str, Stored]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: _Tensor(path, name) for name in file.keys()}  # noqa: SIM118  # No mapping.
    except (SafetensorError, TypeError) as error:
        raise ValueError(str(error)) from error


_OPENERS = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
ENDINGS = tuple(_OPENERS)


def _inputs(name: str, arrays: Mapping[str, Stored]) -> str:
    """Returns the name of the array that has the examples."""
    if len(arrays) == 1:
        return next(iter(arrays))
    found = [each for each in _INPUTS if each in arrays]
    if not found:
        rule = f"must have one array, or call the examples {_INPUTS[0]}"
        refuse(name, rule, listed(arrays) or "none")
    return found[0]


def _require(name: str, stored: Stored, shape: Shape) -> None:
    """Refuses an array of another shape than the network takes; a last side of 1 may be left out, or all in a row."""
    if stored.dtype.kind not in _NUMBERS:
        refuse(name, "must have numbers", str(stored.dtype))
    one = stored.shape[1:]
    flat = (math.prod(shape),)
    allowed = {shape, flat, shape[:-1] if shape[-1] == 1 and len(shape) > 1 else shape}
    if not stored.shape or one not in allowed:
        refuse(name, f"must have the shape rows x {describe(shape)}", describe(stored.shape) or "one number")
    if stored.shape[0] == 0:
        refuse(name, "has no rows")


def _kept(
    name: str, arrays: Mapping[str, Stored], inputs: str, rows: int, wanted: Wanted
) -> dict[str, Stored]:
    from runner.prediction.tabular import raise_unknown

    others = {each: array for each, array in arrays.items() if each != inputs}
    fitting = {
        each: array
        for each, array in others.items()
        if array.shape == (rows,) and array.dtype.kind in _NUMBERS + "US"
    }
    if wanted.keep is None:
        return fitting
    unknown = [each for each in wanted.keep if each not in fitting]
    if unknown:
        raise_unknown(unknown, fitting, f"Of one value for each row are {listed(fitting) or 'none'}.")
    return {each: fitting[each] for each in wanted.keep}


def _arrow_type(dtype: np.dtype[Any]) -> pa.DataType:
    import pyarrow as pa

    if dtype.kind == "U":
        return pa.string()
    return pa.binary() if dtype.kind == "S" else pa.from_numpy_dtype(dtype)


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
