"""Where classes can be made to count alike."""

from __future__ import annotations

from collections.abc import Iterator

from runner import semantics
from runner.data import Source
from runner.errors import Fault
from runner.experiment import Experiment

_KEY = "training.balance"


def faults(experiment: Experiment, source: Source) -> Iterator[Fault]:
    """Yields what keeps the classes of a data set from being balanced as an experiment asks."""
    balance, loss = experiment.training.balance, experiment.loss
    if balance is None:
        return
    of_classes = [
        name for name in ("class_weights", "positive_weight") if loss.arguments.get(name) not in (None, 1)
    ]
    if source.task == "regression":
        rule = (
            f"must be null, because {loss.name} on data={source.name} is a regression, which has no classes"
        )
        yield Fault(_KEY, rule, balance)
    elif of_classes:
        rule = f"must be null where {loss.key}.{of_classes[0]} says what the classes count"
        yield Fault(
            _KEY, rule, balance, remedy="Leave one of the two out: weights finds n / (K n_k) for class k."
        )
    elif balance == "sampling" and "batch_order" in semantics.left_native(experiment.backend):
        rule = "must not be sampling where the order of the rows is left to the framework"
        yield Fault(_KEY, rule, balance, remedy="Take weights, or backend.semantics=canonical.")
