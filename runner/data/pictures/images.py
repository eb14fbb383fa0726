"""Pictures of a person's own as a data set."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runner.data import paths
from runner.data.augmentation import Augmentation, Augmented
from runner.data.pictures import decoding, found
from runner.data.pictures.decoding import Colour, Fit, Look
from runner.data.pictures.store import Store, store
from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.quantities import PositiveCount

# Files of one size are compared by what they hold, if that is no more than this, so that a check stays a matter of a second.
_MOST_COMPARED_BYTES = 100_000_000

Stamps = tuple[tuple[int, int], ...]


def images(
    *,
    path: str | None,
    image: str | None,
    target: str | None,
    task: Literal["binary", "multiclass", "regression"] | None,
    most_classes: PositiveCount,
    size: list[PositiveCount] | None,
    colour: Literal["auto", "grey", "rgb"],
    fit: Literal["stretch", "crop", "pad"],
    memory_map: bool,
    augmentation: Component,
    seed: int,
) -> Source:
    """Pictures of your own: a folder for each class, in folders train, validation and test or not, or a table of paths.

    Args:
        path: the folder, or a table with a heading: CSV or the like.
        image: of a table the column of the paths, which are taken from the table's own folder.
        target: of a table the column of what is learnt.
        task: what is predicted; None to tell it from the targets.
        most_classes: how many different whole numbers of a table are classes at most.
        size: height and width in pixels to which every picture is brought; None where all are alike.
        colour: auto for rgb where any picture has colours.
        fit: how pictures of other proportions come to the size.
        memory_map: whether decoded pictures stay on the disk and are read as they are needed.
        augmentation: how training rows are changed.
        seed: of the experiment, from which the changes are drawn.

    Raises:
        ConfigurationError: the pictures are not there, or cannot be used so.
    """
    place = paths.existing(
        path, "data.path", "a folder with a folder of pictures for each class, or a table of paths"
    )
    changes = Augmentation(**augmentation.arguments)
    faults = [*_size_faults(size), *([] if place.is_file() else _table_faults(image, target))]
    if faults:
        raise ConfigurationError(faults)
    known = (
        found.in_table(place, image=image, target=target, task=task, most_classes=most_classes)
        if place.is_file()
        else found.in_folder(place)
    )
    looks, kept = _stored(
        place, known.paths, _stamps(known.paths), tuple(size) if size else None, colour, fit
    )

    def read() -> Arrays:
        pictures = kept.read(memory_map=memory_map)
        order = np.arange(len(pictures))
        rows = Augmented(pictures, order, changes, seed) if changes.is_on else pictures
        return rows, known.labels.targets

    shape = kept.form.shape
    told = f"data.path: {decoding.kinds(looks)}, each as {' x '.join(map(str, shape))} bytes."
    return Source(
        "images",
        known.labels.task,
        shape,
        known.labels.classes,
        len(known.paths),
        read,
        target_width=known.labels.width,
        validation_rows=known.validation_rows,
        test_rows=known.test_rows,
        files=kept,
        targets=lambda: known.labels.targets,
        notes=(*known.notes, told),
        warnings=known.warnings,
        alike=lambda: _alike(known.paths),
    )


@lru_cache(maxsize=4)
def _stored(
    place: Path,
    files: tuple[Path, ...],
    stamps: Stamps,
    size: tuple[int, int] | None,
    colour: Colour,
    fit: Fit,
) -> tuple[list[Look], Store]:
    """Returns what the pictures look like and where they are decoded to; a run asks that several times."""
    looks = decoding.looks(files)
    form = decoding.form(files, looks, size=size and list(size), colour=colour, fit=fit)
    return looks, store(place, files, stamps, form)


def _stamps(files: tuple[Path, ...]) -> Stamps:
    """Returns the size and the time of each file, by which it is seen that one changed."""
    return tuple((state.st_size, state.st_mtime_ns) for state in (path.stat() for path in files))


def _alike(files: tuple[Path, ...]) -> NDArray[np.int64]:
    """Returns a number for each file, the same for equal ones; what is too much to be read counts as different."""
    sizes = np.array([path.stat().st_size for path in files])
    _, places, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    (twins,) = np.nonzero(counts[places] > 1)
    if sizes[twins].sum() > _MOST_COMPARED_BYTES:
        return np.arange(len(files))
    contents = {place: hashlib.sha256(files[place].read_bytes()).digest() for place in twins.tolist()}
    numbers: dict[Any, int] = {}
    keys = (contents.get(place, place) for place in range(len(files)))
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _size_faults(size: list[int] | None) -> list[Fault]:
    if size is None or len(size) == 2:
        return []
    return [
        Fault("data.size", "must be height and width in pixels", str(size), remedy="Write data.size=[64,64].")
    ]


def _table_faults(image: str | None, target: str | None) -> list[Fault]:
    named = {"data.image": image, "data.target": target}
    rule = "names a column, and data.path is a folder, whose folders are the classes"
    return [Fault(key, rule, name) for key, name in named.items() if name is not None]
