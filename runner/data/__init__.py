"""Data sets: what they are, where they come from, and how they are split and standardised."""

from runner.data.preparation import prepare, sizes
from runner.data.records import Arrays, Rows, Selected, Source, Splits, Standard

__all__ = ["Arrays", "Rows", "Selected", "Source", "Splits", "Standard", "prepare", "sizes"]
