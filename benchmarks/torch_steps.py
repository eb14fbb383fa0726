"""One training step of the torch backend against a plain PyTorch loop, with Adam as it comes and with the fused one.

    python benchmarks/torch_steps.py

Each row is the median over rounds of (backend / reference), both timed in turn in this process.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import torch
from common import CASES, Case, NullObserver, job, print_ratios

from runner.backends.torch import training


def plain_loop(case: Case, *, fused: bool) -> Callable[[], float]:
    """Returns a function that trains by a loop over index batches as people write it, and gives its seconds."""
    plan = job(case, "torch")
    splits, order = plan.splits, plan.plan
    inputs = torch.tensor(splits.train.numbers("float32"))
    targets = torch.tensor(splits.train.targets)

    def run() -> float:
        sizes = [inputs.shape[1], 128, 64, 10]
        layers: list[torch.nn.Module] = []
        for size_in, size_out in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(size_in, size_out), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused or None)
        loss_function = torch.nn.CrossEntropyLoss()
        start = time.perf_counter()
        for _ in range(order.epochs):
            permutation = torch.randperm(len(inputs))
            total = 0.0
            for first in range(0, len(inputs), order.batch_size):
                rows = permutation[first : first + order.batch_size]
                optimizer.zero_grad()
                loss = loss_function(model(inputs[rows]), targets[rows])
                loss.backward()
                optimizer.step()
                total += loss.item()
        return time.perf_counter() - start

    return run


def backend(case: Case) -> Callable[[], float]:
    """Returns a function that trains by the backend and gives the seconds of its fit, set-up of the Trainer included."""

    def run() -> float:
        task = job(case, "torch")
        model = training.build(job=task)
        start = time.perf_counter()
        training.fit(model=model, job=task, observer=NullObserver())
        return time.perf_counter() - start

    return run


def main() -> None:
    """Prints a ratio for each network and reference."""
    torch.set_num_threads(1)
    for case in CASES:
        ours = backend(case)
        print_ratios(
            case,
            ours,
            {
                "plain loop, Adam": plain_loop(case, fused=False),
                "plain loop, fused Adam": plain_loop(case, fused=True),
            },
        )


if __name__ == "__main__":
    main()
