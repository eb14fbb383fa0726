"""The long matrix: every architecture with every optimizer and every schedule, and what else goes with each by turns."""

from __future__ import annotations

import itertools
import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import shipped

from matrix.trainings import (
    AUTOENCODER,
    BLOCKS,
    CNN,
    IMAGES,
    MLP,
    RESNET,
    RNN,
    SEQUENCES,
    TOKENS,
    TRANSFORMER,
)

# How many of the runs belong to the ordinary tests.
PART = 6

CLASSES = (
    "loss=cross_entropy",
    "loss=cross_entropy loss.label_smoothing=0.1",
    "loss=kl_divergence loss.label_smoothing=0.1",
    "loss=cosine",
)
TWO = ("loss=binary_cross_entropy", "loss=binary_cross_entropy loss.positive_weight=3", "loss=hinge")
# Not Poisson's: its counts are e to the output, which the larger learning rates throw out of all bounds.
NUMBERS = ("loss=mse", "loss=mae", "loss=huber", "loss=log_cosh")
# All their slopes are of one size, so that sums of them cancel but for rounding; by this every optimizer divides, and Lion
# takes its sign, except plain descent.
STEEP = ("loss=mae", "loss=hinge")


def _with(data: str, losses: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{data} {loss}" for loss in losses)


PICTURES = _with(IMAGES, CLASSES)
ROWS = (
    *PICTURES,
    *_with("data=blobs data.samples=196", CLASSES),
    *_with("data=breast_cancer", TWO),
    *_with("data=moons", TWO),
    *_with("data=diabetes", NUMBERS),
    *_with("data=sine", NUMBERS),
)
# A batch norm takes away what is the same for all rows of a batch. An array that adds no more than that has a gradient of
# exactly zero, whose rounding Adam and its kin turn into steps: the kernel's row of a column that is constant in a batch, as
# those of digits' margins are, and the shift of a norm from which a function without a bend leads to the next norm.
STRAIGHT = frozenset({"identity", "hard_sigmoid", "hard_tanh"})
VARIED = (
    *_with("data=breast_cancer", TWO),
    *_with("data=random data.samples=196 data.features=8 data.classes=4", CLASSES),
)
INPUTS = tuple(
    choice for data in (IMAGES, "data=breast_cancer", "data=sine") for choice in _with(data, NUMBERS)
)
PLACES = (*PICTURES, *_with(SEQUENCES, NUMBERS), *_with(TOKENS, TWO))

BIDIRECTIONAL = "architecture.bidirectional=true"
DROPOUT, BATCH_NORM = "architecture.dropout=0.2", "architecture.batch_norm=true"
BOTH = f"{DROPOUT} {BATCH_NORM}"
# A decay is multiplied by the learning rate, and Adadelta's is 1: a tenth at every step would leave no weights.
SURROUNDINGS = (
    "",
    "optimizer.l2=0.001",
    "optimizer.decoupled_weight_decay=0.01",
    "optimizer.l2=0.01 optimizer.decoupled_weight_decay=0.02 optimizer.decay_on=kernels",
    "training.clipping.global_norm=0.5",
    "training.clipping.value=0.05",
    "training.accumulation=3",
    "training.weight_average=0.9",
    "training.accumulation=2 training.weight_average=0.9 training.clipping.global_norm=1",
)
# Periods that come to pass in five epochs.
SCHEDULES = {
    "cosine_restarts": "schedule.first_period_epochs=1",
    "multi_step": "schedule.epochs=[1,3]",
    "reduce_on_plateau": "schedule.patience=1 schedule.minimum_improvement=0.3",
    "step": "schedule.every_epochs=2",
}
# Of what each shipped optimizer leaves open.
OPTIMIZERS = {
    "sgd": (
        "",
        "optimizer.momentum=0.9 optimizer.learning_rate=0.02",
        "optimizer.momentum=0.9 optimizer.nesterov=true optimizer.learning_rate=0.02",
    ),
    "rmsprop": ("", "optimizer.momentum=0.5", "optimizer.centered=true"),
    "adagrad": ("", "optimizer.initial_accumulator=0.1"),
}


@dataclass(frozen=True)
class Family:
    """An architecture, its data with a loss, its own choices, and activations that its shapes cannot take."""

    words: str
    data: tuple[str, ...]
    choices: tuple[str, ...] = ("",)
    without: frozenset[str] = frozenset()


FAMILIES: Mapping[str, Family] = {
    "linear": Family("architecture=linear", ROWS),
    "mlp": Family(MLP, ROWS, ("", DROPOUT)),
    "mlp with batch norm": Family(MLP, VARIED, (BATCH_NORM, BOTH), STRAIGHT),
    "autoencoder": Family(AUTOENCODER, INPUTS, ("", DROPOUT)),
    "cnn": Family(CNN, PICTURES, ("", DROPOUT, "architecture.padding=valid")),
    "cnn with batch norm": Family(f"{CNN} {BATCH_NORM} architecture.hidden_sizes=[]", PICTURES),
    "resnet": Family(RESNET, PICTURES, without=frozenset({"glu"})),
    "simple_rnn": Family(f"{RNN}=simple_rnn", PLACES, ("", DROPOUT, BIDIRECTIONAL)),
    "lstm": Family(f"{RNN}=lstm", PLACES, ("", DROPOUT, BIDIRECTIONAL)),
    "gru": Family(f"{RNN}=gru", PLACES, ("", DROPOUT, BIDIRECTIONAL)),
    "transformer": Family(TRANSFORMER, PLACES, ("", DROPOUT)),
    "tree": Family(BLOCKS, ROWS, without=frozenset({"glu"})),
}
RUNS: tuple[tuple[str, str, str], ...] = tuple(
    itertools.product(FAMILIES, shipped.names("optimizer"), shipped.names("schedule"))
)


def name(number: int) -> str:
    """Returns what a run is called: ``417 gru, adam, cosine``."""
    return f"{number} {', '.join(RUNS[number])}"


def overrides(number: int) -> list[str]:
    """Returns the command line of a run; what goes with it is drawn from its number."""
    family, optimizer, schedule = RUNS[number]
    draws, parts = random.Random(number), FAMILIES[family]
    data = [each for each in parts.data if optimizer == "sgd" or not each.endswith(STEEP)]
    activation = draws.choice([each for each in shipped.names("activation") if each not in parts.without])
    return " ".join(
        [
            parts.words,
            draws.choice(data),
            draws.choice(parts.choices),
            f"activation={activation} optimizer={optimizer} schedule={schedule}",
            SCHEDULES.get(schedule, ""),
            draws.choice(OPTIMIZERS.get(optimizer, ("",))),
            draws.choice(SURROUNDINGS),
            f"seed={number}",
        ]
    ).split()


def part(seed: str, count: int) -> list[int]:
    """Returns the numbers of ``count`` different runs, the same for the same seed."""
    return sorted(random.Random(seed).sample(range(len(RUNS)), count))


def commit() -> str:
    """Returns the commit that is checked out, or where there is none, always the same word."""
    answer = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() if answer.returncode == 0 else "no commit"
