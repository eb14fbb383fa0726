"""What corrections explain, from recordings made up by hand, and its figure."""

from __future__ import annotations

import numpy as np
import pytest
from test_comparison import BASE, STEPS, made

from runner.parity.attribution import Correction, attribute, conclusion
from runner.parity.comparison import loss_gap
from runner.plots.attribution import attribution


def test_the_largest_difference_of_losses_is_sought_in_steps_and_evaluations() -> None:
    assert loss_gap(BASE, BASE) == 0
    later = made(evaluation_losses=BASE.evaluation_losses + np.array([0, 0.5]))
    assert loss_gap(BASE, later) == pytest.approx(0.5 / 1.4)
    steps = made(losses=np.full(STEPS, 4.0), evaluation_losses=later.evaluation_losses)
    assert loss_gap(BASE, steps) == pytest.approx(1 - BASE.losses.min() / 4)


def test_a_training_that_ended_earlier_or_diverged_is_infinitely_apart() -> None:
    assert loss_gap(BASE, made(losses=BASE.losses[:-1])) == np.inf
    assert loss_gap(BASE, made(losses=np.full(STEPS, np.nan))) == np.inf


def test_each_correction_begins_where_the_last_one_ended() -> None:
    near, nearer = (made(evaluation_losses=BASE.evaluation_losses + gap) for gap in (0.25, 0.125))
    found = attribute({"a": "first", "b": "second"}, [(BASE, near), (BASE, nearer), (BASE, BASE)])
    assert [(each.name, each.before) for each in found] == [
        ("a", loss_gap(BASE, near)),
        ("b", found[0].after),
    ]
    assert found[1].after == 0
    assert Correction("x", "some words", 0.038, 1.3e-6).sentence == "Some words: 3.8e-02 -> 1.3e-06"


def test_what_none_explains_is_said_unless_it_is_rounding() -> None:
    left = [Correction("x", "words", 1.0, 1e-6)]
    assert "which none of them explains" in conclusion(left, floor=1e-9)
    assert "backend.semantics=canonical" in conclusion(left, floor=1e-6)


def test_the_figure_has_two_bars_for_each_correction() -> None:
    (panel,) = attribution(rows=[("one", np.inf, 1e-3), ("other", 1e-3, 0.0)], title="parity: $5").axes
    before, after = panel.containers[:2]
    assert [bar.get_width() for bar in before] == [1e3, 1e-3]
    assert [bar.get_width() for bar in after] == [1e-3, 1e-17]
    assert [text.get_text() for text in panel.texts] == ["inf", "1.0e-03", "1.0e-03", "0"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["one", "other"]
