"""The verb compare: recorded runs side by side, where their configurations differ, metrics, curves."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runner import display
from runner.commands import drawn_curves, options
from runner.errors import ConfigurationError, Fault, UsageError
from runner.folders import shown
from runner.recorded import Record, find, side_by_side
from runner.recorded.differences import gap, same_data

_METRIC, _URI = "--metric", "tracking.uri"
_MOST = 26


def run(words: Sequence[str]) -> int:
    """Prints several runs side by side, the best of each metric marked, and draws their curves."""
    typed = options.read("compare", words, values=[_METRIC], switches=())
    names, uri = options.without(typed.names, _URI)
    if not 2 <= len(names) <= _MOST:
        rule = f"takes two runs or more, at most {_MOST}"
        remedy = "Name them as in: python -m runner compare last best. A whole sweep is for report."
        raise UsageError([Fault("compare", rule, " ".join(names) or None, remedy=remedy)])
    records = _found(names, uri, typed.values.get(_METRIC))
    tables = [
        side_by_side.runs(records),
        side_by_side.configurations(records),
        side_by_side.metric_table(records),
    ]
    display.tables_of_runs(sys.stdout, [table for table in tables if table.lines])
    for sentence in _sentences(records, same_configuration=not tables[1].lines):
        print(sentence)
    if drawn_curves.names(records):
        print()
        drawn_curves.print_curves(sys.stdout, records)
        title = " and ".join(dict.fromkeys(record.name for record in records))
        print(f"figure   {shown(drawn_curves.write_figure(records, title))}")
    return 0


def _found(names: Sequence[str], uri: str | None, metric: str | None) -> list[Record]:
    """Returns the runs; the faults of all words are said at once."""
    faults: list[Fault] = []
    records: list[Record] = []
    for name in names:
        is_best = name == "best" or name.startswith("best:")
        try:
            records.append(find(name, uri=uri, metric=metric if is_best else None, finished=False))
        except ConfigurationError as error:
            faults += error.faults
    if faults:
        raise UsageError(faults)
    return records


def _sentences(records: Sequence[Record], *, same_configuration: bool) -> list[str]:
    said = []
    if same_configuration:
        said.append("Their configurations mean the same.")
    if any(same_data(records[0], other) is False for other in records[1:]):
        said.append("They learnt from different rows: their metrics are not of one and the same thing.")
    if any(
        side_by_side.BEST_MARK in str(cell)
        for line in side_by_side.metric_table(records).lines
        for cell in line
    ):
        said.append(f"{side_by_side.BEST_MARK} is the best.")
    if len(records) == 2 and all(record.steps for record in records):
        apart = gap(records[0].steps, records[1].steps)
        if apart.is_nothing:
            said.append(f"The losses of all {apart.compared:,} steps are the same to the last bit.")
        elif apart.first is not None:
            said.append(
                f"The losses of their steps first differ at step {apart.first}, and most, by {apart.largest:.2g},"
                f" at step {apart.at}."
            )
    return said
