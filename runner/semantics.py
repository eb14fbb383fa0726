"""The named differences between the frameworks: what canonical semantics makes one, and native leaves as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runner import layers, signatures
from runner.errors import Fault
from runner.experiment import Backend, Component, Experiment
from runner.layers import Sequence, Shape

_OWN = "native"
_OPTIMIZERS: Mapping[str, str] = {
    "sgd": "the learning rate in float32",
    "adam": "Adam's epsilon placement",
    "adamw": "Adam's epsilon placement",
    "amsgrad": "Adam's epsilon placement",
    "nadam": "how fast Nadam's momentum grows",
    "adamax": "Adamax's epsilon placement",
    "rmsprop": "RMSprop's epsilon inside the root",
    "adagrad": "Adagrad's epsilon inside the root",
    "adadelta": "the learning rate in float32",
    "lion": "the learning rate in float32",
}
_ACTIVATIONS: Mapping[str, str] = {
    "leaky_relu": "leaky ReLU's slope in float32",
    "celu": "CELU's constants and its slope at the kink",
    "selu": "SELU's constants and its slope at the kink",
    "gelu": "GELU's constants in float32",
    "softplus": "softplus' threshold",
    "hard_sigmoid": "hard sigmoid's slope in float32",
    "hard_tanh": "hard tanh's slope at its ends",
}
# Optimizers of PyTorch with a weight decay outside of the gradient.
_DECOUPLED_IN_TORCH = ("adam", "adamw", "amsgrad", "nadam")


@dataclass(frozen=True)
class _Case:
    """An experiment, its named network, and whether its rows have weights."""

    experiment: Experiment
    tree: Sequence
    input_shape: Shape
    weighted: bool = False

    def functions(self) -> list[str]:
        """Returns the names of the activation functions of ours, each once."""
        found = layers.activations(self.tree, self.input_shape).values()
        return list(dict.fromkeys(each.name for each in found if each.is_of_backend))

    def meets(self, kind: type[layers.Leaf], asked: Callable[[Any, Shape], bool] | None = None) -> bool:
        """Returns whether there is a layer of a kind for which what is asked is so."""
        rows = (row for row in layers.rows(self.tree, self.input_shape) if isinstance(row.layer, kind))
        return any(asked is None or asked(row.layer, row.input_shape) for row in rows)


@dataclass(frozen=True)
class Difference:
    """One thing that each framework does in its own way.

    Args:
        name: of the switch.
        sentence: what it is.
        words: what it is in an experiment that it concerns, or empty where it concerns none of it.
    """

    name: str
    sentence: str
    words: Callable[[_Case], str]


def _optimizer(case: _Case) -> str:
    optimizer = case.experiment.optimizer
    if not optimizer.is_of_backend:
        return ""
    words = [_OPTIMIZERS[optimizer.name]]
    if optimizer.arguments.get("momentum"):
        words = ["the learning rate inside the momentum buffer", *(words if optimizer.name != "sgd" else [])]
    if optimizer.arguments["l2"] or optimizer.arguments["decoupled_weight_decay"]:
        words.append("what weight_decay means")
    if case.meets(layers.Embedding):
        words.append("the squares of repeated rows")
    return ", ".join(words)


def _activation(case: _Case) -> str:
    return ", ".join(_ACTIVATIONS[name] for name in case.functions() if name in _ACTIVATIONS)


def _loss(case: _Case) -> str:
    if not case.experiment.loss.is_of_backend:
        return ""
    if case.weighted or case.experiment.training.balance == "weights":
        return "what a loss with weights is divided by"
    weighted = case.experiment.loss.arguments.get("class_weights")
    return "what a loss with class weights is divided by" if weighted else ""


def _where(concerned: Callable[[_Case], bool], words: str) -> Callable[[_Case], str]:
    return lambda case: words if concerned(case) else ""


# In the order in which parity corrects them: the larger before the smaller, which they would hide.
DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "first_weights",
        "PyTorch draws kernels and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), Keras kernels as Glorot and Bengio"
        " and biases of 0, each with a generator of its own.",
        _where(lambda case: case.experiment.training.start_from is None, "first weights"),
    ),
    Difference(
        "batch_order",
        "Each framework shuffles the rows with a generator of its own.",
        lambda case: "the order of the rows",
    ),
    Difference(
        "dropout_masks",
        "Each framework drops what a generator of its own says.",
        _where(lambda case: case.meets(layers.Dropout), "dropout masks"),
    ),
    Difference(
        "flatten_order",
        "PyTorch flattens an image channel after channel, Keras place after place.",
        _where(lambda case: case.meets(layers.Flatten, mixes_channels), "the order of a flattened image"),
    ),
    Difference(
        "padding",
        "PyTorch pads both ends alike; a convolution with a stride has one zero more at the end in Keras.",
        _where(
            lambda case: case.meets(layers.Convolution, pads_both_ends), "the padding of strided convolutions"
        ),
    ),
    Difference(
        "recurrent_bias",
        "An LSTM or simple RNN of PyTorch has two biases, both trained, where one of Keras has one.",
        _where(
            lambda case: case.meets(layers.Lstm) or case.meets(layers.SimpleRnn), "the second bias of a cell"
        ),
    ),
    Difference(
        "batch_norm",
        "Keras keeps the biased running variance, PyTorch the unbiased one.",
        _where(lambda case: case.meets(layers.BatchNorm), "the running variance of batch norm"),
    ),
    Difference(
        "losses",
        "Keras divides a loss with weights of classes or rows by the rows, PyTorch by the sum of their weights, but for"
        " its binary cross-entropy.",
        _loss,
    ),
    Difference(
        "optimizer",
        "Keras has other places for epsilon and the learning rate, another meaning of weight_decay, float32 scalars,"
        " and squares each occurrence of a repeated row by itself.",
        _optimizer,
    ),
    Difference(
        "activation",
        "Keras rounds the constants of some functions to float32, PyTorch ends softplus at a threshold; their slopes"
        " at kinks differ.",
        _activation,
    ),
)
# Those after which the same arrays are another function.
_MOVING = {"flatten_order", "padding"}
NAMES = frozenset(each.name for each in DIFFERENCES)
SENTENCES: Mapping[str, str] = {each.name: each.sentence for each in DIFFERENCES}


def left_native(backend: Backend) -> frozenset[str]:
    """Returns the names of the differences that are left to the framework."""
    return NAMES - backend.corrections if backend.semantics == "native" else frozenset()


def concerned(
    experiment: Experiment, tree: Sequence, input_shape: Shape, *, weighted: bool
) -> dict[str, str]:
    """Returns the differences that an experiment meets, in their order, each with its words for this experiment.

    Args:
        experiment: the experiment.
        tree: its named network.
        input_shape: shape of one example.
        weighted: whether its rows have weights.
    """
    case = _Case(experiment, tree, input_shape, weighted)
    found = {each.name: each.words(case) for each in DIFFERENCES}
    return {name: words for name, words in found.items() if words}


def with_own_functions(experiment: Experiment) -> Experiment:
    """Returns an experiment whose components are the framework's own in the place of ours, where that is asked for."""
    native, package = left_native(experiment.backend), experiment.backend.package

    def own(component: Component, difference: str) -> Component:
        return _own(component, package) if difference in native else component

    return replace(
        experiment,
        optimizer=own(experiment.optimizer, "optimizer"),
        activation=own(experiment.activation, "activation"),
        architecture=own(experiment.architecture, "activation"),
        loss=own(experiment.loss, "losses"),
    )


