"""From the file of a picture to bytes, grey or red, green and blue, upright and of one size."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.errors import ConfigurationError, Fault
from runner.suggestions import listed

Colour = Literal["auto", "grey", "rgb"]
Fit = Literal["stretch", "crop", "pad"]
Bytes = NDArray[np.uint8]

PATH = "data.path"
# What turns a picture lying on its side upright.
_ORIENTATION = 0x0112
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})
_GREY = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L"})
_COLOURED = frozenset({"RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "HSV"})
# A byte has 255 steps, a number of 16 bits 257 times as many.
_DEEP = 257


@dataclass(frozen=True)
class Look:
    """What a file says of its picture.

    Args:
        height: in pixels, upright.
        width: in pixels, upright.
        mode: how Pillow calls its kind of pixels.
    """

    height: int
    width: int
    mode: str


@dataclass(frozen=True)
class Form:
    """What every picture is brought to.

    Args:
        height: in pixels.
        width: in pixels.
        coloured: red, green and blue, or grey.
        fit: how a picture of other proportions comes to the size.
    """

    height: int
    width: int
    coloured: bool
    fit: Fit

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, 3 if self.coloured else 1


def looks(paths: Sequence[Path]) -> list[Look]:
    """Returns what each file says of its picture, without decoding it.

    Raises:
        ConfigurationError: one is no picture, or of a kind that cannot be used.
    """
    with _quiet():
        return list(_each(_look, paths))


def form(
    paths: Sequence[Path], known: Sequence[Look], *, size: list[int] | None, colour: Colour, fit: Fit
) -> Form:
    """Returns what all pictures are brought to.

    Args:
        paths: of the files.
        known: what each file says.
        size: height and width in pixels, or None where all are alike.
        colour: "grey", "rgb", or "auto" for rgb where any picture has colours.
        fit: how a picture of other proportions comes to the size.

    Raises:
        ConfigurationError: there is no size, and they are not alike.
    """
    coloured = colour == "rgb" or (colour == "auto" and any(look.mode in _COLOURED for look in known))
    if size is not None:
        return Form(size[0], size[1], coloured, fit)
    sizes = Counter((look.height, look.width) for look in known)
    (height, width), _ = sizes.most_common(1)[0]
    if len(sizes) > 1:
        other = next(n for n, look in enumerate(known) if (look.height, look.width) != (height, width))
        rule = "must be given, height and width, because the pictures are not of one size"
        received = (
            f"{len(sizes)} sizes; most are {height} x {width}, and {paths[other]}"
            f" is {known[other].height} x {known[other].width}"
        )
        remedy = f"Write data.size=[{height},{width}] to bring all to that."
        raise ConfigurationError([Fault("data.size", rule, received, remedy=remedy)])
    return Form(height, width, coloured, fit)


def decoded(paths: Sequence[Path], wanted: Form) -> Iterator[Bytes]:
    """Yields each picture, (height, width, channels), as several threads decode them.

    Raises:
        ConfigurationError: one is damaged.
    """
    with _quiet():
        yield from _each(lambda path: _decoded(path, wanted), paths)


def _each(function: Callable[[Path], Any], paths: Sequence[Path]) -> Iterator[Any]:
    """Yields what a function makes of each path, in their order; Pillow frees the interpreter while it decodes."""
    block = 512
    with ThreadPoolExecutor() as threads:
        for first in range(0, len(paths), block):
            yield from threads.map(function, paths[first : first + block])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Pillow, which warns of large pictures and of odd notes in sound files; a process has one such setting."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a picture; what Pillow has against it becomes a sentence.

    Raises:
        ConfigurationError: it is no picture, or damaged.
    """
    from PIL import Image, UnidentifiedImageError

    if path.stat().st_size == 0:
        raise _refused(path, "is an empty file")
    try:
        with Image.open(path) as image:
            yield image
    except UnidentifiedImageError as error:
        raise _refused(path, "is no picture that can be read") from error
    except Image.DecompressionBombError as error:
        raise _refused(path, "has too many pixels to be decoded safely") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise _refused(path, f"is damaged: {str(error).strip().rstrip('.')}") from error


def _refused(path: Path, reason: str) -> ConfigurationError:
    remedy = "Put a sound copy in its place, or take it away."
    return ConfigurationError([Fault(PATH, f"{path} {reason}", remedy=remedy)])


def _look(path: Path) -> Look:
    with _opened(path) as image:
        width, height = image.size
        lies = image.getexif().get(_ORIENTATION) in _ON_ITS_SIDE
        mode = str(image.mode)
    if mode not in _GREY | _COLOURED:
        kinds = "grey of 8 or 16 bits, palette, RGB, CMYK and YCbCr, with or without transparency"
        rule = f"{path} has pixels of a kind that cannot be shown as bytes"
        raise ConfigurationError(
            [Fault(PATH, rule, f"mode {mode}", remedy=f"Convert it; known are {kinds}.")]
        )
    return Look(width, height, mode) if lies else Look(height, width, mode)


def _decoded(path: Path, wanted: Form) -> Bytes:
    from PIL import Image, ImageOps

    with _opened(path) as image:
        if image.format == "JPEG":
            # It may be decoded at a half or a quarter of its size, as long as that is still more than is wanted.
            image.draft(None, (2 * max(wanted.shape[:2]),) * 2)
        upright = _plain(ImageOps.exif_transpose(image), path, wanted.coloured)
    sides = wanted.width, wanted.height
    if upright.size != sides:
        smooth = Image.Resampling.BILINEAR
        if wanted.fit == "stretch":
            upright = upright.resize(sides, smooth)
        else:
            upright = (ImageOps.fit if wanted.fit == "crop" else ImageOps.pad)(upright, sides, smooth)
    return np.asarray(upright, np.uint8).reshape(wanted.shape)


def _plain(image: Any, path: Path, coloured: bool) -> Any:
    """Returns a picture as bytes of grey or of red, green and blue; what is transparent lies on white."""
    from PIL import Image

    if image.mode.startswith("I"):
        deep = np.asarray(image)
        if deep.min() < 0 or deep.max() > _DEEP * 255:
            raise _refused(path, f"has pixels from {deep.min()} to {deep.max()}, more than 16 bits hold")
        image = Image.fromarray((deep // _DEEP).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image.convert("RGB" if coloured else "L")


def kinds(known: Sequence[Look]) -> str:
    """Returns how many pictures there are of each kind of pixels, in words."""
    return listed(f"{count:,} {mode}" for mode, count in Counter(look.mode for look in known).most_common())
