"""What stands behind the last layer, and why: it follows from what is predicted."""

from __future__ import annotations

from collections.abc import Mapping

from runner.experiment import Output

WHY: Mapping[Output, str] = {
    "softmax": "one of several classes is right, so that their probabilities share 1",
    "sigmoid": "there are two classes, so that one probability tells both",
    "identity": "any number may be right, so that nothing bounds it",
    "exponential": "counts are predicted, which are never below 0",
}


def sentence(output: str) -> str:
    """Returns an output function with its reason: ``sigmoid, because there are two classes, ...``."""
    reason = next((why for name, why in WHY.items() if name == output), "its loss asks for it")
    return f"{output}, because {reason}"
