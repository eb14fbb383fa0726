"""A person's own pictures: found, decoded, kept, augmented, and every way in which they can be wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_files import SHAPES, photos
from PIL import Image
from scipy import ndimage
from shares import shares
from support import curve, experiment, one_tensorflow_thread, trained

from runner import check
from runner.data import Source, augmentation, files, splitting
from runner.data.augmentation import Augmentation, Augmented, augmented, resampled
from runner.data.pictures import images as module
from runner.data.pictures import store
from runner.data.pictures.store import Store
from runner.errors import ConfigurationError
from runner.experiment import Component

OFF: dict[str, Any] = {
    "flip": 0.0,
    "vertical_flip": 0.0,
    "shift": 0,
    "crop": 1.0,
    "rotate": 0.0,
    "fill": "edge",
}
ALL = {**OFF, "flip": 0.5, "vertical_flip": 0.3, "shift": 2, "crop": 0.7, "rotate": 30.0}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keeps what is decoded out of the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    for each in (files, store):
        monkeypatch.setattr(each, "cache", lambda: folder)
    return folder


def images(path: Path | str | None, **keywords: Any) -> Source:
    options: dict[str, Any] = {
        "image": None,
        "target": None,
        "task": None,
        "most_classes": 100,
        "size": None,
        "colour": "auto",
        "fit": "stretch",
        "memory_map": False,
        "augmentation": Component(target="", arguments=OFF, key="data.augmentation"),
        "seed": 0,
    } | keywords
    return module.images(path=None if path is None else str(path), **options)


def saved(pixels: Any, path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels))
    image.save(path, **options)
    return path


def ramp(height: int = 6, width: int = 8) -> Any:
    return (np.arange(height * width).reshape(height, width) * 5).astype(np.uint8)


# Found


def test_the_folders_are_the_classes(tmp_path: Path) -> None:
    source = images(photos(tmp_path / "photos", each=4))
    pixels, targets = source.read()[:2]
    assert (source.task, source.classes, source.rows, source.input_shape) == (
        "multiclass",
        SHAPES,
        12,
        (12, 12, 1),
    )
    assert targets.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for row, path in enumerate(sorted((tmp_path / "photos").rglob("*.png"))):
        np.testing.assert_array_equal(pixels[row, ..., 0], np.asarray(Image.open(path)))
    assert source.notes == (
        "data.path: multiclass, 12 pictures of 3 classes (cross, ring, square).",
        "data.path: 12 L, each as 12 x 12 x 1 bytes.",
    )


def test_folders_of_parts_are_the_parts(tmp_path: Path) -> None:
    for part, count in (("Training", 5), ("val", 2), ("test", 3)):
        for label in ("no", "yes"):
            for number in range(count):
                saved(ramp() + np.uint8(number), tmp_path / part / label / "deeper" / f"{number}.png")
    saved(ramp(), tmp_path / "Training" / "loose.png")
    saved(ramp(), tmp_path / "Training" / ".hidden.png")
    (tmp_path / "test" / "yes" / "Thumbs.db").write_bytes(b"no picture")
    source = images(tmp_path)
    assert (source.task, source.classes, source.rows) == ("binary", ("no", "yes"), 20)
    assert (source.validation_rows, source.test_rows) == (4, 6)
    assert source.labels().tolist() == [0] * 5 + [1] * 5 + [0, 0, 1, 1] + [0, 0, 0, 1, 1, 1]
    assert "its folders are the parts: Training (10), val (4), test (6)" in source.notes[1]
    assert len(source.warnings) == 1
    assert "beside the classes and are left out: loose.png" in source.warnings[0]


def test_a_table_names_the_pictures(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        saved(ramp() + np.uint8(number), tmp_path / "in" / f"{name}.png")
    table = tmp_path / "labels.csv"
    table.write_text("label;file;age\nhund;in/b.png;3\nKüken;in/a.png;1.5\nhund;in/c.png;2\n", "utf-8")
    source = images(table, image="file", target="label")
    pixels, targets = source.read()[:2]
    assert (source.classes, targets.tolist()) == (("Küken", "hund"), [1, 0, 1])
    assert pixels[:, 0, 0, 0].tolist() == [1, 0, 2]
    ages = images(table, image="file", target="age")
    assert (ages.task, ages.classes, ages.labels().tolist()) == ("regression", (), [[3.0], [1.5], [2.0]])


# Decoded


def one(path: Path, **keywords: Any) -> Any:
    """Returns the pixels of a picture that stands in a folder beside another class."""
    saved(np.zeros((6, 8), np.uint8), path.parent.parent / "zero" / "0.png")
    return images(path.parent.parent, **keywords).read()[0][0]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda grey: Image.fromarray(grey), lambda grey: grey, id="grey"),
        pytest.param(
            lambda grey: Image.fromarray(grey.astype(np.uint16) * 257 + 100), lambda grey: grey, id="16 bits"
        ),
        pytest.param(lambda grey: Image.fromarray(grey > 99), lambda grey: (grey > 99) * 255, id="1 bit"),
        pytest.param(
            lambda grey: Image.fromarray(np.stack([grey, np.where(grey > 99, 255, 0).astype(np.uint8)], -1)),
            lambda grey: np.where(grey > 99, grey, 255),
            id="grey on white",
        ),
    ],
)
def test_every_kind_of_grey(
    tmp_path: Path, make: Callable[[Any], Image.Image], expected: Callable[[Any], Any]
) -> None:
    found = one(saved(make(ramp()), tmp_path / "all" / "a" / "0.png"))
    np.testing.assert_array_equal(found[..., 0], expected(ramp()))


COLOURS = np.random.default_rng(1).integers(0, 256, (6, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["rgb", "palette", "alpha", "cmyk"])
def test_every_kind_of_colour(tmp_path: Path, kind: str) -> None:
    image, expected, ending = Image.fromarray(COLOURS), COLOURS, "png"
    if kind == "palette":
        few = COLOURS // 128 * 255
        image, expected = Image.fromarray(few).quantize(8), few
    if kind == "alpha":
        alpha = np.random.default_rng(2).integers(0, 256, (6, 8, 1))
        image = Image.fromarray(np.concatenate([COLOURS, alpha.astype(np.uint8)], axis=-1))
        expected = np.rint(COLOURS * (alpha / 255) + 255 * (1 - alpha / 255))
    if kind == "cmyk":
        image, ending = Image.fromarray(np.dstack([255 - COLOURS, COLOURS[..., :1] * 0]), "CMYK"), "tif"
    found = one(saved(image, tmp_path / "all" / "a" / f"0.{ending}"))
    np.testing.assert_allclose(found.astype(float), expected, atol=1)


def test_a_picture_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = ramp(8, 6)
    found = one(saved(lying, tmp_path / "all" / "a" / "0.png", exif=exif))
    np.testing.assert_array_equal(found[..., 0], np.rot90(lying, -1))


def test_colours_become_grey_by_their_brightness(tmp_path: Path) -> None:
    found = one(saved(COLOURS, tmp_path / "all" / "a" / "0.png"), colour="grey")
    expected = COLOURS @ np.array([299, 587, 114]) / 1000
    np.testing.assert_allclose(found[..., 0], expected, atol=1)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_other_proportions_are_stretched_cropped_or_padded(tmp_path: Path, fit: str) -> None:
    pixels = np.full((12, 24), 100, np.uint8)
    pixels[:, 6:18] = 200
    found = one(saved(pixels, tmp_path / "all" / "a" / "0.png"), size=[6, 6], fit=fit)[..., 0]
    if fit == "crop":
        # The outermost pixels are mixed with what lies beside them.
        assert (found[:, 1:-1] == 200).all()
    elif fit == "pad":
        # 6 x 3 of the picture lie between black.
        assert found[:, 3].tolist()[0] == found[:, 3].tolist()[-1] == 0
        assert found[3].tolist()[2] == 200
    else:
        assert found[0].tolist()[0] == 100
        assert found[0].tolist()[3] == 200


# Kept


def test_pictures_are_decoded_once_and_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    folder = photos(tmp_path / "photos", each=3)
    source = images(folder)
    assert isinstance(source.files, Store)
    assert len(source.files.missing()) == 9
    assert str(source.files.note()).startswith("data.path: a run would decode 9 pictures to ")
    first = source.read()[0]
    assert source.files.missing() == ()
    assert source.files.note() is None
    monkeypatch.setattr(store.decoding, "decoded", lambda *_: pytest.fail("decoded again"))
    mapped = images(folder, memory_map=True).read()[0]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, first)
    assert len(list((cache / "pictures").glob("*.npy"))) == 1


def test_a_picture_that_changed_is_decoded_again_and_the_old_file_goes(tmp_path: Path, cache: Path) -> None:
    folder = photos(tmp_path / "photos", each=3)
    images(folder).read()
    path = saved(np.full((12, 12), 77, np.uint8), folder / "ring" / "01.png")
    os.utime(path, (1, 1))
    pixels = images(folder).read()[0]
    assert (np.asarray(pixels)[4] == 77).all()
    assert len(list((cache / "pictures").glob("*.npy"))) == 1
    images(folder, size=[6, 6]).read()
    assert len(list((cache / "pictures").glob("*.npy"))) == 2


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(store.decoding, "decoded", full)
    with pytest.raises(ConfigurationError, match=r"needs 0\.0 MB in .*: No space left on device\. Make room"):
        images(photos(tmp_path / "photos")).read()
    assert [path.suffix for path in (cache / "pictures").iterdir()] == [".lock"]


# Augmented


def drawn(**chosen: float) -> Any:
    """Returns the eight numbers of one picture; what is not chosen does nothing."""
    names = ("vertical", "mirror", "down", "right", "size", "top", "left", "turn")
    calm = {"vertical": 0.99, "mirror": 0.99, "size": 1.0} | chosen
    return np.array([[calm.get(name, 0.5) for name in names]])


PICTURE = np.random.default_rng(3).integers(0, 256, (1, 9, 7, 3)).astype(np.uint8)


def changed(settings: dict[str, Any], **chosen: float) -> Any:
    return augmented(PICTURE, drawn(**chosen), Augmentation(**{**OFF, **settings}))[0]


def test_nothing_drawn_changes_nothing() -> None:
    np.testing.assert_array_equal(changed({}), PICTURE[0])
    np.testing.assert_array_equal(changed({"rotate": 40.0, "crop": 0.5}), PICTURE[0])


def test_flips_are_numpys() -> None:
    np.testing.assert_array_equal(changed({"flip": 0.5}, mirror=0.49), PICTURE[0][:, ::-1])
    np.testing.assert_array_equal(changed({"flip": 0.5}, mirror=0.51), PICTURE[0])
    np.testing.assert_array_equal(changed({"vertical_flip": 1.0}, vertical=0.99), PICTURE[0][::-1])


@pytest.mark.parametrize(("fill", "mode"), [("edge", "nearest"), ("black", "constant")])
@pytest.mark.parametrize(("down", "right", "moved"), [(0.0, 0.99, (-2, 2)), (0.61, 0.5, (1, 0))])
def test_a_shift_is_scipys(fill: str, mode: str, down: float, right: float, moved: tuple[int, int]) -> None:
    expected = ndimage.shift(PICTURE[0], (*moved, 0), order=0, mode=mode)
    found = changed({"shift": 2, "fill": fill}, down=down, right=right)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("fill", "mode"), [("edge", "nearest"), ("black", "grid-constant")])
@pytest.mark.parametrize("angle", [-90.0, -17.0, 30.0, 144.0])
def test_a_rotation_is_scipys(fill: str, mode: str, angle: float) -> None:
    expected = ndimage.rotate(
        PICTURE[0].astype(float), -angle, axes=(0, 1), reshape=False, order=1, mode=mode, prefilter=False
    )
    found = changed({"rotate": 180.0, "fill": fill}, turn=(angle / 180 + 1) / 2)
    # The nearest whole number, and a hair where that is a tie.
    assert np.abs(found - expected).max() <= 0.501


def test_a_crop_is_scipys() -> None:
    """Six tenths of the sides, from the upper left corner: pixel p shows the place 0.6 (p + 1/2) - 1/2."""
    places = np.meshgrid(0.6 * (np.arange(9) + 0.5) - 0.5, 0.6 * (np.arange(7) + 0.5) - 0.5, indexing="ij")
    found = changed({"crop": 0.2}, size=0.5, top=0.0, left=0.0)
    for channel in range(3):
        expected = ndimage.map_coordinates(
            PICTURE[0, ..., channel].astype(float), places, order=1, mode="nearest"
        )
        assert np.abs(found[..., channel] - expected).max() <= 0.501


def test_places_far_outside_are_filled() -> None:
    far = np.full((1, 2, 2), 1e6), np.full((1, 2, 2), -1e6)
    assert (resampled(PICTURE, *far, "black") == 0).all()
    assert (resampled(PICTURE, *far, "edge") == PICTURE[0, -1, 0]).all()


def test_a_picture_is_changed_by_seed_epoch_and_row_alone() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (40, 9, 7, 1)).astype(np.uint8)
    rows = Augmented(pixels, np.arange(40), Augmentation(**ALL), seed=3)
    whole = rows.training(np.arange(40), 5)
    order = np.random.default_rng(6).permutation(40)
    np.testing.assert_array_equal(rows.training(order, 5), whole[order])
    np.testing.assert_array_equal(rows.part(order).training(np.array([7, 0]), 5), whole[order[[7, 0]]])
    augmentation._draws.cache_clear()
    np.testing.assert_array_equal(rows.training(np.array([11]), 5)[0], whole[11])
    assert (rows.training(np.arange(40), 6) != whole).any(axis=(1, 2, 3)).all()
    other = Augmented(pixels, np.arange(40), Augmentation(**ALL), seed=4)
    assert (other.training(np.arange(40), 5) != whole).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(rows[order], pixels[order])
    assert not np.array_equal(whole, pixels)


# Trained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos(tmp_path_factory.mktemp("trained") / "photos", each=12)


def overrides(folder: Path, backend: str, *more: str) -> list[str]:
    changes = ("flip=0.5", "shift=1", "crop=0.8", "rotate=20")
    return [
        f"backend={backend}",
        "data=images",
        f"data.path={folder}",
        "architecture=cnn",
        "architecture.filters=[4]",
        "architecture.hidden_sizes=[8]",
        "training.epochs=2",
        "training.batch_size=8",
        "training.precision=64",
        "plots=none",
        "tracking=none",
        *(f"data.augmentation.{each}" for each in changes),
        *more,
    ]


@pytest.fixture(scope="module")
def results(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Trainings on both backends, of pictures in memory, and of mapped ones from its first epoch on."""
    one_tensorflow_thread()
    where = tmp_path_factory.mktemp("cache")
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        for each in (files, store):
            patch.setattr(each, "cache", lambda: where)
        for backend in ("torch", "keras"):
            found[backend] = trained(*overrides(folder, backend))[0]
            half = where / backend
            half.mkdir()
            trained(*overrides(folder, backend, "training.epochs=1"), folder=half)
            found[f"{backend} resumed"] = trained(
                *overrides(
                    folder,
                    backend,
                    f"training.start_from={half}",
                    "training.start_with=state",
                    "data.memory_map=true",
                )
            )[0]
    return found


