"""What makes a network look better than it is is said; what only looks like it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runner import compose
from runner.data import Source
from runner.data.leakage import LARGEST, warnings
from runner.data.pictures import images
from runner.data.splitting import Parts
from runner.experiment import Task

PARTS = Parts(np.arange(60), np.arange(60, 80), np.arange(80, 100))
NAMED: Any = SimpleNamespace(names=("size", "age"))
DRAWS = np.random.default_rng(8)
INPUTS = DRAWS.normal(size=(100, 2))
LABELS = DRAWS.integers(0, 2, 100)


def found(inputs: NDArray[np.float64] = INPUTS, targets: NDArray[np.generic] = LABELS) -> tuple[str, ...]:
    task: Task = "multiclass" if targets.ndim == 1 else "regression"
    source = Source("made", task, inputs.shape[1:], ("a", "b"), len(inputs), lambda: (inputs, targets))
    return warnings(replace(source, preparation=NAMED), PARTS)


def test_rows_that_differ_are_no_matter() -> None:
    assert found() == ()
    assert found(targets=INPUTS[:, :1] + DRAWS.normal(size=(100, 1))) == ()


def test_equal_rows_of_two_parts_are_counted() -> None:
    inputs, labels = INPUTS.copy(), LABELS.copy()
    inputs[60:63], labels[60:63] = inputs[:3], labels[:3]
    inputs[99], labels[99] = inputs[7], labels[7]
    # Equal inputs with another target, and equal rows of one part, are none.
    inputs[70], labels[70] = inputs[8], 1 - labels[8]
    inputs[20], labels[20] = inputs[21], labels[21]
    assert found(inputs, labels) == (
        "data: 3 of the 20 validation rows and 1 of the 20 test rows are equal to training rows, target and all, so that"
        " they test memory; leave duplicates out, or keep them together by split.by=group.",
    )


def test_one_pair_and_data_of_few_different_rows_are_no_mistake() -> None:
    inputs, labels = INPUTS.copy(), LABELS.copy()
    inputs[60], labels[60] = inputs[0], labels[0]
    assert found(inputs, labels) == ()
    corners = DRAWS.integers(0, 2, (100, 2)).astype(float)
    assert found(corners, (corners.sum(axis=1) == 1).astype(np.int64)) == ()


def test_an_input_that_is_the_target_in_other_words_is_named() -> None:
    inputs = INPUTS.copy()
    inputs[:, 1] = np.where(LABELS == 1, -3.5, 2.0)
    sentence = (
        "data: the input age is the target in other words, in all 100 rows; if it is not known when something is to be"
        " predicted, leave it out."
    )
    assert found(inputs) == (sentence,)
    assert found(targets=7.0 - 2.0 * INPUTS[:, 1:]) == (sentence,)
    # One exception, and it only tells much.
    inputs[5, 1] = -1.5 - inputs[5, 1]
    assert found(inputs) == ()


def test_what_is_large_is_not_looked_at() -> None:
    def never() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        raise AssertionError("these rows are not read")

    large = Source("large", "multiclass", (2,), ("a", "b"), LARGEST, never, preparation=NAMED)
    assert warnings(large, PARTS) == ()


def test_a_table_is_looked_at_before_it_is_trained_on(tmp_path: Path) -> None:
    lines = [f"{size:.4f},{100 - 3 * size:.4f}" for size in DRAWS.uniform(10, 20, 80)]
    (tmp_path / "t.csv").write_text("\n".join(["size,price", *lines, *lines[:40]]) + "\n", encoding="utf-8")
    with compose.session():
        typed = ("data=table", f"data.path={tmp_path / 't.csv'}", "data.target=price")
        told = compose.inspect(compose.compose(typed)).warnings
    assert any("are equal to training rows" in each for each in told)
    assert any("the input size is the target in other words, in all 120 rows" in each for each in told)


def told(*typed: str) -> str:
    with compose.session():
        return " ".join(compose.inspect(compose.compose(typed)).warnings)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (6, 6, 1)])
def test_arrays_of_any_shape_are_looked_at(tmp_path: Path, shape: tuple[int, ...]) -> None:
    inputs = DRAWS.normal(size=(80, *shape))
    labels = DRAWS.integers(0, 2, 80)
    path = tmp_path / "a.npz"
    np.savez(
        path, inputs=np.concatenate([inputs, inputs[:40]]), targets=np.concatenate([labels, labels[:40]])
    )
    assert (
        "are equal to training rows, target and all, so that they test memory; leave duplicates out."
        in told("data=arrays", f"data.path={path}")
    )
    np.savez(path, inputs=inputs, targets=labels)
    assert "equal to training rows" not in told("data=arrays", f"data.path={path}")


def test_an_array_that_holds_the_target_is_named(tmp_path: Path) -> None:
    inputs = DRAWS.normal(size=(80, 3))
    np.savez(tmp_path / "a.npz", inputs=inputs, targets=3 * inputs[:, 1] - 1)
    said = told("data=arrays", f"data.path={tmp_path / 'a.npz'}")
    assert "the input 1 is the target in other words, in all 80 rows" in said


def test_equal_pictures_of_two_parts_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    for number in range(60):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        # The last third are the first ones under other names; all have one size, and one is longer than the others.
        pixels = np.random.default_rng(number % 40).integers(0, 256, (6, 6), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.bmp")
    with (tmp_path / "photos" / "a" / "0.bmp").open("ab") as file:
        file.write(b"0")
    assert "are equal to training rows" in told("data=images", f"data.path={tmp_path / 'photos'}")
    with monkeypatch.context() as little:
        little.setattr(images, "_MOST_COMPARED_BYTES", 10)
        assert "are equal to training rows" not in told("data=images", f"data.path={tmp_path / 'photos'}")
    for number in range(40, 60):
        (tmp_path / "photos" / "ab"[number % 2] / f"{number}.bmp").unlink()
    assert "are equal to training rows" not in told("data=images", f"data.path={tmp_path / 'photos'}")
