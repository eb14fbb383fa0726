"""MLflow's tables without a row: made by MLflow once for a user and each of its versions, and copied from then on.

MLflow makes them by some fifty migrations, which cost more than a short training does.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from pathlib import Path

import mlflow
from filelock import FileLock

from runner.data.files import cache
from runner.tracking.store import address_of

_WAIT_SECONDS = 60

_log = logging.getLogger("runner")


def make(path: Path, artifacts: Path) -> None:
    """Makes an empty store of MLflow.

    Args:
        path: the SQLite file, which is not there.
        artifacts: where the runs of MLflow's first experiment keep their files.
    """
    try:
        shutil.copyfile(_kept(), path)
    except OSError as error:
        # Without a cache MLflow makes all of it below.
        _log.info("MLflow's tables are made anew: %s", error)
        path.unlink(missing_ok=True)
    _opened(path, artifacts)


def _kept() -> Path:
    """Returns the file of the user's cache with the tables of this version of MLflow, which is made where it is missing."""
    path = cache() / "mlflow" / f"tables_{mlflow.__version__}.db"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=_WAIT_SECONDS):
        if not path.exists():
            unfinished = path.with_name(f".{path.name}.part")
            remove(unfinished)
            _opened(unfinished, path.parent)
            # The first experiment says where the store is: each copy gets its own.
            with contextlib.closing(sqlite3.connect(unfinished)) as connection, connection:
                connection.execute("DELETE FROM experiments")
            unfinished.replace(path)
    return path


def remove(unfinished: Path) -> None:
    """Removes an SQLite file that was not ended, with what SQLite left beside it."""
    for leftover in unfinished.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()


def _opened(path: Path, artifacts: Path) -> None:
    """Lets MLflow make what is missing: tables, and a first experiment."""
    # Only here: a server needs none of it.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(  # type: ignore[no-untyped-call]  # MLflow's class has no types.
        address_of(path), artifacts.as_posix()
    )
    store.engine.dispose()
