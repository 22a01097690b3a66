"""Write turns: how everything is written.

Rule 1: one writer thread per process, one turn at a time per database. Of the processes of a host, `flock`
lets one in at a time, fairly (SQLite's busy handler starves); on PostgreSQL an advisory lock does the same
between hosts. So ids taken within a turn are in commit order.
Rule 2: a turn takes up to 64 jobs that wait and ends with one COMMIT. Each job has its own savepoint: one
that raises is undone alone, and its caller gets the exception.
Rule 3: jobs do no I/O but SQL, and last less than 50 ms. Bytes come first; nothing spans a network read.
Rule 4: a job says which counters of the change feed its change moves (`turn.moves`); they are bumped around
the COMMIT, before anyone is answered.
"""

import contextlib
import fcntl
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.exc import DBAPIError

from artifactd.clock import Micros
from artifactd.db.engine import Prepared, Row, open_engine
from artifactd.db.generations import Generations, Stripe
from artifactd.errors import StorageFailure

R = TypeVar("R")

TURN_JOBS = 64
"""Jobs a turn takes at most: enough to share a COMMIT, few enough that other processes get theirs soon."""

_ADVISORY_LOCK = 0x61727469  # any constant: all artifactd processes of a database use the same

logger = logging.getLogger("artifactd.db")


class Reader(Protocol):
    """Runs prepared statements: each on its own (`Database`), in one snapshot (`Database.read`) or in a
    write turn (`Turn`)."""

    def one(self, statement: Prepared, **parameters: Any) -> Row | None:
        """The first row, or None."""
        ...

    def all(self, statement: Prepared, **parameters: Any) -> Sequence[Row]:
        """Every row, in memory: callers bound what they ask for."""
        ...


class CursorReader:
    """A `Reader` on one driver cursor, within whatever transaction that is in."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def one(self, statement: Prepared, **parameters: Any) -> Row | None:
        row: Row | None = statement.on(self._cursor, parameters).fetchone()
        return row

    def all(self, statement: Prepared, **parameters: Any) -> Sequence[Row]:
        rows: Sequence[Row] = statement.on(self._cursor, parameters).fetchall()
        return rows


class Turn(CursorReader):
    """What a job works with: the turn's connection, its moment, and the counters it moves."""

    def __init__(self, connection: Connection, now: Micros) -> None:
        super().__init__(connection.connection.cursor())
        self.connection = connection
        self.now = now
        self.stripes: set[Stripe] = set()

    def run(self, statement: Prepared, **parameters: Any) -> int:
        """Execute; the number of rows it changed."""
        changed: int = statement.on(self._cursor, parameters).rowcount
        return changed

    def moves(self, *stripes: Stripe) -> None:
        """These counters of the change feed move when this turn commits."""
        self.stripes.update(stripes)

    def close(self) -> None:
        self._cursor.close()


