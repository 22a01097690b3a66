"""The queue's SQL: one function a question or a change, prepared by `queue.py` once per database.

Equal rows are rows of one (name, key). Parameters of an UPDATE are never named like a column it might set.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Select, Subquery, bindparam, func

from artifactd.db.tables import task
from artifactd.tasks.task import State

_now: ColumnElement[int] = bindparam("now", type_=sa.BigInteger)
_held = task.c.lease == bindparam("held")


def enqueue() -> sa.ClauseElement:
    return (
        sa.insert(task)
        .values(
            name=bindparam("name"),
            key=bindparam("key"),
            arguments=bindparam("arguments"),
            state=State.WAITING,
            requested_by=bindparam("requested_by"),
            created=bindparam("created"),
            due=bindparam("due"),
            latest=bindparam("latest"),
            attempts=0,
            cancel=False,
            done=0,
            message="",
        )
        .returning(task.c.id)
    )


def expire(max_attempts: int) -> sa.ClauseElement:
    """Rows whose lease was not renewed wait again, unless they were cancelled or had their attempts."""
    spent = task.c.attempts >= max_attempts
    over = sa.or_(task.c.cancel, spent)
    return (
        sa.update(task)
        .where(task.c.state == State.RUNNING, task.c.lease_until <= _now)
        .values(
            state=sa.case((task.c.cancel, State.CANCELLED), (spent, State.FAILED), else_=State.WAITING),
            message=sa.case((spent, "the process that ran it died, every time"), else_=task.c.message),
            finished=sa.case((over, _now), else_=sa.null()),
            lease=sa.null(),
            lease_until=sa.null(),
            due=_now,
            latest=_now,
        )
    )


def ready() -> sa.ClauseElement:
    """What has been due longest: (name, key)."""
    waiting = _waiting()
    return (
        sa.select(waiting.c.name, waiting.c.key)
        .where(waiting.c.ready <= _now)
        .order_by(waiting.c.ready, waiting.c.first)
        .limit(1)
    )


def next_ready() -> sa.ClauseElement:
    """When the first of what waits is due."""
    return sa.select(func.min(_waiting().c.ready))


def next_expiry() -> sa.ClauseElement:
    """When the first lease ends if it is not renewed."""
    return sa.select(func.min(task.c.lease_until)).where(task.c.state == State.RUNNING)


def equal_waiting() -> sa.ClauseElement:
    """(arguments, attempts) of equal rows that wait, the newest first."""
    return sa.select(task.c.arguments, task.c.attempts).where(*_equal_waiting()).order_by(task.c.id.desc())


def pending() -> sa.ClauseElement:
    """An equal row that waits or runs."""
    return (
        sa.select(task.c.id)
        .where(
            task.c.name == bindparam("of_name"),
            task.c.key == bindparam("of_key"),
            sa.or_(task.c.state == State.WAITING, task.c.state == State.RUNNING),
        )
        .limit(1)
    )


def take() -> sa.ClauseElement:
    """Equal rows that wait run under one lease."""
    return (
        sa.update(task)
        .where(*_equal_waiting())
        .values(
            state=State.RUNNING,
            attempts=task.c.attempts + 1,
            lease=bindparam("held"),
            lease_until=bindparam("until"),
        )
    )


def renew() -> sa.ClauseElement:
    """Whether each row under the lease is to be cancelled."""
    return (
        sa.update(task)
        .where(_held)
        .values(
            lease_until=bindparam("until"),
            done=bindparam("so_far"),
            total=bindparam("of"),
            message=bindparam("words"),
        )
        .returning(task.c.cancel)
    )


def end() -> sa.ClauseElement:
    return (
        sa.update(task)
        .where(_held)
        .values(
            state=bindparam("outcome"),
            finished=_now,
            lease=sa.null(),
            lease_until=sa.null(),
            done=bindparam("so_far"),
            total=bindparam("of"),
            message=bindparam("words"),
        )
    )


def retry(max_attempts: int) -> sa.ClauseElement:
    """Rows under the lease wait until `again`, unless they were cancelled or had their attempts."""
    spent = task.c.attempts >= max_attempts
    over = sa.or_(task.c.cancel, spent)
    again: ColumnElement[int] = bindparam("again", type_=sa.BigInteger)
    return (
        sa.update(task)
        .where(_held)
        .values(
            state=sa.case((task.c.cancel, State.CANCELLED), (spent, State.FAILED), else_=State.WAITING),
            message=bindparam("words"),
            finished=sa.case((over, _now), else_=sa.null()),
            lease=sa.null(),
            lease_until=sa.null(),
            due=again,
            latest=again,
        )
    )


def release() -> sa.ClauseElement:
    return (
        sa.update(task)
        .where(_held)
        .values(
            state=sa.case((task.c.cancel, State.CANCELLED), else_=State.WAITING),
            finished=sa.case((task.c.cancel, _now), else_=sa.null()),
            lease=sa.null(),
            lease_until=sa.null(),
            attempts=task.c.attempts - 1,
            due=_now,
            latest=_now,
        )
    )


def cancel_waiting() -> sa.ClauseElement:
    return (
        sa.update(task)
        .where(task.c.id == bindparam("row"), task.c.state == State.WAITING)
        .values(state=State.CANCELLED, finished=_now)
    )


def cancel_running() -> sa.ClauseElement:
    """The whole run the row is part of."""
    same = sa.select(task.c.lease).where(task.c.id == bindparam("row")).scalar_subquery()
    return sa.update(task).where(task.c.state == State.RUNNING, task.c.lease == same).values(cancel=True)


def rows() -> Select[Any]:
    """In the order of `TaskRow`."""
    c = task.c
    return sa.select(
        c.id, c.name, c.key, c.arguments, c.state, c.requested_by, c.created, c.due, c.attempts, c.cancel,
        c.done, c.total, c.message, c.finished,
    )  # fmt: skip


def row() -> sa.ClauseElement:
    return rows().where(task.c.id == bindparam("row"))


def finished_before(limit: int) -> sa.ClauseElement:
    """Ids of rows that finished before `before`, ascending."""
    return sa.select(task.c.id).where(_finished_before()).order_by(task.c.id).limit(limit)


def forget() -> sa.ClauseElement:
    return sa.delete(task).where(
        task.c.id.between(bindparam("first"), bindparam("last")), _finished_before()
    )


def _equal_waiting() -> tuple[ColumnElement[bool], ...]:
    return (
        task.c.name == bindparam("of_name"),
        task.c.key == bindparam("of_key"),
        task.c.state == State.WAITING,
    )


def _finished_before() -> ColumnElement[bool]:
    return task.c.finished < bindparam("before", type_=sa.BigInteger)


def _waiting() -> Subquery:
    """Equal rows that wait and do not run: (name, key, first id, when they are ready).

    They are ready once the newest has been quiet long enough or the first has waited its longest; but a row
    that failed holds its pause, whoever asks meanwhile.
    """
    other = task.alias()
    quiet = func.max(task.c.due)
    longest = func.min(task.c.latest)
    soon = sa.case((quiet < longest, quiet), else_=longest)
    paused = func.max(sa.case((task.c.attempts > 0, task.c.due), else_=0))
    running = sa.exists().where(
        other.c.name == task.c.name, other.c.key == task.c.key, other.c.state == State.RUNNING
    )
    return (
        sa.select(
            task.c.name,
            task.c.key,
            func.min(task.c.id).label("first"),
            sa.case((paused > soon, paused), else_=soon).label("ready"),
        )
        .where(task.c.state == State.WAITING, ~running)
        .group_by(task.c.name, task.c.key)
        .subquery()
    )
