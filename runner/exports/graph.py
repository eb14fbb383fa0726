"""A graph of ONNX as it is put together: nodes in their order, and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Numbers inside; those of the data, at both ends, are float64.
INSIDE = np.float32


class Graph:
    """What the layers write their nodes to; every value has a name, ``relu_7``."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def node(self, word: str, *inputs: str, results: int = 1, **settings: Any) -> str:
        """Adds a node of an operator and returns the name of its last result; the others are not asked for."""
        from onnx import helper

        name = self._name(word)
        unused = [""] * (results - 1)
        self.nodes.append(helper.make_node(word, list(inputs), [*unused, name], name=name, **settings))
        return name

    def halves(self, x: str) -> tuple[str, str]:
        """Adds a node that splits the last axis in two and returns the names of both halves."""
        from onnx import helper

        name = self._name("Split")
        results = (f"{name}_first", f"{name}_second")
        self.nodes.append(helper.make_node("Split", [x], results, name=name, axis=-1, num_outputs=2))
        return results

    def numbers(self, values: NDArray[Any] | float) -> str:
        """Adds constant numbers of the kind inside and returns their name."""
        return self.constant(np.asarray(values, INSIDE))

    def whole(self, values: Sequence[int]) -> str:
        """Adds constant whole numbers, such as axes or the sides of a shape, and returns their name."""
        return self.constant(np.asarray(values, np.int64))

    def constant(self, values: NDArray[Any]) -> str:
        """Adds a constant as it is and returns its name."""
        from onnx import numpy_helper

        name = self._name("constant")
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def reshaped(self, x: str, sides: Sequence[int]) -> str:
        """Returns a value in another shape, the rows left alone."""
        return self.node("Reshape", x, self.whole([0, *sides]))

    def _name(self, word: str) -> str:
        self._count += 1
        return f"{word.lower()}_{self._count}"
