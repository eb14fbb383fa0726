"""How much of what the trials differ by goes back to which key."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from runner.study.records import Study, number

# With fewer trials a forest sees no pattern.
_LEAST_TRIALS = 8
_TREES, _SHUFFLES = 200, 20


def importance(study: Study) -> dict[str, float]:
    """Returns the share of each key, the largest first; nothing of fewer than eight trials or of one key.

    A random forest learns the metric from the choices; a key's share is how much worse it explains the trials when
    the key's values are shuffled among them, over the sum of that of all keys. Source: Breiman, 2001.
    """
    keys = [key for key in study.keys if len(study.values(key)) > 1]
    if len(study.finished) < _LEAST_TRIALS or len(keys) < 2:
        return {}
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    inputs = np.stack([_column(study, key) for key in keys], axis=1)
    targets = np.array([trial.metrics[study.metric] for trial in study.finished])
    forest = RandomForestRegressor(n_estimators=_TREES, random_state=0, max_features=None).fit(
        inputs, targets
    )
    found: Any = permutation_importance(forest, inputs, targets, n_repeats=_SHUFFLES, random_state=0)
    worse = np.maximum(found.importances_mean, 0.0)
    if not worse.sum() > 0:
        return {}
    shares = {key: float(each) for key, each in zip(keys, worse / worse.sum(), strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _column(study: Study, key: str) -> NDArray[np.float64]:
    """Returns the values of a key as numbers: their own, or their place among all values; -1 where there is none."""
    values = study.values(key)
    places = {value: float(place) for place, value in enumerate(values)}
    numbers = {value: number(value) for value in values}
    are_numbers = all(each is not None for each in numbers.values())
    known: dict[str, Any] = numbers if are_numbers else places
    return np.array([known.get(trial.choices.get(key, ""), -1.0) for trial in study.finished], np.float64)
