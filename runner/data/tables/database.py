"""Tables in a database: an SQLite file, or whatever SQLAlchemy has an address for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.data.tables.faults import refuse
from runner.errors import ConfigurationError
from runner.suggestions import listed

if TYPE_CHECKING:
    import pandas as pd

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

    try:
        engine = sqlalchemy.create_engine(_address(path))
        with engine.connect() as connection:
            chosen = query if query is not None else _only_table(engine, path, key)
            found: pd.DataFrame = pd.read_sql(sqlalchemy.text(chosen), connection)
    except ConfigurationError:
        raise
    except Exception as error:
        # Drivers raise what they like, and may be missing.
        original = getattr(error, "orig", None) or error
        reason = str(original).strip().partition("\n")[0].replace(path, shown(path))
        refuse(f"cannot be read: {reason}", shown(path), key=key if query is None else "data.query")
    return found


def shown(path: str) -> str:
    """Returns an address with dots in the place of its password."""
    front, separator, host = path.rpartition("@")
    scheme, slashes, user = front.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}:...{separator}{host}" if ":" in user else path


def _address(path: str) -> str:
    if "://" in path:
        return path
    # Read only: a name that is wrong must not make a database.
    return f"sqlite:///file:{Path(path).expanduser().resolve()}?mode=ro&uri=true"


def _only_table(engine: object, path: str, key: str) -> str:
    import sqlalchemy

    found = sqlalchemy.inspect(engine).get_table_names()
    if len(found) != 1:
        rule = f"has {len(found)} tables" + (f": {listed(found, 8)}" if found else "")
        refuse(rule, shown(path), key=key, remedy="Say which rows: data.query='SELECT * FROM name'.")
    quoted = sqlalchemy.sql.quoted_name(found[0], quote=True).replace('"', '""')
    return f'SELECT * FROM "{quoted}"'
