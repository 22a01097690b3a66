"""The queue: tasks that wait, leases on those that run, and what became of the others.

Rule 1: enqueueing always adds a row. A lease takes every row of its (name, key) that waits at that moment,
so a row added during a run is left for the next one: no wake-up is lost.
Rule 2: per (name, key) one lease at a time. All changes are jobs in write turns, which come one after the
other: nobody can lease in between.
Rule 3: who holds a lease says so with its id. After it ended (not renewed in time, taken over) every word
of the old holder changes nothing.
"""

import functools
import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid4

from artifactd.clock import Micros, micros
from artifactd.db.engine import Row
from artifactd.db.generations import TASKS
from artifactd.db.tables import task as tasks
from artifactd.db.writer import Database, Turn
from artifactd.errors import ObjectNotFound
from artifactd.tasks import statements
from artifactd.tasks.task import Lease, Progress, Renewal, State, Task, TaskRow

ZERO = timedelta(0)

MAX_ATTEMPTS = 5
"""Runs a row gets, counting those whose worker died."""

FIRST_PAUSE = timedelta(seconds=10)
"""Between the first failure and the next attempt; doubled each time, so the last comes after 150 s."""

KEPT = timedelta(days=30)
"""How long finished rows are remembered."""

PRUNED_AT_ONCE = 1000
"""Rows one job of `prune` deletes: a few milliseconds."""


