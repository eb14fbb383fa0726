"""Numbers of categories at the end of a row, whose rows of learnt tables a network takes in their place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.layers.plain import Flatten, Select
from runner.layers.sequences import Embedding
from runner.layers.tree import Concatenate, Sequence


def looked_up(numbers: int, tables: Iterable[tuple[int, int]]) -> Concatenate:
    """Returns what passes the first numbers of a row on, and looks each one behind them up in a table of its own.

    Args:
        numbers: how many are passed on as they are.
        tables: how many categories there are, and the width of a row of the table, for each number behind.
    """
    plain = [Sequence((Select(first=0, count=numbers),))] if numbers else []
    learnt = [
        Sequence((Select(first=place, count=1), Embedding(vocabulary=categories, features=width), Flatten()))
        for place, (categories, width) in enumerate(tables, numbers)
    ]
    return Concatenate((*plain, *learnt))


def categories(tree: Sequence) -> Mapping[int, int]:
    """Returns how many categories there are by the place of their number in a row; nothing where none is looked up."""
    first = tree.layers[0] if tree.layers else None
    found = {}
    for branch in first.parts if isinstance(first, Concatenate) else ():
        match branch.layers:
            case (Select() as select, Embedding() as table, *_):
                found[select.first] = table.vocabulary
    return found
