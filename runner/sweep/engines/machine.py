"""What one machine has room for: as many runs as its cores and its memory allow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.experiment import Experiment

_GPU = Path("/dev/nvidia0")


class Machine:
    """The room of this machine, which the engines on it share."""

    def has_room(self, runs: Sequence[Experiment]) -> bool:
        return len(runs) <= 1 or sum(map(cores_of, runs)) <= cores()

    def has_place(self, workers: Sequence[Experiment], memory: int) -> bool:
        import psutil

        return len(workers) <= 1 or (len(workers) <= cores() and psutil.virtual_memory().available > memory)


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_of(experiment: Experiment) -> int:
    """Returns how many cores a run takes: its threads, or all where it takes what is there, or a device of its own."""
    training = experiment.training
    on_device = training.accelerator == "gpu" or (training.accelerator == "auto" and _GPU.exists())
    return cores() if on_device else threads_of(experiment) or cores()


def threads_of(experiment: Experiment) -> int:
    """Returns how many threads the processes of a run have together; 0 where they take what is there."""
    training = experiment.training
    processes = training.devices if training.accelerator == "cpu" and training.devices != "auto" else 1
    return training.threads * processes
