import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from runner.quantities import Positive, PositiveCount
from runner.signatures import UNKNOWN, TargetError, names_in, signature

MODULE = '''
"""A module that must never be imported."""
from typing import Literal, Optional
from runner.quantities import Positive, PositiveCount
from chosen_by_test.other import moved as renamed

Padding = Literal["same", "valid"]
raise RuntimeError("it was imported")


def full(*, rate: Positive, sizes: list[PositiveCount], padding: Padding, note: str | None, odd: "Odd" = 3):
    """y = x.

    Args:
        rate: above 0.
    """


def open_ended(a, b: Optional[int] = None, **rest): ...


class WithConstructor:
    def __init__(self, units: int, *, bias: bool = True): ...


class Inherited(WithConstructor): ...


try:
    from chosen_by_test.fast import quick
except ImportError:
    def quick(*, slow: float): ...
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "chosen_by_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('it was imported')")
    (folder / "module.py").write_text(MODULE)
    (folder / "other.py").write_text("def moved(*, where: float): ...")
    (folder / "lazy.py").write_text("def __getattr__(name): ...")
    (folder / "wrong.py").write_text("def (")
    monkeypatch.syspath_prepend(tmp_path)
    return "chosen_by_test"


def test_annotations_become_types_with_their_ranges(package: str) -> None:
    found = signature(f"{package}.module.full")
    assert found.annotations == {
        "rate": Positive,
        "sizes": list[PositiveCount],
        "padding": Literal["same", "valid"],
        "note": str | None,
        "odd": Any,
    }
    assert found.required == {"rate", "sizes", "padding", "note"}
    assert not found.open
    assert found.documentation.startswith("y = x.")


def test_nothing_is_imported(package: str) -> None:
    signature(f"{package}.module.full")
    assert package not in sys.modules


def test_further_keywords_leave_a_signature_open(package: str) -> None:
    found = signature(f"{package}.module.open_ended")
    assert found.open
    assert found.required == {"a"}
    assert found.annotations["b"] == int | None


def test_a_class_is_read_by_its_constructor_and_an_inherited_one_is_open(package: str) -> None:
    assert signature(f"{package}.module.WithConstructor").required == {"units"}
    assert signature(f"{package}.module.Inherited").open


def test_imports_are_followed_also_under_another_name(package: str) -> None:
    assert signature(f"{package}.module.renamed").annotations == {"where": float}


def test_what_a_module_makes_on_request_or_nobody_can_read_is_unknown(package: str) -> None:
    assert signature(f"{package}.lazy.anything") == UNKNOWN
    assert signature("numpy.array") == UNKNOWN


@pytest.mark.parametrize(
    ("target", "rule", "suggestion"),
    [
        ("module.ful", "there is no 'ful' in chosen_by_test.module", "chosen_by_test.module.full"),
        ("wrong.name", "chosen_by_test.wrong is no valid Python: line 1, invalid syntax", None),
    ],
)
def test_a_target_that_is_not_there_is_refused(
    package: str, target: str, rule: str, suggestion: str | None
) -> None:
    with pytest.raises(TargetError) as caught:
        signature(f"{package}.{target}")
    assert (caught.value.rule, caught.value.suggestion) == (rule, suggestion)


def test_the_names_of_a_module_are_its_functions_classes_and_imports(package: str) -> None:
    assert {"full", "renamed", "WithConstructor"} <= set(names_in(f"{package}.module"))
