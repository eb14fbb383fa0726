"""An input by its name: what it is follows from its ending, or from what a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.prediction import arrays, pictures, tabular
from runner.prediction.records import STANDARD_INPUT, Examples, Wanted

if TYPE_CHECKING:
    from runner.data.tables.fitted import FittedTable

_COLUMNAR = (".parquet", ".feather", ".arrow")


def opened(name: str, wanted: Wanted, fitted: FittedTable | None = None) -> Examples:
    """Returns the examples that an input has; its beginning is looked at.

    Args:
        name: a file, a folder of images, or ``-`` for CSV from standard input.
        wanted: what the network takes.
        fitted: what makes inputs of a table's columns; None where the network takes numbers as they stand.

    Raises:
        ConfigurationError: it is not there, empty, damaged, or nothing that the network takes.
    """
    if fitted is not None:
        from runner.prediction.prepared import Prepared

        return Prepared(name, wanted, fitted)
    path = Path(name)
    ending = path.suffix.lower()
    if name == STANDARD_INPUT:
        return tabular.Delimited(name, wanted)
    if path.is_dir() or ending in pictures.ENDINGS or ending == pictures.LIST:
        return pictures.Pictures(name, wanted)
    if ending in arrays.ENDINGS:
        return arrays.Arrays(name, wanted)
    return tabular.Columnar(name, wanted) if ending in _COLUMNAR else tabular.Delimited(name, wanted)
