"""How a search went: every trial in its turn, and the best that there was so far."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from runner.plots import style
from runner.study import Study

_LEAST_TRIALS = 2


def history(*, study: Study, title: str) -> Figure | None:
    """The metric of every trial of a search in the order in which they began, pruned ones hollow, and the best so far."""
    told = [
        (place, trial.metrics[study.metric], bool(trial.pruned))
        for place, trial in enumerate(study.trials)
        if trial.status == "FINISHED" and study.metric in trial.metrics
    ]
    if not study.is_search or len(told) < _LEAST_TRIALS:
        return None
    figure, (panel,) = style.figure(width=6.4, height=4.2, title=title)
    places, values = np.array([each[0] for each in told]), np.array([each[1] for each in told])
    is_pruned = np.array([each[2] for each in told])
    best = study.sign * np.maximum.accumulate(study.sign * values)
    panel.plot(
        places, best, color=style.CLASSES[1], linewidth=1.6, drawstyle="steps-post", label="best so far"
    )
    for chosen, filling, words in ((~is_pruned, style.CLASSES[0], "trial"), (is_pruned, "none", "pruned")):
        if chosen.any():
            panel.scatter(
                places[chosen],
                values[chosen],
                s=26,
                facecolors=filling,
                edgecolors=style.CLASSES[0],
                label=words,
            )
    if values.min() > 0:
        style.logarithmic(panel, [float(each) for each in values])
    style.label(panel, horizontal="trial", vertical=study.metric.replace("/", " ").replace("_", " "))
    style.grid(panel)
    style.legend(panel)
    return figure
