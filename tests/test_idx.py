"""IDX files: what is read from sound ones, and how each kind of damage is named."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mirrors import idx_file
from numpy.typing import NDArray

from runner.data import idx

IMAGES: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
SOUND = idx_file(IMAGES)
DIGEST = hashlib.sha256(SOUND).hexdigest()


def read(path: Path, sha256: str | None = None, shape: tuple[int, ...] = IMAGES.shape) -> NDArray[np.uint8]:
    into = np.zeros(shape, np.uint8)
    idx.read(path, into, sha256)
    return into


def test_the_header_is_that_of_the_published_files() -> None:
    """The first 16 bytes of MNIST's training images, as its authors write them down."""
    zeros = np.zeros((60000, 28, 28), np.uint8)
    assert idx_file(zeros)[:16].hex() == "000008030000ea600000001c0000001c"


@pytest.mark.parametrize("digest", [None, DIGEST])
def test_a_sound_file_is_read_packed_or_not(tmp_path: Path, digest: str | None) -> None:
    plain, packed = tmp_path / "images", tmp_path / "images.gz"
    plain.write_bytes(SOUND)
    packed.write_bytes(gzip.compress(SOUND))
    for path in (plain, packed):
        np.testing.assert_array_equal(read(path, digest), IMAGES)


def test_a_file_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    long = np.random.default_rng(1).integers(0, 256, 3_000_001).astype(np.uint8)
    (tmp_path / "long.gz").write_bytes(gzip.compress(idx_file(long), 1))
    np.testing.assert_array_equal(read(tmp_path / "long.gz", shape=long.shape), long)


def test_a_part_of_a_larger_array_is_filled_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(SOUND)
    whole = np.full((9, *IMAGES.shape[1:], 1), 255, np.uint8)
    idx.read(tmp_path / "images", whole[1:8, ..., 0], DIGEST)
    np.testing.assert_array_equal(whole[1:8, ..., 0], IMAGES)
    assert (whole[[0, 8]] == 255).all()


def header(kind: int, *sizes: int) -> bytes:
    return struct.pack(f">HBB{len(sizes)}I", 0, kind, len(sizes), *sizes)


DAMAGES = {
    "empty": (b"", "is no IDX file: it begins with nothing"),
    "three bytes": (SOUND[:3], "is no IDX file: it begins with 00 00 08"),
    "a page": (b"<html>Moved</html>", "is no IDX file: it begins with 3c 68 74 6d"),
    "packed twice": (gzip.compress(SOUND), "is no IDX file: it begins with 1f 8b 08"),
    "no type": (header(7, 7, 5, 3) + SOUND[16:], "is no IDX file: it begins with 00 00 07 03"),
    "half a header": (SOUND[:11], "is cut off inside its header"),
    "other numbers": (header(0x0D, 7, 5, 3), "says that it holds 7 x 5 x 3 of float32"),
    "fewer rows": (header(8, 6, 5, 3), "must hold 7 x 5 x 3 .* says that it holds 6 x 5 x 3 of uint8"),
    "far too many": (header(8, 2**32 - 1, 5, 3), "says that it holds 4294967295 x 5 x 3 of"),
    "labels": (header(8, 7) + bytes(7), "says that it holds an array of rank 1"),
    "more labels": (header(8, 99) + bytes(99), "says that it holds an array of rank 1"),
    "more sides": (header(8, 7, 5, 3, 1) + bytes(105), "says that it holds an array of rank 4"),
    "header alone": (SOUND[:16], "is cut off: it ends after 0 of its 105 numbers"),
    "cut off": (SOUND[:-1], "is cut off: it ends after 104 of its 105 numbers"),
    "trailing": (SOUND + b"\0", "goes on after its 105 numbers"),
    "another byte": (SOUND[:-1] + bytes([SOUND[-1] ^ 4]), "has other bytes than were published"),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(tmp_path: Path, damage: str, pack: Callable[[bytes], bytes]) -> None:
    content, words = DAMAGES[damage]
    path = tmp_path / ("images" if pack is bytes else "images.gz")
    path.write_bytes(pack(content))
    with pytest.raises(idx.DamagedFile, match=words):
        read(path, DIGEST)


PACKED = gzip.compress(SOUND, mtime=0)
PACKED_DAMAGES = {
    "not packed": SOUND,
    "cut off": PACKED[:-12],
    "without its end": PACKED[:-8],
    "another byte": PACKED[:40] + bytes([PACKED[40] ^ 255]) + PACKED[41:],
    "another checksum": PACKED[:-8] + bytes(4) + PACKED[-4:],
}


@pytest.mark.parametrize("damage", PACKED_DAMAGES)
def test_what_cannot_be_unpacked_is_named_even_without_a_digest(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(PACKED_DAMAGES[damage])
    with pytest.raises(idx.DamagedFile, match="cannot be unpacked: "):
        read(path)