class Database:
    """One process's access to the database. Thread-safe. `folder` holds the lock file and the change feed,
    shared by every process of the host; `clock` gives the present in microseconds."""

    def __init__(self, url: str, folder: Path, clock: Callable[[], Micros]) -> None:
        self.engine = open_engine(url)
        self.in_process = self.engine.dialect.name == "sqlite"
        """Whether a keyed read costs microseconds, so that it may run on the event loop."""
        self._driver_errors: tuple[type[Exception], ...] = (
            DBAPIError,
            self.engine.dialect.loaded_dbapi.Error,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self.generations = Generations(folder / "generations")
        self._clock = clock
        self._lock = os.open(folder / "write.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._local = threading.local()
        self._jobs: queue.SimpleQueue[tuple[Callable[[Turn], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._writer = threading.Thread(target=self._work, name="artifactd-writer", daemon=True)
        self._writer.start()

    def prepare(self, statement: ClauseElement) -> Prepared:
        """`statement` for this engine, compiled once."""
        return Prepared(statement, self.engine.dialect)

    def now(self) -> Micros:
        """The present, as write turns see it."""
        return self._clock()

    # Reading

    def one(self, statement: Prepared, **parameters: Any) -> Row | None:
        if self.in_process:
            row: Row | None = statement.on(self._own(), parameters).fetchone()
            return row
        with self._cursor() as cursor:
            return CursorReader(cursor).one(statement, **parameters)

    def all(self, statement: Prepared, **parameters: Any) -> Sequence[Row]:
        if self.in_process:
            rows: Sequence[Row] = statement.on(self._own(), parameters).fetchall()
            return rows
        with self._cursor() as cursor:
            return CursorReader(cursor).all(statement, **parameters)

    @contextlib.contextmanager
    def read(self) -> Iterator[Reader]:
        """Several statements over one snapshot."""
        with self._cursor() as cursor:
            cursor.execute(
                "BEGIN" if self.in_process else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            )
            try:
                yield CursorReader(cursor)
            finally:
                cursor.execute("ROLLBACK")

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """A SQLAlchemy connection, for statements that are put together anew each time. For reading."""
        with self.engine.connect() as connection:
            yield connection

    def _own(self) -> Any:
        """This thread's read-only connection to SQLite: opening one costs twenty reads."""
        try:
            return self._local.connection
        except AttributeError:
            self._local.pooled = pooled = self.engine.raw_connection()  # held: it closes what it gave
            connection = self._local.connection = pooled.driver_connection
            assert connection is not None
            connection.execute("PRAGMA query_only = ON")
            return connection

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        if self.in_process:
            with contextlib.closing(self._own().cursor()) as cursor:
                yield cursor
        else:
            with (
                contextlib.closing(self.engine.raw_connection()) as pooled,
                contextlib.closing(pooled.cursor()) as cursor,
            ):
                yield cursor

    # Writing

    def write(self, job: Callable[[Turn], R]) -> R:
        """Run `job` in a write turn; returns what it returned, once that is committed. Raises what it
        raised, or StorageFailure when the turn could not be committed."""
        return self.submit(job).result()

    def submit(self, job: Callable[[Turn], R]) -> "Future[R]":
        """`write` for callers that must not wait."""
        if threading.current_thread() is self._writer:
            raise RuntimeError("a job in a write turn waits for another: it would wait for ever")
        future: Future[R] = Future()
        self._jobs.put((job, future))
        return future

    def recover(self) -> None:
        """Notice a process that died within its turn (generations.py, rule 3). Called once a second."""
        if not self.generations.abandoned():
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            self.generations.recover()
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Finish the turns that wait, then let go of everything. Idempotent."""
        if self._writer.is_alive():
            self._jobs.put(None)
            self._writer.join()
            os.close(self._lock)
        self.engine.dispose()

    def _work(self) -> None:
        connection: Connection | None = None
        running = True
        while running:
            waiting = [self._jobs.get()]
            while len(waiting) < TURN_JOBS:
                try:
                    waiting.append(self._jobs.get_nowait())
                except queue.Empty:
                    break
            running = None not in waiting
            jobs = [job for job in waiting if job is not None]
            if not jobs:
                continue
            try:
                connection = connection or self.engine.connect()
                answers = self._turn(connection, [job for job, _ in jobs])
            except Exception as error:  # whatever it is, those who wait must be told
                logger.exception("a write turn of %d jobs failed", len(jobs))
                answers = [(None, self._told(error))] * len(jobs)
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.invalidate()
                        connection.close()
                    connection = None
            for (_, future), (result, raised) in zip(jobs, answers, strict=True):
                if raised is None:
                    future.set_result(result)
                else:
                    future.set_exception(raised)
        if connection is not None:
            connection.close()

    def _turn(
        self, connection: Connection, jobs: Sequence[Callable[[Turn], Any]]
    ) -> list[tuple[Any, BaseException | None]]:
        answers: list[tuple[Any, BaseException | None]] = []
        stripes: set[Stripe] = set()
        cursor: Any = connection.connection.cursor()
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self.generations.recover()
            self._begin(cursor)
            try:
                now = self._clock()
                for job in jobs:
                    turn = Turn(connection, now)
                    cursor.execute("SAVEPOINT job")
                    try:
                        answers.append((job(turn), None))
                        stripes |= turn.stripes
                    except Exception as error:
                        # If the engine has undone more than the job (disk full), this fails, and the turn
                        # with it.
                        cursor.execute("ROLLBACK TO SAVEPOINT job")
                        answers.append((None, self._told(error)))
                    finally:
                        turn.close()
                    cursor.execute("RELEASE SAVEPOINT job")
                self.generations.begin(stripes)
                cursor.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    cursor.execute("ROLLBACK")
                raise
            finally:
                self.generations.end(stripes)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)
            cursor.close()
        return answers

    def _told(self, error: Exception) -> Exception:
        """What the caller of a job gets for `error`: its own exception, or a domain word for the
        driver's."""
        if not isinstance(error, (*self._driver_errors, OSError)):
            return error
        failure = StorageFailure(f"the database refused a write ({type(error).__name__}: {error})")
        failure.__cause__ = error
        return failure

    def _begin(self, cursor: Any) -> None:
        if self.in_process:
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
