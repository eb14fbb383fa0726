"""How rows are divided, where a test asks for shares alone."""

from __future__ import annotations

from typing import Any

from runner.experiment import Split


def shares(validation: float, test: float, **more: Any) -> Split:
    """Returns a division by shares, or by what ``more`` says."""
    return Split(
        **{"by": "auto", "column": None, "folds": None, "fold": 0} | more, validation=validation, test=test
    )
