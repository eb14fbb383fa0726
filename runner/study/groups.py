"""Repetitions taken together: mean, deviation and the interval in which the mean lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from runner.study.records import REPETITIONS, Study, Trial, folds, shortened

CONFIDENCE = 0.95

_DATA = "data"


@dataclass(frozen=True, kw_only=True)
class Group:
    """The finished trials of one choice, whatever their seeds and folds.

    Args:
        choices: what they share, by key.
        trials: the trials.
        mean: of the metric.
        deviation: the standard deviation of the metric, n - 1 in its denominator; NaN of one trial.
        low: the lower end of the mean's interval of confidence; NaN of one trial.
        high: the upper end.
        seconds: the median time of a trial.
    """

    choices: Mapping[str, str]
    trials: tuple[Trial, ...]
    mean: float
    deviation: float
    low: float
    high: float
    seconds: float

    @property
    def name(self) -> str:
        """What the group is called: the values that were chosen."""
        pruned = {trial.pruned for trial in self.trials}
        ended = f" (pruned at {', '.join(sorted(pruned))})" if all(pruned) else ""
        return f"{described(self.choices)}{ended}"

    @property
    def repetitions(self) -> str:
        """How often the choice was carried out, and by what the trials differ: ``5 folds``."""
        several = folds(self.trials)
        if several == len(self.trials):
            return f"{several} folds"
        return f"{len(self.trials)} runs" + (f" in {several} folds" if several > 1 else "")


def groups(study: Study) -> list[Group]:
    """Returns the groups of a study, the best mean first; where data sets were gone through, one after the other."""
    members: dict[tuple[tuple[str, str], ...], list[Trial]] = {}
    for trial in study.finished:
        chosen = {key: value for key, value in trial.choices.items() if key not in REPETITIONS}
        members.setdefault(tuple(chosen.items()), []).append(trial)
    found = [_group(dict(chosen), trials, study.metric) for chosen, trials in members.items()]
    datas = study.values(_DATA)
    return sorted(found, key=lambda group: (_place(datas, group), -study.sign * group.mean))


def interval(values: Sequence[float], overlap: float = 0.0) -> tuple[float, float]:
    """Returns the interval of 95 % confidence of a mean, by Student's t; NaN of fewer than two values.

    mean -+ t s sqrt(1 / n + o), with t the 0.975 quantile of n - 1 degrees of freedom, s the standard deviation and o the
    overlap. Source: Nadeau and Bengio, 2003.

    Args:
        values: what the mean is of.
        overlap: what :func:`overlap` says of the trials; 0 where they know nothing of each other.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    from scipy import stats

    reach = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1)
    reach *= np.sqrt(1 / len(values) + overlap)
    return float(np.mean(values) - reach), float(np.mean(values) + reach)


def overlap(trials: Sequence[Trial]) -> float:
    """Returns the rows that are looked at for each that is learnt from, 1 / (k - 1) of k folds; 0 where there are none.

    Folds learn from rows that they share, and so their metrics spread less than those of k data sets would.
    """
    count = folds(trials)
    return 1 / (count - 1) if count > 1 else 0.0


def described(choices: Mapping[str, str]) -> str:
    """Returns choices in a row: ``keras tanh learning_rate=0.01``; groups by their value alone."""
    told = [
        value if "." not in key else f"{key.rpartition('.')[2]}={shortened(value)}"
        for key, value in choices.items()
    ]
    return " ".join(told) or "all"


def _place(datas: Sequence[str], group: Group) -> int:
    return datas.index(group.choices[_DATA]) if _DATA in group.choices else 0


def _group(choices: Mapping[str, str], trials: Sequence[Trial], metric: str) -> Group:
    values = [trial.metrics[metric] for trial in trials]
    low, high = interval(values, overlap(trials))
    return Group(
        choices=choices,
        trials=tuple(trials),
        mean=float(np.mean(values)),
        deviation=float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"),
        low=low,
        high=high,
        seconds=float(np.median([trial.seconds for trial in trials])),
    )