def test_both_backends_see_the_same_pictures(results: dict[str, Any]) -> None:
    for name in ("train/loss", "validation/loss", "gradient_norm"):
        np.testing.assert_allclose(curve(results["keras"], name), curve(results["torch"], name), rtol=1e-10)


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_resumed_training_sees_them_too_mapped_from_the_disk(results: dict[str, Any], backend: str) -> None:
    for name in ("train/loss", "validation/loss"):
        expected = curve(results[backend], name)[-1]
        assert curve(results[f"{backend} resumed"], name)[-1] == pytest.approx(expected, rel=1e-10)


# Wrong


def refused(path: Path | str | None, **keywords: Any) -> str:
    """Returns what is said against pictures."""
    with pytest.raises(ConfigurationError) as error:
        images(path, **keywords)
    return str(error.value)


def refused_as_typed(*overrides: str) -> str:
    """Returns what is said against a command line."""
    with pytest.raises(ConfigurationError) as error:
        experiment("data=images", *overrides)
    return str(error.value)


def broken(tmp_path: Path, name: str, content: bytes) -> Path:
    folder = photos(tmp_path / "photos", each=2)
    (folder / "ring" / name).write_bytes(content)
    return folder


def test_no_path() -> None:
    said = refused_as_typed()
    assert said.startswith(
        "data.path: must name a folder with a folder of pictures for each class, or a table"
    )
    assert "Received: null. Write data.path=PATH." in said


