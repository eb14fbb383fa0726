"""A verdict on paper: in the terminal, as files, and as a run in MLflow."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from runner.parity.comparison import PHASES, Gaps, Phase, allowed, largest
from runner.parity.verdict import PRECISIONS, Finding, Verdict
from runner.runs import RunRequest, default_name
from runner.tracking import RunCard, identity
from runner.tracking.journal import Journal
from runner.tracking.process import this_process

Floats = NDArray[np.float64]

STEPS, PHASE_TABLE, CURVES, VERDICT = "steps.csv", "phases.csv", "comparison.npz", "verdict.json"
_NO_STEP = 0


@dataclass(frozen=True)
class Report:
    """What there is to tell.

    Args:
        backends: the two arms.
        losses: the losses of each arm in the run's precision, (steps,).
        verdict: what the comparison comes to.
        versions: of the packages of both frameworks.
    """

    backends: tuple[str, ...]
    losses: Mapping[str, Floats]
    verdict: Verdict
    versions: Mapping[str, str]


def print_report(stream: TextIO, told: Report) -> None:
    """Prints the differences by phase and the verdict in words."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=stream, highlight=False, markup=False)
    title = f"Largest difference between {' and '.join(told.backends)}"
    table = Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD)
    headings, *lines = _phase_lines(told.verdict)
    for heading in headings:
        table.add_column(heading, justify="right" if heading != "phase" else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    console.print(table)
    verdict, *rest = told.verdict.sentences
    console.print(verdict, style="bold green" if told.verdict.equal else "bold red")
    for sentence in rest:
        console.print(sentence)


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
    journal.end("FINISHED", None)


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
            "arms": ", ".join(told.backends),
            "command": command,
            "mlflow.note.content": _note(told),
            **{f"version.{name}": version for name, version in told.versions.items()},
            **identity.git_tags(Path.cwd()),
        },
        plots={},
        time=began,
        process=this_process(),
    )


def _note(told: Report) -> str:
    """Returns what MLflow shows on top of the run's page."""
    headings, *lines = _flat(_phase_lines(told.verdict))
    rows = [headings, ["---"] * len(headings), *lines]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    head, *rest = told.verdict.sentences
    return "\n\n".join([f"**{head}**", *rest, table])


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
    steps = min(len(values) for values in told.losses.values())
    for step in range(steps):
        gaps = [
            "" if step >= len(each) or np.isnan(each[step]) else repr(float(each[step])) for each in columns
        ]
        yield [str(step + 1), *(repr(float(values[step])) for values in told.losses.values()), *gaps]


def _as_json(told: Report) -> dict[str, object]:
    return {
        "equal": told.verdict.equal,
        "sentences": list(told.verdict.sentences),
        "backends": list(told.backends),
        "versions": dict(told.versions),
        "findings": [
            {
                "precision": PRECISIONS[finding.precision],
                "steps": list(finding.steps),
                "loss_gap": finding.loss_gap,
                "weight_gap": finding.weight_gap,
                "loss_floor": finding.loss_floor,
                "first": None
                if finding.first is None
                else {
                    "step": finding.first.step,
                    "phase": finding.first.place.phase,
                    "array": finding.first.place.array,
                    "gap": finding.first.gap,
                    "allowed": finding.first.allowed,
                },
            }
            for finding in told.verdict.findings
        ],
    }


def _write_curves(path: Path, told: Report) -> None:
    arrays = {f"loss:{name}": values for name, values in told.losses.items()}
    for finding in told.verdict.findings:
        name = PRECISIONS[finding.precision]
        arrays[f"gap:{name}"] = _of_phase(finding.gaps, "loss")
        arrays[f"floor:{name}"] = _of_phase(finding.floor, "loss")
        arrays[f"allowed:{name}"] = _of_phase(allowed(finding.floor, finding.precision), "loss")
        arrays[f"first:{name}"] = np.array([finding.first.step if finding.first else np.nan])
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's stub takes its own keyword for one of them.


def _write_csv(path: Path, lines: Iterator[list[str]] | list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
