"""What Keras alone understands of a training, under Keras' own names: what canonical names do not tell of it.

That is every variable of the network, the states of its generators among them, from which Keras' own dropout draws, and
those of Keras' own optimizers.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from typing import Any

import numpy as np

from runner.backends.keras import kernels
from runner.backends.keras.layers import Network
from runner.errors import ConfigurationError, Fault
from runner.training_state import OwnState

_NETWORK, _OPTIMIZER = "network", "optimizer"


def of(network: Network, optimizer: Any | None) -> OwnState:
    """Returns copies of everything.

    Args:
        network: what is trained.
        optimizer: what updates it; None where canonical names tell all that it remembers.
    """
    variables = _variables(network, optimizer)
    arrays = {name: np.array(kernels.values(variable)) for name, variable in variables.items()}
    versions = {package: importlib.metadata.version(package) for package in ("keras", "tensorflow")}
    return OwnState("keras", versions, arrays)


def load(own: OwnState, network: Network, optimizer: Any | None) -> None:
    """Gives a network and a built optimizer what :func:`of` took of others.

    Raises:
        ConfigurationError: they have other variables.
    """
    variables = _variables(network, optimizer)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in own.arrays.items()}:
        rule = "has other variables than the checkpoint, as Keras counts them"
        raise ConfigurationError([Fault("resume", rule)])
    for name, variable in variables.items():
        variable.assign(own.arrays[name])


def _variables(network: Network, optimizer: Any | None) -> dict[str, Any]:
    # Those of its metrics count for an epoch that is begun anew anyway.
    metrics = {id(variable) for variable in network.metrics_variables}
    found = [variable for variable in network.variables if id(variable) not in metrics]
    rest = [] if optimizer is None else optimizer.variables
    return _numbered(_NETWORK, found) | _numbered(_OPTIMIZER, rest)


def _numbered(kind: str, variables: Sequence[Any]) -> dict[str, Any]:
    """Returns variables by path and place: two of them may have the same path."""
    return {f"{kind}/{place}/{variable.path}": variable for place, variable in enumerate(variables)}