def test_no_such_folder_has_its_neighbour_named(tmp_path: Path) -> None:
    photos(tmp_path / "photos", each=1)
    assert "Did you mean photos?" in refused(tmp_path / "fotos")
    assert f"there is no folder {tmp_path}/x" in refused(tmp_path / "x/photos")


def test_an_empty_folder(tmp_path: Path) -> None:
    said = refused(tmp_path)
    assert "must hold a folder for each class, and has none. Received: no folder and no picture." in said


def test_pictures_without_classes(tmp_path: Path) -> None:
    saved(ramp(), tmp_path / "0.png")
    saved(ramp(), tmp_path / "1.png")
    said = refused(tmp_path)
    assert "Received: 2 pictures. Sort the pictures into one folder for each class" in said


def test_one_class(tmp_path: Path) -> None:
    saved(ramp(), tmp_path / "cat" / "0.png")
    assert (
        f"at least two classes, or there is nothing to tell apart. Received: only {tmp_path}/cat"
        in refused(tmp_path)
    )


def test_a_class_without_pictures(tmp_path: Path) -> None:
    (photos(tmp_path / "photos", each=1) / "blank").mkdir()
    assert "photos/blank has none. Remove the folder, or put pictures there: bmp, gif" in refused(
        tmp_path / "photos"
    )


