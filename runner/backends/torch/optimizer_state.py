"""What torch's optimizers remember, by the names and in the layout that no framework owns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import Optimizer

from runner.backends.torch import update_rules as rules
from runner.backends.torch.layers import Network
from runner.results import Weights

_MEANS = {"mean": "exp_avg", "square": "exp_avg_sq"}
_KEYS: Mapping[type[Optimizer], Mapping[str, str]] = {
    torch.optim.SGD: {"momentum": "momentum_buffer"},
    torch.optim.Adam: {**_MEANS, "largest": "max_exp_avg_sq"},
    rules.Nadam: _MEANS,
    torch.optim.Adamax: {"mean": "exp_avg", "largest": "exp_inf"},
    torch.optim.RMSprop: {"square": "square_avg", "mean": "grad_avg", "momentum": "momentum_buffer"},
    torch.optim.Adagrad: {"sum": "sum"},
    torch.optim.Adadelta: {"square": "square_avg", "squared_step": "acc_delta"},
    rules.Lion: {"momentum": "momentum"},
}


def slots(optimizer: Optimizer, network: Network) -> Weights:
    """Returns copies of an optimizer's arrays by ``{slot}/{array}``."""
    found = {}
    for slot, key in _KEYS[type(optimizer)].items():
        for name, parameter in network.named_arrays():
            tensor = optimizer.state[parameter].get(key)
            if tensor is not None:
                found[f"{slot}/{name}"] = network.canonical(name, tensor)
    return found


def load(
    optimizer: Optimizer, network: Network, slots: Mapping[str, NDArray[np.float64]], updates: int
) -> None:
    """Gives an optimizer that has made no step the arrays of one that has made so many updates."""
    keys = _KEYS[type(optimizer)]
    arrays = dict(network.named_arrays())
    groups = {id(parameter): group for group in optimizer.param_groups for parameter in group["params"]}
    for place, array in slots.items():
        slot, _, name = place.partition("/")
        state, group = optimizer.state[arrays[name]], groups[id(arrays[name])]
        state[keys[slot]] = network.native(name, array)
        state.update(_counts(state, group, arrays[name].device, updates))


def _counts(
    state: Mapping[str, Any], group: Mapping[str, Any], device: torch.device, updates: int
) -> dict[str, torch.Tensor]:
    """Returns what a parameter remembers of the number of updates."""
    if "mu_product" in state:
        beta1, decay = group["betas"][0], group["momentum_decay"]
        momenta = (beta1 * (1 - 0.5 * 0.96 ** (step * decay)) for step in range(1, updates + 1))
        product = torch.tensor(math.prod(momenta), dtype=torch.float64)
        return {"step": torch.tensor(float(updates), dtype=torch.float64), "mu_product": product}
    # Only the fused kernels look for it beside the parameter.
    place = device if group.get("fused") else torch.device("cpu")
    return {"step": torch.tensor(float(updates), dtype=torch.float32, device=place)}
