"""What a user's own function of data may return."""

from __future__ import annotations

from typing import Any

from runner.data.records import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component
from runner.layers import describe
from runner.suggestions import listed


def as_source(made: Any, data: Component) -> Source:
    """Returns what a component made, as a data set.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(made, Source):
        if made.embedded and [each.column for each in made.embedded] != _last_columns(made):
            rule = "must have the embedded inputs as the last columns of its rows, in order"
            columns = listed([str(each.column) for each in made.embedded])
            received = f"columns {columns} of inputs {describe(made.input_shape)}"
            raise ConfigurationError([Fault(f"{data.key}._target_", rule, received)])
        return made
    rule = "must return a runner.data.Source"
    raise ConfigurationError([Fault(f"{data.key}._target_", rule, type(made).__name__)])


def _last_columns(made: Source) -> list[int]:
    if len(made.input_shape) != 1:
        return []
    width = made.input_shape[0]
    return list(range(width - len(made.embedded), width))
