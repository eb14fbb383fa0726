"""What a training on several devices cannot do, because it would not be the training of one."""

from __future__ import annotations

from collections.abc import Iterator

from runner import own_network, task
from runner.errors import Fault
from runner.experiment import Experiment, Training

_DEVICES, _NODES = "training.devices", "training.nodes"


def training_faults(experiment: Experiment) -> Iterator[Fault]:
    """Yields why a training needs one device where more are asked for."""
    asked = _asked(experiment.training)
    if asked is None:
        return
    key, received = asked
    if experiment.backend.semantics == "native":
        rule = "must be 1 with backend.semantics=native, whose dropout and norms see the rows of one device"
        yield Fault(key, rule, received, remedy="Take backend.semantics=canonical.")
    if own_network.maker(experiment.architecture):
        rule = "must be 1 with a network of one framework's own, which may look at all rows of a batch"
        remedy = "Write it in layers (architecture=tree)."
        yield Fault(key, rule, received, remedy=remedy)
    training = experiment.training
    count = (1 if training.devices == "auto" else training.devices) * training.nodes
    if training.batch_size < count:
        rule = f"must leave a row of each batch for every device, and training.batch_size is {training.batch_size}"
        yield Fault(key, rule, received, remedy=f"Take training.batch_size={count} or more.")


def tool_faults(experiment: Experiment) -> Iterator[Fault]:
    """Yields why a task beside training needs one device where more are asked for."""
    devices = experiment.training.devices
    if devices not in (1, "auto") and not task.depends_on(task.of(experiment), "training.epochs"):
        rule = f"must be 1 with task={experiment.task.name}, because only a training is shared"
        yield Fault(_DEVICES, rule, str(devices), remedy="Leave it out.")


def sweep_faults(experiment: Experiment) -> list[Fault]:
    """Returns why the runs of a sweep cannot have several machines each."""
    if experiment.training.nodes == 1:
        return []
    rule = "must be 1 in a sweep, because the machines of a training meet for one run"
    return [Fault(_NODES, rule, str(experiment.training.nodes), remedy="Type each run by itself.")]


def parity_fault(experiment: Experiment) -> Fault | None:
    """Returns why the two backends cannot be compared where a training has several devices."""
    asked = _asked(experiment.training)
    if asked is None:
        return None
    rule = "must be 1, because parity compares two trainings of one device each"
    return Fault(asked[0], rule, asked[1], remedy="Leave it out: several devices train the same.")


def _asked(training: Training) -> tuple[str, str] | None:
    """Returns the key that asks for several devices and what it has, or None where nothing does."""
    if training.nodes > 1:
        return _NODES, str(training.nodes)
    if training.devices == 1 or (training.devices == "auto" and training.accelerator == "cpu"):
        return None
    return _DEVICES, str(training.devices)
