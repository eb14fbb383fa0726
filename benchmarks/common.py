"""What the benchmarks share: a few cases, a job for a backend, and ratios of times taken in turn."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runner import component, compose
from runner import weights as weight_files
from runner.backend import Job
from runner.blueprint import blueprint
from runner.data import Rows, Splits, Standard
from runner.plan import Plan, steps_in_epoch
from runner.results import Decision, Evaluation, Weights
from runner.training_state import TrainingState

ROUNDS = 5


@dataclass(frozen=True)
class Case:
    """A network 784-128-64-10 or 20-128-64-10 on rows of noise, as numbers or as bytes: only the time matters."""

    name: str
    features: int
    batch_size: int
    rows: int
    epochs: int
    of_bytes: bool = False


CASES = (
    Case("MNIST-sized, 784-128-64-10, batch 128", 784, 128, 25_600, 10),
    Case("MNIST-sized, kept as bytes", 784, 128, 25_600, 10, of_bytes=True),
    Case("tiny, 20-128-64-10, batch 32", 20, 32, 6_400, 20),
)


class NullObserver:
    """Takes everything and goes on."""

    def steps(self, first_step: int, losses: NDArray[np.float64], state: Callable[[], TrainingState]) -> None:
        """Takes losses."""

    def epoch(
        self,
        epoch: int,
        validation: Evaluation | None,
        weights: Callable[[], Weights],
        gradient_norms: Mapping[str, float],
        state: Callable[[], TrainingState],
    ) -> Decision:
        """Takes an epoch."""
        return Decision(stop=False, learning_rate_factor=1.0)


def job(case: Case, backend: str, *overrides: str) -> Job:
    """Returns the job of a case, its rows drawn from a seed."""
    with compose.session():
        experiment = compose.read(
            compose.compose(
                [
                    f"backend={backend}",
                    "data=blobs",
                    "plots=none",
                    f"data.features={case.features}",
                    "data.classes=10",
                    f"data.samples={case.rows}",
                    "architecture.hidden_sizes=[128,64]",
                    f"training.batch_size={case.batch_size}",
                    f"training.epochs={case.epochs}",
                    *overrides,
                ]
            )
        )
    drawing = blueprint(experiment)
    generator = np.random.default_rng(0)
    standard = Standard(np.full(case.features, 127.5), np.full(case.features, 73.9))
    shape = case.rows, case.features
    inputs = generator.integers(0, 256, shape, np.uint8) if case.of_bytes else generator.normal(size=shape)
    targets = generator.integers(0, 10, size=case.rows)
    rows = Rows(inputs, targets, standard=standard if case.of_bytes else None)
    steps = steps_in_epoch(case.rows, case.batch_size, None)
    plan = Plan(0, case.rows, case.batch_size, case.epochs, steps, np.full(steps * case.epochs, 1e-3))
    first = weight_files.draw(drawing.tree, drawing.input_shape, component.build(experiment.initializer), 0)
    splits = _splits(rows, standard)
    return Job(experiment, drawing.tree, drawing.input_shape, first, splits, plan)


def _splits(rows: Rows, standard: Standard) -> Splits:
    nothing = rows.part(slice(0))
    return Splits(
        train=rows,
        validation=nothing,
        test=nothing,
        target_mean=np.zeros(1),
        target_scale=np.ones(1),
        input_mean=standard.mean,
        input_scale=standard.scale,
        sha256="",
    )


def print_ratios(
    case: Case, ours: Callable[[], float], references: Mapping[str, Callable[[], float]]
) -> None:
    """Times ours and each reference in turn and prints the median of the ratios, and of our time of a step."""
    steps = case.epochs * -(-case.rows // case.batch_size)
    for function in (ours, *references.values()):
        function()
    times: dict[str, list[float]] = {name: [] for name in ("ours", *references)}
    for _ in range(ROUNDS):
        times["ours"].append(ours())
        for name, reference in references.items():
            times[name].append(reference())
    print(f"{case.name}: {statistics.median(times['ours']) / steps * 1e6:.0f} microseconds a step")
    for name in references:
        ratios = sorted(mine / theirs for mine, theirs in zip(times["ours"], times[name], strict=True))
        print(f"  {statistics.median(ratios):.2f} x {name}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")
