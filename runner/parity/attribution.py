"""How much of what parts two frameworks each of their own ways explains: one corrected after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from runner import semantics
from runner.blueprint import blueprint
from runner.experiment import Experiment
from runner.parity.comparison import FLOOR_FACTOR, loss_gap
from runner.parity.recording import Recording
from runner.parity.verdict import LOSS_BOUND


@dataclass(frozen=True)
class Correction:
    """One difference that is corrected in addition to those before it.

    Args:
        name: of the difference in :mod:`runner.semantics`.
        words: what it is in this experiment.
        before: the largest difference of the losses without this correction.
        after: the same with it.
    """

    name: str
    words: str
    before: float
    after: float

    @property
    def sentence(self) -> str:
        return f"{self.words[0].upper()}{self.words[1:]}: {self.before:.1e} -> {self.after:.1e}"


def met(experiment: Experiment) -> dict[str, str]:
    """Returns the differences that are left to the frameworks and matter here, with their words; none of canonical ones."""
    if experiment.backend.semantics == "canonical":
        return {}
    drawing = blueprint(experiment)
    weighted = drawing.source.weighted
    return semantics.concerned(experiment, drawing.tree, drawing.input_shape, weighted=weighted)


def corrected(experiment: Experiment, names: Iterable[str]) -> Experiment:
    """Returns an experiment in which the named differences are corrected."""
    return replace(experiment, backend=replace(experiment.backend, corrections=frozenset(names)))


def attribute(words: Mapping[str, str], pairs: Sequence[tuple[Recording, Recording]]) -> list[Correction]:
    """Returns what each correction changes.

    Args:
        words: of each difference by its name, in the order of the corrections.
        pairs: the recordings of both frameworks: native, then with one correction more each time.
    """
    gaps = [loss_gap(*pair) for pair in pairs]
    return [
        Correction(name, text, before, after)
        for (name, text), before, after in zip(words.items(), gaps[:-1], gaps[1:], strict=True)
    ]


def conclusion(corrections: Sequence[Correction], floor: float) -> str:
    """Returns what is left when everything is corrected, in a sentence.

    Args:
        corrections: all of them, at least one.
        floor: what moving the first weights by one unit in the last place does to the losses.
    """
    left = corrections[-1].after
    if left > max(LOSS_BOUND, FLOOR_FACTOR * floor):
        return (
            f"With all of them corrected the losses still differ by {left:.1e}, which none of them explains."
        )
    return f"With all of them corrected the losses differ by {left:.1e}: that is backend.semantics=canonical."
