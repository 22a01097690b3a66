"""Databases for tests: every test that asks for `database` runs on SQLite and on PostgreSQL.

The schema is made once per session and engine. Each test gets it empty: a copied file (SQLite), or the
session's one server with its tables truncated (PostgreSQL). `empty_place` has no schema at all.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artifactd import clock as system
from artifactd.clock import Micros
from artifactd.db import schema
from artifactd.db.tables import metadata
from artifactd.db.writer import Database
from tests.support.clocks import FakeClock
from tests.support.parts import require


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is: enough for another process to open the same one."""

    url: str
    folder: Path

    def open(self, clock: Callable[[], Micros] = system.now) -> Database:
        """As another process sees it. The caller closes it."""
        return Database(self.url, self.folder, clock)


class PostgresServer:
    """A server of this session alone, on a Unix socket in a folder of its own, without fsync."""

    def __init__(self, programs: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="artifactd-postgresql-"))
        self._made = 0
        # PostgreSQL refuses to run as root.
        account: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
        if account:
            self.folder.chmod(0o755)
            shutil.chown(self.folder, "postgres")
        initialise = [
            str(programs / "initdb"), "-D", str(self.folder / "data"), "-A", "trust", "-U", "artifactd",
            "-E", "UTF8", "--locale=C", "--no-sync",
        ]  # fmt: skip
        subprocess.run(initialise, check=True, capture_output=True, cwd=self.folder, **account)
        serve = (
            f"'{programs}/postgres' -D data -k '{self.folder}' -c listen_addresses= -c fsync=off"
            " -c synchronous_commit=off -c full_page_writes=off -c max_connections=200 2>log"
        )
        # The server ends when this pipe closes: at the end of the session, or when that is killed.
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", f"{serve} & cat; kill -INT $!; wait $!; cd /; rm -rf '{self.folder}'"],
            stdin=subprocess.PIPE,
            cwd=self.folder,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it
            **account,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self._admin = self._connect("postgres")
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    self._end()
                    raise
                time.sleep(0.02)

    def create(self) -> str:
        """Make an empty database; its name."""
        self._made += 1
        self._run(self._admin, f"CREATE DATABASE test{self._made}")
        return f"test{self._made}"

    def drop(self, name: str) -> None:
        self._run(self._admin, f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://artifactd@/{name}?host={self.folder}"

    def truncate(self, name: str) -> None:
        """Empty every table of a database, whoever may still be connected to it."""
        self._run(
            self._admin,
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )
        tables = ", ".join(f'"{table}"' for table in metadata.tables)
        with self._connect(name) as connection:
            self._run(connection, f"TRUNCATE {tables} RESTART IDENTITY CASCADE")

    def stop(self) -> None:
        self._admin.close()
        self._end()

    def _connect(self, name: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(host=str(self.folder), user="artifactd", dbname=name, autocommit=True)

    def _run(self, connection: "psycopg.Connection[Any]", statement: str) -> None:
        connection.execute(statement)

    def _end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """The session's server; the test is skipped where there is none (`parts.require`)."""
    programs = _postgresql_programs()
    require("postgresql", programs is not None, "PostgreSQL is not installed")
    assert programs is not None
    try:
        server = PostgresServer(programs)
    except (psycopg.OperationalError, subprocess.CalledProcessError, OSError) as error:
        require("postgresql", False, f"PostgreSQL does not start here: {error}")
        raise
    yield server
    server.stop()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema, to be copied."""
    folder = tmp_path_factory.mktemp("sqlite")
    _make_schema(Place(f"sqlite:///{folder}/artifactd.db", folder))
    return folder / "artifactd.db"


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the server's database that has the schema."""
    name = postgresql_server.create()
    _make_schema(Place(postgresql_server.url(name), tmp_path_factory.mktemp("postgresql")))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database with the schema made, on each engine."""
    folder = tmp_path / "database"
    folder.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "artifactd.db")
        return Place(f"sqlite:///{folder}/artifactd.db", folder)
    name = request.getfixturevalue("postgresql_template")
    server = request.getfixturevalue("postgresql_server")
    server.truncate(name)
    return Place(server.url(name), folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database without a schema, on each engine."""
    folder = tmp_path / "database"
    folder.mkdir()
    if request.param == "sqlite":
        yield Place(f"sqlite:///{folder}/artifactd.db", folder)
        return
    server = request.getfixturevalue("postgresql_server")
    name = server.create()
    yield Place(server.url(name), folder)
    server.drop(name)


@pytest.fixture
def clock() -> FakeClock:
    """The clock of `database`."""
    return FakeClock()


@pytest.fixture
def database(place: Place, clock: FakeClock) -> Iterator[Database]:
    """An empty database with the schema made, on each engine, whose present is `clock`."""
    database = place.open(clock)
    yield database
    database.close()


def _postgresql_programs() -> Path | None:
    """The folder of `initdb` and `postgres`: Debian keeps them off the PATH, one folder per version."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = shutil.which("initdb") or (debian[-1] if debian else None)
    return Path(found).parent if found else None


def _make_schema(place: Place) -> None:
    database = place.open()
    schema.ensure(database)
    database.close()
