"""The tree of a network: blocks of layers, canonical names, and what can be asked of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from runner.experiment import Component
from runner.layers import native, norms, plain, sequences, windows
from runner.layers.base import Leaf, Parameter, Shape, ShapeError, describe, inside


@dataclass(frozen=True)
class Sequence:
    """Layers one after the other."""

    layers: tuple[Layer, ...]

    def output_shape(self, input_shape: Shape) -> Shape:
        for place, layer in enumerate(self.layers):
            with inside(_step(place, layer)):
                input_shape = layer.output_shape(input_shape)
        return input_shape


@dataclass(frozen=True)
class Reconstruction:
    """The body of a network that learns to give back its own inputs, whatever the targets of the data are."""

    body: Sequence


@dataclass(frozen=True)
class Residual:
    """y = x + body(x), or shortcut(x) + body(x)."""

    body: Sequence
    shortcut: Sequence | None = None

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = {}
        for place, branch in self.branches.items():
            with inside(place):
                shapes[place] = branch.output_shape(input_shape)
        body, other = (*shapes.values(), input_shape)[:2]
        if body != other:
            whose = "its shortcut returns" if self.shortcut else "it receives"
            rule = f"must return the shape that {whose}, {describe(other)}"
            raise ShapeError(rule, f"shape {describe(body)}")
        return body

    @property
    def branches(self) -> dict[str, Sequence]:
        """Returns the body and, where there is one, the shortcut by their place in YAML."""
        if self.shortcut is None:
            return {"": self.body}
        return {".body": self.body, ".shortcut": self.shortcut}


@dataclass(frozen=True)
class Concatenate:
    """The outputs of several branches of the same input, joined along the last axis."""

    parts: tuple[Sequence, ...]

    def output_shape(self, input_shape: Shape) -> Shape:
        shapes = []
        for place, branch in self.branches.items():
            with inside(place):
                shapes.append(branch.output_shape(input_shape))
        if len({shape[:-1] for shape in shapes}) > 1:
            rule = "must have branches whose shapes differ in their last axis only"
            raise ShapeError(rule, ", ".join(describe(shape) for shape in shapes))
        return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))

    @property
    def branches(self) -> dict[str, Sequence]:
        """Returns the branches by their place in YAML."""
        return {f"[{place}]": branch for place, branch in enumerate(self.parts)}


Layer = Leaf | Sequence | Residual | Concatenate

VOCABULARY: Mapping[str, type[Leaf]] = {
    "dense": plain.Dense,
    "flatten": plain.Flatten,
    "reshape": plain.Reshape,
    "activation": plain.Activation,
    "dropout": plain.Dropout,
    "conv1d": windows.Conv1d,
    "conv2d": windows.Conv2d,
    "conv2d_transpose": windows.Conv2dTranspose,
    "max_pool": windows.MaxPool,
    "average_pool": windows.AveragePool,
    "global_max_pool": windows.GlobalMaxPool,
    "global_average_pool": windows.GlobalAveragePool,
    "batch_norm": norms.BatchNorm,
    "layer_norm": norms.LayerNorm,
    "group_norm": norms.GroupNorm,
    "embedding": sequences.Embedding,
    "positional_embedding": sequences.PositionalEmbedding,
    "simple_rnn": sequences.SimpleRnn,
    "lstm": sequences.Lstm,
    "gru": sequences.Gru,
    "self_attention": sequences.SelfAttention,
    "select": plain.Select,
}
BLOCKS: Mapping[str, type[Layer]] = {
    "sequence": Sequence,
    "residual": Residual,
    "concatenate": Concatenate,
}
_WORDS: Mapping[type[Layer], str] = {
    kind: word for words in (VOCABULARY, BLOCKS) for word, kind in words.items()
} | {native.NativeNetwork: "native"}


@dataclass(frozen=True)
class LayerRow:
    """One leaf at its place in a network: what it receives, what it gives, and its arrays by canonical name."""

    layer: Leaf
    input_shape: Shape
    output_shape: Shape
    parameters: Mapping[str, Parameter]


def named(tree: Sequence) -> Sequence:
    """Returns the tree with a canonical name on every leaf: its word and its number of that kind, ``dense0``."""
    seen: Counter[str] = Counter()

    def visit(layer: Layer) -> Layer:
        match layer:
            case Sequence():
                return visit_sequence(layer)
            case Residual():
                body = visit_sequence(layer.body)
                return Residual(body, visit_sequence(layer.shortcut) if layer.shortcut else None)
            case Concatenate():
                return Concatenate(tuple(visit_sequence(branch) for branch in layer.parts))
            case Leaf():
                seen[word(layer)] += 1
                return replace(layer, name=f"{word(layer)}{seen[word(layer)] - 1}")

    def visit_sequence(sequence: Sequence) -> Sequence:
        return Sequence(tuple(visit(layer) for layer in sequence.layers))

    return visit_sequence(tree)


def rows(tree: Layer, input_shape: Shape) -> Iterator[LayerRow]:
    """Yields every leaf in the order in which data meets it.

    Raises:
        ShapeError: where a layer cannot take what the layer before gives.
    """
    output_shape = tree.output_shape(input_shape)
    match tree:
        case Leaf():
            arrays = {f"{tree.name}/{word}": array for word, array in tree.parameters(input_shape).items()}
            yield LayerRow(tree, input_shape, output_shape, arrays)
        case Sequence():
            for layer in tree.layers:
                yield from rows(layer, input_shape)
                input_shape = layer.output_shape(input_shape)
        case _:
            for branch in tree.branches.values():
                yield from rows(branch, input_shape)


def parameters(tree: Sequence, input_shape: Shape) -> dict[str, Parameter]:
    """Returns every array of the network by its canonical name, in the order of the layers."""
    return {name: array for row in rows(tree, input_shape) for name, array in row.parameters.items()}


def is_native(tree: Sequence) -> bool:
    """Returns whether a network is written for one framework."""
    return any(isinstance(layer, native.NativeNetwork) for layer in tree.layers)


def activations(tree: Sequence, input_shape: Shape) -> dict[str, Component]:
    """Returns the function of every activation layer by the layer's name, in the order of the layers."""
    leaves = [row.layer for row in rows(tree, input_shape)]
    return {leaf.name: leaf.function for leaf in leaves if isinstance(leaf, plain.Activation)}


