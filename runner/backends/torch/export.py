"""A trained network as a program of ``torch.export``, from and to the units of the data."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runner.backend import Job
from runner.backends.torch.layers import Network
from runner.backends.torch.model import TorchModel
from runner.backends.torch.prediction import restored
from runner.experiment import Output
from runner.layers import Shape
from runner.network_file import NETWORK
from runner.network_reading import StoredNetwork, Units
from runner.results import Program

# MLflow's flavour looks for this name.
_FILE = "model.pt2"


def export(*, model: TorchModel, job: Job, folder: Path) -> Program:
    """Writes the network as a program of the framework's own, in evaluation mode, and returns what was written.

    Args:
        model: the network with the weights that are kept.
        job: what it was built from.
        folder: where ``model.pt2`` goes.
    """
    # A copy on the CPU, where every machine can load it.
    network = copy.deepcopy(model.network).cpu()
    predictor = _Predictor(network, model.dtype, job.experiment.output, job.splits)
    return _written(predictor, job.input_shape, folder, {})


def export_stored(*, network: StoredNetwork, folder: Path) -> Program:
    """Writes a network that was read from its files as such a program.

    Args:
        network: what is written, in the precision in which it was trained.
        folder: where ``model.pt2`` goes.
    """
    dtype = torch.float64 if network.precision == 64 else torch.float32
    predictor = _Predictor(restored(network), dtype, network.output, network)
    return _written(predictor, network.input_shape, folder, {NETWORK: json.dumps(network.described)})


def carried_out(*, path: Path) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Returns what gives the answers of a program that was written, by the framework's own loader."""
    program = torch.export.load(path).module()

    def answer(inputs: NDArray[Any]) -> NDArray[np.float64]:
        with torch.inference_mode():
            answers: NDArray[np.float64] = program(torch.as_tensor(inputs, dtype=torch.float64)).numpy()
        return answers

    return answer


def _written(predictor: _Predictor, shape: Shape, folder: Path, texts: dict[str, Any]) -> Program:
    # Two rows, because one would be taken for the only number of rows that there is.
    example = torch.zeros((2, *shape), dtype=torch.float64)
    shapes = ({0: torch.export.Dim("rows")},)
    with _quiet():
        program = torch.export.export(predictor.eval(), (example,), dynamic_shapes=shapes, strict=False)
    for node in program.graph.nodes:
        # The lines of code that each number came from, with the folders of this machine.
        node.meta.pop("stack_trace", None)
    folder.mkdir(parents=True, exist_ok=True)
    torch.export.save(program, folder / _FILE, extra_files=texts)
    return Program(folder, "pytorch", {"torch": torch.__version__})


class _Predictor(nn.Module):
    """The network between the units of the data: float64 in and out, inside the precision of the training."""

    def __init__(self, network: Network, dtype: torch.dtype, output: Output, units: Units) -> None:
        super().__init__()
        self.network = network
        self._dtype = dtype
        self._output = output
        self.register_buffer("input_mean", _constant(units.input_mean))
        self.register_buffer("input_scale", _constant(units.input_scale))
        self.input_mean: Tensor
        self.input_scale: Tensor
        self.register_buffer("target_mean", _constant(units.target_mean))
        self.register_buffer("target_scale", _constant(units.target_scale))
        self.target_mean: Tensor
        self.target_scale: Tensor

    def forward(self, inputs: Tensor) -> Tensor:
        standardised = (inputs - self.input_mean) / self.input_scale
        logits: Tensor = self.network(standardised.to(self._dtype)).double()
        match self._output:
            case "softmax":
                return torch.softmax(logits, dim=-1)
            case "sigmoid":
                return torch.sigmoid(logits)
            case "exponential":
                return torch.exp(logits)
            case "identity":
                return logits * self.target_scale + self.target_mean


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences the listing of the graph that torch writes before the error of a function that it cannot export."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _constant(values: NDArray[np.float64]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
