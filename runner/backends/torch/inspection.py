"""Looking into a network, a function or a loss by PyTorch's own automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner import component
from runner.backends.torch.model import TorchModel
from runner.data import Rows
from runner.experiment import Component
from runner.results import Weights

Floats = NDArray[np.float64]


def function(*, function: Component, inputs: Floats) -> tuple[Floats, Floats]:
    """Returns f(x) and its derivatives for each row of inputs by itself, in float64.

    Args:
        function: an activation function; one that learns its slope has the first one.
        inputs: rows of x, (rows, n).

    Returns:
        values, (rows, m), and df_i / dx_j, (rows, m, n).
    """
    points = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    values = _applied(function, points)
    columns = [
        torch.autograd.grad(values[:, column].sum(), points, retain_graph=True)[0]
        for column in range(values.shape[1])
    ]
    return values.detach().numpy(), torch.stack(columns, dim=1).numpy()


def polynomial(*, coefficients: list[float], inputs: Floats) -> tuple[Floats, Floats]:
    """Returns p(x) = sum_k c_k x^k by Horner's rule and p'(x) at each of the inputs, in float64."""
    points = torch.tensor(inputs, dtype=torch.float64, requires_grad=True)
    values = torch.zeros_like(points)
    for coefficient in reversed(coefficients):
        values = values * points + coefficient
    (derivatives,) = torch.autograd.grad(values.sum(), points)
    return values.detach().numpy(), derivatives.numpy()


def loss(*, function: Component, predictions: Floats, targets: NDArray[Any]) -> tuple[Floats, Floats]:
    """Returns the loss of each of several predictions of the same targets, and its gradient, in float64.

    Args:
        function: the loss.
        predictions: logits, (variants, rows, units).
        targets: class numbers, (rows,), or numbers, (rows, units) or (rows,).

    Returns:
        losses, (variants,), and dL / dz, (variants, rows, units).
    """
    carried_out = component.build(function)
    expected = torch.from_numpy(targets)
    losses, gradients = np.empty(len(predictions)), np.empty(predictions.shape)
    for place, each in enumerate(predictions):
        logits = torch.tensor(each, dtype=torch.float64, requires_grad=True)
        value = carried_out(logits, expected)
        (gradient,) = torch.autograd.grad(value, logits)
        losses[place], gradients[place] = value.item(), gradient.numpy()
    return losses, gradients


def outputs(*, model: TorchModel, names: Sequence[str], inputs: Floats) -> dict[str, Floats]:
    """Returns what each named layer gives, channels last, in evaluation mode and the run's precision."""
    found: dict[str, Floats] = {}

    def noting(name: str) -> Callable[[Any, Any, Tensor], None]:
        def note(module: Any, arguments: Any, output: Tensor) -> None:
            values = output.permute(0, 2, 3, 1) if output.dim() == 4 else output
            found[name] = values.double().cpu().numpy()

        return note

    handles = [model.network.leaves[name].register_forward_hook(noting(name)) for name in names]
    model.network.eval()
    with torch.inference_mode():
        model.logits(model.tensor(inputs))
    for handle in handles:
        handle.remove()
    return found


def gradients(*, model: TorchModel, rows: Rows) -> tuple[float, Weights]:
    """Returns the mean loss of rows in evaluation mode, and its gradient by canonical name and layout."""
    model.network.eval()
    model.network.zero_grad()
    inputs, targets, weights = model.tensors(rows)
    value = model.loss(model.logits(inputs), targets, weights)
    value.backward()
    return value.item(), model.network.gradients()


def _applied(function: Component, points: Tensor) -> Tensor:
    carried_out = component.build(function)
    slope = function.arguments.get("initial_slope")
    values: Tensor = carried_out(points) if slope is None else carried_out(points, slope)
    return values
