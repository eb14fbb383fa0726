"""Layers of our own: their arrays have the canonical names and layout of the record that they carry out."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import keras

from runner.layers import Leaf, Shape

Record = TypeVar("Record", bound=Leaf)


class OwnLayer(keras.layers.Layer, Generic[Record]):
    """A Keras layer that is described by its record alone.

    Args:
        record: the named layer.
        shape: shape of one example.
        options: what Keras' own layers take.
    """

    def __init__(self, record: Record, shape: Shape, **options: Any) -> None:
        super().__init__(name=record.name, **options)
        self.record = record
        self.shape = shape
        for word, array in record.parameters(shape).items():
            # The first values are taken from outside.
            weight = self.add_weight(name=word, shape=array.shape, initializer="zeros")
            setattr(self, word, weight)
