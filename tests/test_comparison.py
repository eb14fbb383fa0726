"""Recordings of two trainings, made up with differences at known places, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from runner.parity import comparison
from runner.parity.comparison import (
    Place,
    allowed,
    first_divergence,
    floor,
    gaps,
    largest,
    loss_gap,
    weight_gaps,
)
from runner.parity.recording import Recorder, Recording
from runner.parity.verdict import Verdict, find, phrase
from runner.results import Evaluation

STEPS = 6
EPSILON = 2.0**-52


def made(**changed: NDArray[Any]) -> Recording:
    """A training of six steps with one kernel and one running mean."""
    draws = np.random.default_rng(0)
    recorded = Recording(
        batches=draws.integers(0, 256, (STEPS, 32)).astype(np.uint8),
        outputs=draws.normal(size=(STEPS, 4, 3)),
        losses=draws.uniform(1, 2, STEPS),
        gradients={"dense0/kernel": draws.normal(size=(STEPS, 5))},
        weights={
            "dense0/kernel": draws.normal(size=(STEPS + 1, 5)),
            "norm0/mean": draws.normal(size=(STEPS + 1, 2)),
        },
        evaluation_steps=np.array([3, 6]),
        evaluation_losses=np.array([1.0, 0.9]),
        evaluation_outputs=draws.normal(size=(2, 7, 3)),
    )
    return replace(recorded, **changed)


def moved(array: NDArray[Any], place: tuple[int, ...], by: float) -> NDArray[Any]:
    copy = array.copy()
    copy[place] += by
    return copy


BASE = made()
# One unit in the last place of everything, as a perturbation would leave it.
NEARBY = made(
    outputs=BASE.outputs * (1 + EPSILON),
    losses=BASE.losses * (1 + EPSILON),
    gradients={name: array * (1 + EPSILON) for name, array in BASE.gradients.items()},
)


def test_a_recording_is_the_same_from_its_file(tmp_path: Path) -> None:
    BASE.save(tmp_path / "arm.npz")
    again = Recording.load(tmp_path / "arm.npz")
    for name, value in vars(BASE).items():
        for mine, theirs in zip(*(_arrays(each) for each in (value, vars(again)[name])), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert again.gradients.keys() == BASE.gradients.keys()
    assert again.weights.keys() == BASE.weights.keys()


def _arrays(value: Any) -> list[NDArray[Any]]:
    return list(value.values()) if isinstance(value, dict) else [value]


def test_a_recorder_keeps_steps_in_order_and_large_arrays_in_part() -> None:
    recorder = Recorder({"kernel": np.arange(10.0)}, elements=4)
    for step in range(3):
        recorder.step(
            inputs=np.full((2, 1), float(step)),
            targets=np.array([0, 1]),
            sample_weights=None,
            outputs=np.full((3 - step, 2), float(step)),
            loss=float(step),
            gradients={"kernel": np.arange(10.0) * step},
            weights={"kernel": np.arange(10.0) + step},
        )
        if step == 1:
            recorder.evaluation(Evaluation(0.5, np.ones((2, 2))))
    kept = recorder.recording(2)
    assert kept.steps == 2
    # The first, the last and what lies evenly between: 0, 3, 6, 9.
    assert kept.weights["kernel"].tolist() == [[0, 3, 6, 9], [0, 3, 6, 9], [1, 4, 7, 10]]
    assert kept.gradients["kernel"].tolist() == [[0, 0, 0, 0], [0, 3, 6, 9]]
    assert kept.outputs.shape == (2, 3, 2)
    assert np.isnan(kept.outputs[1, 2]).all()
    assert not np.isnan(kept.outputs[0]).any()
    assert kept.evaluation_steps.tolist() == [2]
    assert (kept.batches[0] != kept.batches[1]).any()
    assert recorder.recording(100).steps == 3


def test_equal_recordings_differ_by_nothing() -> None:
    assert largest(gaps(BASE, made()), *comparison.PHASES) == 0


def test_gaps_are_relative_to_what_is_compared() -> None:
    other = made(
        outputs=moved(BASE.outputs, (2, 1, 1), 0.5),
        losses=moved(BASE.losses, (4,), 0.1),
        weights={**BASE.weights, "norm0/mean": moved(BASE.weights["norm0/mean"], (3, 0), 1e-3)},
        batches=moved(BASE.batches, (5, 0), 1),
    )
    found = gaps(BASE, other)
    scale = max(np.abs(BASE.outputs[2]).max(), np.abs(other.outputs[2]).max())
    assert found[Place("outputs")].tolist() == pytest.approx([0, 0, 0.5 / scale, 0, 0, 0])
    assert found[Place("loss")][4] == pytest.approx(0.1 / other.losses[4])
    # The array that stood after step 3 is the fourth: the first one stood before every step.
    mean = max(1.0, np.abs(BASE.weights["norm0/mean"][3]).max())
    assert np.flatnonzero(found[Place("state", "norm0/mean")]).tolist() == [2]
    assert found[Place("state", "norm0/mean")][2] == pytest.approx(1e-3 / mean)
    assert found[Place("batch")].tolist() == [0, 0, 0, 0, 0, np.inf]


def test_a_gradient_is_measured_by_the_largest_one_so_far() -> None:
    fading = np.array([4.0, 2.0, 1e-9, 8.0, 1e-9, 1e-9])[:, None] * np.ones((STEPS, 5))
    one = made(gradients={"dense0/kernel": fading})
    other = made(gradients={"dense0/kernel": moved(moved(fading, (2, 0), 1e-9), (4, 1), 1e-9)})
    found = gaps(one, other)[Place("gradient", "dense0/kernel")]
    assert found.tolist() == pytest.approx([0, 0, 1e-9 / 4, 0, 1e-9 / 8, 0])


@pytest.mark.parametrize(
    ("changed", "step", "words"),
    [
        ({"outputs": moved(BASE.outputs, (1, 0, 0), 1e-6)}, 2, "the outputs of the forward pass"),
        (
            {"gradients": {"dense0/kernel": moved(BASE.gradients["dense0/kernel"], (3, 1), 1e-6)}},
            4,
            "the gradient of dense0/kernel",
        ),
        (
            {"weights": {**BASE.weights, "norm0/mean": moved(BASE.weights["norm0/mean"], (5, 0), 1e-6)}},
            5,
            "the state norm0/mean",
        ),
        (
            {"evaluation_outputs": moved(BASE.evaluation_outputs, (0, 0, 0), 1e-6)},
            3,
            "the outputs on the validation rows",
        ),
        ({"losses": moved(BASE.losses, (0,), np.nan)}, 1, "the loss"),
        ({"batches": moved(BASE.batches, (2, 7), 1)}, 3, "the batch that was trained on"),
    ],
)
def test_the_first_difference_is_found_and_named(changed: dict[str, Any], step: int, words: str) -> None:
    finding = find(64, BASE, made(**changed), [NEARBY])
    assert finding.first is not None
    assert finding.first.step == step
    assert phrase(finding.first) == words


def test_of_several_differences_in_a_step_the_earliest_phase_is_named() -> None:
    other = made(outputs=moved(BASE.outputs, (3, 0, 0), 1e-3), losses=moved(BASE.losses, (3,), 1e-3))
    first = first_divergence(gaps(BASE, other), allowed(floor(BASE, [NEARBY]), 64))
    assert first is not None
    assert (first.step, first.place) == (4, Place("outputs"))


def test_what_a_perturbation_does_up_to_a_step_is_allowed_ten_times() -> None:
    rough = made(losses=moved(BASE.losses, (2,), 1e-6))
    limits = allowed(floor(BASE, [NEARBY, rough]), 64)
    size = 1e-6 / rough.losses[2]
    assert limits[Place("loss")].tolist() == pytest.approx([64 * EPSILON] * 2 + [10 * size] * 4, rel=1e-6)


def test_losses_that_were_never_evaluated_differ_by_those_of_the_steps() -> None:
    none = {"evaluation_steps": np.empty(0, np.int64), "evaluation_losses": np.empty(0)}
    other = made(losses=moved(BASE.losses, (2,), 0.1), **none)
    assert loss_gap(made(**none), other) == pytest.approx(0.1 / other.losses[2])


def test_a_verdict_on_equal_trainings() -> None:
    verdict = Verdict((find(64, BASE, made(), [NEARBY]), find(32, BASE, made(), [NEARBY])))
    assert verdict.equal
    assert verdict.sentences[0] == "Equal: one experiment, the same numbers."
    assert verdict.sentences[1] == (
        "In float64 the losses of 6 steps differ by at most 0.0e+00, the weights after them by 0.0e+00"
        " (promised: 1e-12 and 1e-11)."
    )


def test_a_verdict_on_different_trainings_names_the_first_difference() -> None:
    other = made(outputs=moved(BASE.outputs, (1, 0, 0), 1e-3), losses=moved(BASE.losses, (1,), 1e-3))
    verdict = Verdict((find(64, BASE, other, [NEARBY]),))
    assert not verdict.equal
    assert verdict.sentences[0] == "Different."
    assert "First beyond rounding: step 2, the outputs of the forward pass," in verdict.sentences[1]


def test_a_later_difference_in_float32_is_rounding_where_float64_agrees() -> None:
    late = made(losses=moved(BASE.losses, (4,), 1e-2))
    verdict = Verdict((find(64, BASE, made(), [NEARBY]), find(32, BASE, late, [NEARBY])))
    assert verdict.equal
    assert "Since float64 agrees, this is rounding" in verdict.sentences[2]


def test_a_difference_in_the_first_step_of_float32_is_none_of_rounding() -> None:
    early = made(losses=moved(BASE.losses, (0,), 1e-2))
    verdict = Verdict((find(64, BASE, made(), [NEARBY]), find(32, BASE, early, [NEARBY])))
    assert not verdict.equal


def test_weights_that_part_are_different_though_every_loss_agrees() -> None:
    apart = BASE.weights["dense0/kernel"].copy()
    apart[STEPS] += 1e-6
    other = made(weights={**BASE.weights, "dense0/kernel": apart})
    assert weight_gaps(BASE, other)["dense0/kernel"] == pytest.approx(1e-6, rel=1)
    assert not Verdict((find(64, BASE, other, [NEARBY]),)).equal


def test_a_training_that_amplifies_rounding_beyond_the_bounds_is_held_against_its_floor() -> None:
    growing = 1 + 1e-9 * np.array([0, 0, 1, 1, 1, 1])
    wild = made(losses=BASE.losses * growing)
    perturbed = made(losses=BASE.losses / (1 + 0.5 * (growing - 1)))
    verdict = Verdict((find(64, BASE, wild, [perturbed]),))
    assert verdict.equal
    assert "That is what this training makes of rounding: " in verdict.sentences[1]
    wilder = made(losses=BASE.losses * (1 + 10 * (growing - 1)))
    assert not Verdict((find(64, BASE, wilder, [perturbed]),)).equal


def test_what_parts_in_the_first_step_is_no_amplified_rounding() -> None:
    apart = made(losses=BASE.losses * (1 + 1e-9))
    calm = made(losses=BASE.losses * (1 + 1e-9 * np.array([0, 1, 1, 1, 1, 1])))
    assert not Verdict((find(64, BASE, apart, [calm]),)).equal


def test_arms_of_different_length_are_different() -> None:
    shorter = replace(
        BASE,
        batches=BASE.batches[:3],
        outputs=BASE.outputs[:3],
        losses=BASE.losses[:3],
        gradients={name: array[:3] for name, array in BASE.gradients.items()},
        weights={name: array[:4] for name, array in BASE.weights.items()},
        evaluation_steps=BASE.evaluation_steps[:1],
        evaluation_outputs=BASE.evaluation_outputs[:1],
    )
    verdict = Verdict((find(64, BASE, shorter, [NEARBY]),))
    assert not verdict.equal
    assert "One arm made 6 steps and the other 3" in verdict.sentences[1]
