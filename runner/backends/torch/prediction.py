"""A trained network read back from its files, as PyTorch carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runner.backends.torch.layers import Network
from runner.network_reading import StoredNetwork


def predictor(*, network: StoredNetwork) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Returns what gives the last layer's numbers, (rows, units), of examples in the units of the data.

    Args:
        network: read from its files; it is carried out in the precision in which it was trained.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.float64 if network.precision == 64 else torch.float32
    built = restored(network).to(dtype=dtype, device=device)
    mean, scale = (
        torch.as_tensor(each, dtype=torch.float64, device=device)
        for each in (network.input_mean, network.input_scale)
    )

    def answer(inputs: NDArray[Any]) -> NDArray[np.float64]:
        with torch.inference_mode():
            # torch warns of arrays that it might not write to, which it does not.
            given = inputs if inputs.flags.writeable else inputs.copy()
            standardised = (torch.as_tensor(given, device=device) - mean).div_(scale).to(dtype)
            logits: NDArray[np.float64] = built(standardised).double().cpu().numpy()
        return logits

    return answer


def restored(network: StoredNetwork) -> Network:
    """Returns the network with its arrays, in evaluation mode and in its own precision, on the CPU."""
    dtype = torch.float64 if network.precision == 64 else torch.float32
    tree = network.tree("runner.backends.torch")
    built = Network(tree=tree, input_shape=network.input_shape, seed=0).to(dtype=dtype)
    built.load(network.weights)
    return built.eval()
