"""A verdict on paper: in the terminal, as files, and as a run in MLflow."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
from numpy.typing import NDArray

from runner.description import DESCRIPTION, table
from runner.parity import attribution, control
from runner.parity.attribution import Correction
from runner.parity.comparison import PHASES, Gaps, Phase, allowed, largest
from runner.parity.control import Control
from runner.parity.verdict import PRECISIONS, Finding, Verdict
from runner.runs import RunRequest, default_name
from runner.semantics import SENTENCES
from runner.tracking import RunCard, identity
from runner.tracking.journal import Journal
from runner.tracking.process import this_process

if TYPE_CHECKING:
    from rich.console import RenderableType

Floats = NDArray[np.float64]

STEPS, PHASE_TABLE, CURVES, VERDICT = "steps.csv", "phases.csv", "comparison.npz", "verdict.json"
ATTRIBUTION, CONTROL = "attribution.csv", "control.csv"
_NO_STEP = 0


@dataclass(frozen=True)
class Report:
    """What there is to tell.

    Args:
        backends: the two arms that are compared.
        losses: the losses of each arm in the run's precision, (steps,), with those of a third arm where there is one.
        verdict: what the comparison comes to.
        attribution: what each correction of a difference changes; empty where none is left to the frameworks.
        control: what a third arm tells, or None.
        versions: of the packages of both frameworks.
    """

    backends: tuple[str, ...]
    losses: Mapping[str, Floats]
    verdict: Verdict
    attribution: tuple[Correction, ...]
    control: Control | None
    versions: Mapping[str, str]


def print_report(stream: TextIO, told: Report) -> None:
    """Prints the differences by phase and the verdict in words, and what each correction changes."""
    from rich.console import Console

    console = Console(file=stream, highlight=False, markup=False)
    title = f"Largest difference between {' and '.join(told.backends)}"
    console.print(_table(title, _phase_lines(told.verdict)))
    verdict, *rest = told.verdict.sentences
    console.print(verdict, style="bold green" if told.verdict.equal else "bold red")
    for sentence in rest:
        console.print(sentence)
    if told.attribution:
        console.print()
        title = "Largest difference of the losses, one thing corrected after the other"
        console.print(_table(title, _attribution_lines(told.attribution)))
        console.print(_conclusion(told))
    if told.control:
        console.print()
        console.print(told.control.conclusion, style="bold")
        for pair in told.control.pairs:
            console.print(pair.sentence)


def _table(title: str, lines: list[list[str]]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD)
    headings, *rest = lines
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=place > 0)
    for line in rest:
        table.add_row(*line)
    return table


def write(told: Report, request: RunRequest, *, command: str, began: float) -> None:
    """Writes the files of a comparison with a complete journal into the request's folder."""
    folder = request.folder
    journal = Journal(folder)
    journal.start(_card(told, request, command, began))
    _write_csv(folder / PHASE_TABLE, _flat(_phase_lines(told.verdict)))
    _write_csv(folder / STEPS, _step_lines(told))
    (folder / VERDICT).write_text(json.dumps(_as_json(told), indent=1) + "\n", encoding="utf-8")
    _write_curves(folder / CURVES, told)
    for name in (PHASE_TABLE, STEPS, VERDICT):
        journal.artifact(folder / name)
    for finding in told.verdict.findings:
        _tell_metrics(journal, finding)
    journal.comparison(folder / CURVES)
    if told.attribution:
        _write_attribution(journal, told.attribution)
    if told.control:
        _write_control(journal, told.control)
    journal.end("FINISHED", None)


def _write_attribution(journal: Journal, corrections: Sequence[Correction]) -> None:
    path = journal.folder / ATTRIBUTION
    lines = [[each.name, each.words, repr(each.before), repr(each.after)] for each in corrections]
    _write_csv(path, [["name", "words", "before", "after"], *lines])
    journal.artifact(path)
    after = {f"attribution/{each.name}": each.after for each in corrections}
    journal.metrics(_NO_STEP, {"attribution/native": corrections[0].before, **after})
    journal.attribution(path)


def _write_control(journal: Journal, third: Control) -> None:
    path = journal.folder / CONTROL
    _write_csv(path, control.lines(third))
    journal.artifact(path)
    journal.metrics(_NO_STEP, dict(control.metrics(third)))


def _card(told: Report, request: RunRequest, command: str, began: float) -> RunCard:
    experiment = request.experiment
    own = {key: value for key, value in request.parameters.items() if not key.startswith("backend")}
    return RunCard(
        identity=uuid.uuid4().hex,
        name=f"parity: {experiment.name or default_name(experiment).rpartition(' ')[0]}",
        experiment=experiment.tracking.experiment,
        uri=request.uri,
        parameters=own,
        chosen=(),
        tags={
            "role": "parity",
            "verdict": "equal" if told.verdict.equal else "different",
            "arms": ", ".join(told.losses),
            **({"control": told.control.conclusion} if told.control else {}),
            "semantics": experiment.backend.semantics,
            "command": command,
            DESCRIPTION: _note(told),
            **{f"version.{name}": version for name, version in told.versions.items()},
            **identity.git_tags(Path.cwd()),
        },
        plots={},
        time=began,
        process=this_process(),
    )


def _note(told: Report) -> str:
    """Returns what MLflow shows on top of the run's page."""
    head, *rest = told.verdict.sentences
    phases = table(_flat(_phase_lines(told.verdict)))
    return "\n\n".join([f"**{head}**", *rest, *_explained(told), *_of_control(told), phases])


