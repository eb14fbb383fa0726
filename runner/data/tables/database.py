"""Tables in a database: an SQLite file, or whatever SQLAlchemy has an address for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from runner.addresses import without_password
from runner.data.tables.faults import refuse
from runner.errors import ConfigurationError
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd

_REMEDY = "Databases: sqlite://, postgresql://, mysql:// and the like; download a file that is elsewhere, and name it."
_NAMED = re.compile(r"\$(\w+)")

ENDINGS = (".db", ".sqlite", ".sqlite3")


def name(path: str) -> str:
    """Returns what a person calls the database: the last part of its file or address, without a password."""
    return Path(path.rpartition("/")[2].partition("?")[0]).stem


def read(path: str, query: str | None, key: str) -> pd.DataFrame:
    """Returns what a query finds, or the only table.

    Args:
        path: an SQLite file, or an address of SQLAlchemy.
        query: what is read; None for all rows of the only table.
        key: the config key that names it.

    Raises:
        ConfigurationError: it cannot be reached or read.
    """
    import pandas as pd
    import sqlalchemy

    address = _address(path, key)
    try:
        engine = sqlalchemy.create_engine(address)
        with engine.connect() as connection:
            chosen = query if query is not None else _only_table(engine, path, key)
            found: pd.DataFrame = pd.read_sql(sqlalchemy.text(chosen), connection)
    except ConfigurationError:
        raise
    except Exception as error:
        # Drivers raise what they like, and may be missing.
        original = getattr(error, "orig", None) or error
        if isinstance(original, sqlalchemy.exc.NoSuchModuleError):
            refuse(
                "is no address of a database that SQLAlchemy knows",
                without_password(path),
                key=key,
                remedy=_REMEDY,
            )
        if isinstance(original, ModuleNotFoundError):
            remedy = f"Type: pip install {original.name}"
            refuse(
                f"needs {original.name}, which is not installed",
                without_password(path),
                key=key,
                remedy=remedy,
            )
        reason = str(original).strip().partition("\n")[0].replace(address, without_password(path))
        is_of_query = query is not None and not isinstance(original, sqlalchemy.exc.ArgumentError)
        refuse(f"cannot be read: {reason}", without_password(path), key="data.query" if is_of_query else key)
    return found


def _address(path: str, key: str) -> str:
    """Returns what SQLAlchemy takes; a word such as $PASSWORD stands for what the environment says.

    Raises:
        ConfigurationError: the address holds a password itself, which would be kept with the run.
    """
    if "://" in path:
        user = path.partition("://")[2].rpartition("@")[0]
        password = user.partition(":")[2]
        if password and not _NAMED.fullmatch(password):
            rule = "must hold no password, because configurations are kept"
            remedy = "Name a variable of the environment in its place: 'data.path=postgresql://me:$PASSWORD@host/base'."
            refuse(rule, without_password(path), key=key, remedy=remedy)
        return _NAMED.sub(lambda found: _variable(found[1], key), path)
    # Read only: a name that is wrong must not make a database.
    return f"sqlite:///file:{Path(path).expanduser().resolve()}?mode=ro&uri=true"


def _variable(word: str, key: str) -> str:
    from urllib.parse import quote_plus

    if word not in os.environ:
        refuse("names a variable of the environment that is not set", f"${word}", key=key)
    return quote_plus(os.environ[word])


def _only_table(engine: object, path: str, key: str) -> str:
    import sqlalchemy

    found = sqlalchemy.inspect(engine).get_table_names()
    if len(found) != 1:
        rule = f"has {len(found)} tables" + (f": {listed(found, 8)}" if found else "")
        refuse(
            rule, without_password(path), key=key, remedy="Say which rows: data.query='SELECT * FROM name'."
        )
    quoted = sqlalchemy.sql.quoted_name(found[0], quote=True).replace('"', '""')
    return f'SELECT * FROM "{quoted}"'
