"""Layer trees drawn from the records of the vocabulary, and what both backends make of them in five steps."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import shipped
import yaml
from hypothesis import HealthCheck, given, seed, settings, strategies
from hypothesis.strategies import DrawFn, SearchStrategy
from support import experiment

from matrix.case import BACKENDS
from matrix.trainings import BOUNDS, differences, pair_of
from runner import component, layers
from runner.experiment import Component, Experiment
from runner.quantities import BelowOne, Count, OpenUnitInterval, Positive, PositiveCount

# A tree as YAML has it.
Entry = str | dict[str, Any]
Entries = list[Entry]

KEPT = Path(__file__).parents[1] / "trees"
STEPS = 5
SETTING = (
    "training.precision=64 training.epochs=1 training.batch_size=8 training.keep=last training.monitor=train/loss"
    " split.validation=0 split.test=0 optimizer=sgd optimizer.momentum=0.9 optimizer.learning_rate=0.05"
    " plots=none tracking=none"
)
# What a tree is given: rows of numbers, which a reshape makes images and sequences of, or rows of tokens.
FEATURES, LENGTH, TOKENS = 24, 4, 4
INPUTS = {
    "numbers": f"data=random data.samples=40 data.features={FEATURES} data.classes=3",
    "tokens": f"architecture=rnn data=brackets data.samples=40 data.length={LENGTH} data.kinds=2",
}
SHAPES: dict[str, layers.Shape] = {"numbers": (FEATURES,), "tokens": (LENGTH,)}
# No layer gives more numbers than this, so that a step costs nothing beside the graph that it needs.
LARGEST = 48
# Without a kink: where two numbers are equal but for rounding, as under a pool or a norm of one channel, a kink would turn
# the rounding into a difference of slopes. Functions with a kink have trainings of their own.
SMOOTH = (
    "tanh",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "sigmoid",
    "log_sigmoid",
    "softmax",
    "glu",
    "elu",
)
# The same holds for the largest of several equal numbers, which a tree may have made equal.
LEFT_OUT = {"max_pool", "global_max_pool"}
# Few values of each kind, for a layer is drawn from all of their combinations that its input can take.
VALUES: dict[Any, tuple[Any, ...]] = {
    bool: (True, False),
    Count: (0, 1),
    PositiveCount: (1, 3),
    Positive: (0.1,),
    OpenUnitInterval: (0.3,),
    BelowOne: (0.4,),
}
SIZES = {"stride": (1, 2), "dilation": (1, 2), "kernel_size": (1, 2, 3), "size": (1, 2, 3)}


def trees() -> SearchStrategy[tuple[str, Entries]]:
    """Returns a strategy of a kind of input and a valid tree for it."""
    return strategies.sampled_from(list(SHAPES)).flatmap(
        lambda kind: strategies.tuples(strategies.just(kind), _tree(kind))
    )


@strategies.composite
def _tree(draw: DrawFn, kind: str) -> Entries:
    if kind == "numbers":
        return draw(_sequence(SHAPES[kind], blocks=2))
    arguments = draw(strategies.sampled_from(choices("embedding", SHAPES[kind])))
    entry = {"embedding": {**arguments, "vocabulary": TOKENS}}
    return [entry, *draw(_sequence(_after([entry], SHAPES[kind]), blocks=2))]


@strategies.composite
def _sequence(draw: DrawFn, shape: layers.Shape, *, blocks: int, preserving: bool = False) -> Entries:
    """Draws one to three layers; ``blocks`` is how deep blocks may stand in each other."""
    entries: Entries = []
    for _ in range(draw(strategies.integers(1, 3))):
        words = [word for word in layers.VOCABULARY if choices(word, shape, preserving)]
        words += list(layers.BLOCKS) if blocks else []
        word = draw(strategies.sampled_from(words))
        if word in layers.BLOCKS:
            entry: Entry = {word: draw(_block(word, shape, blocks - 1, preserving))}
        else:
            entry = {word: draw(strategies.sampled_from(choices(word, shape, preserving)))}
        entries.append(entry)
        shape = _after([entry], shape)
    return entries


@strategies.composite
def _block(draw: DrawFn, word: str, shape: layers.Shape, blocks: int, preserving: bool) -> Any:
    if word == "sequence":
        return draw(_sequence(shape, blocks=blocks, preserving=preserving))
    body = draw(_sequence(shape, blocks=blocks, preserving=True))
    if word == "residual":
        other = draw(strategies.none() | _sequence(shape, blocks=0, preserving=True))
        return body if other is None else {"body": body, "shortcut": other}
    if preserving:
        # One branch alone, or the shape would grow.
        return [body]
    return [body, draw(_sequence(shape, blocks=blocks, preserving=True))]


def choices(word: str, shape: layers.Shape, preserving: bool = False) -> list[dict[str, Any]]:
    """Returns the arguments, of small values, with which a layer takes a shape, and with ``preserving`` keeps it."""
    return [arguments for arguments, output in _taken(word, shape) if not preserving or output == shape]


@cache
def _taken(word: str, shape: layers.Shape) -> list[tuple[dict[str, Any], layers.Shape]]:
    if word in LEFT_OUT:
        return []
    kind, found = layers.VOCABULARY[word], []
    hints = get_type_hints(kind, include_extras=True)
    names = [each.name for each in dataclasses.fields(kind) if each.name != "name"]
    for chosen in itertools.product(*(_values(name, hints[name], shape) for name in names)):
        arguments = dict(zip(names, chosen, strict=True))
        try:
            output = kind(**arguments).output_shape(shape)
        except layers.ShapeError:
            continue
        if math.prod(output) <= LARGEST and _is_new(word, output, shape):
            found.append((_stated(arguments), output))
    return found


def _is_new(word: str, output: layers.Shape, shape: layers.Shape) -> bool:
    """Returns whether tokens come first, and a reshape is one."""
    return word != "embedding" or shape == SHAPES["tokens"] if word != "reshape" else output != shape


def _stated(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a layer as YAML has them: those of an activation are its function's."""
    function = arguments.get("function")
    if function is None:
        return arguments
    target = function.target.replace("runner.backends.torch", "${backend.package}")
    return {"_target_": target, **function.arguments}


