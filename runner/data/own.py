"""What a user's own function of data may return."""

from __future__ import annotations

from typing import Any

from runner.data.records import Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Component


def as_source(made: Any, data: Component) -> Source:
    """Returns what a component made, as a data set.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(made, Source):
        return made
    rule = "must return a runner.data.Source"
    raise ConfigurationError([Fault(f"{data.key}._target_", rule, type(made).__name__)])
