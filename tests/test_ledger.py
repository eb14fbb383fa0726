"""The ledger: complete, without leftovers, true of the installed frameworks, and the same as its page."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shipped
import yaml

from runner import layers, ledger
from runner.experiment import Experiment, Training
from runner.ledger import Counterpart, Difference, Entry, document, verification
from runner.reading import annotations_of

ROOT = shipped.CONF.parent
PAGE = ROOT / "docs" / "differences.md"
GROUPS = ("activation", "architecture", "initializer", "loss", "optimizer", "schedule")
DIFFERENCES = [difference for found in ledger.differences().values() for difference in found]


def stated(group: str) -> dict[str, set[str]]:
    """Returns the components of a group's files with their arguments."""
    found = {}
    for path in shipped.files(group):
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "_target_" in node:
            found[node["_target_"].rpartition(".")[2]] = node.keys() - {"_target_", "output"}
    return found


def known(family: str) -> dict[str, set[str]]:
    return {name: set(entry.arguments) for name, entry in ledger.FAMILIES[family].items()}


def defined(path: Path, name: str) -> bool:
    """Returns whether a file defines a function or class, or one inside a class: ``Class.method``."""
    body: list[ast.stmt] = ast.parse(path.read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = [
            node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
        ]
        if not found:
            return False
        body = found[0].body
    return True


def place(dotted: str) -> tuple[Path, str]:
    """Returns the file of a dotted name and the name inside it."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        path = ROOT.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return path, ".".join(parts[length:])
    raise AssertionError(f"no module of {dotted}")


def keys(kind: Any, prefix: str = "") -> Iterator[str]:
    """Yields the dotted keys of a record, those left out that have a default and so are none of YAML."""
    owned = {each.name for each in dataclasses.fields(kind) if each.default is dataclasses.MISSING}
    for name, annotation in annotations_of(kind).items():
        if name not in owned:
            continue
        if dataclasses.is_dataclass(annotation):
            yield from keys(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


# Complete, and nothing else


@pytest.mark.parametrize("group", GROUPS)
def test_every_shipped_component_and_argument_has_an_entry_and_no_other(group: str) -> None:
    assert len(stated(group)) >= 4
    assert known(group) == stated(group)


def test_every_layer_and_argument_has_an_entry_and_no_other() -> None:
    words = {
        word: {each.name for each in dataclasses.fields(kind)} - {"name"}
        for word, kind in layers.VOCABULARY.items()
    }
    found = known("layer")
    assert {word: found[word] for word in found if word in words} == words
    assert found.keys() - words.keys() == set(layers.BLOCKS)


def test_every_key_of_a_training_has_an_entry_and_no_other() -> None:
    assert set(ledger.TRAINING) == set(keys(Training))


def test_every_other_part_of_an_experiment_belongs_to_somebody() -> None:
    others = {each.name for each in dataclasses.fields(Experiment)} - {*ledger.FAMILIES, "training", "output"}
    assert set(ledger.OURS) == others | {"experiment"}


# What it says


def test_a_status_follows_from_what_is_known() -> None:
    (difference,) = DIFFERENCES[:1]
    assert Counterpart().status == "ours"
    assert Counterpart(torch="a.b", keras="c.d").status == "exact"
    assert Counterpart(keras="c.d").status == "exact"
    assert Counterpart(torch="a.b", keras="c.d", ours="NumPy").status == "ours"
    assert Counterpart(keras="c.d", differences=(difference,)).status == "corrected"
    assert Counterpart(torch="a.b", differences=(difference,), refusal="never").status == "refused"


def test_an_argument_has_its_owner_in_front_of_it() -> None:
    entry = Entry(
        Counterpart(torch="a.B"), {"x": Counterpart(torch="y", keras="z"), "w": Counterpart(torch="c.D(e)")}
    )
    assert entry.argument("x") == Counterpart(torch="a.B(y)")
    assert entry.argument("w").torch == "c.D(e)"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.title)
def test_a_difference_says_everything_and_names_what_is_there(difference: Difference) -> None:
    assert difference.what.endswith(".")
    assert difference.effect.endswith(".")
    assert not difference.correction.endswith(".")
    assert difference.where
    assert difference.tests or difference.effect.endswith("held by no test.")
    for dotted in difference.where:
        assert defined(*place(dotted)), dotted
    for test in difference.tests:
        path, _, name = test.partition("::")
        assert name.startswith("test_")
        assert defined(ROOT / path, name), test


def test_titles_are_different() -> None:
    assert len(DIFFERENCES) > 30
    assert len({difference.title for difference in DIFFERENCES}) == len(DIFFERENCES)


def test_names_of_this_project_are_looked_for() -> None:
    assert defined(*place("runner.backends.keras.update_rules.Adam.update"))
    assert not defined(*place("runner.backends.keras.update_rules.Adam.nothing"))
    assert not defined(ROOT / "tests/test_ledger.py", "test_nothing")


def test_every_class_and_argument_is_there() -> None:
    named = [counterpart for _, _, counterpart in ledger.counterparts()]
    assert len(named) > 150
    assert verification.missing(named) == []


def test_a_name_that_is_not_there_is_said() -> None:
    wrong = Counterpart(torch="torch.optim.Adam(epsilon)", keras="keras.optimizers.Adamm")
    compiled = Counterpart(torch="torch.nn.functional.softplus(slope)", keras="keras.layers.Dense(units)")
    assert verification.missing([wrong, compiled]) == [
        "torch.optim.Adam takes no epsilon",
        "keras.optimizers.Adamm is not there",
        "torch.nn.functional.softplus takes no slope",
    ]


def test_the_page_is_what_is_made() -> None:
    assert PAGE.read_text(encoding="utf-8") == f"{document.document()}\n", (
        f"make it again: {document.COMMAND}"
    )
