"""Pictures shown a little otherwise in every epoch: drawn from the seed, so that every backend sees the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data.on_demand import Indices, OnDemand
from runner.quantities import Angle, Count, Share, UnitInterval
from runner.randomness import generator

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Fill = Literal["edge", "black"]

# What each picture of an epoch is drawn: two flips, two shifts, the size and the two places of a crop, the angle.
_DRAWS = 8


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How training rows are changed, each picture otherwise in every epoch; validation and test rows never are.

    Args:
        flip: probability that a picture is mirrored, left to right.
        vertical_flip: probability that it is turned upside down.
        shift: pixels by which it moves at most, in either direction of height and of width.
        crop: smallest share of its sides that is cut out, at a random place, and brought to the whole size; 1 for none.
        rotate: degrees by which it turns at most, either way.
        fill: what stands where there was no picture: its nearest pixel, or black.
    """

    flip: UnitInterval
    vertical_flip: UnitInterval
    shift: Count
    crop: Share
    rotate: Angle
    fill: Fill

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return bool(self.flip or self.vertical_flip or self.shift or self.crop < 1 or self.rotate)

    @property
    def keeps_pixels(self) -> bool:
        """Whether pixels only change their places."""
        return self.crop == 1 and self.rotate == 0


class Augmented(OnDemand):
    """Pictures that are augmented where they are learnt from; what happens to each is drawn by (seed, epoch, row).

    Args:
        pictures: all rows, in memory or mapped, (rows, height, width, channels).
        order: the numbers of those that are meant, (rows,).
        augmentation: what may happen to them.
        seed: of the experiment.
    """

    def __init__(self, pictures: Bytes, order: Indices, augmentation: Augmentation, seed: int) -> None:
        super().__init__((len(order), *pictures.shape[1:]), pictures.dtype)
        self._pictures = pictures
        self._order = order
        self._augmentation = augmentation
        self._seed = seed

    def rows(self, numbers: Indices) -> NDArray[Any]:
        """Returns the pictures of these numbers from 0, as they are."""
        taken: NDArray[Any] = self._pictures[self._order[numbers]]
        return taken

    def part(self, numbers: Indices) -> Augmented:
        """Returns only the rows of these numbers, in their order."""
        return Augmented(self._pictures, self._order[numbers], self._augmentation, self._seed)

    def training(self, numbers: Indices, epoch: int) -> NDArray[Any]:
        """Returns the pictures of these numbers as they are learnt from in an epoch, numbered from 0."""
        draws = _draws(self._seed, epoch, len(self._pictures))
        return augmented(self.rows(numbers), draws[self._order[numbers]], self._augmentation)


@lru_cache(maxsize=2)
def _draws(seed: int, epoch: int, rows: int) -> Floats:
    """Returns the numbers in [0, 1) of every row of an epoch, so that no batch and no order has a part in them."""
    return generator(seed, "augmentation", epoch).uniform((rows, _DRAWS))


def augmented(pictures: Bytes, draws: Floats, augmentation: Augmentation) -> Bytes:
    """Returns pictures after what was drawn for them.

    A pixel at p from the middle of the new picture shows the old one at m + t + s R F p: F mirrors, R turns by the angle,
    s is the share of the sides that a crop keeps, t its place and the shift, m the middle.

    Args:
        pictures: (rows, height, width, channels).
        draws: numbers in [0, 1), (rows, 8).
        augmentation: what may happen to them.
    """
    height, width = pictures.shape[1:3]
    vertical, mirror, down, right, size, top, left, turn = draws.T[:, :, None, None]
    share = augmentation.crop + (1 - augmentation.crop) * size
    places = 2 * augmentation.shift + 1
    rows = np.where(vertical < augmentation.vertical_flip, -share, share) * _from_middle(height)[:, None]
    columns = np.where(mirror < augmentation.flip, -share, share) * _from_middle(width)
    if augmentation.rotate:
        angle = np.deg2rad(augmentation.rotate) * (2 * turn - 1)
        rows, columns = (
            np.cos(angle) * rows - np.sin(angle) * columns,
            np.sin(angle) * rows + np.cos(angle) * columns,
        )
    rows = rows + (height - 1) / 2 + (1 - share) * height * (top - 0.5)
    columns = columns + (width - 1) / 2 + (1 - share) * width * (left - 0.5)
    rows = rows - (np.floor(down * places) - augmentation.shift)
    columns = columns - (np.floor(right * places) - augmentation.shift)
    sample = _picked if augmentation.keeps_pixels else resampled
    return sample(pictures, rows, columns, augmentation.fill)


def resampled(pictures: Bytes, rows: Floats, columns: Floats, fill: Fill) -> Bytes:
    """Returns what pictures show at places between their pixels, to the nearest whole number.

    sum over the four pixels around of (1 - |row - r|) (1 - |column - c|) pixel(r, c), which is bilinear interpolation.

    Args:
        pictures: (rows, height, width, channels).
        rows: the places, (rows, new height, new width), or of sides that repeat 1.
        columns: the same.
        fill: what stands outside: the nearest pixel, or black.
    """
    framed, rows, columns = _framed(pictures, rows, columns, fill)
    above, before = np.floor(rows), np.floor(columns)
    below, behind = (rows - above).astype(np.float32), (columns - before).astype(np.float32)
    first, second = above.astype(np.int32), before.astype(np.int32)
    mixed: NDArray[np.float32] = np.float32(0)  # type: ignore[assignment]  # What the four are added to.
    for row, share_of_row in ((first, 1 - below), (first + 1, below)):
        for column, share_of_column in ((second, 1 - behind), (second + 1, behind)):
            mixed = mixed + _at(framed, row, column) * (share_of_row * share_of_column)[..., None]
    return np.rint(mixed).astype(np.uint8)


def _picked(pictures: Bytes, rows: Floats, columns: Floats, fill: Fill) -> Bytes:
    """Returns the same where every place is that of a pixel."""
    framed, rows, columns = _framed(pictures, rows, columns, fill)
    return _at(framed, np.rint(rows).astype(np.int32), np.rint(columns).astype(np.int32))


def _framed(pictures: Bytes, rows: Floats, columns: Floats, fill: Fill) -> tuple[Bytes, Floats, Floats]:
    """Returns pictures with a frame of one pixel before them and two behind, and the places in these, none outside."""
    height, width = pictures.shape[1:3]
    frame = ((0, 0), (1, 2), (1, 2), (0, 0))
    if fill == "edge":
        framed, least = np.pad(pictures, frame, mode="edge"), 0.0
    else:
        framed, least = np.pad(pictures, frame), -1.0
    ends = (height - 1 - least, width - 1 - least)
    return framed, np.clip(rows, least, ends[0]) + 1, np.clip(columns, least, ends[1]) + 1


def _at(framed: Bytes, rows: NDArray[np.int32], columns: NDArray[np.int32]) -> Bytes:
    """Returns the pixels at (row, column) of each picture."""
    count, height, width, channels = framed.shape
    first = np.arange(count, dtype=np.int64)[:, None, None] * (height * width)
    pixels: Bytes = framed.reshape(-1, channels).take(first + rows * np.int32(width) + columns, axis=0)
    return pixels


def _from_middle(length: int) -> Floats:
    return np.arange(length, dtype=np.float64) - (length - 1) / 2