def moves_arrays(experiment: Experiment, tree: Sequence, input_shape: Shape) -> bool:
    """Returns whether the network of an experiment is another function of its weights than the canonical one."""
    if experiment.backend.name != "torch":
        return False
    case, moved = _Case(experiment, tree, input_shape), left_native(experiment.backend) & _MOVING
    return any(each.words(case) for each in DIFFERENCES if each.name in moved)


def pads_both_ends(layer: layers.Convolution, shape: Shape) -> bool:
    """Returns whether PyTorch's padding of both ends alike gives a convolution's output the same sides by other zeros."""
    if layer.padding != "same" or layer.stride == 1 or layer.kernel_size % 2 == 0:
        return False
    both = layer.dilation * (layer.kernel_size // 2)
    return any(layer.pads(side) != (both, both) for side in shape[:-1])


def mixes_channels(layer: layers.Flatten, shape: Shape) -> bool:
    """Returns whether the order of the channels among the places matters where a shape is flattened."""
    return len(shape) == 3 and shape[-1] > 1 and shape[0] * shape[1] > 1


def faults(experiment: Experiment) -> Iterator[Fault]:
    """Yields what native semantics cannot carry out, because the framework has no such class."""
    backend, optimizer = experiment.backend, experiment.optimizer
    if backend.semantics != "native" or not optimizer.is_of_backend:
        return
    penalty, decay = (optimizer.arguments[name] for name in ("l2", "decoupled_weight_decay"))
    remedy = "Set it to 0, or write backend.semantics=canonical."
    if backend.name == "torch" and optimizer.name == "lion":
        yield Fault(
            "backend.semantics",
            "PyTorch has no Lion, so there is no native one",
            "native",
            remedy="Take another optimizer, or backend.semantics=canonical.",
        )
    elif penalty > 0 and decay > 0:
        rule = "must be 0 where optimizer.l2 is not, because a framework's own optimizer has one weight_decay"
        yield Fault("optimizer.decoupled_weight_decay", rule, f"{decay:g}", remedy=remedy)
    elif backend.name == "torch" and decay > 0 and optimizer.name not in _DECOUPLED_IN_TORCH:
        rule = f"must be 0, because PyTorch's own {optimizer.name} has a weight_decay in the gradient alone"
        yield Fault("optimizer.decoupled_weight_decay", rule, f"{decay:g}", remedy=remedy)
    elif backend.name == "torch" and penalty > 0 and optimizer.name == "adamw":
        rule = "must be 0, because PyTorch's own AdamW has a weight_decay outside of the gradient alone"
        yield Fault("optimizer.l2", rule, f"{penalty:g}", remedy=remedy)


def _own(value: Any, package: str) -> Any:
    """Returns a component, and those inside its arguments, as the framework's own where there is one."""
    if isinstance(value, Component):
        arguments = {name: _own(each, package) for name, each in value.arguments.items()}
        return replace(value, target=_own_target(value.target, package), arguments=arguments)
    if isinstance(value, Mapping):
        return {name: _own(each, package) for name, each in value.items()}
    return [_own(each, package) for each in value] if isinstance(value, list) else value


def _own_target(target: str, package: str) -> str:
    module, _, name = target.removeprefix(f"{package}.").rpartition(".")
    own = f"{package}.{_OWN}.{module}"
    known: Iterable[str] = (
        signatures.names_in(own) if target.startswith(package) and signatures.exists(own) else ()
    )
    return f"{own}.{name}" if name in known else target
