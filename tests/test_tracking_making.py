"""The making of an SQLite store: whole or not there at all, whatever happens to the process that is at it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from runner.tracking import asking
from runner.tracking.mlflow import Store
from runner.tracking.store import address_of

pytestmark = [
    # SQLAlchemy and MLflow deprecate one another's ways.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).parents[1]
OPEN = "import sys; from runner.tracking.mlflow import Store; Store(sys.argv[1]).experiment_id('one')"
# MLflow makes its first tables and then changes them in some fifty steps; at the end of one, before it is noted that it was
# made, the process is ended as by kill -9.
MORTAL = """
import os
from itertools import count
from alembic.runtime.migration import HeadMaintainer
note, steps = HeadMaintainer.update_to_step, count(1)
HeadMaintainer.update_to_step = lambda *words: os._exit(9) if next(steps) == 40 else note(*words)
"""
KILLED = MORTAL + OPEN


MADE_BY_MLFLOW = """
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
SqlAlchemyStore(sys.argv[1], sys.argv[1].removeprefix("sqlite:///").removesuffix("mlflow.db") + "mlruns")
"""
KILLED_BY_MLFLOW = MORTAL + MADE_BY_MLFLOW


def opened(code: str, database: Path, cache: Path) -> int:
    """Opens a store in a process of its own, with the user's folder for caches, and returns its exit code."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{database}"],
        env=os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        check=False,
    ).returncode


def experiments(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM experiments ORDER BY experiment_id")]


def lines(database: Path) -> list[str]:
    """Returns all lines of the statements that make an SQLite file, without times.

    Sorted, because MLflow's migrations write constraints in an order that differs from process to process.
    """
    with closing(sqlite3.connect(database)) as connection:
        made = "\n".join(connection.iterdump())
    return sorted(re.sub(r"\b1\d{12}\b", "TIME", line).strip(" \t,") for line in made.splitlines())


def test_a_store_is_the_one_that_mlflow_makes_whether_its_tables_are_made_or_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Here, because SQLAlchemy warns at it.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    databases = [tmp_path / name / "mlflow.db" for name in ("first", "second", "plain")]
    for database in databases:
        database.parent.mkdir()
    for database in databases[:2]:
        Store(address_of(database))
    SqlAlchemyStore(  # type: ignore[no-untyped-call]  # MLflow's class has no types.
        address_of(databases[2]), str(databases[2].with_name("mlruns"))
    )
    (kept,) = (tmp_path / "cache" / "runner" / "mlflow").glob("tables_*.db")
    assert experiments(kept) == []
    first, second, plain = (
        [line.replace(str(database.parent), "HERE") for line in lines(database)] for database in databases
    )
    assert first == second == plain
    assert any("HERE/mlruns/0" in line for line in second)


def test_a_store_is_made_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file, and no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Store(address_of(tmp_path / "mlflow.db")).experiment_id("one")
    assert experiments(tmp_path / "mlflow.db") == ["Default", "one"]


def test_a_store_whose_making_was_interrupted_is_made_by_the_next_process(tmp_path: Path) -> None:
    database, cache = tmp_path / "store" / "mlflow.db", tmp_path / "cache"
    database.parent.mkdir()
    assert opened(KILLED, database, cache) == 9
    assert not database.exists()
    assert not list((cache / "runner" / "mlflow").glob("tables_*.db"))
    # What SQLite left beside the unfinished file must not be taken for the new one's.
    for unfinished in (*(cache / "runner" / "mlflow").glob(".*.part"), database.with_name(".mlflow.db.part")):
        unfinished.with_name(f"{unfinished.name}-journal").write_bytes(b"left over")
    assert opened(OPEN, database, cache) == 0
    assert experiments(database) == ["Default", "one"]
    assert {path.name for path in database.parent.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_what_others_left_half_made_is_put_aside_once_nobody_is_at_it(tmp_path: Path) -> None:
    database, cache = tmp_path / "mlflow.db", tmp_path / "cache"
    assert opened(KILLED_BY_MLFLOW, database, cache) == 9
    assert opened(OPEN, database, cache) == 1
    os.utime(database, (0, 0))
    assert opened(OPEN, database, cache) == 0
    assert experiments(database) == ["Default", "one"]
    assert experiments(tmp_path / "mlflow.db.half-made") == []


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"a letter, and no database at all")
    os.utime(database, (0, 0))
    with pytest.raises(DatabaseError, match="file is not a database"):
        Store(address_of(database))
    assert database.read_bytes() == b"a letter, and no database at all"


def test_the_reason_is_the_error_itself_and_not_what_follows_it() -> None:
    said = "Traceback\n  File\nsqlalchemy.exc.OperationalError: table runs already exists\n\n)\n(Background: https://x)\n"
    assert asking.reason(said) == "sqlalchemy.exc.OperationalError: table runs already exists"
    assert asking.reason("no room left") == "no room left"
    assert asking.reason("") == "its process died"
