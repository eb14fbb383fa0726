"""IDX files, the format that MNIST came in, packed by gzip or not: one array of numbers behind a short header."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from runner.layers import describe

PACKED = ".gz"

_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_BLOCK = 1 << 20


class DamagedFile(ValueError):
    """A file is not what it should be; the message says what is wrong with it, as a clause."""


def read(path: Path, into: NDArray[np.uint8], sha256: str | None) -> None:
    """Fills an array with the numbers of a file: two zeros, a type, the number of sizes, the sizes, the numbers.

    Args:
        path: of the file; where its name ends in ``.gz`` it is unpacked on the way.
        into: a contiguous array of the shape that the file must have.
        sha256: of the whole unpacked file, in hexadecimal, or None where it is not known.

    Raises:
        DamagedFile: the file has another header, too few bytes or too many, other bytes, or cannot be unpacked.

    Source: LeCun, Cortes and Burges, 1998.
    """
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix == PACKED else path.open("rb") as file:
            digest = _fill(file, into)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DamagedFile(f"cannot be unpacked: {str(error).rstrip('.')}") from error
    if sha256 is not None and digest != sha256:
        raise DamagedFile("has other bytes than were published: its SHA-256 differs")


def _fill(file: BinaryIO, into: NDArray[np.uint8]) -> str:
    """Returns the digest of what was read."""
    expected = _header(into.shape)
    header = file.read(len(expected))
    if header != expected:
        raise DamagedFile(_difference(header, into.shape))
    digest = hashlib.sha256(header)
    rest = into.reshape(-1).data
    filled = 0
    while filled < len(rest):
        count = file.readinto(rest[filled : filled + _BLOCK])  # type: ignore[attr-defined]  # Both kinds have it.
        if not count:
            raise DamagedFile(f"is cut off: it ends after {filled:,} of its {len(rest):,} numbers")
        digest.update(rest[filled : filled + count])
        filled += count
    if file.read(1):
        raise DamagedFile(f"goes on after its {len(rest):,} numbers")
    return digest.hexdigest()


def _header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, 0x08, len(shape), *shape)


def _difference(header: bytes, shape: tuple[int, ...]) -> str:
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in _TYPES:
        return f"is no IDX file: it begins with {header[:4].hex(' ') or 'nothing'}"
    if header[3] != len(shape):
        return f"must hold {describe(shape)} numbers of uint8, and says that it holds an array of rank {header[3]}"
    if len(header) < len(_header(shape)):
        return "is cut off inside its header"
    found = describe(struct.unpack_from(f">{len(shape)}I", header, 4))
    return (
        f"must hold {describe(shape)} numbers of uint8, and says that it holds {found} of {_TYPES[header[2]]}"
    )
