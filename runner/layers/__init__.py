"""The layer vocabulary: frozen records with shape inference, the same for every backend.

Shapes leave out the batch: ``(features,)``, for sequences ``(length, channels)``, for images
``(height, width, channels)``.
"""

from runner.layers.base import Leaf, Parameter, Shape, ShapeError, describe
from runner.layers.categories import categories, looked_up
from runner.layers.native import NativeNetwork
from runner.layers.norms import BatchNorm, GroupNorm, LayerNorm
from runner.layers.plain import Activation, Dense, Dropout, Flatten, Reshape, Select
from runner.layers.sequences import (
    Embedding,
    Gru,
    Lstm,
    PositionalEmbedding,
    Recurrent,
    SelfAttention,
    SimpleRnn,
)
from runner.layers.tree import (
    BLOCKS,
    VOCABULARY,
    Concatenate,
    Layer,
    LayerRow,
    Reconstruction,
    Residual,
    Sequence,
    activations,
    entrances,
    is_native,
    named,
    neighbours,
    parameters,
    rows,
    word,
)
from runner.layers.windows import (
    AveragePool,
    Conv1d,
    Conv2d,
    Conv2dTranspose,
    Convolution,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool,
    Pool,
    Window,
)

__all__ = [
    "BLOCKS",
    "VOCABULARY",
    "Activation",
    "AveragePool",
    "BatchNorm",
    "Concatenate",
    "Conv1d",
    "Conv2d",
    "Conv2dTranspose",
    "Convolution",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNorm",
    "Gru",
    "Layer",
    "LayerNorm",
    "LayerRow",
    "Leaf",
    "Lstm",
    "MaxPool",
    "NativeNetwork",
    "Parameter",
    "Pool",
    "PositionalEmbedding",
    "Reconstruction",
    "Recurrent",
    "Reshape",
    "Residual",
    "Select",
    "SelfAttention",
    "Sequence",
    "Shape",
    "ShapeError",
    "SimpleRnn",
    "Window",
    "activations",
    "categories",
    "describe",
    "entrances",
    "is_native",
    "looked_up",
    "named",
    "neighbours",
    "parameters",
    "rows",
    "word",
]
