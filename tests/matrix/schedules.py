"""Schedules: what an optimizer of each framework really moves by at every update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import shipped
from oracle import schedules as oracle
from support import experiment

from matrix.case import Arrays, Case, Floats
from matrix.frameworks import learning_rates
from runner import component
from runner.backend import Job
from runner.experiment import Component
from runner.tasks.preparation import prepared

# 70 rows for training, in batches of 10.
EPOCHS, STEPS = 12, 7
TOTAL = EPOCHS * STEPS
SETTING = (
    "data=random architecture=linear optimizer=sgd optimizer.learning_rate=1 training.precision=64"
    f" training.epochs={EPOCHS} training.batch_size=10 plots=none tracking=none"
)
# A metric that falls, stands still, and falls again.
HISTORY = [1.0, 0.8, 0.81, 0.8, 0.79, 0.5, 0.52, 0.51, 0.53, 0.5, 0.49, 0.6]

FURTHER: list[tuple[str, dict[str, Any]]] = [
    ("step", {"factor": 0.3, "every_epochs": 5}),
    *(("multi_step", {"epochs": epochs, "factor": 0.3}) for epochs in ([2, 7, 8], [9, 4], [5, 5], [20], [])),
    ("exponential", {"factor": 0.9}),
    *(("polynomial", {"power": power, "minimum_factor": 0.2}) for power in (0.5, 2.0, 3.7)),
    ("cosine", {"minimum_factor": 0.1}),
    *(
        ("cosine_restarts", {"first_period_epochs": first, "period_factor": factor, "minimum_factor": 0.1})
        for first, factor in ((1, 1), (3, 1), (2, 2), (1, 3))
    ),
    *(
        ("one_cycle", {"peak_position": peak, "start_factor": 0.04, "end_factor": 0.002})
        for peak in (0.001, 0.5, 0.97)
    ),
    *(("inverse_square_root", {"warmup_epochs": warmup}) for warmup in (0.0, 2.0, 0.5, 11.0)),
    *(
        ("warmup_cosine", {"warmup_epochs": warmup, "minimum_factor": 0.05})
        for warmup in (0.0, 2.0, 0.5, 11.0)
    ),
    *(
        (
            "reduce_on_plateau",
            {
                "factor": 0.5,
                "patience": patience,
                "cooldown_epochs": cooldown,
                "minimum_improvement": 0.05,
                "minimum_factor": 0.2,
            },
        )
        for patience in (0, 1)
        for cooldown in (0, 2)
    ),
]


def _epochs_over(equation: Callable[..., float]) -> Callable[..., Floats]:
    return lambda **arguments: np.array([equation(number, STEPS, **arguments) for number in range(TOTAL)])


def _by_step(equation: Callable[..., float]) -> Callable[..., Floats]:
    return lambda **arguments: np.array([equation(number, TOTAL, **arguments) for number in range(TOTAL)])


def _restarts(*, first_period_epochs: int, **arguments: Any) -> Floats:
    first = first_period_epochs * STEPS
    return np.array([oracle.cosine_restarts(number, first, **arguments) for number in range(TOTAL)])


def _one_cycle(*, peak_position: float, start_factor: float, end_factor: float) -> Floats:
    ends = {"peak": peak_position, "start": start_factor, "end": end_factor}
    return np.array([oracle.one_cycle(number, TOTAL, **ends) for number in range(TOTAL)])


def _inverse_square_root(*, warmup_epochs: float) -> Floats:
    # At least one step, and of half a step the whole.
    warmup = max(round(warmup_epochs * STEPS + 0.25), 1)
    return np.array([oracle.inverse_square_root(number, warmup) for number in range(TOTAL)])


def _warmup_cosine(*, warmup_epochs: float, minimum_factor: float) -> Floats:
    warmup = round(warmup_epochs * STEPS + 0.25)
    return np.array(
        [
            oracle.warmup_cosine(number, TOTAL, warmup, minimum_factor=minimum_factor)
            for number in range(TOTAL)
        ]
    )


def _plateau(**arguments: Any) -> Floats:
    after = [oracle.reduce_on_plateau(HISTORY[:epochs], **arguments) for epochs in range(EPOCHS)]
    return np.repeat(after, STEPS)


EQUATIONS: dict[str, Callable[..., Floats]] = {
    "constant": lambda: np.ones(TOTAL),
    "step": _epochs_over(oracle.step),
    "multi_step": _epochs_over(oracle.multi_step),
    "exponential": _epochs_over(oracle.exponential),
    "polynomial": _by_step(oracle.polynomial),
    "cosine": _by_step(oracle.cosine),
    "cosine_restarts": _restarts,
    "one_cycle": _one_cycle,
    "inverse_square_root": _inverse_square_root,
    "warmup_cosine": _warmup_cosine,
    "reduce_on_plateau": _plateau,
}


@cache
def _plain(backend: str) -> Job:
    return prepared(experiment(f"backend={backend}", *SETTING.split())).job


def _case(name: str, arguments: dict[str, Any]) -> Case:
    stated = Component(target=f"runner.schedules.{name}", arguments=arguments, key="schedule")

    def run(backend: str, dtype: str) -> Arrays:
        schedule = component.build(stated)
        job = _plain(backend)
        plan = replace(job.plan, learning_rates=schedule.factors(EPOCHS, STEPS))
        reactions = np.array([schedule.reaction(HISTORY[:epochs]) for epochs in range(EPOCHS)])
        return {"rates": learning_rates(backend, replace(job, plan=plan), reactions)}

    words = ", ".join(f"{key} {value}" for key, value in arguments.items())
    # Rates are float64 whatever the weights are.
    return Case(
        "schedule", name, words, run, lambda: {"rates": EQUATIONS[name](**arguments)}, dtypes=("float64",)
    )


CASES = [_case(name, arguments) for name, arguments in [*shipped.components("schedule"), *FURTHER]]
