"""The making of an SQLite store: whole or not there at all, whatever happens to the process that is at it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from runner.tracking import asking

pytestmark = [
    # SQLAlchemy and MLflow deprecate one another's ways.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).parents[1]
OPEN = "import sys; from runner.tracking.mlflow import Store; Store(sys.argv[1]).experiment_id('one')"
# MLflow makes its first tables and then changes them in some fifty steps; at the end of one, before it is noted that it was
# made, the process is ended as by kill -9.
KILLED = f"""
import os
from itertools import count
from alembic.runtime.migration import HeadMaintainer
note, steps = HeadMaintainer.update_to_step, count(1)
HeadMaintainer.update_to_step = lambda *words: os._exit(9) if next(steps) == 40 else note(*words)
{OPEN}
"""


def opened(code: str, database: Path) -> int:
    """Opens a store in a process of its own and returns its exit code."""
    return subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{database}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        check=False,
    ).returncode


def experiments(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM experiments ORDER BY experiment_id")]


def test_a_store_whose_making_was_interrupted_is_made_by_the_next_process(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    assert opened(KILLED, database) == 9
    assert not database.exists()
    # What SQLite left beside the unfinished file must not be taken for the new one's.
    (tmp_path / ".mlflow.db.part-journal").write_bytes(b"left over")
    assert opened(OPEN, database) == 0
    assert experiments(database) == ["Default", "one"]
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}


def test_what_others_left_half_made_is_put_aside_once_nobody_is_at_it(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    assert opened(KILLED, database) == 9
    (tmp_path / ".mlflow.db.part").rename(database)
    assert opened(OPEN, database) == 1
    os.utime(database, (0, 0))
    assert opened(OPEN, database) == 0
    assert experiments(database) == ["Default", "one"]
    assert experiments(tmp_path / "mlflow.db.half-made") == []


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "mlflow.db"
    database.write_bytes(b"a letter, and no database at all")
    os.utime(database, (0, 0))
    assert opened(OPEN, database) == 1
    assert database.read_bytes() == b"a letter, and no database at all"


def test_the_reason_is_the_error_itself_and_not_what_follows_it() -> None:
    said = "Traceback\n  File\nsqlalchemy.exc.OperationalError: table runs already exists\n\n)\n(Background: https://x)\n"
    assert asking.reason(said) == "sqlalchemy.exc.OperationalError: table runs already exists"
    assert asking.reason("no room left") == "no room left"
    assert asking.reason("") == "its process died"
