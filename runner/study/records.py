"""The runs of a sweep or of an experiment as plain data, and the metric by which they are compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

from runner import metrics

FOLD = "split.fold"
# Keys whose values are repetitions of one and the same thing.
REPETITIONS = ("seed", FOLD)
_PREFERRED = (
    "test/accuracy",
    "test/r2",
    "test/loss",
    "validation/accuracy",
    "validation/r2",
    "validation/loss",
)
# A number of more signs than this is none that a person typed.
_LONG = 8
# Metrics that are shares of one, and told in points: hundredths.
_SHARES = frozenset({"accuracy", "f1", "f1_macro", "roc_auc"})


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run.

    Args:
        name: what a person calls it.
        status: FINISHED, FAILED, KILLED or RUNNING.
        choices: what tells it from the others, by key.
        metrics: its last values by name: ``test/accuracy``.
        curves: the values of each epoch, from 1, by the name of the metric.
        seconds: how long it took.
        error: why it did not finish, or None.
        page: where MLflow shows it, or None.
        output: what stands behind its last layer, or empty where that is not known.
        pruned: when a search ended it without hope, ``epoch 3 of 20``; empty where it did not.
    """

    name: str
    status: str
    choices: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    error: str | None = None
    page: str | None = None
    output: str = ""
    pruned: str = ""


@dataclass(frozen=True, kw_only=True)
class Study:
    """Runs that are looked at together.

    Args:
        name: of the sweep or the experiment.
        trials: the runs.
        metric: the metric that decides which is better.
        command: what was typed, or empty.
        is_search: whether each trial was chosen by those before it, and not all of them beforehand.
    """

    name: str
    trials: tuple[Trial, ...]
    metric: str
    command: str = ""
    is_search: bool = False

    @cached_property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that finished and have the metric, the best first."""
        known = [each for each in self.trials if each.status == "FINISHED" and self.metric in each.metrics]
        return tuple(sorted(known, key=lambda each: -self.sign * each.metrics[self.metric]))

    @property
    def failed(self) -> tuple[Trial, ...]:
        """The trials that ended before they had finished."""
        return tuple(each for each in self.trials if each.status in ("FAILED", "KILLED"))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in which the trials differ, in the order in which they were typed."""
        return tuple(dict.fromkeys(key for each in self.trials for key in each.choices))

    @property
    def factors(self) -> tuple[str, ...]:
        """The keys that are no mere repetitions."""
        return tuple(key for key in self.keys if key not in REPETITIONS)

    @property
    def sign(self) -> float:
        """1 where more is better, -1 where less is."""
        return 1.0 if metrics.higher_is_better(self.metric) else -1.0

    @property
    def unit(self) -> tuple[float, str]:
        """What a difference of the metric is multiplied by when it is told, and the word behind it."""
        is_share = self.metric.rpartition("/")[2] in _SHARES
        return (100.0, " points") if is_share else (1.0, "")

    def values(self, key: str) -> list[str]:
        """Returns the values of a key among the finished trials: numbers by size, others as they came."""
        found = list(dict.fromkeys(each.choices[key] for each in self.trials if key in each.choices))
        known = {each.choices.get(key) for each in self.finished}
        return in_order([value for value in found if value in known])


def default_metric(trials: Sequence[Trial]) -> str | None:
    """Returns the metric that most finished trials have, of those that tell quality; None where there is none.

    Where rows take turns in being validation rows, it is one of these, for the rows for test are the same in every fold.
    """
    finished = [each for each in trials if each.status == "FINISHED"]
    names = [name for name in _PREFERRED if name.startswith("validation/") or folds(trials) < 2]
    counts = {name: sum(name in each.metrics for each in finished) for name in names}
    best = max(counts.values(), default=0)
    return next((name for name, count in counts.items() if count == best > 0), None)


def folds(trials: Sequence[Trial]) -> int:
    """Returns how many folds trials went through; 0 where they have none."""
    return len({each.choices[FOLD] for each in trials if FOLD in each.choices})


def is_curve(name: str) -> bool:
    """Returns whether a metric is measured in every epoch and told of a trial as a curve."""
    return name.startswith("validation/") or name == "train/loss"


def number(text: str) -> float | None:
    """Returns the number that a text is, or None."""
    try:
        return float(text)
    except ValueError:
        return None


def shortened(text: str) -> str:
    """Returns a text, or of a number with many digits the first four that count."""
    value = number(text) if len(text) > _LONG else None
    return text if value is None else f"{value:.4g}"


def in_order(values: Sequence[str]) -> list[str]:
    """Returns values by size where all are numbers, else as they are."""
    numbers = {value: number(value) for value in values}
    if any(each is None for each in numbers.values()):
        return list(values)
    return sorted(values, key=lambda value: numbers[value] or 0.0)


def save(study: Study, path: Path) -> None:
    """Writes a study as JSON."""
    content = asdict(study)
    path.write_text(json.dumps(content, default=list) + "\n", encoding="utf-8")


def load(path: Path) -> Study:
    """Returns the study that :func:`save` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    trials = tuple(Trial(**each) for each in content.pop("trials"))
    return Study(trials=trials, **content)
