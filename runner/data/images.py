"""Images that are downloaded: MNIST, and Fashion-MNIST in the same form."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.data import idx
from runner.data.files import File, Files, cache, locked
from runner.data.records import Arrays, Source

Images = NDArray[np.uint8]

_TRAINING, _TEST = 60_000, 10_000
_SIDE = 28

# The SHA-256 of the packed files on the mirrors, and of their unpacked bytes.
_MNIST = (
    File(
        "train-images-idx3-ubyte",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    File(
        "train-labels-idx1-ubyte",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    File(
        "t10k-images-idx3-ubyte",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    File(
        "t10k-labels-idx1-ubyte",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# The SHA-256 of the packed files, whose MD5 stand in the data set's own README; of unpacked bytes none is published.
_FASHION = (
    File("train-images-idx3-ubyte", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", None),
    File("train-labels-idx1-ubyte", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", None),
    File("t10k-images-idx3-ubyte", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", None),
    File("t10k-labels-idx1-ubyte", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", None),
)
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def mnist(*, root: str | None, memory_map: bool) -> Source:
    """70,000 handwritten digits of 28 x 28 pixels from 0 to 255; the last 10,000 are for test.

    Args:
        root: a folder that holds the four IDX files, packed or not; null takes those of the cache, to which they are
            downloaded when a run first needs them.
        memory_map: whether the images stay on the disk, unpacked in the cache, and are read as they are needed.

    Source: LeCun, Cortes and Burges, 1998.
    """
    files = Files("mnist", _MNIST, _MNIST_MIRRORS, _folder(root))
    return of_files(files, classes=_DIGITS, rows=(_TRAINING, _TEST), memory_map=memory_map)


def fashion_mnist(*, root: str | None, memory_map: bool) -> Source:
    """70,000 pieces of clothing of 28 x 28 pixels from 0 to 255; the last 10,000 are for test.

    Args:
        root: a folder that holds the four IDX files, packed or not; null takes those of the cache, to which they are
            downloaded when a run first needs them.
        memory_map: whether the images stay on the disk, unpacked in the cache, and are read as they are needed.

    Source: Xiao, Rasul and Vollgraf, 2017.
    """
    files = Files("fashion_mnist", _FASHION, _FASHION_MIRRORS, _folder(root))
    return of_files(files, classes=_CLOTHES, rows=(_TRAINING, _TEST), memory_map=memory_map)


def of_files(files: Files, *, classes: tuple[str, ...], rows: tuple[int, int], memory_map: bool) -> Source:
    """Returns the source of images of 28 x 28 pixels and their classes.

    Args:
        files: IDX files of the images and the classes of the training rows, then those of the test rows.
        classes: the names of the classes in the order of their numbers.
        rows: how many are for training, and how many for test.
        memory_map: whether the images stay on the disk.
    """
    read = partial(_read, files, rows, memory_map)
    return Source(
        files.name,
        "multiclass",
        (_SIDE, _SIDE, 1),
        classes,
        sum(rows),
        read,
        test_rows=rows[1],
        files=files,
    )


def _folder(root: str | None) -> Path | None:
    return None if root is None else Path(root).expanduser()


def _read(files: Files, rows: tuple[int, int], memory_map: bool) -> Arrays:
    files.fetch(lambda name, size, total: None)
    labels = np.empty(sum(rows), np.uint8)
    _fill(files, files.files[1::2], labels, rows[0])
    return (_mapped if memory_map else _images)(files, rows), labels.astype(np.int64)


def _images(files: Files, rows: tuple[int, int]) -> Images:
    images = np.empty((sum(rows), _SIDE, _SIDE, 1), np.uint8)
    _fill(files, files.files[::2], images[..., 0], rows[0])
    return images


def _mapped(files: Files, rows: tuple[int, int]) -> Images:
    """Returns the images in a file of the cache that belongs to the content of these very files."""
    folder = cache() / "mapped"
    path = folder / f"{files.name}_{_digest(files)[:16]}.npy"
    with locked(folder):
        if not path.is_file():
            images = _images(files, rows)
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, images, allow_pickle=False)
            unfinished.replace(path)
    mapped: Images = np.load(path, mmap_mode="r", allow_pickle=False)
    return mapped


def _digest(files: Files) -> str:
    total = hashlib.sha256()
    for file in files.files[::2]:
        with _path(files, file).open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()


def _fill(files: Files, two: tuple[File, ...], into: Images, training: int) -> None:
    """Reads the file of the training rows and that of the test rows one behind the other."""
    for file, part in zip(two, (into[:training], into[training:]), strict=True):
        try:
            idx.read(_path(files, file), part, file.sha256)
        except idx.DamagedFile as error:
            raise files.refusal(file, str(error)) from error
        except OSError as error:
            raise files.refusal(file, f"cannot be read: {error.strerror}") from error


def _path(files: Files, file: File) -> Path:
    path = files.path(file)
    assert path is not None
    return path
