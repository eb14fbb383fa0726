"""The records of the ledger: what something is called in each framework, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Framework = Literal["PyTorch", "Keras", "both"]
Status = Literal["exact", "corrected", "refused", "ours"]

# Where native semantics lets a difference be, and nothing else, and then corrects it.
NATIVE = "tests/test_native.py::test_each_difference_explains_what_correcting_it_removes"
# What the effects were measured with.
VERSIONS: Mapping[str, str] = {"torch": "2.13.0", "keras": "3.15.1", "tensorflow": "2.21.0"}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that the frameworks' own classes do differently under equal arguments.

    Args:
        title: what it is about, as a heading.
        framework: whose own way is not followed here.
        what: what each of them does.
        effect: how large it is, as measured without the correction.
        correction: what happens here, as a clause.
        where: the functions and classes that do it, dotted.
        tests: the tests that hold it, ``tests/FILE.py::FUNCTION``.
    """

    title: str
    framework: Framework
    what: str
    effect: str
    correction: str
    where: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """What one name of ours is called in each framework, and whether it means the same there.

    Args:
        torch: dotted class or function, with its argument behind it: ``torch.optim.Adam(eps)``; None where there is none.
        keras: the same for Keras, or for TensorFlow under it.
        differences: what is corrected.
        refusal: why it is refused, or empty.
        ours: who does it here in the place of both frameworks, or empty.
        remark: what has to be known to translate one into the other, or empty.
    """

    torch: str | None = None
    keras: str | None = None
    differences: tuple[Difference, ...] = ()
    refusal: str = ""
    ours: str = ""
    remark: str = ""

    @property
    def status(self) -> Status:
        """Whether the frameworks' own ways are one, are made one here, are refused, or are not used."""
        if self.refusal:
            return "refused"
        if self.differences:
            return "corrected"
        return "ours" if self.ours or self.torch is self.keras is None else "exact"

    @property
    def explanation(self) -> str:
        """Why it is refused, or how it is corrected, and what else has to be known."""
        corrections = [each.correction for each in self.differences]
        return "; ".join(filter(None, [self.refusal, *corrections, self.ours, self.remark]))


@dataclass(frozen=True)
class Entry:
    """A component or a layer, and its arguments.

    Args:
        own: the component itself.
        arguments: by their names here; one without a dot in it is an argument of the component's own counterpart.
    """

    own: Counterpart
    arguments: Mapping[str, Counterpart] = field(default_factory=dict)

    def argument(self, name: str) -> Counterpart:
        """Returns an argument with its counterparts in full: ``torch.optim.Adam(eps)``."""
        found = self.arguments[name]
        return replace(
            found, torch=_full(self.own.torch, found.torch), keras=_full(self.own.keras, found.keras)
        )

    def noted(self, remark: str) -> Entry:
        """Returns the entry with what else has to be known of the component itself."""
        return replace(self, own=replace(self.own, remark=remark))


def _full(owner: str | None, name: str | None) -> str | None:
    if name is None or "." in name:
        return name
    return owner and f"{owner}({name})"
