"""A table of findings as texts: for the terminal, for Markdown, and as CSV with every digit."""

from __future__ import annotations

import csv
import io
import json

from runner.findings import Cell, Table


def lines(table: Table) -> list[list[str]]:
    """Returns the headings of a table and its lines, numbers in six digits that count."""
    return [list(table.headings), *([text(cell) for cell in line] for line in table.lines)]


def text(cell: Cell) -> str:
    """Returns a cell as a person reads it: ``0.659001``, or ``(0.659001, 0.242433)``."""
    if isinstance(cell, tuple):
        return f"({', '.join(text(each) for each in cell)})"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def is_number(cell: Cell) -> bool:
    """Returns whether a cell is one number."""
    return isinstance(cell, int | float)


def comma_separated(table: Table) -> str:
    """Returns a table as CSV; what is a row of numbers stands there as a list of JSON's."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(table.headings)
    for line in table.lines:
        writer.writerow([json.dumps(cell) if isinstance(cell, tuple) else cell for cell in line])
    return written.getvalue()
