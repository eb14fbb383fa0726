"""What one arm of a comparison did in each step, and its file: arrays only, without a pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.results import Evaluation, Weights

Floats = NDArray[np.float64]

_GRADIENT, _WEIGHT = "gradient:", "weight:"


@dataclass(frozen=True)
class Recording:
    """The steps of one training; of a large array only so many elements, evenly spaced, as were asked for.

    Args:
        batches: a SHA-256 of the inputs, targets and weights of each step, as bytes, (steps, 32).
        outputs: the logits of each step, (steps, rows, outputs); NaN beyond the rows of a smaller batch.
        losses: the loss of each step, (steps,).
        gradients: of every trained array before any clipping, by canonical name, (steps, elements).
        weights: every array before the first step and after each, by canonical name, (steps + 1, elements).
        evaluation_steps: how many steps had been made at each evaluation, (evaluations,).
        evaluation_losses: the loss on the validation rows, (evaluations,).
        evaluation_outputs: the logits of the validation rows, (evaluations, rows, outputs).
    """

    batches: NDArray[np.uint8]
    outputs: Floats
    losses: Floats
    gradients: Mapping[str, Floats]
    weights: Mapping[str, Floats]
    evaluation_steps: NDArray[np.int64]
    evaluation_losses: Floats
    evaluation_outputs: Floats

    @property
    def steps(self) -> int:
        return len(self.losses)

    def save(self, path: Path) -> None:
        """Writes the recording as a ``.npz`` file."""
        plain: dict[str, Any] = {name: value for name, value in vars(self).items() if not _is_mapping(value)}
        plain |= {_GRADIENT + name: array for name, array in self.gradients.items()}
        plain |= {_WEIGHT + name: array for name, array in self.weights.items()}
        np.savez(path, **plain)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Returns what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        mappings: dict[str, dict[str, Floats]] = {_GRADIENT: {}, _WEIGHT: {}}
        for name in list(arrays):
            kind, colon, array = name.partition(":")
            if colon:
                mappings[kind + colon][array] = arrays.pop(name)
        return cls(gradients=mappings[_GRADIENT], weights=mappings[_WEIGHT], **arrays)


def load_losses(path: Path) -> Floats:
    """Returns the losses of a recording alone, (steps,)."""
    with np.load(path, allow_pickle=False) as file:
        losses: Floats = file["losses"]
    return losses


class Recorder:
    """Takes what happens in each step, as :class:`runner.backend.Probe`, and gives the recording at the end.

    Args:
        weights: the first weights.
        elements: how many elements of each array are kept at most, at least 1.
    """

    def __init__(self, weights: Weights, elements: int) -> None:
        self._elements = elements
        self._weights = {name: [self._some(array)] for name, array in weights.items()}
        self._gradients: dict[str, list[Floats]] = {}
        self._batches: list[NDArray[np.uint8]] = []
        self._outputs: list[Floats] = []
        self._losses: list[float] = []
        self._evaluations: list[tuple[int, Evaluation]] = []

    @property
    def steps(self) -> int:
        """How many steps were taken so far."""
        return len(self._losses)

    def step(
        self,
        *,
        inputs: NDArray[Any],
        targets: NDArray[Any],
        sample_weights: NDArray[Any] | None,
        outputs: NDArray[Any],
        loss: float,
        gradients: Mapping[str, NDArray[Any]],
        weights: Mapping[str, NDArray[Any]],
    ) -> None:
        """Takes one step, its gradients by canonical name and the weights after it."""
        batch = (inputs, targets) if sample_weights is None else (inputs, targets, sample_weights)
        self._batches.append(_digest(*batch))
        self._outputs.append(np.asarray(outputs, np.float64))
        self._losses.append(loss)
        for name, array in gradients.items():
            self._gradients.setdefault(name, []).append(self._some(array))
        for name, array in weights.items():
            self._weights[name].append(self._some(array))

    def evaluation(self, evaluation: Evaluation) -> None:
        """Takes what was found on the validation rows after the last step."""
        self._evaluations.append((self.steps, evaluation))

    def recording(self, steps: int) -> Recording:
        """Returns the first ``steps`` steps, or all where there were fewer."""
        steps = min(steps, self.steps)
        evaluations = [(at, each) for at, each in self._evaluations if at <= steps]
        return Recording(
            batches=np.array(self._batches[:steps], np.uint8).reshape(steps, 32),
            outputs=_padded(self._outputs[:steps]),
            losses=np.array(self._losses[:steps], np.float64),
            gradients={name: np.array(arrays[:steps]) for name, arrays in self._gradients.items()},
            weights={name: np.array(arrays[: steps + 1]) for name, arrays in self._weights.items()},
            evaluation_steps=np.array([at for at, _ in evaluations], np.int64),
            evaluation_losses=np.array([each.loss for _, each in evaluations], np.float64),
            evaluation_outputs=np.array([each.logits for _, each in evaluations], np.float64),
        )

    def _some(self, array: NDArray[Any]) -> Floats:
        flat = np.asarray(array, np.float64).ravel()
        if len(flat) <= self._elements:
            return flat.copy()
        return flat[np.linspace(0, len(flat) - 1, self._elements).astype(np.int64)]


def _digest(*arrays: NDArray[Any]) -> NDArray[np.uint8]:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype}{array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(total.digest(), np.uint8)


def _padded(outputs: list[Floats]) -> Floats:
    if not outputs:
        return np.empty((0, 0, 0))
    rows = max(len(each) for each in outputs)
    padded = np.full((len(outputs), rows, *outputs[0].shape[1:]), np.nan)
    for step, each in enumerate(outputs):
        padded[step, : len(each)] = each
    return padded


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)
