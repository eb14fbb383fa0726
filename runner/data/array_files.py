"""Arrays in files of NumPy and of safetensors, mapped from the disk where the format allows it; never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.errors import ConfigurationError, Fault
from runner.suggestions import listed

ENDINGS = (".npy", ".npz", ".safetensors")
# The name of the only array of a file without names.
ONLY = ""

_TYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
# Where the length of a name and of what follows it stand in the head of a member of a zip file.
_HEAD = 30


def arrays(path: Path, key: str) -> Mapping[str, NDArray[Any]]:
    """Returns the arrays of a file by their names; that of an ``.npy`` file has none.

    Args:
        path: of the file.
        key: the config key that names it.

    Raises:
        ConfigurationError: it is of another kind, damaged, or holds Python objects.
    """
    readers = {".npy": _npy, ".npz": _npz, ".safetensors": _safetensors}
    reader = readers.get(path.suffix.lower())
    if path.is_dir() or reader is None:
        rule = f"must name a file of the kinds {listed(ENDINGS)}"
        remedy = "Save NumPy arrays by np.savez(path, inputs=..., targets=...)."
        raise ConfigurationError(
            [Fault(key, rule, "a folder" if path.is_dir() else path.name, remedy=remedy)]
        )
    try:
        found = reader(path)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _refusal(path, key, error) from error
    strange = [name for name, array in found.items() if array.dtype.kind not in "biufU"]
    if strange:
        rule = f"{strange[0] or path.name} must hold numbers, truth values or words"
        raise ConfigurationError([Fault(key, rule, f"values of type {found[strange[0]].dtype}")])
    return found


def _refusal(path: Path, key: str, error: Exception) -> ConfigurationError:
    text = str(error).strip().rstrip(".") or type(error).__name__
    if "pickle" in text or "object" in text.lower():
        rule = (
            f"{path.name} holds Python objects, which are read as a pickle, and a pickle can run any program"
        )
        remedy = "Save plain arrays: rows of one length, made by np.array(rows, float) or padded to it."
        return ConfigurationError([Fault(key, rule, remedy=remedy)])
    return ConfigurationError([Fault(key, f"{path.name} is damaged or of another kind: {text}")])


def _npy(path: Path) -> dict[str, NDArray[Any]]:
    with path.open("rb") as file:
        return {ONLY: _mapped(path, file)}


def _npz(path: Path) -> dict[str, NDArray[Any]]:
    found = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if member.compress_type == zipfile.ZIP_STORED:
                file.seek(member.header_offset + _HEAD - 4)
                lengths = file.read(4)
                inside = int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
                file.seek(member.header_offset + _HEAD + inside)
                found[name] = _mapped(path, file)
            else:
                with archive.open(member) as content:
                    found[name] = np.lib.format.read_array(content, allow_pickle=False)
    return found


def _mapped(path: Path, file: IO[bytes]) -> NDArray[Any]:
    """Returns the array whose header begins where a file stands."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("Python objects")
    if 0 in shape:
        return np.empty(shape, dtype)
    order: Literal["F", "C"] = "F" if fortran else "C"
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", file.tell(), shape, order)
    return mapped


def _safetensors(path: Path) -> dict[str, NDArray[Any]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError("its header is longer than the file")
        header = json.loads(file.read(length))
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _TYPES:
            raise ValueError(f"{name} is of type {entry['dtype']}, which NumPy does not have; save it as F32")
        shape, dtype = tuple(entry["shape"]), np.dtype(_TYPES[entry["dtype"]])
        begin, end = entry["data_offsets"]
        if end - begin != dtype.itemsize * int(np.prod(shape)) or 8 + length + end > size:
            raise ValueError(f"it ends before its array {name} does")
        if begin == end:
            found[name] = np.empty(shape, dtype)
        else:
            found[name] = np.memmap(path, dtype, "r", 8 + length + begin, shape)
    return found
