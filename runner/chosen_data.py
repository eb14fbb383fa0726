"""The data set that an experiment chooses, with the inputs that its training rows give it."""

from __future__ import annotations

from runner import component
from runner.data import Source, splitting
from runner.data.own import as_source
from runner.experiment import Component, Debug, Experiment, Split, Standardise


def of(experiment: Experiment) -> Source:
    """Returns the data set of an experiment.

    Raises:
        ConfigurationError: it cannot be had, or not be divided as the experiment says.
    """
    return source(
        experiment.data,
        seed=experiment.seed,
        split=experiment.split,
        standardise=experiment.standardise,
        debug=experiment.debug,
    )


def source(data: Component, *, seed: int, split: Split, standardise: Standardise, debug: Debug) -> Source:
    """Returns the data set that a component makes.

    Args:
        data: what makes it.
        seed: of the experiment, from which made data and the division into parts follow.
        split: how rows are divided.
        standardise: whether inputs are brought to mean 0 and deviation 1.
        debug: whether only some of the rows are taken.

    Raises:
        ConfigurationError: it cannot be had, or not be divided so.
    """
    chosen = as_source(component.build(data, seed=seed), data)
    if chosen.fit is None:
        return chosen
    training = splitting.parts(chosen, split, seed, debug.rows).train
    return chosen.fit(training, bool(standardise))
