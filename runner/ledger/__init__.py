"""What every component, argument and layer is called in PyTorch and in Keras, and where the two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.ledger.activations import ACTIVATIONS
from runner.ledger.architectures import ARCHITECTURES
from runner.ledger.initializers import INITIALIZERS
from runner.ledger.layers import LAYERS
from runner.ledger.losses import LOSSES, OUTPUT
from runner.ledger.optimizers import OPTIMIZERS
from runner.ledger.records import VERSIONS, Counterpart, Difference, Entry
from runner.ledger.schedules import SCHEDULES
from runner.ledger.training import OURS, TRAINING

__all__ = [
    "FAMILIES",
    "OURS",
    "OUTPUT",
    "TRAINING",
    "VERSIONS",
    "Counterpart",
    "Difference",
    "Entry",
    "counterparts",
    "differences",
]

# Group, or layer for the words of a network -> its components by name.
FAMILIES: Mapping[str, Mapping[str, Entry]] = {
    "activation": ACTIVATIONS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "initializer": INITIALIZERS,
    "layer": LAYERS,
    "architecture": ARCHITECTURES,
}


def counterparts() -> Iterator[tuple[str, str, Counterpart]]:
    """Yields the family, the name and the counterparts of everything: ``optimizer``, ``adam.epsilon``, ..."""
    for family, entries in FAMILIES.items():
        for name, entry in entries.items():
            yield family, name, entry.own
            for argument in entry.arguments:
                yield family, f"{name}.{argument}", entry.argument(argument)
    for key, counterpart in TRAINING.items():
        yield "training", key, counterpart


def differences() -> dict[str, dict[Difference, list[str]]]:
    """Returns the differences of each family, where they are met first, and the names that each concerns."""
    found: dict[str, dict[Difference, list[str]]] = {}
    home: dict[Difference, str] = {}
    for family, name, counterpart in counterparts():
        for difference in counterpart.differences:
            own = found.setdefault(home.setdefault(difference, family), {})
            own.setdefault(difference, []).append(f"{family}.{name}")
    return found
