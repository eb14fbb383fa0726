"""Examples that are images: a folder of them, one, or a list of their paths in a text file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.layers import describe
from runner.prediction.records import Block, Examples, InputError, Wanted, refuse

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
LIST = ".txt"
FILE = "file"
# Pillow's words for the channels that a network takes.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Pictures(Examples):
    """Images, each turned to the size and the channels that the network takes; their files go along."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        import pyarrow as pa

        self.name = name
        self._wanted = wanted
        shape = wanted.shape
        if len(shape) != 3 or shape[-1] not in _MODES:
            refuse(name, f"has images, and the network takes examples of the shape {describe(shape)}")
        self._files = _files(name)
        self.rows = len(self._files)
        self.kept = {} if wanted.keep is not None and FILE not in wanted.keep else {FILE: pa.string()}
        size = _size(self._files[0])
        if size != shape[:2]:
            sides = describe(size)
            self.notes = (f"{self._files[0]} is {sides}: all images are resized to {describe(shape[:2])}.",)

    def blocks(self) -> Iterator[Block]:
        """Yields all images in their order, some at a time."""
        import pyarrow as pa

        for first in range(0, len(self._files), self._wanted.rows):
            files = self._files[first : first + self._wanted.rows]
            kept = {FILE: pa.array([str(file) for file in files])} if self.kept else {}
            yield Block(np.stack([self._pixels(file) for file in files]), kept)

    def _pixels(self, file: Path) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps, UnidentifiedImageError

        height, width, channels = self._wanted.shape
        try:
            with Image.open(file) as image:
                turned = ImageOps.exif_transpose(image).convert(_MODES[channels])
                if turned.size != (width, height):
                    turned = turned.resize((width, height), Image.Resampling.BILINEAR)
                return np.asarray(turned, np.uint8).reshape(self._wanted.shape)
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: is no image that can be read: {error}") from error


def _files(name: str) -> list[Path]:
    """Returns the images of a folder by their names, of a list in its order, or the one that is named."""
    path = Path(name)
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in ENDINGS and each.is_file())
        if not found:
            refuse(name, "has no image", remedy=f"Images end in {', '.join(ENDINGS)}.")
        return found
    if not path.is_file():
        refuse(name, "there is no such file")
    if path.suffix.lower() != LIST:
        return [path]
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except UnicodeDecodeError:
        refuse(name, "must be a text with the path of an image on each line")
    # A path in a list is meant from where the list lies.
    listed = [path.parent / line for line in lines]
    if not listed:
        refuse(name, "is empty", remedy="It needs the path of an image on each line.")
    for place, each in enumerate(listed):
        if not each.is_file():
            refuse(name, f"line {place + 1} names a file that is not there", lines[place])
    return listed


def _size(file: Path) -> tuple[int, int]:
    """Returns height and width, before an image is turned upright."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            return image.height, image.width
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        refuse(str(file), f"is no image that can be read: {error}")