def _values(name: str, annotation: Any, shape: layers.Shape) -> list[Any]:
    if name in SIZES:
        return list(SIZES[name])
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if annotation is Component:
        return [_function(each) for each in SMOOTH]
    if annotation == list[PositiveCount]:
        return [list(sides) for sides in _factors(math.prod(shape))]
    # As many units as there are channels keep the shape.
    more = [shape[-1]] if annotation == PositiveCount else []
    return list(dict.fromkeys([*VALUES[annotation], *more]))


def _factors(count: int) -> Iterator[tuple[int, ...]]:
    sides = [side for side in range(1, count + 1) if count % side == 0]
    yield (count,)
    yield from ((side, count // side) for side in sides)
    for side in sides:
        yield from ((side, each, count // side // each) for each in sides if count // side % each == 0)


def _function(name: str) -> Component:
    arguments = dict(shipped.components("activation"))[name]
    return Component(
        target=f"runner.backends.torch.activations.{name}", arguments=arguments, key="activation"
    )


def _after(entries: Entries, shape: layers.Shape) -> layers.Shape:
    return component.build(_component(entries, "torch"), activation=None).output_shape(shape)


def _component(entries: Entries, backend: str) -> Component:
    """Returns a tree as an experiment has it."""
    node = {"_target_": "runner.architectures.tree", "layers": entries}
    text = json.dumps(node).replace("${backend.package}", f"runner.backends.{backend}")
    return component.parse(json.loads(text), "architecture")


@cache
def _base(kind: str, backend: str) -> Experiment:
    return experiment(f"backend={backend}", *INPUTS[kind].split(), *SETTING.split())


def apart(kind: str, entries: Entries) -> dict[str, float]:
    """Trains a tree on both backends; returns how far they are apart, relative to what they may be."""
    one, other = (
        replace(_base(kind, backend), architecture=_component(entries, backend)) for backend in BACKENDS
    )
    torch, keras = pair_of(one, other)
    assert len(torch.losses) == STEPS
    return {name: value / BOUNDS[name] for name, value in differences(torch, keras).items()}


def check(drawn: int, begin: int | None) -> None:
    """Draws trees and trains them; raises with a note of the file that holds the smallest one that parts the backends.

    Args:
        drawn: how many.
        begin: where drawing begins; None draws the same trees each time.
    """
    last: list[tuple[str, Entries]] = []

    @settings(
        max_examples=drawn,
        derandomize=begin is None,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(trees())
    def alike(tree: tuple[str, Entries]) -> None:
        # The smallest that fails is the last that Hypothesis tries.
        last[:] = [tree]
        found = apart(*tree)
        assert max(found.values()) <= 1, f"{tree}: {found}"

    try:
        (alike if begin is None else seed(begin)(alike))()
    except Exception as error:
        error.add_note(f"The tree is kept as {keep(*last[0])}, and is a case from now on.")
        raise


def keep(kind: str, entries: Entries) -> Path:
    """Writes a tree down as a case, and returns its file."""
    text = yaml.safe_dump({"inputs": kind, "layers": entries}, sort_keys=False)
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{'_'.join(next(iter(each)) for each in entries)}.yaml"
    path.write_text(f"# Drawn and shrunk; both backends must train it alike.\n{text}", encoding="utf-8")
    return path


def kept() -> dict[str, tuple[str, Entries]]:
    """Returns all trees that were written down, by the names of their files."""
    found = {}
    for path in sorted(KEPT.glob("*.yaml")):
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        found[path.stem] = (node["inputs"], node["layers"])
    return found
