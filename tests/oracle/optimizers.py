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


def amsgrad(*, beta1: float, beta2: float, epsilon: float) -> Rule:
    """lr m' / (sqrt(x') + epsilon) with x <- max(x, v) and x' = x / (1 - beta2^t)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        m = state["m"] = beta1 * state.get("m", np.zeros_like(g)) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", np.zeros_like(g)) + (1 - beta2) * g**2
        x = state["x"] = np.maximum(state.get("x", v), v)
        return rate * (m / (1 - beta1**step)) / (np.sqrt(x / (1 - beta2**step)) + epsilon)

    return rule


def nadam(*, beta1: float, beta2: float, momentum_decay: float, epsilon: float) -> Rule:
    """lr (a g + b m) / (sqrt(v') + epsilon), a and b from the momenta c_t = beta1 (1 - 0.96^(t momentum_decay) / 2)."""

    def momentum(step: int) -> float:
        return float(beta1 * (1 - 0.96 ** (step * momentum_decay) / 2))

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        m = state["m"] = beta1 * state.get("m", np.zeros_like(g)) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", np.zeros_like(g)) + (1 - beta2) * g**2
        product = math.prod(momentum(number) for number in range(1, step + 1))
        a = (1 - momentum(step)) / (1 - product)
        b = momentum(step + 1) / (1 - product * momentum(step + 1))
        return rate * (a * g + b * m) / (np.sqrt(v / (1 - beta2**step)) + epsilon)

    return rule


def adamax(*, beta1: float, beta2: float, epsilon: float) -> Rule:
    """u <- max(beta2 u, |g| + epsilon); lr m / ((1 - beta1^t) u)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        m = state["m"] = beta1 * state.get("m", np.zeros_like(g)) + (1 - beta1) * g
        u = state["u"] = np.maximum(beta2 * state.get("u", np.zeros_like(g)), np.abs(g) + epsilon)
        return rate * m / ((1 - beta1**step) * u)

    return rule


def rmsprop(*, decay: float, momentum: float, centered: bool, epsilon: float) -> Rule:
    """v <- decay v + (1 - decay) g^2; b <- momentum b + g / (sqrt(v) + epsilon); lr b. Centered: v - a^2, a the mean g."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        v = state["v"] = decay * state.get("v", np.zeros_like(g)) + (1 - decay) * g**2
        a = state["a"] = decay * state.get("a", np.zeros_like(g)) + (1 - decay) * g
        spread = v - a**2 if centered else v
        b = state["b"] = momentum * state.get("b", np.zeros_like(g)) + g / (np.sqrt(spread) + epsilon)
        return rate * b

    return rule


def adagrad(*, initial_accumulator: float, epsilon: float) -> Rule:
    """s <- s + g^2, from initial_accumulator; lr g / (sqrt(s) + epsilon)."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        s = state["s"] = state.get("s", np.full_like(g, initial_accumulator)) + g**2
        return rate * g / (np.sqrt(s) + epsilon)

    return rule


def adadelta(*, decay: float, epsilon: float) -> Rule:
    """v <- decay v + (1 - decay) g^2; d = sqrt(s + epsilon) / sqrt(v + epsilon) g; lr d; s <- decay s + (1 - decay) d^2."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        v = state["v"] = decay * state.get("v", np.zeros_like(g)) + (1 - decay) * g**2
        s = state.get("s", np.zeros_like(g))
        d = np.sqrt(s + epsilon) / np.sqrt(v + epsilon) * g
        state["s"] = decay * s + (1 - decay) * d**2
        return rate * d

    return rule


def lion(*, beta1: float, beta2: float) -> Rule:
    """lr sign(beta1 m + (1 - beta1) g); then m <- beta2 m + (1 - beta2) g."""

    def rule(g: Floats, state: State, rate: float, step: int) -> Floats:
        m = state.get("m", np.zeros_like(g))
        state["m"] = beta2 * m + (1 - beta2) * g
        return rate * np.sign(beta1 * m + (1 - beta1) * g)

    return rule


@dataclass
class Optimizer:
    """A rule with what surrounds it; the only thing in this package that remembers anything."""

    rule: Rule
    l2: float = 0.0
    decoupled_weight_decay: float = 0.0
    clip_global_norm: float | None = None
    clip_value: float | None = None
    # The places of the weights that both decays concern; None for all.
    decayed: frozenset[int] | None = None
    steps: int = 0
    states: list[State] = field(default_factory=list)

    def step(self, weights: Sequence[Floats], gradients: Sequence[Floats], rate: float) -> list[Floats]:
        """Returns the weights after one step at learning rate ``rate``."""
        self.steps += 1
        self.states = self.states or [{} for _ in weights]
        moved = []
        given = zip(weights, self.clipped(gradients), self.states, strict=True)
        for place, (weight, gradient, state) in enumerate(given):
            decays = float(self.decayed is None or place in self.decayed)
            shrunken = weight * (1 - rate * decays * self.decoupled_weight_decay)
            moved.append(
                shrunken - self.rule(gradient + decays * self.l2 * shrunken, state, rate, self.steps)
            )
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
