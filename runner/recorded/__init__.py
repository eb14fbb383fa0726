"""Runs that are recorded: named by a word, found in this folder or in MLflow, and read as plain data."""

from runner.recorded.finding import find
from runner.recorded.records import Record

__all__ = ["Record", "find"]