def test_a_class_of_the_test_rows_alone(tmp_path: Path) -> None:
    photos(tmp_path / "train", each=1)
    saved(ramp(12, 12), tmp_path / "test" / "sqare" / "0.png")
    said = refused(tmp_path)
    assert f"test/sqare is a class that {tmp_path}/train has no pictures of. Did you mean square?" in said


def test_a_part_without_pictures(tmp_path: Path) -> None:
    photos(tmp_path / "train", each=1)
    (tmp_path / "test").mkdir()
    assert "test must hold pictures of the classes, and has none" in refused(tmp_path)


def test_a_class_with_one_picture_is_warned_of(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=4)
    saved(ramp(12, 12), folder / "lone" / "0.png")
    assert images(folder).warnings == (
        "data.path: lone has a single picture, so that it is in one part alone.",
    )
    with pytest.raises(ConfigurationError, match="1 of 'lone'"):
        splitting.parts(images(folder), shares(0.2, 0.2, by="stratified"), 0, None)


def test_an_empty_file(tmp_path: Path) -> None:
    folder = broken(tmp_path, "x.png", b"")
    assert "ring/x.png is an empty file. Put a sound copy in its place" in refused(folder)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    folder = broken(tmp_path, "x.jpg", b"<html>404</html>")
    assert "ring/x.jpg is no picture that can be read." in refused(folder)


