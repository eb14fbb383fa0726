"""Files of a person's own, written for tests: pictures of shapes, arrays, tables."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from PIL import Image
from pyarrow import ipc

SHAPES = ("cross", "ring", "square")


def shape(kind: str, place: tuple[int, int], side: int = 12) -> NDArray[np.uint8]:
    """Returns a picture of one of the shapes, 7 pixels high and wide, grey on black."""
    steps = np.arange(7)
    row, column = np.meshgrid(steps, steps, indexing="ij")
    drawn = {
        "cross": (row == column) | (row == 6 - column),
        "ring": np.abs(np.hypot(row - 3, column - 3) - 2.6) < 0.7,
        "square": (row % 6 == 0) | (column % 6 == 0),
    }[kind]
    picture = np.zeros((side, side), np.uint8)
    picture[place[0] : place[0] + 7, place[1] : place[1] + 7][drawn] = 200
    return picture


def photos(folder: Path, each: int = 8, coloured: bool = False) -> Path:
    """Writes a folder for each shape with so many pictures; returns the folder of these."""
    draws = np.random.default_rng(5)
    for kind in SHAPES:
        (folder / kind).mkdir(parents=True)
        for number in range(each):
            pixels = shape(kind, (int(draws.integers(0, 6)), int(draws.integers(0, 6))))
            pixels = pixels // np.uint8(1 + number % 3) + draws.integers(0, 40, pixels.shape).astype(np.uint8)
            colours = np.stack([pixels, pixels // 2, 255 - pixels], axis=-1) if coloured else pixels
            Image.fromarray(colours).save(folder / kind / f"{number:02}.png")
    return folder


def houses(path: Path, rows: int = 60) -> Path:
    """Writes a table of prices that follow from age and city, with numbers, words, truth values, dates and two gaps."""
    draws = np.random.default_rng(6)
    lines = ["age,city,heated,built,price"]
    for row in range(rows):
        age, city = int(draws.integers(1, 80)), ("Bern", "Graz", "Ulm")[draws.integers(3)]
        price = 500 - 3 * age + 40 * (city == "Bern") + draws.normal(0, 5)
        built = f"{1940 + age}-{1 + row % 12:02}-{1 + row % 28:02}"
        shown = [
            "" if row == 7 else str(age),
            "" if row == 9 else city,
            ("yes", "no")[row % 2],
            built,
            f"{price:.1f}",
        ]
        lines.append(",".join(shown))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def saved_dataset(folder: Path) -> Path:
    """Writes what ``save_to_disk`` of Hugging Face's library writes, by pyarrow alone; returns the folder."""
    folder.mkdir(parents=True)
    table = pyarrow.table(
        {
            "height": np.linspace(0, 1, 30),
            "age": np.arange(30) % 7,
            "label": np.arange(30) % 3,
            "word": ["x"] * 30,
        }
    )
    with (
        pyarrow.OSFile(str(folder / "data.arrow"), "wb") as file,
        ipc.new_stream(file, table.schema) as writer,
    ):
        writer.write_table(table)
    kinds = {"height": "float64", "age": "int64", "word": "string"}
    features: dict[str, object] = {name: {"dtype": dtype, "_type": "Value"} for name, dtype in kinds.items()}
    order = ("height", "age", "label", "word")
    features["label"] = {"names": ["low", "mid", "top"], "_type": "ClassLabel"}
    info = {"features": {name: features[name] for name in order}}
    state = {
        "_data_files": [{"filename": "data.arrow"}],
        "_fingerprint": "0",
        "_format_type": None,
        "_split": None,
    }
    state |= {"_format_columns": None, "_format_kwargs": {}, "_output_all_columns": False}
    for name, content in (("dataset_info", info), ("state", state)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@cache
def shared() -> Path:
    """Returns a folder of this process in which every kind of file lies; it goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="own_files_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    photos(folder / "photos")
    houses(folder / "houses.csv")
    draws = np.random.default_rng(6)
    np.savez(folder / "signals.npz", inputs=draws.normal(size=(40, 6, 2)), targets=np.arange(40) % 3)
    (folder / "hours.csv").write_text("\n".join(["hour,load", *(f"{n},{n * n % 17}" for n in range(60))]))
    saved_dataset(folder / "saved")
    return folder
