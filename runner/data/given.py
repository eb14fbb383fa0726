"""Rows that stand in the configuration itself."""

from __future__ import annotations

import numpy as np

from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.quantities import Finite, PositiveCount
from runner.suggestions import listed


def given(
    *, inputs: list[list[Finite]], targets: list[Finite] | None, classes: PositiveCount | None
) -> Source:
    """Rows written out.

    Args:
        inputs: one list of numbers for each example, all of one length.
        targets: class numbers from 0, or values, one for each example; None for 0.
        classes: how many classes there are, at least 2; None where targets are values.

    Raises:
        ConfigurationError: rows of different lengths, or targets that do not fit.
    """
    expected = [0.0] * len(inputs) if targets is None else targets
    faults = [*_input_faults(inputs), *_target_faults(expected, len(inputs), classes)]
    if faults:
        raise ConfigurationError(faults)

    def read() -> Arrays:
        if classes is None:
            return np.array(inputs, np.float64), np.array(expected, np.float64)[:, None]
        return np.array(inputs, np.float64), np.array(expected, np.int64)

    names = tuple(str(number) for number in range(classes or 0))
    task: Task = "regression" if classes is None else "binary" if classes == 2 else "multiclass"
    return Source("given", task, (len(inputs[0]),), names, len(inputs), read)


def _input_faults(inputs: list[list[Finite]]) -> list[Fault]:
    lengths = list(dict.fromkeys(len(row) for row in inputs))
    if not inputs or 0 in lengths:
        return [Fault("data.inputs", "must have rows of at least one number", str(inputs))]
    if len(lengths) > 1:
        return [Fault("data.inputs", "must have rows of one length", f"{listed(map(str, lengths))} numbers")]
    return []


def _target_faults(targets: list[Finite], rows: int, classes: int | None) -> list[Fault]:
    faults = []
    if len(targets) != rows:
        faults.append(Fault("data.targets", f"must be as many as the {rows} rows", str(len(targets))))
    if classes is not None and classes < 2:
        faults.append(Fault("data.classes", "must be at least 2, or null for values", str(classes)))
    elif classes is not None:
        wrong = [each for each in targets if each not in range(classes)]
        if wrong:
            rule = f"must be class numbers from 0 to {classes - 1}"
            faults.append(Fault("data.targets", rule, f"{wrong[0]:g}"))
    return faults
