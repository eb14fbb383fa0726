"""Examples as they are read: some rows at a time, each with what is carried along beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import NDArray

from runner.data.pictures.decoding import Fit
from runner.errors import Fault, RunnerError, UsageError
from runner.layers import Shape

if TYPE_CHECKING:
    import pyarrow as pa

INPUT = "--input"
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Block:
    """Some examples, in the units of the data, (rows, *input_shape), and the columns that go with them, by name."""

    inputs: NDArray[Any]
    kept: Mapping[str, pa.Array]


@dataclass(frozen=True)
class Wanted:
    """What a network takes, and what is to be carried along.

    Args:
        shape: of one example.
        keep: the names of columns that are no inputs and go to the output as they are; None keeps what is no input.
        rows: how many rows a block may have.
        fit: how an image of other proportions comes to the size that the network takes.
    """

    shape: Shape
    keep: Sequence[str] | None
    rows: int
    fit: Fit = "stretch"


class Examples(ABC):
    """An input that was opened, and whose beginning was looked at.

    Args:
        name: what a person calls it.
        rows: how many there are; None where only reading would tell.
        kept: the columns that go along, by name, with their types.
        notes: what else was found out, a sentence each.
    """

    name: str
    rows: int | None = None
    kept: Mapping[str, pa.DataType]
    notes: tuple[str, ...] = ()

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yields all rows in their order, some at a time.

        Raises:
            InputError: a row cannot be read, or is nothing that the network takes.
        """


class InputError(RunnerError):
    """A row of an input cannot be read; found on the way, where the beginning was sound."""

    exit_code = 2


def refuse(name: str, rule: str, received: str | None = None, *, remedy: str | None = None) -> NoReturn:
    """Refuses an input.

    Raises:
        ConfigurationError: always.
    """
    raise UsageError([Fault(f"{INPUT} {name}", rule, received, remedy=remedy)])
