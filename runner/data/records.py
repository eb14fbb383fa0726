"""What a data set is: where its rows come from, and its parts once it is split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runner.data.download import Tell
from runner.data.on_demand import Indices, OnDemand
from runner.errors import Fault
from runner.experiment import Task
from runner.findings import Table
from runner.layers import Shape

Inputs = NDArray[Any] | OnDemand
Arrays = tuple[Inputs, NDArray[Any]] | tuple[Inputs, NDArray[Any], NDArray[np.float64]]


@dataclass(frozen=True)
class Embedded:
    """An input that is the number of a category, from 0, whose row of a learnt table the network takes instead.

    Args:
        column: its place among the inputs.
        categories: how many there are, 0 among them, which is what was not known.
        width: the numbers in a row of the table.
    """

    column: int
    categories: int
    width: int


@dataclass(frozen=True)
class Source:
    """A data set that is known but not yet read.

    Args:
        name: what a person calls it.
        task: what is predicted.
        input_shape: the shape of one example.
        classes: the names of the classes in the order of their numbers; empty for a regression.
        rows: how many examples there are.
        read: returns inputs, float64 or uint8 (rows, *input_shape) or on demand, and targets: int64 (rows,) class numbers
            from 0, or float64 (rows, target_width) for a regression; with ``weighted`` then weights, float64
            (rows,) of at least 0.
        tokens: how many different whole numbers, from 0, the inputs hold; None where they are numbers to reckon with.
            Tokens are never standardised.
        target_width: how many numbers a regression predicts for each example.
        weighted: whether each example has a weight, by which it counts in losses and metrics.
        reconstructs: whether the targets are the inputs themselves, one column for each of their elements.
        test_rows: how many rows at the end are the data set's own test rows; 0 where a share of all rows is taken.
        files: what ``read`` needs on the disk, or None where it needs nothing.
        validation_rows: how many rows, before its own test rows, are the data set's own validation rows; 0 for a share.
        columns: the names by which rows may be divided, into groups say.
        column: returns the values of one of these, of each row, (rows,).
        targets: returns the targets alone, where that is less work than to read everything.
        fit: where inputs depend on what the training rows hold, returns the same data set with the inputs that the
            training rows of these numbers give it, scaled to mean 0 and deviation 1 or the like if asked for.
        is_in_memory: whether all rows are there once it is known what they are, so that to look at them costs little.
        is_prepared: whether the inputs are standardised already, or left as they are on purpose.
        notes: what was found out about the data, a sentence each.
        warnings: what is probably a mistake, a sentence each.
        described: what each column is and what becomes of it; None where there are none to tell of.
        preparation: what turns a table's columns into inputs, once it is fitted; None where nothing does.
        embedded: the inputs that are numbers of categories; they stand behind all others.
        alike: of a person's own examples, returns a number for each, the same where their inputs are, (rows,).
    """

    name: str
    task: Task
    input_shape: Shape
    classes: tuple[str, ...]
    rows: int
    read: Callable[[], Arrays]
    tokens: int | None = None
    target_width: int = 1
    weighted: bool = False
    reconstructs: bool = False
    test_rows: int = 0
    files: Supply | None = None
    validation_rows: int = 0
    columns: tuple[str, ...] = ()
    column: Callable[[str], NDArray[Any]] | None = None
    targets: Callable[[], NDArray[Any]] | None = None
    fit: Callable[[Indices, bool], Source] | None = None
    is_in_memory: bool = True
    is_prepared: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    described: Table | None = None
    preparation: Preparation | None = None
    embedded: tuple[Embedded, ...] = ()
    alike: Callable[[], NDArray[np.int64]] | None = None

    def labels(self) -> NDArray[Any]:
        """Returns the targets, as ``read`` gives them."""
        return self.targets() if self.targets is not None else self.read()[1]


class Supply(Protocol):
    """What a data set needs on the disk before a run starts."""

    @property
    def action(self) -> str:
        """What is done to have it, as ``downloading``."""

    def missing(self) -> Sized:
        """Returns what is not there yet."""

    def fault(self) -> Fault | None:
        """Returns what is wrong with a place that the user named, or None."""

    def note(self) -> str | None:
        """Returns what a run would do first, a sentence, or None where everything is there."""

    def fetch(self, tell: Tell) -> None:
        """Brings what is not there yet, and tells how far it has got."""


class Preparation(Protocol):
    """What turns the columns of a table into inputs."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs."""

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Writes it into a folder, without pickle, and returns the files."""


@dataclass(frozen=True)
class Standard:
    """What the network takes for a number x of the data: (x - mean) / scale, both of the shape of one example."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """What a network takes for inputs and targets of the data: of both (x - mean) / scale, as it was once learnt.

    Args:
        inputs: of the shape of one example.
        target_mean: of each column of targets, in the units of the data.
        target_scale: of each column of targets, in the units of the data.
    """

    inputs: Standard
    target_mean: NDArray[np.float64]
    target_scale: NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Examples and their targets, row by row; there may be none. Without ``weights`` each counts 1.

    Inputs in memory of float64 stand here as the network takes them. Those of uint8 and those on demand stand as they were
    read, and with them the ``standard`` by which a backend makes numbers of a batch when it comes to it, in the precision
    of the training; without one they are numbers already. ``balance`` is what a row counts for in the loss because of its
    class, beside its own weight; metrics know nothing of it.
    """

    inputs: Inputs
    targets: NDArray[Any]
    weights: NDArray[np.float64] | None = None
    standard: Standard | None = None
    balance: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def counts(self) -> NDArray[np.float64] | None:
        """What each row counts for in the loss, its weight times that of its class; None where all are alike."""
        if self.weights is None or self.balance is None:
            return self.balance if self.weights is None else self.weights
        return np.asarray(self.weights * self.balance)

    def part(self, which: slice | Indices) -> Rows:
        """Returns some of the rows; inputs that are read or made on demand stay so."""
        weights = None if self.weights is None else self.weights[which]
        balance = None if self.balance is None else self.balance[which]
        if isinstance(self.inputs, OnDemand):
            numbers = np.arange(len(self))[which] if isinstance(which, slice) else which
            inputs: Inputs = self.inputs.part(numbers)
        else:
            inputs = self.inputs[which]
        return replace(self, inputs=inputs, targets=self.targets[which], weights=weights, balance=balance)

    def numbers(self, dtype: str = "float64") -> NDArray[Any]:
        """Returns all inputs as the network takes them, in memory; a standard makes two roundings in the precision given."""
        inputs = self.inputs[:].astype(dtype)
        if self.standard is None:
            return inputs
        standardised: NDArray[Any] = (inputs - self.standard.mean.astype(dtype)) / self.standard.scale.astype(
            dtype
        )
        return standardised


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set, ready for training.

    An input x of the data is (x - input_mean) / input_scale to the network, element by element, and a target t stands
    here as (t - target_mean) / target_scale; these are 0 and 1 where inputs or targets were left alone.

    Args:
        train: what is learnt from.
        validation: what decides which epoch is the best.
        test: what is kept for the end.
        input_mean: of the shape of one example.
        input_scale: of the shape of one example.
        target_mean: of each column of targets, in the units of the data.
        target_scale: of each column of targets, in the units of the data.
        sha256: of the shapes and values of all inputs, targets and weights as they were read, in hexadecimal.
        rows_sha256: of the numbers of the rows of each part, in hexadecimal.
    """

    train: Rows
    validation: Rows
    test: Rows
    input_mean: NDArray[np.float64]
    input_scale: NDArray[np.float64]
    target_mean: NDArray[np.float64]
    target_scale: NDArray[np.float64]
    sha256: str
    rows_sha256: Mapping[str, str] = field(default_factory=dict)

    def in_units(self, rows: Rows) -> NDArray[np.float64]:
        """Returns the inputs of some of the rows in the units of the data."""
        inputs = rows.inputs[:]
        if rows.standard is not None:
            return inputs.astype(np.float64)
        return inputs * self.input_scale + self.input_mean
