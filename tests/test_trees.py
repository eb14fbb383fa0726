"""Trees that nobody thought of: drawn, trained for five steps on both backends, and kept where they part."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from matrix import trees
from support import one_tensorflow_thread

from runner import layers

KEPT = trees.kept()
DRAWN = 10


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


@pytest.mark.parametrize("name", KEPT)
def test_a_kept_tree_trains_alike(name: str) -> None:
    assert max(trees.apart(*KEPT[name]).values()) <= 1


@pytest.mark.timeout(900)
def test_drawn_trees_train_alike() -> None:
    """The same trees each time; ``python tests/long_matrix.py --trees`` draws others."""
    trees.check(DRAWN, None)


def test_a_tree_that_fails_is_shrunk_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def apart(kind: str, entries: trees.Entries) -> dict[str, float]:
        return {"losses": 2.0 if "gru" in str(entries) else 0.5}

    monkeypatch.setattr(trees, "apart", apart)
    monkeypatch.setattr(trees, "KEPT", tmp_path)
    with pytest.raises(AssertionError) as caught:
        trees.check(200, None)
    (path,) = tmp_path.iterdir()
    assert str(path) in caught.value.__notes__[-1]
    # A row of tokens needs an embedding first, a row of numbers a reshape; nothing else is left.
    kind, (first, second) = trees.kept()[path.stem]
    assert [*first] == ["embedding" if kind == "tokens" else "reshape"]
    assert re.findall("|".join(layers.VOCABULARY), str(second)) == ["gru"]


def test_every_layer_can_be_drawn() -> None:
    shapes: list[layers.Shape] = [*trees.SHAPES.values(), (6, 4), (4, 3, 2)]
    drawn = {word for word in layers.VOCABULARY for shape in shapes if trees.choices(word, shape)}
    assert drawn == layers.VOCABULARY.keys() - trees.LEFT_OUT
