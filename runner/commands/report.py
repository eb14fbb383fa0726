"""The verb report: the runs of a sweep or an experiment compared, in the terminal and as a page."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.errors import Fault, RunnerError, UsageError
from runner.suggestions import listed, nearest

_PAGE = "report.html"
_FOLDER = Path("outputs") / "reports"
_KEYS = ("metric", "tracking.uri")


def run(words: Sequence[str]) -> int:
    """Compares the runs of a sweep, by its identifier or as ``last``, or of an MLflow experiment, by its name."""
    from runner.study import report as reports
    from runner.tracking.asking import ask
    from runner.tracking.gather import gather
    from runner.tracking.store import address
    from runner.tracking.study import study

    text, chosen = _read(words)
    uri = address(chosen.get("tracking.uri"), Path.cwd())
    _require_store(uri)
    gathered = gather(uri=uri, text=text)
    if gathered.trouble:
        raise RunnerError(f"MLflow's store could not be asked: {gathered.trouble}")
    if not gathered.runs:
        remedy = f"There are {listed(gathered.names, 8)}." if gathered.names else "The store has no runs yet."
        rule = "is no sweep and no experiment in MLflow's store"
        raise UsageError([Fault(text, rule, suggestion=nearest(text, gathered.names), remedy=remedy)])
    found = study(gathered, chosen.get("metric"))
    names = dict.fromkeys(name for each in gathered.runs for name in each.metrics)
    if found is None or not found.finished:
        if not names:
            raise RunnerError(f"{gathered.name} has no finished run to compare")
        metric = chosen.get("metric", "")
        rule = "no finished run has this metric"
        remedy = f"Metrics: {listed(names)}."
        raise UsageError([Fault("metric", rule, metric or None, nearest(metric, names), remedy)])
    told = reports.report(found)
    folder = _FOLDER / re.sub(r"[^\w.-]+", "_", text)
    folder.mkdir(parents=True, exist_ok=True)
    *tables, study_file = reports.write(told, folder)
    reports.print_report(sys.stdout, told)
    # This process never imports matplotlib.
    _, trouble = ask("runner.plots.study_page", {"path": str(study_file)})
    if trouble:
        raise RunnerError(f"the page could not be made: {trouble}")
    print(f"\npage     {folder / _PAGE}\ntables   {', '.join(map(str, tables))}")
    return 0


def _read(words: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Returns the name that was typed and the keys beside it."""
    names = [word for word in words if "=" not in word]
    chosen = dict(word.split("=", 1) for word in words if "=" in word)
    faults = [
        Fault(
            key,
            "is no key of report",
            suggestion=nearest(key, _KEYS),
            remedy=f"Its keys are {listed(_KEYS)}.",
        )
        for key in chosen
        if key not in _KEYS
    ]
    if len(names) != 1:
        remedy = "Name a sweep as its output does, an experiment of MLflow, or write last."
        faults.append(Fault("report", "takes one sweep or experiment", " ".join(names) or None, None, remedy))
    if faults:
        raise UsageError(faults)
    return names[0], chosen


def _require_store(uri: str) -> None:
    from runner.tracking.store import database

    path = database(uri)
    if path is not None and not path.is_file():
        rule = f"there is no {path.name} in this folder, so there are no runs to compare"
        raise UsageError([Fault("report", rule, remedy="tracking.uri=ADDRESS names another store.")])
