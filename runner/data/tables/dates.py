"""Dates taken apart into numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

# What pandas calls a part.
_CALLED = {"weekday": "day_of_week"}
# After how many of each the circle begins anew.
_ROUND = {"month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60}


def parts(column: pd.Series[Any], wanted: Sequence[str], *, cyclic: bool) -> dict[str, NDArray[np.float64]]:
    """Returns the parts of dates by name, ``sold.year``; NaN where there is no date.

    With ``cyclic`` a part p of a circle of n is sin(2 pi p / n) and cos(2 pi p / n), so that December is beside January.

    Args:
        column: moments.
        wanted: of year, month, day, weekday (Monday is 0), hour, minute.
        cyclic: whether parts that come round are points on a circle.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for part in wanted:
        values = getattr(column.dt, _CALLED.get(part, part)).to_numpy(np.float64, na_value=np.nan)
        if cyclic and part in _ROUND:
            angle = 2 * np.pi * values / _ROUND[part]
            found |= {f"{column.name}.{part}.sin": np.sin(angle), f"{column.name}.{part}.cos": np.cos(angle)}
        else:
            found[f"{column.name}.{part}"] = values
    return found
