"""Optuna's own: the database of studies, and who chooses and who judges."""

from __future__ import annotations

import time
import warnings
from functools import lru_cache

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from runner.addresses import without_password
from runner.errors import ConfigurationError, Fault
from runner.experiment import Pruning
from runner.randomness import derived_seed
from runner.search.settings import KEY, Settings

# Of so many runs one goes on at each rung, as Li and others have it, 2018.
_REDUCTION = 3
# How long a process waits for others that write to the same file.
_SQLITE_SECONDS = 60
_SQLITE = "sqlite:///"
# How often, and how long after, a database is opened again that another process is making.
_TRIES, _PAUSE_SECONDS = 5, 0.5

optuna.logging.set_verbosity(optuna.logging.WARNING)


@lru_cache(maxsize=1)
def opened(storage: str) -> RDBStorage:
    """Returns the database at an address, its tables made where there are none.

    Raises:
        ConfigurationError: there is no such database, or it does not answer.
    """
    try:
        return _made(storage)
    except ImportError as error:
        raise ConfigurationError([_unopened(storage, "needs a package that is not installed")]) from error
    except (SQLAlchemyError, RuntimeError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise ConfigurationError([_unopened(storage, f"cannot be opened: {reason}")]) from error


def _made(storage: str) -> RDBStorage:
    waiting = {"connect_args": {"timeout": _SQLITE_SECONDS}} if storage.startswith(_SQLITE) else {}
    for _ in range(_TRIES):
        try:
            return RDBStorage(storage, engine_kwargs=waiting)
        except DBAPIError as error:
            # Another process was making its tables at the same moment.
            if not any(words in str(error) for words in ("already exists", "UNIQUE", "unique")):
                raise
            time.sleep(_PAUSE_SECONDS)
    return RDBStorage(storage, engine_kwargs=waiting)


def sampler(settings: Settings, number: int) -> BaseSampler:
    """Returns who chooses the values of a trial: its chance follows from the seed and the trial's number alone.

    So neither a search that goes on nor a second process draws again what has been drawn.
    """
    seed = derived_seed(settings.seed, "search", number)
    if settings.sampler == "random":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # That runs which are under way count as bad ones was an experiment until Optuna 5.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(seed=seed, n_startup_trials=settings.startup_trials, constant_liar=True)


def pruner(pruning: Pruning | None) -> BasePruner:
    """Returns who judges runs while they train."""
    if pruning is None:
        return NopPruner()
    if pruning.pruner == "median":
        return MedianPruner(pruning.startup_trials, pruning.warmup_epochs)
    least = pruning.warmup_epochs
    if pruning.pruner == "hyperband":
        most = max(pruning.epochs, least)
        return HyperbandPruner(min_resource=least, max_resource=most, reduction_factor=_REDUCTION)
    return SuccessiveHalvingPruner(min_resource=least, reduction_factor=_REDUCTION)


def _unopened(storage: str, rule: str) -> Fault:
    remedy = "Write an address of SQLAlchemy's, as sqlite:///study.db, or leave it null."
    return Fault(f"{KEY}.storage", rule, without_password(storage), remedy=remedy)