def word(layer: Layer) -> str:
    """Returns the name of a layer in YAML: ``dense``."""
    return _WORDS[type(layer)]


def neighbours(tree: Sequence) -> Iterator[tuple[str, Leaf, Leaf | None]]:
    """Yields the path of every leaf, ``[3].dense``, the leaf, and the leaf directly after it in the same list."""
    for place, layer in enumerate(tree.layers):
        path = _step(place, layer)
        match layer:
            case Leaf():
                following = tree.layers[place + 1] if place + 1 < len(tree.layers) else None
                yield path, layer, following if isinstance(following, Leaf) else None
            case Sequence():
                yield from _below(path, neighbours(layer))
            case _:
                for inner, branch in layer.branches.items():
                    yield from _below(path + inner, neighbours(branch))


def entrances(tree: Sequence) -> Iterator[tuple[str, Leaf | None]]:
    """Yields the path and the leaf of everything that meets the network's input; None where the input is added itself."""
    if not tree.layers:
        yield "", None
        return
    layer, path = tree.layers[0], _step(0, tree.layers[0])
    match layer:
        case Leaf():
            yield path, layer
        case Sequence():
            yield from ((path + inner, leaf) for inner, leaf in entrances(layer))
        case _:
            for place, branch in layer.branches.items():
                yield from ((path + place + inner, leaf) for inner, leaf in entrances(branch))
            if isinstance(layer, Residual) and layer.shortcut is None:
                yield path, None


def _below(
    path: str, leaves: Iterator[tuple[str, Leaf, Leaf | None]]
) -> Iterator[tuple[str, Leaf, Leaf | None]]:
    return ((path + inner, leaf, following) for inner, leaf, following in leaves)


def _step(place: int, layer: Layer) -> str:
    return f"[{place}].{word(layer)}"
