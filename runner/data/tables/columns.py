"""What a column of a table is, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["number", "category", "boolean", "date", "text"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: as its header says.
        kind: what its values are; text is never an input.
        empty: how many rows have no value.
        distinct: how many different values there are.
        left_out: why it is no input, or empty where it is one.
    """

    name: str
    kind: Kind
    empty: int
    distinct: int
    left_out: str = ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How columns become numbers; see ``conf/data/table.yaml``.

    Args:
        impute: what stands in for a missing number.
        indicator: whether a further input says where a number was missing.
        scale: how numbers are scaled.
        encode: whether a category is one input for each of its values, or a row of a table that is learnt.
        minimum_rows: categories of fewer training rows are one category together.
        embedding_width: numbers in a row of a learnt table; None for a rule by the number of categories.
        date_parts: what a date is taken apart into.
        cyclic: whether months, days, weekdays, hours and minutes are a sine and a cosine.
    """

    impute: Literal["mean", "median", "most_frequent", "zero"]
    indicator: bool
    scale: Literal["standard", "robust", "min_max", "quantile", "none"]
    encode: Literal["one_hot", "embedding"]
    minimum_rows: int
    embedding_width: int | None
    date_parts: tuple[str, ...]
    cyclic: bool
