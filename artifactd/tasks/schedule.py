"""What recurs: tasks that are enqueued once every so often.

Any process may look what is due: it is enqueued in the write turn that also moves the next time, so exactly
once, whoever looks. After a downtime one run makes up for all that were missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import bindparam

from artifactd.clock import Micros, micros
from artifactd.db.generations import TASKS
from artifactd.db.tables import schedule
from artifactd.db.writer import Database, Turn
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`task` is enqueued `every` so often, the next time at `next`."""

    task: Task
    every: timedelta
    next: Micros


class Schedule:
    """The recurring tasks of one database: one recurrence per (name, key), without arguments."""

    def __init__(self, database: Database, queue: TaskQueue) -> None:
        self._database = database
        self._queue = queue
        same = (schedule.c.name == bindparam("of_name"), schedule.c.key == bindparam("of_key"))
        columns = (schedule.c.name, schedule.c.key, schedule.c.every, schedule.c.next)
        self._all = database.prepare(sa.select(*columns).order_by(schedule.c.name, schedule.c.key))
        self._one = database.prepare(sa.select(schedule.c.every).where(*same))
        self._past = database.prepare(
            sa.select(*columns).where(schedule.c.next <= bindparam("now", type_=sa.BigInteger))
        )
        self._first = database.prepare(sa.select(sa.func.min(schedule.c.next)))
        self._insert = database.prepare(
            sa.insert(schedule).values(
                name=bindparam("of_name"),
                key=bindparam("of_key"),
                every=bindparam("period"),
                next=bindparam("then"),
            )
        )
        self._move = database.prepare(
            sa.update(schedule).where(*same).values(every=bindparam("period"), next=bindparam("then"))
        )
        self._delete = database.prepare(sa.delete(schedule).where(*same))

    def set(self, task: Task, every: timedelta) -> None:
        """Enqueue `task` every so often, first after that time. Nothing changes when it already is so.
        Raises ValueError when the task has arguments (a recurrence keeps none) or `every` is not
        positive."""
        if task.arguments:
            raise ValueError(f"task {task} recurs, so it cannot have arguments")
        period = micros(every)
        if period <= 0:
            raise ValueError(f"task {task} cannot recur every {every}")
        if self._database.one(self._one, of_name=task.name, of_key=task.key) == (period,):
            return

        def job(turn: Turn) -> None:
            known = turn.one(self._one, of_name=task.name, of_key=task.key)
            if known is not None and known[0] == period:
                return
            turn.run(
                self._insert if known is None else self._move,
                of_name=task.name,
                of_key=task.key,
                period=period,
                then=turn.now + period,
            )
            turn.moves(TASKS)

        self._database.write(job)

    def remove(self, task: Task) -> None:
        """Enqueue it no more. Idempotent."""
        self._database.write(lambda turn: turn.run(self._delete, of_name=task.name, of_key=task.key))

    def list(self) -> Sequence[Recurrence]:
        return [
            Recurrence(Task(name, key), timedelta(microseconds=every), then)
            for name, key, every, then in self._database.all(self._all)
        ]

    def next_due(self) -> Micros | None:
        """When something is enqueued next; None: never."""
        row = self._database.one(self._first)
        return None if row is None else row[0]

    def due(self, now: Micros) -> int:
        """Enqueue every task whose time has come by `now`; how many."""
        if not self._database.all(self._past, now=now):
            return 0

        def job(turn: Turn) -> int:
            past = turn.all(self._past, now=now)
            for name, key, every, then in past:
                self._queue.enqueue(Task(name, key), requested_by="schedule", turn=turn)
                # Past `now` in whole periods: the rhythm stays, missed times are not made up for.
                following = then + every * ((now - then) // every + 1)
                turn.run(self._move, of_name=name, of_key=key, period=every, then=following)
            return len(past)

        return self._database.write(job)
