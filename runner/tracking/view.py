"""What MLflow's page of runs shows when one of our addresses opens it: a view, kept as a tag of the experiment.

Left alone, the page has a panel for each metric and for each figure, writes every parameter of a run over its
figures, and lists no figure of merit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from runner.findings import Findings
from runner.results import Result
from runner.tracking import RunCard
from runner.tracking.store import view_key

_TAG = "mlflow.sharedViewState."
# MLflow writes what it saves itself without this: such a view is its user's own.
_OURS = "runner"
# Sections of the page in their order, those of these names that MLflow fills by itself among them.
_CURVES, _TEST, _FIGURES = "curves", "test", "figures"
_FOLDED = ("train", "validation", "whole_sweep", "Model metrics", "System metrics")
# Below the newest runs, each with its own overrides, a table has more columns than anybody reads.
_MOST_PARAMETERS, _MOST_TESTS = 8, 2
_NAME_PIXELS = 260
_PIXELS_PER_LETTER, _LEAST_PIXELS = 9, 90


@dataclass(frozen=True, kw_only=True)
class View:
    """What the page shows of some runs.

    Args:
        sweep: the sweep whose runs are shown; None for all of the experiment.
        name: what MLflow's list of views calls it; None where the view has a name already, or none yet.
        parameters: those that are columns of the table.
        results: the metrics that are.
        curves: the metrics of each epoch that are drawn.
        figures: the images that lie side by side, a column for each run.
    """

    sweep: str | None
    name: str | None = None
    parameters: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """Returns the name of the experiment's tag that holds the view."""
        return tag(self.sweep)

    def saved(self, before: str | None, time: int) -> str | None:
        """Returns the tag's new text, or None where it stays as it is.

        Args:
            before: the tag's text so far; what it shows is shown further, and what a person made of it is left alone.
            time: in milliseconds since 1970.
        """
        if before is None:
            return self._text(created=time, time=time)
        known = json.loads(before)
        if _OURS not in known:
            return None
        earlier = View(**{name: _frozen(value) for name, value in known[_OURS].items()})
        joined = self._joined(earlier)
        return None if joined == earlier else joined._text(created=known["createdAt"], time=time)

    def _joined(self, earlier: View) -> View:
        return View(
            sweep=self.sweep,
            name=self.name or earlier.name,
            parameters=_union(earlier.parameters, self.parameters)[-_MOST_PARAMETERS:],
            results=_union(earlier.results, self.results),
            curves=_union(earlier.curves, self.curves),
            figures=_union(earlier.figures, self.figures),
        )

    def _text(self, *, created: int, time: int) -> str:
        name = self.name or ("every run" if self.sweep is None else f"sweep {self.sweep}")
        saved = {"name": name, "createdAt": created, "updatedAt": time, "state": json.dumps(self._state())}
        return json.dumps(saved | {_OURS: asdict(self)})

    def _state(self) -> dict[str, Any]:
        columns = [f"params.`{name}`" for name in self.parameters]
        columns += [f"metrics.`{name}`" for name in self.results]
        named = zip(columns, (*self.parameters, *self.results), strict=True)
        widths = {column: max(_LEAST_PIXELS, _PIXELS_PER_LETTER * len(name)) for column, name in named}
        sections = [_section(_CURVES), _section(_TEST, cardHeight=300)]
        sections += [_section(_FIGURES, columns=1, cardHeight=500)]
        return {
            "searchFilter": "" if self.sweep is None else f'tags.sweep="{self.sweep}"',
            "compareRunCharts": [*map(_curve, self.curves), *self._images()],
            "compareRunSections": [*sections, *(_section(name, display=False) for name in _FOLDED)],
            "isAccordionReordered": True,
            "selectedColumns": [*columns, "attributes.`Duration`"],
            "columnOrder": ["attributes.`Run Name`", *columns, "duration", "runDateAndNestInfo"],
            "columnWidths": {"attributes.`Run Name`": _NAME_PIXELS, **widths},
        }

    def _images(self) -> list[dict[str, Any]]:
        """Returns one panel of all figures, and for each one that is gone: MLflow would make it by itself."""
        if not self.figures:
            return []
        gone = [_image(f"without {name}", [name], deleted=True) for name in self.figures]
        return [_image(_FIGURES, list(self.figures), deleted=False), *gone]


def view_of(card: RunCard, result: Result | Findings | None, figures: Iterable[str]) -> View:
    """Returns what the page is to show of one run beside the others of its sweep, or beside every other run.

    Args:
        card: the run, or the summary of a sweep, which gives the view its name.
        result: what came of it; None where nothing has.
        figures: those of its figures that MLflow has as images.
    """
    sweep, summary = card.tags.get("sweep"), card.tags.get("role") == "summary"
    name = card.name if summary else None
    if result is None:
        return View(sweep=sweep, name=name, parameters=card.chosen)
    if isinstance(result, Findings):
        found = tuple(result.metrics)[:_MOST_TESTS]
        return View(sweep=sweep, name=name, parameters=card.chosen, results=found, figures=tuple(figures))
    tested = [metric for metric in result.metrics if metric.startswith("test/")]
    return View(
        sweep=sweep,
        name=name,
        parameters=card.chosen,
        results=(result.monitor, *tested[:_MOST_TESTS]),
        curves=tuple(metric for metric in result.epochs[0].metrics if "/" in metric) if result.epochs else (),
        figures=tuple(figures),
    )


def tag(sweep: str | None) -> str:
    """Returns the name of the experiment's tag that holds the view of a sweep, or of every run."""
    return _TAG + view_key(sweep)


def _section(name: str, *, display: bool = True, **more: int) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": display, "isReordered": True, **more}


def _curve(metric: str) -> dict[str, Any]:
    return _card("LINE", metric, _CURVES) | {
        "metricKey": metric,
        "displayName": metric.rpartition("/")[2],
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "xAxisKey": "step",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _image(uuid: str, figures: list[str], *, deleted: bool) -> dict[str, Any]:
    more = {"imageKeys": figures, "step": 0, "showRunParams": False, "deleted": deleted}
    return _card("IMAGE", uuid, _FIGURES) | more


def _card(kind: str, uuid: str, section: str) -> dict[str, Any]:
    return {"type": kind, "uuid": uuid, "metricSectionId": section, "deleted": False, "isGenerated": True}


def _union(first: Iterable[str], second: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *second]))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
