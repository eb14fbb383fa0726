"""How a table is refused: the key, the file, the row or column, and what to do."""

from __future__ import annotations

from typing import NoReturn

from runner.errors import ConfigurationError, Fault


def refuse(
    rule: str,
    received: str | None = None,
    *,
    key: str = "data.path",
    suggestion: str | None = None,
    remedy: str | None = None,
) -> NoReturn:
    """Raises the one fault that is known.

    Raises:
        ConfigurationError: always.
    """
    raise ConfigurationError([Fault(key, rule, received, suggestion, remedy)])
