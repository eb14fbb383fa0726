"""The verb report: the runs of a sweep or an experiment compared, in the terminal and as a page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from runner.commands.failures import UsageError
from runner.errors import Fault, RunnerError
from runner.suggestions import listed, nearest

_STUDY, _LEADERBOARD, _COMPARISONS, _PAGE = "study.json", "leaderboard.csv", "comparisons.csv", "report.html"
_FOLDER = Path("outputs") / "reports"
_LONGEST_REASON = 300
_KEYS = ("metric", "tracking.uri")


def run(words: Sequence[str]) -> int:
    """Compares the runs of a sweep, by its identifier or as ``last``, or of an MLflow experiment, by its name."""
    from runner.study import report as reports
    from runner.study.records import save
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
    save(found, folder / _STUDY)
    (folder / _LEADERBOARD).write_text(reports.leaderboard_csv(told), encoding="utf-8")
    (folder / _COMPARISONS).write_text(reports.comparisons_csv(told), encoding="utf-8")
    reports.print_report(sys.stdout, told)
    _draw(folder)
    print(f"\npage     {folder / _PAGE}\ntables   {folder / _LEADERBOARD}, {folder / _COMPARISONS}")
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


def _draw(folder: Path) -> None:
    """Has the figures and the page made by a process of its own, since this one never imports matplotlib."""
    done = subprocess.run(
        [sys.executable, "-m", "runner.plots.study_page", str(folder / _STUDY)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["its process died"])[-1][:_LONGEST_REASON]
        raise RunnerError(f"the page could not be made: {reason}")
