"""Examples that are images: a folder of them, one, or a list of their paths in a text file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from runner.data.pictures.decoding import Form, decoded, looks
from runner.errors import ConfigurationError, UsageError
from runner.layers import describe
from runner.prediction.records import INPUT, Block, Examples, InputError, Wanted, refuse

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
LIST = ".txt"
FILE = "file"
_GREY, _COLOURED = 1, 3


class Pictures(Examples):
    """Images, each turned to the size and the channels that the network takes; their files go along."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        import pyarrow as pa

        self.name = name
        self._wanted = wanted
        shape = wanted.shape
        if len(shape) != 3 or shape[-1] not in (_GREY, _COLOURED):
            refuse(name, f"has images, and the network takes examples of the shape {describe(shape)}")
        self._files = _files(name)
        self.rows = len(self._files)
        self.kept = {} if wanted.keep is not None and FILE not in wanted.keep else {FILE: pa.string()}
        size = _size(self._files[0])
        if size != shape[:2]:
            sides = describe(size)
            self.notes = (f"{self._files[0]} is {sides}: all images are resized to {describe(shape[:2])}.",)

    def blocks(self) -> Iterator[Block]:
        """Yields all images in their order, some at a time, decoded as those of a training are."""
        import pyarrow as pa

        height, width, channels = self._wanted.shape
        form = Form(height, width, channels == _COLOURED, self._wanted.fit)
        for first in range(0, len(self._files), self._wanted.rows):
            files = self._files[first : first + self._wanted.rows]
            kept = {FILE: pa.array([str(file) for file in files])} if self.kept else {}
            try:
                pixels = np.stack(list(decoded(files, form)))
            except ConfigurationError as error:
                raise InputError(error.faults[0].rule) from error
            yield Block(pixels, kept)


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
    """Returns height and width."""
    try:
        (look,) = looks([file])
    except ConfigurationError as error:
        # There it is the key of a training's data that has a fault.
        faults = [replace(fault, key=INPUT) for fault in error.faults]
        raise UsageError(faults) from error
    return look.height, look.width
