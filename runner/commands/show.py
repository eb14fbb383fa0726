"""The verb show: one recorded run in the terminal, what was chosen for it, its metrics and its curves."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import yaml

from runner import compose, display
from runner.commands import drawn_curves, options
from runner.errors import Fault, UsageError
from runner.folders import shown
from runner.recorded import find, side_by_side

_OF, _METRIC, _URI = "--of", "--metric", "tracking.uri"
_FIGURES, _LEARNING_CURVES = "figures", "learning_curves.png"


def run(words: Sequence[str]) -> int:
    """Prints what a run is and what came of it, and names its figures."""
    typed = options.read("show", words, values=[_OF, _METRIC], switches=())
    names, uri = options.without(typed.names, _URI)
    if len(names) != 1:
        rule = "takes one run: its number, its name, its folder, last or best"
        remedy = "Write python -m runner show last, or compare for several."
        raise UsageError([Fault("show", rule, " ".join(names) or None, remedy=remedy)])
    record = find(
        names[0], uri=uri, metric=typed.values.get(_METRIC), of=typed.values.get(_OF), finished=False
    )
    with compose.session():
        defaults = yaml.safe_load(compose.resolved_yaml(compose.compose([])))
    tables = [
        side_by_side.facts(record),
        side_by_side.changes(record, defaults),
        side_by_side.metric_table([record]),
    ]
    display.tables_of_runs(sys.stdout, [table for table in tables if table.lines])
    drawn_curves.print_curves(sys.stdout, [record])
    figure = None if record.folder is None else record.folder / _FIGURES / _LEARNING_CURVES
    if drawn_curves.names([record]) and (figure is None or not figure.is_file()):
        figure = drawn_curves.write_figure([record], record.name)
    if figure is not None and figure.is_file():
        print(f"figure   {shown(figure)}")
    if record.page:
        print(f"run      {record.page}")
    return 0
