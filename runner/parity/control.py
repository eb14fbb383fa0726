"""A third arm, Keras on torch's kernels: whether a difference lies in what Keras means or in TensorFlow's kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runner.errors import Fault
from runner.experiment import Experiment
from runner.parity.verdict import PRECISIONS, Finding, Verdict, phrase

NAME = "keras-on-torch"
_PACKAGE = "runner.backends.keras.on_torch"


@dataclass(frozen=True)
class Pair:
    """Two of the three arms, by name, and what comparing them comes to."""

    one: str
    other: str
    verdict: Verdict

    @property
    def name(self) -> str:
        return f"{self.one} and {self.other}"

    @property
    def sentence(self) -> str:
        """Returns the verdict with the differences of the losses, and the first difference beyond rounding."""
        findings = self.verdict.findings
        gaps = " and ".join(f"{each.loss_gap:.1e} in {PRECISIONS[each.precision]}" for each in findings)
        head = f"{self.name}: {_word(self.verdict)}, their losses apart by {gaps}"
        first = next((each for each in findings if each.first and not self.verdict.equal), None)
        return f"{head}." if first is None else f"{head}; first beyond rounding in {_place(first)}."


@dataclass(frozen=True)
class Control:
    """All three pairs.

    Args:
        arms: PyTorch and Keras on TensorFlow.
        engines: PyTorch and the control, which have torch's kernels both.
        meanings: Keras on TensorFlow and the control, which have the same code of Keras.
    """

    arms: Pair
    engines: Pair
    meanings: Pair

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (self.arms, self.engines, self.meanings)

    @property
    def conclusion(self) -> str:
        """Returns what the three verdicts mean together."""
        engines, meanings = self.engines.verdict.equal, self.meanings.verdict.equal
        if self.arms.verdict.equal:
            if engines and meanings:
                return "All three agree: Keras means the same on either engine, and either computes the same."
            return (
                f"{self.arms.name} agree, and {NAME} differs: the difference is in Keras' torch engine,"
                " which trains nothing but this control."
            )
        if engines and meanings:
            return (
                f"{NAME} agrees with both: the difference is at the bound of what is equal, and has no place."
            )
        if engines:
            return (
                "The difference is in TensorFlow's kernels: on torch's kernels the same Keras network"
                f" agrees with {self.engines.one}."
            )
        if meanings:
            return (
                "The difference is in what Keras means: on torch's kernels the same Keras network differs from"
                f" {self.engines.one} just as well, and agrees with itself on TensorFlow's."
            )
        return (
            "All three differ: the difference is in more than one place, in what Keras means and in the kernels"
            " of an engine."
        )


def fault(experiment: Experiment) -> Fault | None:
    """Returns why an experiment can have no control, or None."""
    if experiment.parity.control is None or experiment.backend.semantics == "canonical":
        return None
    return Fault(
        "parity.control",
        "has no answer with backend.semantics=native, where torch draws first weights, batches and masks of its own"
        " for the control as well",
        experiment.parity.control,
        remedy="Leave it out, or compare with backend.semantics=canonical.",
    )


def experiment_of(keras: Experiment) -> Experiment:
    """Returns an experiment of the Keras backend as the control carries it out."""
    return replace(keras, backend=replace(keras.backend, name=NAME, package=_PACKAGE))


def is_own_code(experiment: Experiment) -> bool:
    """Returns whether a function is carried out by Keras that is none of this project."""
    return any(
        not part.is_of_backend for part in (experiment.activation, experiment.loss, experiment.optimizer)
    )


def lines(control: Control) -> list[list[str]]:
    """Returns headings, and for each pair its verdict, its differences in each precision, and the first beyond rounding."""
    headings = ["pair", "verdict"]
    for finding in control.arms.verdict.findings:
        name = PRECISIONS[finding.precision]
        headings += [f"{name}_loss_gap", f"{name}_weight_gap"]
    return [[*headings, "first_beyond_rounding"], *(_line(pair) for pair in control.pairs)]


def _line(pair: Pair) -> list[str]:
    findings = pair.verdict.findings
    figures = [repr(gap) for each in findings for gap in (each.loss_gap, each.weight_gap)]
    first = next((_place(each) for each in findings if each.first), "")
    return [pair.name, _word(pair.verdict), *figures, first]


def _word(verdict: Verdict) -> str:
    return "equal" if verdict.equal else "different"


def _place(finding: Finding) -> str:
    """Returns the precision, the step and the phase of a finding's first difference."""
    assert finding.first is not None
    return f"{PRECISIONS[finding.precision]}, step {finding.first.step}, {phrase(finding.first)}"


def as_json(control: Control) -> dict[str, object]:
    """Returns the conclusion and all pairs as JSON has them."""
    return {
        "conclusion": control.conclusion,
        "pairs": [
            {
                "arms": [pair.one, pair.other],
                "equal": pair.verdict.equal,
                "findings": [each.as_json() for each in pair.verdict.findings],
            }
            for pair in control.pairs
        ],
    }


def metrics(control: Control) -> Iterator[tuple[str, float]]:
    """Yields the differences of the control from either arm, by the names they have in MLflow."""
    for pair in (control.engines, control.meanings):
        for finding in pair.verdict.findings:
            start = f"control/{pair.one}_{PRECISIONS[finding.precision]}"
            yield f"{start}_loss_gap", finding.loss_gap
            yield f"{start}_weight_gap", finding.weight_gap
