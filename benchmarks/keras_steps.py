"""One training step of the Keras backend against ``model.fit`` on arrays as people write it, compile time included.

    python benchmarks/keras_steps.py

Each row is the median over rounds of (backend / reference), both timed in turn in this process.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from common import CASES, Case, NullObserver, job, print_ratios

from runner.backends.keras import training


def plain_fit(case: Case) -> Callable[[], float]:
    """Returns a function that trains by fit on arrays, and gives its seconds."""
    task = job(case, "keras", "training.deterministic=false")
    inputs = task.splits.train.numbers("float32")
    targets = task.splits.train.targets

    def run() -> float:
        keras.config.set_floatx("float32")
        model = keras.Sequential(
            [
                keras.Input((case.features,)),
                keras.layers.Dense(128, "relu"),
                keras.layers.Dense(64, "relu"),
                keras.layers.Dense(10),
            ]
        )
        start = time.perf_counter()
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(inputs, targets, batch_size=case.batch_size, epochs=case.epochs, verbose=0)
        return time.perf_counter() - start

    return run


def backend(case: Case) -> Callable[[], float]:
    """Returns a function that trains by the backend and gives the seconds of its fit."""

    def run() -> float:
        task = job(case, "keras", "training.deterministic=false")
        model = training.build(job=task)
        start = time.perf_counter()
        training.fit(model=model, job=task, observer=NullObserver())
        return time.perf_counter() - start

    return run


def main() -> None:
    """Prints a ratio for each network."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for case in CASES:
        print_ratios(case, backend(case), {"model.fit on arrays": plain_fit(case)})


if __name__ == "__main__":
    main()
