"""The data set that an experiment chooses, with the inputs that its training rows give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner import component
from runner.data import Source, splitting
from runner.data.own import as_source
from runner.experiment import Component, Debug, Experiment, Split, Standardise

# What a user's own function returned last, and of what: it may take long, and a run asks for its data several times.
_returned: list[tuple[Callable[..., Any], Component, int, Split, Source]] = []


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
    chosen = made(data, seed=seed, split=split)
    if chosen.fit is None:
        return chosen
    training = splitting.parts(chosen, split, seed, debug.rows).train
    return chosen.fit(training, bool(standardise))


def made(data: Component, *, seed: int, split: Split) -> Source:
    """Returns what a component of data makes, before anything is fitted to its training rows.

    Args:
        data: what makes it.
        seed: of the experiment.
        split: how rows are divided, which the order of rows of a time series follows from.

    Raises:
        ConfigurationError: it cannot be had.
    """
    function = component.function(data)
    for known, *of_what, source in _returned:
        if known is function and of_what == [data, seed, split]:
            return source
    found = component.build(data, seed=seed, split=split)
    source = as_source(found, data)
    if source is not found:
        _returned[:] = [(function, data, seed, split, source)]
    return source
