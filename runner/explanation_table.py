"""The explanation as tables in the terminal, as wide as that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner.explanation import Row, Section

_HEADINGS = ("key", "PyTorch", "Keras", "same numbers")
# Of the width: the key with its meaning, both names, and whether the numbers are the same.
_SHARES = (0.27, 0.24, 0.24, 0.25)
_SHARE_OF_A_KEY = 0.45
_INDENT = 2
# After a dot or an underscore, before a bracket, an equals sign or a capital inside a word; not inside a number.
_JOINTS = re.compile(r"(?<=[a-z_]\.)|(?<=[a-z]_)|(?=[(=])|(?<=[a-z])(?=[A-Z])")
_STYLES = {"exact": "green", "corrected": "yellow", "refused": "red", "ours": "dim"}


def show(sections: Sequence[Section], stream: TextIO) -> None:
    """Prints a table for each section; colours only where the stream is a terminal."""
    console = Console(file=stream, highlight=False, markup=False)
    for section in sections:
        console.print(_title(section))
        console.print((_short if section.belongs_to_neither else _full)(section, console.width))


def _title(section: Section) -> Text:
    owner = section.rows[0].counterpart.explanation if section.belongs_to_neither else ""
    shared = owner and all(row.counterpart.explanation == owner for row in section.rows)
    return Text.assemble((section.title, "bold"), (f"   ours: {owner}" if shared else "", "dim"))


def _short(section: Section, width: int) -> Padding:
    """Returns the keys and their meanings alone."""
    keys = int(_SHARE_OF_A_KEY * width)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=keys, overflow="fold", style="bold")
    table.add_column(style="dim")
    for row in section.rows:
        table.add_row(_broken(row.setting, keys), row.meaning)
    return Padding(table, (0, 0, 1, _INDENT))


def _full(section: Section, width: int) -> Table:
    room = width - 2 * len(_SHARES) - 2
    widths = [int(share * room) for share in _SHARES]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading, each in zip(_HEADINGS, widths, strict=True):
        table.add_column(heading, width=each, overflow="fold")
    for row in section.rows:
        table.add_row(*_cells(row, widths))
    return table


def _cells(row: Row, widths: Sequence[int]) -> list[Text]:
    counterpart = row.counterpart
    meaning = f"\n{row.meaning}" if row.meaning else ""
    why = f": {counterpart.explanation}" if counterpart.explanation else ""
    return [
        Text.assemble((_broken(row.setting, widths[0]), "bold"), (meaning, "dim")),
        Text(_broken(counterpart.torch or "", widths[1])),
        Text(_broken(counterpart.keras or "", widths[2])),
        Text.assemble((counterpart.status, _STYLES[counterpart.status]), why),
    ]


def _broken(name: str, width: int) -> str:
    """Breaks a dotted name where its parts and words meet, as seldom as it can."""
    lines = [""]
    for part in _JOINTS.split(name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
