"""The engine: how SQLite and PostgreSQL are opened, and statements that are compiled once.

A `Prepared` statement runs on the driver's own cursor: SQLAlchemy writes the SQL, once, and is not asked
again. That is what makes a lookup cost five microseconds instead of ninety.
"""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.compiler import SQLCompiler

Row = Sequence[Any]
"""One row as the driver gives it, in the order of the statement's columns."""


class Prepared:
    """One SQLAlchemy Core statement as driver SQL. What varies is a `bindparam`, given by name at each
    run."""

    __slots__ = ("_fixed", "_positions", "sql")

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)
        self.sql: str = str(compiled)
        varying = {key for bind, key in compiled.bind_names.items() if bind.required}
        self._fixed = {key: value for key, value in compiled.params.items() if key not in varying}
        self._positions = compiled.positiontup

    def on(self, cursor: Any, parameters: Mapping[str, Any]) -> Any:
        """Execute on a driver cursor, or on a connection that makes its own as sqlite3's does; returns the
        cursor. Raises KeyError when a parameter is missing."""
        if self._fixed:
            parameters = {**self._fixed, **parameters}
        if self._positions is None:
            return cursor.execute(self.sql, parameters)
        return cursor.execute(self.sql, [parameters[key] for key in self._positions])


def open_engine(url: str) -> Engine:
    """An engine for `url` (`sqlite:///FILE` or `postgresql://…`). Connections begin in autocommit: a write
    turn says BEGIN itself, since only it knows that SQLite must take the lock at once (BEGIN IMMEDIATE)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, poolclass=NullPool, connect_args={"isolation_level": None, "check_same_thread": False}
        )
        event.listen(engine, "connect", _sqlite_pragmas)
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return create_engine(
        parsed, pool_size=8, max_overflow=32, pool_pre_ping=True, isolation_level="AUTOCOMMIT"
    )


def _sqlite_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 30000")
    _set_wal(connection)
    # FULL: a COMMIT that was answered survives a power cut. Group commit pays for it once per turn.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")


def _set_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for the lock this takes, so processes that open a new database at
    the same moment have to try again."""
    for pause in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            time.sleep(pause)
    connection.execute("PRAGMA journal_mode = WAL")
