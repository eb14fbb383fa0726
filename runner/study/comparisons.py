"""Is one choice better than another: paired over everything else that was chosen, and told in words."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runner.study.groups import interval, overlap
from runner.study.records import Study, Trial

# Below it a difference is taken for one.
SIGNIFICANT = 0.05
# A study with more values of a key compares the best of them with each of the others.
_ALL_PAIRS = 4
# Metrics of two trials that differ by no more, relative to their size, are the same number twice.
_ROUNDING = 1e-5
_HUNDRED = 100

# The key whose values are other questions and not other answers.
_DATA = "data"
# Everything else that was chosen.
_Rest = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two values of a key in trials that are alike in all else.

    Args:
        key: the key.
        better: the value whose metric is better on average.
        worse: the other one.
        difference: by how much on average, at least 0.
        low: the lower end of its interval of 95 % confidence.
        high: the upper end.
        pairs: how many pairs of trials were compared.
        largest: the largest difference of a pair, at least 0.
        probability: that of so large a difference by chance, corrected for all comparisons of the study.
        is_same: whether every pair is equal to rounding.
        data: the data set on which they were compared, or empty where there is one alone, or all are meant.
    """

    key: str
    better: str
    worse: str
    difference: float
    low: float
    high: float
    pairs: int
    largest: float
    probability: float
    is_same: bool
    data: str = ""

    @property
    def is_told(self) -> bool:
        """Whether the difference is more than chance."""
        return not self.is_same and self.probability < SIGNIFICANT


def comparisons(study: Study) -> list[Comparison]:
    """Returns the comparisons of every key with at least two pairs, corrected together by Holm's method.

    Trials that are equal to others count once, as in :func:`independent`: the same number twice is no further evidence.
    Data sets are not compared, because their metrics have no common scale; on each the other keys are.

    Source: Student's t test of paired samples; Holm, 1979; Nadeau and Bengio, 2003, for folds.
    """
    study, same = independent(study)
    found = [
        replace(each, data=data)
        for data, part in _by_data(study).items()
        for key in part.factors
        if key != _DATA
        for each in _of_key(part, key)
    ]
    corrected = holm([each.probability for each in found])
    return same + [replace(each, probability=p) for each, p in zip(found, corrected, strict=True)]


def independent(study: Study) -> tuple[Study, list[Comparison]]:
    """Returns a study without the keys whose values make no difference, and the comparisons that say so.

    Of two backends that give the same numbers only one counts then, and the key is gone from the choices of all trials.
    """
    same: list[Comparison] = []
    for key in (key for key in study.factors if key != _DATA):
        found = _of_key(study, key)
        if found and all(each.is_same for each in found):
            same += found
            study = _without(study, key, kept=found[0].better)
    return study, same


def _by_data(study: Study) -> dict[str, Study]:
    """Returns the study of each data set, or the whole one under no name where there is one alone."""
    names = study.values(_DATA)
    if len(names) < 2:
        return {"": study}
    return {
        name: replace(study, trials=tuple(t for t in study.trials if t.choices.get(_DATA) == name))
        for name in names
    }


def _without(study: Study, key: str, *, kept: str) -> Study:
    twins = {_rest(trial, key) for trial in study.finished if trial.choices.get(key) == kept}
    trials = []
    for trial in study.trials:
        if trial.choices.get(key, kept) == kept or _rest(trial, key) not in twins:
            trials.append(replace(trial, choices=dict(_rest(trial, key, in_order=False))))
    return replace(study, trials=tuple(trials))


