"""First weights and orders of rows as torch draws them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from runner import layers
from runner.layers import Parameter, Sequence, Shape
from runner.results import Weights

# What turns torch's order of axes into the canonical one, by how many there are: a kernel has the filters first there.
_AXES = {0: (), 1: (0,), 2: (1, 0), 3: (2, 1, 0), 4: (2, 3, 1, 0)}


def first_weights(*, tree: Sequence, input_shape: Shape, seed: int) -> Weights:
    """Returns kernels and biases from U(-1/sqrt(n), 1/sqrt(n)), n the fan-in, or the units of a recurrent cell.

    They are what torch's Linear and Conv layers, made one after the other, have after ``torch.manual_seed(seed)``.
    """
    draws = torch.Generator().manual_seed(seed)
    weights = {}
    for row in layers.rows(tree, input_shape):
        units = row.layer.units if isinstance(row.layer, layers.Recurrent) else None
        for word, parameter in row.layer.parameters(row.input_shape).items():
            weights[f"{row.layer.name}/{word}"] = _first_values(parameter, units or parameter.fan_in, draws)
    return weights


def permutation(seed: int, epoch: int, rows: int) -> NDArray[np.int64]:
    """Returns torch.randperm from a generator seeded by seed + epoch, as torch's DistributedSampler does it."""
    draws = torch.Generator().manual_seed(seed + epoch)
    order: NDArray[np.int64] = torch.randperm(rows, generator=draws).numpy()
    return order


def _first_values(parameter: Parameter, fan_in: int, draws: torch.Generator) -> NDArray[np.float64]:
    if parameter.constant is not None:
        return np.full(parameter.shape, parameter.constant)
    if parameter.deviation is not None:
        table = parameter.deviation * torch.randn(parameter.shape, generator=draws)
        return np.asarray(table.numpy(), np.float64)
    axes = _AXES[len(parameter.shape)]
    turned = torch.empty([parameter.shape[axis] for axis in np.argsort(axes)])
    bound = 1 / math.sqrt(fan_in)
    return np.asarray(turned.uniform_(-bound, bound, generator=draws).numpy().transpose(axes), np.float64)