def _explained(told: Report) -> list[str]:
    """Returns what each correction changes as a list of Markdown, and what is left."""
    if not told.attribution:
        return []
    lines = "\n".join(f"- {each.sentence}. {SENTENCES[each.name]}" for each in told.attribution)
    return [lines, _conclusion(told)]


def _of_control(told: Report) -> list[str]:
    """Returns what a third arm tells, and each pair in a list of Markdown."""
    if told.control is None:
        return []
    return [told.control.conclusion, "\n".join(f"- {pair.sentence}" for pair in told.control.pairs)]


def _conclusion(told: Report) -> str:
    double, *_ = told.verdict.findings
    return attribution.conclusion(told.attribution, double.loss_floor)


def _tell_metrics(journal: Journal, finding: Finding) -> None:
    name = PRECISIONS[finding.precision]
    journal.metrics(
        _NO_STEP,
        {
            f"parity/{name}_loss_gap": finding.loss_gap,
            f"parity/{name}_weight_gap": finding.weight_gap,
            f"parity/{name}_loss_floor": finding.loss_floor,
        },
    )
    gaps = _of_phase(finding.gaps, "loss")
    journal.steps(1, {f"parity/{name}_step_loss_gap": gaps.tolist()})


def _attribution_lines(corrections: Sequence[Correction]) -> list[list[str]]:
    lines = [[each.words, _figure(each.before), _figure(each.after)] for each in corrections]
    return [["corrected", "before", "after"], *lines]


def _phase_lines(verdict: Verdict) -> list[list[str]]:
    """Returns headings, and for each phase its differences: in the first step, over all, and what the floor explains."""
    headings = ["phase"]
    for finding in verdict.findings:
        name = PRECISIONS[finding.precision]
        headings += [f"{name}\n{column}" for column in ("step 1", "all steps", "one unit")]
    return [
        headings,
        *(_phase_line(phase, verdict.findings) for phase in PHASES if _occurs(phase, verdict.findings)),
    ]


def _flat(lines: list[list[str]]) -> list[list[str]]:
    """Returns lines whose headings are of one line too."""
    return [[cell.replace("\n", " ") for cell in line] for line in lines]


def _phase_line(phase: Phase, findings: Sequence[Finding]) -> list[str]:
    line: list[str] = [phase]
    for finding in findings:
        first = {place: gaps[:1] for place, gaps in finding.gaps.items()}
        # The evaluation comes at the end of an epoch, never in the first step.
        begin = "" if phase == "evaluation" else _figure(largest(first, phase))
        line += [begin, _figure(largest(finding.gaps, phase)), _figure(largest(finding.floor, phase))]
    return line


def _occurs(phase: Phase, findings: Sequence[Finding]) -> bool:
    return any(np.isfinite(_of_phase(finding.gaps, phase)).any() for finding in findings) or phase == "batch"


def _of_phase(gaps: Gaps, phase: Phase) -> Floats:
    """Returns the largest difference of a phase in each step; NaN where it has none."""
    found = [values for place, values in gaps.items() if place.phase == phase]
    return np.fmax.reduce(found) if found else np.full(0, np.nan)


def _figure(value: float) -> str:
    return "0" if value == 0 else f"{value:.1e}"


def _step_lines(told: Report) -> Iterator[list[str]]:
    columns = [_of_phase(finding.gaps, phase) for finding in told.verdict.findings for phase in PHASES]
    names = [
        f"{PRECISIONS[finding.precision]}_{phase}" for finding in told.verdict.findings for phase in PHASES
    ]
    yield ["step", *(f"loss_{name}" for name in told.losses), *names]
    for step in range(min(len(told.losses[name]) for name in told.backends)):
        gaps = [
            "" if step >= len(each) or np.isnan(each[step]) else repr(float(each[step])) for each in columns
        ]
        losses = [repr(float(each[step])) if step < len(each) else "" for each in told.losses.values()]
        yield [str(step + 1), *losses, *gaps]


def _as_json(told: Report) -> dict[str, object]:
    return {
        "equal": told.verdict.equal,
        "sentences": list(told.verdict.sentences),
        "backends": list(told.backends),
        "versions": dict(told.versions),
        "attribution": [asdict(each) for each in told.attribution],
        "findings": [each.as_json() for each in told.verdict.findings],
        "control": None if told.control is None else control.as_json(told.control),
    }


def _write_curves(path: Path, told: Report) -> None:
    arrays = {f"loss:{name}": values for name, values in told.losses.items()}
    for finding in told.verdict.findings:
        name = PRECISIONS[finding.precision]
        arrays[f"gap:{name}"] = _of_phase(finding.gaps, "loss")
        arrays[f"floor:{name}"] = _of_phase(finding.floor, "loss")
        arrays[f"allowed:{name}"] = _of_phase(allowed(finding.floor, finding.precision), "loss")
        arrays[f"first:{name}"] = np.array([finding.first.step if finding.first else np.nan])
    for pair in (told.control.engines, told.control.meanings) if told.control else ():
        double = pair.verdict.findings[0]
        arrays[f"control:{PRECISIONS[double.precision]}: {pair.name}"] = _of_phase(double.gaps, "loss")
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes its own keyword for one of them.


def _write_csv(path: Path, lines: Iterator[list[str]] | list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