def _rest(trial: Trial, key: str, *, in_order: bool = True) -> _Rest:
    rest = [(each, value) for each, value in trial.choices.items() if each != key]
    return tuple(sorted(rest) if in_order else rest)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Returns probabilities corrected for their number: the largest (m - j) p_j up to each rank, at most 1."""
    order = np.argsort(probabilities, kind="stable")
    corrected = np.empty(len(probabilities))
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(probabilities) - rank) * probabilities[place]))
        corrected[place] = running
    return [float(each) for each in corrected]


def sentence(comparison: Comparison, study: Study) -> str:
    """Returns a comparison in words."""
    factor, unit = study.unit
    if comparison.is_same:
        size = f"{comparison.largest:.1e}" if comparison.largest else "the last digit"
        return f"{comparison.better} and {comparison.worse} are equal in all {comparison.pairs} pairs, to {size}."
    low, high = (_size(factor * end) for end in (comparison.low, comparison.high))
    evidence = f"95 % interval {low} to {high}, {comparison.pairs} pairs, p = {comparison.probability:.2g}"
    size = f"{_size(factor * comparison.difference)}{unit}"
    if comparison.is_told:
        return f"{comparison.better} is better than {comparison.worse} by {size} ({evidence})."
    return f"Nothing can be told between {comparison.better} and {comparison.worse}: {size} ({evidence})."


def _size(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= _HUNDRED else f"{value:.2g}"


def sentences(found: Sequence[Comparison], study: Study) -> list[str]:
    """Returns the comparisons of one value with others in words, those of which nothing can be told in one sentence.

    Args:
        found: comparisons with the same better value, of one key and on one data set.
        study: where they come from.
    """
    told = [sentence(each, study) for each in found if each.is_told]
    unsure = [each for each in found if not each.is_told and not each.is_same]
    equal = [each for each in found if each.is_same]
    if len(unsure) > 1:
        factor, unit = study.unit
        sizes = [factor * each.difference for each in unsure]
        least = min(each.probability for each in unsure)
        told.append(
            f"Nothing can be told between {unsure[0].better} and {_row([each.worse for each in unsure])}:"
            f" {_size(min(sizes))} to {_size(max(sizes))}{unit} (p from {least:.2g} up)."
        )
    if len(equal) > 1:
        names = [equal[0].better, *(each.worse for each in equal)]
        told.append(f"{_row(names)} are equal in all {min(each.pairs for each in equal)} pairs.")
    return told + [sentence(each, study) for rest in (unsure, equal) if len(rest) == 1 for each in rest]


def _row(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _of_key(study: Study, key: str) -> list[Comparison]:
    by_value: dict[str, dict[_Rest, Trial]] = {}
    for trial in study.finished:
        if key in trial.choices:
            by_value.setdefault(trial.choices[key], {})[_rest(trial, key)] = trial
    # The finished trials come best first, so the first value is that of the best trial.
    names = sorted(by_value, key=lambda value: -study.sign * _mean(by_value[value], study.metric))
    pairs = (
        itertools.combinations(names, 2)
        if len(names) <= _ALL_PAIRS
        else ((names[0], each) for each in names[1:])
    )
    found = (_compared(study, key, by_value, one, other) for one, other in pairs)
    return [each for each in found if each is not None]


def _mean(trials: Mapping[_Rest, Trial], metric: str) -> float:
    return float(np.mean([trial.metrics[metric] for trial in trials.values()]))


def _compared(
    study: Study, key: str, by_value: Mapping[str, Mapping[_Rest, Trial]], one: str, other: str
) -> Comparison | None:
    shared = [rest for rest in by_value[one] if rest in by_value[other]]
    if len(shared) < 2:
        return None
    first, second = (
        np.array([by_value[value][rest].metrics[study.metric] for rest in shared]) for value in (one, other)
    )
    differences = study.sign * (first - second)
    if differences.mean() < 0:
        one, other, differences = other, one, -differences
    shares = overlap([by_value[one][rest] for rest in shared])
    low, high = interval([float(each) for each in differences], shares)
    size = np.maximum(np.abs(first), np.abs(second))
    return Comparison(
        key=key,
        better=one,
        worse=other,
        difference=float(differences.mean()),
        low=low,
        high=high,
        pairs=len(shared),
        largest=float(np.abs(differences).max()),
        probability=_probability(differences, shares),
        is_same=bool((np.abs(differences) <= _ROUNDING * size).all()),
    )


def _probability(differences: np.ndarray[tuple[int], np.dtype[np.float64]], overlap: float) -> float:
    """Returns that of a mean at least as far from 0 by chance; 0 where all differences are one and the same."""
    from scipy import stats

    if np.ptp(differences) <= _ROUNDING * np.abs(differences).max(initial=0.0):
        return 0.0 if differences.any() else 1.0
    count = len(differences)
    error = np.std(differences, ddof=1) * np.sqrt(1 / count + overlap)
    return float(2 * stats.t.sf(abs(differences.mean()) / error, count - 1))
