"""The study of a search: which trials there are, the next one, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from runner import metrics
from runner.errors import ConfigurationError, Fault
from runner.experiment import Pruning
from runner.search.settings import KEY, Settings
from runner.search.space import Axis, Numbers, Space
from runner.search.store import opened, pruner, sampler

# What the study remembers beside the values of a trial.
_LOST, _OWNER, _FOLDER, _REASON = "lost", "owner", "folder", "reason"
_SPACE, _METRIC = "space", "metric"


@dataclass(frozen=True)
class Asked:
    """A trial that has begun: its number and its key in the study, and the value of each key as overrides write it."""

    number: int
    key: int
    values: Mapping[str, str]


@dataclass(frozen=True)
class Best:
    """The best trial that came to its end: its number, its metric, and the value of each key as overrides write it."""

    number: int
    value: float
    values: Mapping[str, str]


@dataclass(frozen=True)
class Ending:
    """How a trial ended.

    Args:
        value: its metric; None where it has none, which is a failure.
        is_pruned: whether it was ended without hope.
        is_lost: whether it came to no end of its own, so that another takes its place.
        reason: why it has no value, or empty.
    """

    value: float | None = None
    is_pruned: bool = False
    is_lost: bool = False
    reason: str = ""


class Search:
    """A study as one process sees it; others may have trials of the same one at the same time.

    Args:
        storage: the address of its database.
        name: its name there; it is made where there is none.
        space: what is searched.
        settings: how.
        metric: what is made best.
        pruning: who judges runs while they train, but for the trial; None for nobody.
        owner: which process asks, and from which folder.

    Raises:
        ConfigurationError: the database cannot be opened, or its study of this name is another one.
    """

    def __init__(
        self,
        *,
        storage: str,
        name: str,
        space: Space,
        settings: Settings,
        metric: str,
        pruning: Pruning | None,
        owner: Mapping[str, Any],
    ) -> None:
        self._storage = opened(storage)
        self._space = space
        self._settings = settings
        self._owner = dict(owner)
        rising = metrics.higher_is_better(metric)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=name,
            direction=StudyDirection.MAXIMIZE if rising else StudyDirection.MINIMIZE,
            pruner=pruner(pruning),
            load_if_exists=True,
        )
        self._require_same({_SPACE: {axis.key: str(axis) for axis in space.axes}, _METRIC: metric})

    @property
    def counted(self) -> int:
        """How many trials there are, those left out in whose place another one comes."""
        return sum(map(_counts, self._trials()))

    def ask(self, folder: Callable[[int], Path]) -> Asked | None:
        """Returns a new trial, or None where there are as many as there should be.

        Args:
            folder: where the files of a trial go, by its number.
        """
        if self.counted >= self._settings.trials:
            return None
        template = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs={_OWNER: self._owner})
        key = self._storage.create_new_trial(self._study._study_id, template)
        number = self._storage.get_trial(key).number
        if sum(_counts(each) for each in self._trials() if each.number < number) >= self._settings.trials:
            # Another process was quicker with the last one.
            self.tell(number, Ending(is_lost=True, reason="one more than there should be"))
            return None
        self._study.sampler = sampler(self._settings, number)
        trial = optuna.Trial(self._study, key)
        values = {axis.key: _suggested(trial, axis) for axis in self._space.axes}
        trial.set_user_attr(_FOLDER, str(folder(number)))
        return Asked(number, key, values)

    def tell(self, number: int, ending: Ending) -> None:
        """Takes how a trial ended; one that has an end already keeps it."""
        (trial,) = (each for each in self._trials() if each.number == number)
        if trial.state.is_finished():
            return
        told = {_LOST: True} if ending.is_lost else {}
        for name, value in {**told, **({_REASON: ending.reason} if ending.reason else {})}.items():
            self._storage.set_trial_user_attr(trial._trial_id, name, value)
        if ending.is_pruned:
            self._study.tell(number, state=TrialState.PRUNED, skip_if_finished=True)
        elif ending.value is None:
            self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self._study.tell(number, ending.value, skip_if_finished=True)

    def settle(self, ended: Callable[[Mapping[str, Any], Path | None], Ending | None]) -> None:
        """Ends trials whose process came to its end without telling how theirs ended.

        Args:
            ended: (the owner of a trial, its folder) -> how it ended, or None where it is under way.
        """
        for trial in self._trials():
            # A trial without an owner is of another program.
            if trial.state == TrialState.RUNNING and _OWNER in trial.user_attrs:
                ending = ended(trial.user_attrs[_OWNER], _folder(trial))
                if ending is not None:
                    self.tell(trial.number, ending)

    def trials_of(self, owner: Callable[[Mapping[str, Any]], bool]) -> list[tuple[Asked, Path | None]]:
        """Returns the trials of some owners that ended by themselves, in their order, each with its folder."""
        return [
            (Asked(each.number, each._trial_id, self._written(each)), _folder(each))
            for each in self._trials()
            if each.state.is_finished() and _counts(each) and owner(each.user_attrs.get(_OWNER, {}))
        ]

    @property
    def best(self) -> Best | None:
        """The best trial of all processes; None before one has come to its end."""
        complete = [each for each in self._trials() if each.state == TrialState.COMPLETE]
        if not complete:
            return None
        found = self._study.best_trial
        assert found.value is not None
        return Best(found.number, found.value, self._written(found))

    def _trials(self) -> Sequence[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _written(self, trial: FrozenTrial) -> dict[str, str]:
        return {
            axis.key: axis.written(trial.params[axis.key])
            if isinstance(axis, Numbers)
            else trial.params[axis.key]
            for axis in self._space.axes
        }

    def _require_same(self, meant: Mapping[str, Any]) -> None:
        """Refuses a study that searches something else than what is meant; a new one remembers what that is."""
        known = self._study.user_attrs
        faults = [
            Fault(
                f"{KEY}.study",
                f"there is a study {self._study.study_name!r} already, and its {name} is another one",
                _shown(value),
                remedy=f"That one has {_shown(known[name])}. Name another study.",
            )
            for name, value in meant.items()
            if name in known and known[name] != value
        ]
        if faults:
            raise ConfigurationError(faults)
        for name, value in meant.items():
            if name not in known:
                self._study.set_user_attr(name, value)


def _counts(trial: FrozenTrial) -> bool:
    return not trial.user_attrs.get(_LOST, False)


def _folder(trial: FrozenTrial) -> Path | None:
    folder = trial.user_attrs.get(_FOLDER)
    return Path(folder) if folder else None


def _suggested(trial: optuna.Trial, axis: Axis) -> str:
    if not isinstance(axis, Numbers):
        return trial.suggest_categorical(axis.key, axis.values)
    if axis.is_whole:
        step = 1 if axis.step is None else int(axis.step)
        return axis.written(
            trial.suggest_int(axis.key, int(axis.low), int(axis.high), step=step, log=axis.is_log)
        )
    return axis.written(trial.suggest_float(axis.key, axis.low, axis.high, step=axis.step, log=axis.is_log))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {text}" for key, text in value.items())
    return json.dumps(value).strip('"')
