"""Packages that only some choices need: whether they are installed, and how they come."""

from __future__ import annotations

import importlib.util

from runner import folders
from runner.errors import Fault


def missing(package: str, key: str, received: str, *, extra: str | None = None) -> list[Fault]:
    """Returns the fault of a choice whose package is not installed; imports nothing of it.

    Args:
        package: what is imported.
        key: of the choice.
        received: the choice.
        extra: the project's extra that brings it; None where it is called as the package.
    """
    if importlib.util.find_spec(package) is not None:
        return []
    remedy = f"Type: pip install {folders.installable(extra or package)}"
    return [Fault(key, f"needs {package}, which is not installed", received, remedy=remedy)]
