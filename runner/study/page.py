"""A study as one HTML page that needs no other file, no script and no network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from runner.study.records import Trial
from runner.study.report import Report

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
code { background: #f3f3f3; padding: .15rem .35rem; border-radius: .25rem; word-break: break-word; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; color: #555; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0 2rem; }
.quiet { color: #757575; } summary { cursor: pointer; }
"""
_CAPTIONS = {
    "intervals": "Grey dots are runs; the blue dot is their mean over seeds and folds, the bar its 95 % interval.",
    "curves": "The mean of each epoch; the band holds all runs.",
    "heat_map": "The mean over everything else.",
    "parallel_coordinates": "One line for each run, in the colour of its result.",
    "history": "Every trial in its turn, and the best so far.",
    "time_and_quality": "What a run costs and what it gives.",
    "backends": "Runs alike in all but the backend; equal ones lie on the line.",
}


def page(told: Report, figures: Sequence[Path]) -> str:
    """Returns the page.

    Args:
        told: what there is to tell.
        figures: PNG files, which are put into the page.
    """
    study = told.study
    parts = [
        f"<h1>{escape(study.name)}</h1>",
        f"<p>{escape(told.summary)}</p>",
        f"<p><code>{escape(study.command)}</code></p>" if study.command else "",
        "<h2>Leaderboard</h2>",
        _table(told.headings, told.lines),
        "<h2>In words</h2>" if told.sentences else "",
        _list(told.sentences),
        _importance(told),
        "<h2>Figures</h2>" if figures else "",
        *(_figure(path) for path in figures),
        _failures(study.failed),
        _trials(told),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(study.name)}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n'
        + "\n".join(filter(None, parts))
        + "\n</html>\n"
    )


def _table(headings: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in headings)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>\n" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table>"


def _list(sentences: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(each)}</li>\n" for each in sentences)
    return f"<ul>\n{items}</ul>" if items else ""


def _importance(told: Report) -> str:
    if not told.importance:
        return ""
    lines = [(key, f"{100 * share:.0f} %") for key, share in told.importance.items()]
    return (
        "<h2>What mattered</h2>\n<p class=quiet>The share of each key in what a random forest explains of the"
        f" differences.</p>\n{_table(('key', 'share'), lines)}"
    )


def _figure(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    caption = _CAPTIONS.get(path.stem, "")
    name = escape(path.stem.replace("_", " "))
    return f'<p class=quiet>{escape(caption)}</p>\n<img alt="{name}" src="data:image/png;base64,{content}">'


def _failures(failed: Sequence[Trial]) -> str:
    if not failed:
        return ""
    return "<h2>What did not finish</h2>\n" + _list(
        f"{each.name}: {each.error or each.status.lower()}" for each in failed
    )


def _trials(told: Report) -> str:
    study = told.study
    keys = study.keys
    lines = [
        (
            *(trial.choices.get(key, "") for key in keys),
            repr(trial.metrics[study.metric]) if study.metric in trial.metrics else "",
            f"{trial.seconds:.1f}",
            trial.status.lower(),
        )
        for trial in (*study.finished, *(each for each in study.trials if each not in study.finished))
    ]
    table = _table((*keys, study.metric, "seconds", "status"), lines)
    return f"<details><summary>All {len(study.trials)} runs</summary>\n{table}</details>"
