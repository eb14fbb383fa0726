"""The digits as bytes, as the bytes of a mapped file and as numbers: one data set that stands in memory in three ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from runner.data import Arrays, Source, shipped


def digits(*, kept: str, folder: str) -> Source:
    """Returns the digits; their pixels from 0 to 16 are spread to 240, and the last pixel of all is always 7.

    Args:
        kept: "bytes", "mapped" or "numbers".
        folder: where the mapped file lies.
    """
    plain = shipped.digits()

    def read() -> Arrays:
        inputs, targets = plain.read()[:2]
        pixels = (inputs * 15).astype(np.uint8)
        pixels[:, -1, -1, -1] = 7
        if kept == "numbers":
            return pixels.astype(np.float64), targets
        if kept == "bytes":
            return pixels, targets
        path = Path(folder) / "pixels.npy"
        if not path.exists():
            np.save(path, pixels)
        return np.load(path, mmap_mode="r"), targets

    return Source(plain.name, plain.task, plain.input_shape, plain.classes, plain.rows, read)
