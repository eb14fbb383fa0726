"""Packages that only some choices need: whether they are installed, and how they come."""

from __future__ import annotations

import importlib.util

from runner import folders
from runner.errors import Fault


def missing(package: str, key: str, received: str) -> list[Fault]:
    """Returns the fault of a choice whose package is not installed; imports nothing of it.

    Args:
        package: what is imported, which the project's extra is called as well.
        key: of the choice.
        received: the choice.
    """
    if importlib.util.find_spec(package) is not None:
        return []
    remedy = f"Type: pip install {folders.installable(package)}"
    return [Fault(key, f"needs {package}, which is not installed", received, remedy=remedy)]