def test_a_picture_that_ends_too_early_is_refused_before_a_run(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=2)
    path = folder / "ring" / "00.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ConfigurationError, match=r"ring/00\.png is damaged: .*Put a sound copy in its place"):
        images(folder).read()


def test_pictures_of_several_sizes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=2)
    saved(ramp(6, 8), folder / "ring" / "other.png")
    said = refused(folder)
    assert "data.size: must be given, height and width, because the pictures are not of one size." in said
    assert "2 sizes; most are 12 x 12" in said
    assert "ring/other.png is 6 x 8. Write data.size=[12,12]" in said


def test_pixels_that_are_no_bytes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=2)
    saved(np.zeros((12, 12), np.float32), folder / "ring" / "x.tif")
    said = refused(folder)
    assert "ring/x.tif has pixels of a kind that cannot be shown as bytes. Received: mode F." in said


def test_a_picture_of_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(tmp_path / "photos", each=2)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 70)
    assert "has too many pixels to be decoded safely" in refused(folder)


def test_a_size_of_one_number(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=2)
    said = refused(folder, size=[12])
    assert "data.size: must be height and width in pixels. Received: [12]. Write data.size=[64,64]." in said


def test_columns_for_a_folder(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", each=2)
    said = refused(folder, image="file", target="label")
    assert "data.image: names a column, and data.path is a folder, whose folders are the classes." in said
    assert "data.target: names a column" in said


def test_settings_of_augmentation(tmp_path: Path) -> None:
    said = refused_as_typed(
        "data.augmentation.rotate=181", "data.augmentation.crop=0", "+data.augmentation.rotat=1"
    )
    assert "data.augmentation.rotate: must be at least 0 and at most 180. Received: 181." in said
    assert "data.augmentation.crop: must be above 0 and at most 1. Received: 0." in said
    assert "data.augmentation.rotat: there is no such key. Did you mean data.augmentation.rotate?" in said


TABLE = "file,label\na.png,x\nb.png,y\n"


@pytest.mark.parametrize(
    ("text", "keys", "sentence"),
    [
        (TABLE, {"image": "flie"}, "is no column of the table. Received: flie. Did you mean file?"),
        (
            TABLE,
            {"image": None},
            "data.image: must name the column of the paths. Received: null. Columns: file, label.",
        ),
        (TABLE, {"target": None}, "data.target: must name the column of the targets. Received: null."),
        (
            TABLE + "c.png,y\n",
            {},
            "names 1 of 3 pictures that are not there. Received: {folder}/c.png in line 4.",
        ),
        (TABLE + ",y\n", {}, "labels.csv must say the file and its target. Received: no file in line 4."),
        (TABLE + "a.png,\n", {}, "must say the file and its target. Received: no label in line 4."),
        ("file,label\n", {}, "must say the file and its target. Received: no row."),
        ("", {}, "is empty. Received: {folder}/labels.csv. A table has a line of names and rows below it."),
        (
            "file,label\na.png,x\nb.png,x\n",
            {},
            "at least two classes, or there is nothing to tell apart. Received: x",
        ),
        (TABLE, {"task": "regression"}, "must hold numbers for a regression."),
        (
            TABLE + "a.png,z\n",
            {"task": "binary"},
            "two classes, because data.task is binary. Received: 3: x, y, z.",
        ),
    ],
)
def test_tables(tmp_path: Path, text: str, keys: dict[str, Any], sentence: str) -> None:
    for name in ("a", "b"):
        saved(ramp(12, 12), tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text(text)
    columns = {"image": "file", "target": "label"} | keys
    assert sentence.format(folder=tmp_path) in refused(tmp_path / "labels.csv", **columns)


def test_a_check_counts_the_rows_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.decoding, "decoded", lambda *_: pytest.fail("decoded"))
    folder = photos(tmp_path / "photos")
    read = experiment("data=images", f"data.path={folder}", "architecture=cnn")
    assert check.split_sizes(read, images(folder)) == (16, 4, 4)
