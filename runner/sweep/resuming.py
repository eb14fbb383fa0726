"""Which sweep is gone on with, and whether it is the same that was asked for."""

from __future__ import annotations

from pathlib import Path

from runner.errors import ConfigurationError, Fault
from runner.sweep import record
from runner.sweep.jobs import Grid, grid_differences
from runner.sweep.record import Record

_KEY = "sweep.resume"


def folder(grid: Grid, chosen: Path) -> Path:
    """Returns the folder of the sweep to go on with: the chosen one, or the newest of the same grid below the same root.

    Args:
        grid: every key that was set, with its values.
        chosen: the folder that a new sweep would have, or that of the sweep that is meant.

    Raises:
        ConfigurationError: there is no such sweep, or it has another grid.
    """
    meant = record.load(chosen)
    if meant is not None:
        _require_same(meant, grid)
        return chosen
    if record.finished_elsewhere(chosen):
        return chosen
    known = record.known(chosen.parent.parent)
    if not known:
        rule = f"there is no earlier sweep below {chosen.parent.parent}"
        raise ConfigurationError([Fault(_KEY, rule, remedy="Leave it out to begin one.")])
    for earlier, each in known:
        if not grid_differences(each.grid, grid):
            return earlier
    _require_same(known[0][1], grid)
    raise AssertionError("two grids without a difference are the same")


def _require_same(earlier: Record, grid: Grid) -> None:
    differences = grid_differences(earlier.grid, grid)
    if differences:
        rule = f"goes on with the same grid, and in {earlier.name} {'; '.join(differences)}"
        remedy = "Leave sweep.resume out to begin another sweep."
        raise ConfigurationError([Fault(_KEY, rule, remedy=remedy)])
