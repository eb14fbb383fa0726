"""A tracker that keeps everything in memory: the journal's twin for tests and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.findings import Findings
from runner.results import Program, Result, Status
from runner.tracking import DatasetCard, RunCard


class Memory:
    """Holds what it was told, in the order in which it was told."""

    def __init__(self) -> None:
        self.card: RunCard | None = None
        self.all_tags: dict[str, str] = {}
        self.all_metrics: list[tuple[int, dict[str, float]]] = []
        self.all_steps: list[tuple[int, dict[str, list[float]]]] = []
        self.dataset_card: DatasetCard | None = None
        self.model_files: tuple[Path, Path] | None = None
        self.program: Program | None = None
        self.problems: list[str] = []
        self.artifacts: list[Path] = []
        self.last_result: Result | None = None
        self.last_findings: Findings | None = None
        self.status: Status | None = None
        self.error: str | None = None

    def start(self, card: RunCard) -> None:
        self.card = card
        self.all_tags.update(card.tags)

    def tags(self, values: Mapping[str, str]) -> None:
        self.all_tags.update(values)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self.all_metrics.append((step, dict(values)))

    def steps(self, first_step: int, values: Mapping[str, Sequence[float]]) -> None:
        self.all_steps.append((first_step, {name: list(column) for name, column in values.items()}))

    def dataset(self, card: DatasetCard) -> None:
        self.dataset_card = card

    def artifact(self, path: Path) -> None:
        self.artifacts.append(path)

    def model(self, network: Path, weights: Path, program: Program | None) -> None:
        self.model_files = network, weights
        self.program = program

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def result(self, result: Result) -> None:
        self.last_result = result

    def findings(self, findings: Findings) -> None:
        self.last_findings = findings

    def settle(self) -> None:
        """Has no disk."""

    def end(self, status: Status, error: str | None) -> None:
        self.status, self.error = status, error
