"""Optimizers: a rule turns a gradient into what is taken from the weight; ``Optimizer.step`` does the rest.

One step is: clip the gradients, shrink the weights by the decoupled decay, add l2 times the shrunken weight
to the gradient, then the rule. Rules are torch.optim's arithmetic, which is that of the papers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
State = dict[str, Floats]
Rule = Callable[[Floats, State, float, int], Floats]


def sgd(*, momentum: float, nesterov: bool) -> Rule:
    """b <- momentum b + g; lr b, or with nesterov lr (g + momentum b)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        b = state["b"] = momentum * state.get("b", np.zeros_like(g)) + g
        return rate * (g + momentum * b if nesterov else b)

    return rule


def adam(*, beta1: float, beta2: float, epsilon: float) -> Rule:
    """lr m' / (sqrt(v') + epsilon) with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        m = state["m"] = beta1 * state.get("m", np.zeros_like(g)) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", np.zeros_like(g)) + (1 - beta2) * g**2
        return rate * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + epsilon)

    return rule


adamw = adam


def rmsprop(*, decay: float, momentum: float, epsilon: float) -> Rule:
    """v <- decay v + (1 - decay) g^2; b <- momentum b + g / (sqrt(v) + epsilon); lr b."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        v = state["v"] = decay * state.get("v", np.zeros_like(g)) + (1 - decay) * g**2
        b = state["b"] = momentum * state.get("b", np.zeros_like(g)) + g / (np.sqrt(v) + epsilon)
        return rate * b

    return rule


def adagrad(*, initial_accumulator: float, epsilon: float) -> Rule:
    """s <- s + g^2, from initial_accumulator; lr g / (sqrt(s) + epsilon)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        s = state["s"] = state.get("s", np.full_like(g, initial_accumulator)) + g**2
        return rate * g / (np.sqrt(s) + epsilon)

    return rule


@dataclass
class Optimizer:
    """A rule with what surrounds it; the only thing in this package that remembers anything."""

    rule: Rule
    l2: float = 0.0
    decoupled_weight_decay: float = 0.0
    clip_global_norm: float | None = None
    clip_value: float | None = None
    steps: int = 0
    states: list[State] = field(default_factory=list)

    def step(self, weights: Sequence[Floats], gradients: Sequence[Floats], rate: float) -> list[Floats]:
        """Returns the weights after one step at learning rate ``rate``."""
        self.steps += 1
        self.states = self.states or [{} for _ in weights]
        moved = []
        for weight, gradient, state in zip(weights, self.clipped(gradients), self.states, strict=True):
            shrunken = weight * (1 - rate * self.decoupled_weight_decay)
            moved.append(shrunken - self.rule(gradient + self.l2 * shrunken, state, rate, self.steps))
        return moved

    def clipped(self, gradients: Sequence[Floats]) -> list[Floats]:
        """Returns g min(1, c / (|g| + 1e-6)), |g| over all gradients, or each element within [-c, c]."""
        if self.clip_global_norm is not None:
            norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
            scale = min(1.0, self.clip_global_norm / (norm + 1e-6))
            gradients = [gradient * scale for gradient in gradients]
        if self.clip_value is not None:
            gradients = [np.clip(gradient, -self.clip_value, self.clip_value) for gradient in gradients]
        return list(gradients)
