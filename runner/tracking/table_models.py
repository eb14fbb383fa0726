"""What MLflow's model of a table has beside that of numbers: its columns, one example, and the code that prepares them."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlflow.types import ColSpec, Schema, TensorSpec
from mlflow.types.schema import AnyType

PREPARATION = "preparation"
CODE = Path(__file__).with_name("pyfunc_table.py")
PACKAGES = ("pandas", "scikit-learn", "skops", "safetensors")
_ENTRY = "runner.data.tables.fitted"
_PACKAGE = Path(__file__).parents[1]
# What a column has in the example of a model; a category has one that is known.
_EXAMPLES = {"number": 0.0, "boolean": "false", "date": "2000-01-01"}


def is_table(network: Path) -> bool:
    """Returns whether beside a ``network.json`` there is what prepares the columns of a table."""
    return (network.parent / PREPARATION).is_dir()


def described(network: Path) -> tuple[Schema, Any]:
    """Returns the columns that a model of a table takes, and one row as a frame."""
    import pandas as pd

    from runner.data.tables.fitted import load

    fitted = load(network.parent)
    # Of any type: a whole number or a fraction, a word or a number that means a category; MLflow would refuse 80 for 80.0.
    columns: list[ColSpec | TensorSpec] = [ColSpec(AnyType(), each.name) for each in fitted.columns]
    known = fitted.known_categories
    row = {
        each.name: _EXAMPLES.get(each.kind, next(iter(sorted(known.get(each.name, ()))), ""))
        for each in fitted.columns
    }
    return Schema(columns), pd.DataFrame([row])


def write_code(folder: Path) -> Path:
    """Copies the modules that prepare a table into a folder, and returns their package."""
    for name in modules():
        path = _path(name)
        target = folder / path.relative_to(_PACKAGE.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return folder / _PACKAGE.name


def modules() -> list[str]:
    """Returns the modules of the project that preparing a table imports, by what stands at their top."""
    found: dict[str, None] = {}
    waiting = [_ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found or not _path(name).is_file():
            continue
        found[name] = None
        waiting += [*_parents(name), *_imported(name)]
    return sorted(found)


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _imported(name: str) -> Iterator[str]:
    for node in ast.parse(_path(name).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == _PACKAGE.name:
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path(name: str) -> Path:
    path = _PACKAGE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
