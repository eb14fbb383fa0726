"""Which pictures there are and what each of them shows: from a folder for each class, or from a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runner.data import labels
from runner.data.labels import Labels
from runner.data.tables import reading
from runner.data.tables.reading import Place
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.suggestions import listed, nearest

PATH = "data.path"
ENDINGS = frozenset(
    f".{ending}"
    for ending in [
        "bmp",
        "gif",
        "jpe",
        "jpeg",
        "jpg",
        "pbm",
        "pgm",
        "png",
        "pnm",
        "ppm",
        "tif",
        "tiff",
        "webp",
    ]
)
# What a folder of a part may be called; the parts stand in this order.
_PARTS = (("train", "training"), ("validation", "valid", "val", "dev"), ("test", "testing"))


@dataclass(frozen=True)
class Found:
    """Pictures in the order of their rows: those to be divided, then the validation rows, then the test rows.

    Args:
        paths: of the files.
        labels: what is learnt of each.
        validation_rows: how many are the folder's own validation rows.
        test_rows: how many are the folder's own test rows.
        notes: what was found, a sentence each.
        warnings: what is probably a mistake, a sentence each.
    """

    paths: tuple[Path, ...]
    labels: Labels
    validation_rows: int = 0
    test_rows: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def in_folder(folder: Path) -> Found:
    """Returns the pictures of a folder that holds one for each class, or one for each part and in that one for each class.

    Raises:
        ConfigurationError: there are no two classes in it.
    """
    inner = _folders(folder)
    parts = _parts(inner)
    known = [{each.name: _pictures(each) for each in _folders(part)} for part in parts] or [
        {each.name: _pictures(each) for each in inner}
    ]
    counts = Counter({name: len(paths) for name, paths in known[0].items()})
    names = tuple(sorted(dict.fromkeys(name for part in known for name in part)))
    faults = [*_class_faults(folder, parts, names, counts), *_foreign(parts, known)]
    if faults:
        raise ConfigurationError(faults)
    rows = [(path, names.index(name)) for part in known for name in sorted(part) for path in part[name]]
    sizes = [sum(map(len, part.values())) for part in known] + [0, 0]
    targets = np.array([number for _, number in rows], np.int64)
    task: Task = "binary" if len(names) == 2 else "multiclass"
    told = f"{PATH}: {task}, {len(rows):,} pictures of {len(names)} classes ({listed(names, 8)})."
    return Found(
        tuple(path for path, _ in rows),
        Labels(task, names, targets, told),
        *_own_rows(parts, sizes),
        notes=(told, *_own_parts(parts, sizes)),
        warnings=(*_beside(folder, parts), *_few(counts)),
    )


def in_table(
    path: Path, *, image: str | None, target: str | None, task: Task | None, most_classes: int
) -> Found:
    """Returns the pictures that a table names, by paths from its own folder.

    Args:
        path: of the table, with a heading.
        image: the column of the paths.
        target: the column of what is learnt.
        task: what is predicted, or None to tell it from the column.
        most_classes: how many different whole numbers are classes at most, where ``task`` is None.

    Raises:
        ConfigurationError: a column, a path or a target is missing.
    """
    frame = reading.frame(Place(str(path)))
    columns = [str(name) for name in frame.columns]
    faults = [
        *_column_faults("data.image", image, columns),
        *_column_faults("data.target", target, columns),
    ]
    if faults:
        raise ConfigurationError(faults)
    frame = frame.dropna(how="all")
    empty = [
        (column, int(np.flatnonzero(frame[column].isna())[0]) + 2)
        for column in (str(image), str(target))
        if frame[column].isna().any()
    ]
    if empty or frame.empty:
        received = f"no {empty[0][0]} in line {empty[0][1]}" if empty else "no row"
        raise ConfigurationError([Fault(PATH, f"{path.name} must say the file and its target", received)])
    paths = tuple(path.parent / str(name) for name in frame[image])
    missing = [number for number, each in enumerate(paths) if not each.is_file()]
    if missing:
        rule = f"{path.name} names {len(missing)} of {len(paths)} pictures that are not there"
        received = f"{paths[missing[0]]} in line {missing[0] + 2}"
        remedy = f"Paths are taken from {path.parent}."
        raise ConfigurationError([Fault(PATH, rule, received, remedy=remedy)])
    column = frame[target]
    values = column.to_numpy(str) if column.dtype.kind not in "biuf" else column.to_numpy()
    known = labels.read(values, task=task, most_classes=most_classes, key="data.target")
    return Found(paths, known, notes=(known.note,))


def _column_faults(key: str, name: str | None, columns: Sequence[str]) -> Iterator[Fault]:
    if name is None:
        rule = f"must name the column of the {'paths' if key == 'data.image' else 'targets'}"
        yield Fault(key, rule, "null", remedy=f"Columns: {listed(columns)}.")
    elif name not in columns:
        yield Fault(
            key, "is no column of the table", name, nearest(name, columns), f"Columns: {listed(columns)}."
        )


def _folders(folder: Path) -> list[Path]:
    inner = sorted(folder.iterdir(), key=lambda each: each.name)
    return [each for each in inner if each.is_dir() and not each.name.startswith((".", "__"))]


def _pictures(folder: Path) -> tuple[Path, ...]:
    """Returns the pictures of a folder and of those in it, in the order of their names."""
    inside = sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix())
    return tuple(each for each in inside if _is_picture(each))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".") and path.is_file()


def _parts(folders: Sequence[Path]) -> list[Path]:
    """Returns the folders of training, validation and test rows, where there are no others and the first is there."""
    named = [[each for each in folders if each.name.lower() in names] for names in _PARTS]
    ordered = [each for part in named for each in part]
    return ordered if named[0] and len(ordered) == len(folders) == sum(map(bool, named)) else []


def _own_rows(parts: Sequence[Path], sizes: Sequence[int]) -> tuple[int, int]:
    """Returns how many validation rows and test rows the folders give."""
    own = {each.name.lower(): size for each, size in zip(parts, sizes, strict=False)}
    validation, test = (sum(own.get(name, 0) for name in names) for names in _PARTS[1:])
    return validation, test


def _own_parts(parts: Sequence[Path], sizes: Sequence[int]) -> Iterator[str]:
    if parts:
        told = listed(f"{each.name} ({size:,})" for each, size in zip(parts, sizes, strict=False))
        yield f"{PATH}: its folders are the parts: {told}."


def _class_faults(
    folder: Path, parts: Sequence[Path], names: Sequence[str], counts: Counter[str]
) -> Iterator[Fault]:
    where = parts[0] if parts else folder
    if not names:
        loose = len([each for each in where.iterdir() if _is_picture(each)])
        rule = f"{where} must hold a folder for each class, and has none"
        remedy = "Sort the pictures into one folder for each class, or name a table of paths and targets."
        yield Fault(PATH, rule, f"{loose} pictures" if loose else "no folder and no picture", remedy=remedy)
        return
    empty = [name for name in counts if not counts[name]]
    if empty:
        rule = f"must have a picture in every folder of a class, and {where / empty[0]} has none"
        received = f"{len(empty)} such folders" if len(empty) > 1 else None
        remedy = f"Remove the folder, or put pictures there: {listed(sorted(each[1:] for each in ENDINGS))}."
        yield Fault(PATH, rule, received, remedy=remedy)
    elif len(names) < 2:
        rule = "must hold at least two classes, or there is nothing to tell apart"
        yield Fault(PATH, rule, f"only {where / names[0]}")


def _foreign(parts: Sequence[Path], known: Sequence[dict[str, tuple[Path, ...]]]) -> Iterator[Fault]:
    for part, classes in zip(parts[1:], known[1:], strict=True):
        unknown = [name for name in classes if name not in known[0]]
        if unknown:
            rule = f"{part / unknown[0]} is a class that {parts[0]} has no pictures of"
            yield Fault(PATH, rule, suggestion=nearest(unknown[0], known[0]))
        elif not any(classes.values()):
            yield Fault(PATH, f"{part} must hold pictures of the classes, and has none")


def _beside(folder: Path, parts: Sequence[Path]) -> Iterator[str]:
    for each in parts or [folder]:
        loose = [path for path in each.iterdir() if _is_picture(path)]
        if loose:
            names = listed([path.name for path in loose], 3)
            yield f"{PATH}: {len(loose)} pictures lie in {each} beside the classes and are left out: {names}."


def _few(counts: Counter[Any]) -> Iterator[str]:
    single = [name for name, count in counts.items() if count == 1]
    if single:
        what = "has a single picture" if len(single) == 1 else "have a single picture each"
        yield f"{PATH}: {listed(single, 8)} {what}, so that it is in one part alone."
