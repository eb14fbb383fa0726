"""What a comparison comes to: equal or not in each precision, and the first difference in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.experiment import Precision
from runner.parity import comparison
from runner.parity.comparison import (
    FLOOR_FACTOR,
    Divergence,
    Gaps,
    Phase,
    allowed,
    first_divergence,
    largest,
    weight_gaps,
)
from runner.parity.recording import Recording

# What is promised in float64, whatever the floor.
LOSS_BOUND, WEIGHT_BOUND = 1e-12, 1e-11

_PHASES: Mapping[Phase, str] = {
    "batch": "the batch that was trained on",
    "outputs": "the outputs of the forward pass",
    "loss": "the loss",
    "gradient": "the gradient of {array}",
    "update": "the update of {array}",
    "state": "the state {array}",
    "evaluation": "the outputs on the validation rows",
}
PRECISIONS: Mapping[Precision, str] = {64: "float64", 32: "float32", "bf16-mixed": "bfloat16"}


@dataclass(frozen=True)
class Finding:
    """Two arms in one precision.

    Args:
        precision: 64, 32 or bf16-mixed.
        steps: how many steps each arm made.
        gaps: the differences.
        floor: what moving the first weights by one unit in the last place does.
        first: the first difference beyond what the floor explains.
        loss_gap: the largest difference of the losses.
        weight_gap: the largest difference of the weights at the end.
        weight_floor: the same between perturbed arms and theirs.
    """

    precision: Precision
    steps: tuple[int, int]
    gaps: Gaps
    floor: Gaps
    first: Divergence | None
    loss_gap: float
    weight_gap: float
    weight_floor: float

    @property
    def loss_floor(self) -> float:
        return largest(self.floor, "loss")

    @property
    def is_within_bounds(self) -> bool:
        """Whether losses and weights agree as float64 promises."""
        return self.loss_gap <= LOSS_BOUND and self.weight_gap <= WEIGHT_BOUND

    @property
    def is_amplified_rounding(self) -> bool:
        """Whether the arms part later than in the first step, and by no more than perturbed first weights part."""
        return (
            not self.differs_at_once
            and self.loss_gap <= FLOOR_FACTOR * self.loss_floor
            and self.weight_gap <= FLOOR_FACTOR * self.weight_floor
        )

    @property
    def differs_at_once(self) -> bool:
        """Whether the first step differs already, before anything could be amplified."""
        return self.first is not None and self.first.step == 1

    def as_json(self) -> dict[str, object]:
        """Returns what is found as JSON has it, without the differences of every step."""
        first = self.first
        return {
            "precision": PRECISIONS[self.precision],
            "steps": list(self.steps),
            "loss_gap": self.loss_gap,
            "weight_gap": self.weight_gap,
            "loss_floor": self.loss_floor,
            "first": None
            if first is None
            else {
                "step": first.step,
                "phase": first.place.phase,
                "array": first.place.array,
                "gap": first.gap,
                "allowed": first.allowed,
            },
        }


def find(
    precision: Precision,
    one: Recording,
    other: Recording,
    perturbed: Sequence[Recording],
    *,
    base: Recording | None = None,
) -> Finding:
    """Returns what two recordings of one precision come to.

    Args:
        precision: of all recordings.
        one: an arm.
        other: another arm.
        perturbed: an arm with its first weights moved by one unit in the last place.
        base: that arm as it is; None where it is the first one.
    """
    base = base or one
    found, floor = comparison.gaps(one, other), comparison.floor(base, perturbed)
    return Finding(
        precision=precision,
        steps=(one.steps, other.steps),
        gaps=found,
        floor=floor,
        first=first_divergence(found, allowed(floor, precision)),
        loss_gap=largest(found, "loss"),
        weight_gap=_largest(weight_gaps(one, other)),
        weight_floor=max(_largest(weight_gaps(base, each)) for each in perturbed),
    )


def _largest(of_arrays: Mapping[str, float]) -> float:
    return max(of_arrays.values(), default=0.0)


@dataclass(frozen=True)
class Verdict:
    """The findings, float64 first."""

    findings: tuple[Finding, ...]

    @property
    def equal(self) -> bool:
        """Whether the two arms are the same training.

        In float64: within the promised bounds, or within the floor where training amplifies rounding beyond them.
        In the other precisions a later difference is rounding when float64 agrees; one in the first step is not.
        """
        double, *others = self.findings
        if double.steps[0] != double.steps[1]:
            return False
        return (double.is_within_bounds or double.is_amplified_rounding) and not any(
            each.differs_at_once for each in others
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know, the verdict first."""
        head = "Equal: one experiment, the same numbers." if self.equal else "Different."
        return (head, *(self._sentence(each) for each in self.findings))

    def _sentence(self, finding: Finding) -> str:
        name = PRECISIONS[finding.precision]
        measured = (
            f"In {name} the losses of {min(finding.steps)} steps differ by at most {finding.loss_gap:.1e},"
            f" the weights after them by {finding.weight_gap:.1e}"
        )
        if finding.precision == 64:
            measured += f" (promised: {LOSS_BOUND:.0e} and {WEIGHT_BOUND:.0e})."
        else:
            measured += f"; one unit in the last place of the first weights moves the losses by {finding.loss_floor:.1e}."
        return " ".join([measured, *self._explanation(finding)])

    def _explanation(self, finding: Finding) -> list[str]:
        first = finding.first
        if finding.steps[0] != finding.steps[1]:
            one, other = finding.steps
            return [
                f"One arm made {one} steps and the other {other}: their losses are no longer finite, or they stopped."
            ]
        if finding.precision == 64 and finding.is_within_bounds:
            return []
        if finding.precision == 64 and finding.is_amplified_rounding:
            return [
                "That is what this training makes of rounding: one unit in the last place of the first weights"
                f" moves the losses by {finding.loss_floor:.1e} and the weights by {finding.weight_floor:.1e}."
            ]
        if first is None:
            return []
        where = f"First beyond rounding: step {first.step}, {phrase(first)}"
        # Rows are the same or they are not.
        where += (
            "."
            if first.place.phase == "batch"
            else f", {first.gap:.1e} where {first.allowed:.1e} is explained."
        )
        if finding.precision != 64 and self.equal:
            return [
                where,
                "Since float64 agrees, this is rounding that the training amplifies (a ReLU that switches sides,"
                " for one), not another meaning.",
            ]
        return [where]


def phrase(divergence: Divergence) -> str:
    """Returns where a difference is, in words: ``the gradient of dense0/kernel``."""
    return _PHASES[divergence.place.phase].format(array=divergence.place.array)
