"""What torch alone understands of a training, under torch's own names: what canonical names do not tell of it.

That is every array of the network (two biases where the canonical network has one, counts of batches), what torch's own
optimizers remember, and the state of the global generator, from which torch's own dropout draws.
"""

from __future__ import annotations

import importlib.metadata

import torch
from torch.optim import Optimizer

from runner.backends.torch.layers import Network
from runner.training_state import OwnState

_NETWORK, _OPTIMIZER, _RANDOM = "network/", "optimizer/", "random/"
# What torch keeps beside the parameter and not where it lies.
_COUNTS = ("step", "mu_product")


def of(network: Network, optimizer: Optimizer | None, device: torch.device) -> OwnState:
    """Returns copies of everything.

    Args:
        network: what is trained.
        optimizer: what updates it; None where canonical names tell all that it remembers.
        device: where both are.
    """
    tensors = {f"{_NETWORK}{name}": tensor for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_arrays() if optimizer is not None else ():
        assert optimizer is not None
        remembered = optimizer.state.get(parameter, {})
        tensors |= {f"{_OPTIMIZER}{key}/{name}": each for key, each in remembered.items() if each is not None}
    tensors[f"{_RANDOM}cpu"] = torch.get_rng_state()
    if device.type == "cuda":
        tensors[f"{_RANDOM}cuda"] = torch.cuda.get_rng_state(device)
    arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}
    return OwnState("torch", {"torch": importlib.metadata.version("torch")}, arrays)


def load(own: OwnState, network: Network, optimizer: Optimizer) -> None:
    """Gives a network, and an optimizer that has made no step, what :func:`of` took of others."""
    network.load_state_dict({name: torch.from_numpy(array) for name, array in own.below(_NETWORK).items()})
    arrays = dict(network.named_arrays())
    for place, array in own.below(_OPTIMIZER).items():
        key, _, name = place.partition("/")
        parameter = arrays[name]
        # torch's own load_state_dict would give the counts the type of the parameter, and round otherwise.
        device = torch.device("cpu") if key in _COUNTS else parameter.device
        optimizer.state[parameter][key] = torch.tensor(array, device=device)


def load_random(own: OwnState, device: torch.device) -> None:
    """Has torch's generators go on where those of another process stood."""
    states = {name: torch.from_numpy(array) for name, array in own.below(_RANDOM).items()}
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
