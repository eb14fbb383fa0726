"""Data sets: what they are, where they come from, and how they are split and standardised."""

from runner.data.on_demand import OnDemand, Selected
from runner.data.prefetch import Ahead, in_chunks
from runner.data.preparation import prepare
from runner.data.records import Arrays, Embedded, Rows, Source, Splits, Standard, Units
from runner.data.splitting import sizes

__all__ = [
    "Ahead",
    "Arrays",
    "Embedded",
    "OnDemand",
    "Rows",
    "Selected",
    "Source",
    "Splits",
    "Standard",
    "Units",
    "in_chunks",
    "prepare",
    "sizes",
]