class TaskQueue:
    """The tasks of one database. Thread-safe; the same from every process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        prepare = database.prepare
        self._insert = prepare(statements.enqueue())
        self._expire = prepare(statements.expire(MAX_ATTEMPTS))
        self._ready = prepare(statements.ready())
        self._equal = prepare(statements.equal_waiting())
        self._pending = prepare(statements.pending())
        self._take = prepare(statements.take())
        self._renew = prepare(statements.renew())
        self._end = prepare(statements.end())
        self._retry = prepare(statements.retry(MAX_ATTEMPTS))
        self._release = prepare(statements.release())
        self._cancel_waiting = prepare(statements.cancel_waiting())
        self._cancel_running = prepare(statements.cancel_running())
        self._next_ready = prepare(statements.next_ready())
        self._next_expiry = prepare(statements.next_expiry())
        self._row = prepare(statements.row())
        self._finished_before = prepare(statements.finished_before(PRUNED_AT_ONCE))
        self._forget = prepare(statements.forget())

    # Asking for work

    def enqueue(
        self,
        task: Task,
        *,
        requested_by: str,
        delay: timedelta = ZERO,
        at_most: timedelta | None = None,
        turn: Turn | None = None,
    ) -> int:
        """Ask for `task`: within `turn`, so that it is asked for if and only if that commits, or in a turn
        of its own. Returns the row's id.

        `delay` is quiet time: the run waits until no equal task was asked for that long, but no longer than
        `at_most` after the first (without it, than `delay`)."""
        if turn is None:
            return self._database.write(
                lambda turn: self.enqueue(
                    task, requested_by=requested_by, delay=delay, at_most=at_most, turn=turn
                )
            )
        row = turn.one(
            self._insert,
            name=task.name,
            key=task.key,
            arguments=json.dumps(dict(task.arguments), sort_keys=True),
            requested_by=requested_by,
            created=turn.now,
            due=turn.now + micros(delay),
            latest=turn.now + micros(delay if at_most is None else at_most),
        )
        assert row is not None
        turn.moves(TASKS)
        return int(row[0])

    def cancel(self, id: int) -> None:
        """Drop a row that waits; ask the run of one that runs to stop. Nothing happens to a finished one.
        Raises ObjectNotFound."""

        def job(turn: Turn) -> None:
            if turn.one(self._row, row=id) is None:
                raise ObjectNotFound("task", str(id))
            turn.run(self._cancel_waiting, row=id, now=turn.now)
            turn.run(self._cancel_running, row=id)
            turn.moves(TASKS)

        self._database.write(job)

    # Doing it

    def lease(self, lease_for: timedelta) -> Lease | None:
        """The right to run what has been due longest, with every row that waits for the same; None when
        nothing is due. Leases that ended unrenewed are given out again here."""

        def job(turn: Turn) -> Lease | None:
            if turn.run(self._expire, now=turn.now):
                turn.moves(TASKS)
            ready = turn.one(self._ready, now=turn.now)
            if ready is None:
                return None
            name, key = ready
            equal = turn.all(self._equal, of_name=name, of_key=key)
            task = Task(name, key, json.loads(equal[0][0]))
            lease = Lease(str(uuid4()), task, 1 + max(attempts for _, attempts in equal))
            until = turn.now + micros(lease_for)
            turn.run(self._take, of_name=name, of_key=key, held=lease.id, until=until)
            return lease

        return self._database.write(job)

    def heartbeat(self, lease: Lease, progress: Progress, lease_for: timedelta) -> Renewal:
        """Renew the lease and note the progress. A run whose lease is no longer held, or was cancelled,
        stops at its next checkpoint."""

        def job(turn: Turn) -> Renewal:
            rows = turn.all(
                self._renew,
                held=lease.id,
                until=turn.now + micros(lease_for),
                so_far=progress.done,
                of=progress.total,
                words=progress.message,
            )
            if not rows:
                return Renewal.LOST
            return Renewal.CANCELLED if any(cancel for (cancel,) in rows) else Renewal.HELD

        return self._database.write(job)

    def finish(self, lease: Lease, progress: Progress, *, cancelled: bool = False) -> None:
        """The run came to its end, or stopped because it was cancelled."""

        def job(turn: Turn) -> None:
            turn.run(
                self._end,
                held=lease.id,
                outcome=State.CANCELLED if cancelled else State.DONE,
                now=turn.now,
                so_far=progress.done,
                of=progress.total,
                words=progress.message,
            )
            turn.moves(TASKS)

        self._database.write(job)

    def fail(self, lease: Lease, error: str) -> None:
        """The run failed: it is tried again after a pause, unless it was the last attempt or was
        cancelled."""

        def job(turn: Turn) -> None:
            pause = micros(FIRST_PAUSE) << (lease.attempt - 1)
            turn.run(self._retry, held=lease.id, now=turn.now, again=turn.now + pause, words=error)
            turn.moves(TASKS)

        self._database.write(job)

    def release(self, lease: Lease) -> None:
        """The run was interrupted by a shutdown: someone else may begin at once, and it was no attempt."""

        def job(turn: Turn) -> None:
            turn.run(self._release, held=lease.id, now=turn.now)
            turn.moves(TASKS)

        self._database.write(job)

    # Looking

    def next_due(self) -> Micros | None:
        """When there is next something to lease (in the past: now), as far as is known; None: never."""
        with self._database.read() as reader:
            found = [reader.one(self._next_ready), reader.one(self._next_expiry)]
        return min((row[0] for row in found if row and row[0] is not None), default=None)

    def is_pending(self, task: Task) -> bool:
        """Whether an equal task waits or runs."""
        return self._database.one(self._pending, of_name=task.name, of_key=task.key) is not None

    def get(self, id: int) -> TaskRow:
        """Raises ObjectNotFound."""
        row = self._database.one(self._row, row=id)
        if row is None:
            raise ObjectNotFound("task", str(id))
        return _row(row)

    def list(
        self,
        *,
        state: State | None = None,
        name: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[TaskRow]:
        """Rows, newest first; the next page comes `before` the last one's id."""
        wanted = statements.rows().order_by(tasks.c.id.desc()).limit(limit)
        if state is not None:
            wanted = wanted.where(tasks.c.state == state)
        if name is not None:
            wanted = wanted.where(tasks.c.name == name)
        if before is not None:
            wanted = wanted.where(tasks.c.id < before)
        with self._database.connect() as connection:
            return [_row(row) for row in connection.execute(wanted)]

    def prune(self, now: Micros) -> int:
        """Forget rows that finished more than 30 days ago; how many."""
        before = now - micros(KEPT)
        forgotten = 0
        # Looked for outside the turn: this may read every finished row.
        while old := self._database.all(self._finished_before, before=before):
            forget = functools.partial(self._forget_between, old[0][0], old[-1][0], before)
            forgotten += self._database.write(forget)
        return forgotten

    def _forget_between(self, first: int, last: int, before: Micros, turn: Turn) -> int:
        return turn.run(self._forget, first=first, last=last, before=before)


def _row(row: Row) -> TaskRow:
    number, name, key, arguments, state, requested_by, created, due, attempts, cancel = row[:10]
    done, total, message, finished = row[10:]
    return TaskRow(
        id=number,
        task=Task(name, key, json.loads(arguments)),
        state=State(state),
        requested_by=requested_by,
        created=created,
        due=due,
        attempts=attempts,
        cancel=bool(cancel),
        progress=Progress(done, total, message),
        finished=finished,
    )
