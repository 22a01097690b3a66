"""Compact: forgets history that lies behind the undo window, and marks the blobs that only it named.

Rule 1: only rows that retired before the horizon go, and the horizon is raised in the turn that removes the
first of them. So no moment that can still be asked for loses anything: a row visible at X ≥ horizon retired
after X, if at all.
Rule 2: a blob whose last row goes is marked in the same turn as a candidate for `blob_gc.py`; nothing is
freed here. So a blob without a row that names it and without the mark does not exist.
Rule 3: a revision goes when it lies behind the horizon and no asset row names it: what is visible at any
moment from the horizon on is then the same with and without it. A revision of the past gains no new rows,
so it is safe to look in one read and delete in a later turn.
Rule 4: owner names stay, with the moment they were first held. Components go with their last asset row.

Each turn removes a bounded number of rows and leaves the database consistent; a run that is stopped is
continued by the next one, because what it removed is no candidate again.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select, tuple_, update

from artifactd.catalog.kinds import PROXY
from artifactd.clock import Micros, micros
from artifactd.db import tables
from artifactd.db.generations import DIRECTORY, repository_stripe
from artifactd.db.writer import Database, Turn
from artifactd.maintenance.naming import is_named
from artifactd.maintenance.safety import Safety
from artifactd.tasks.task import TaskRun

TURN_ROWS = 200
"""Asset rows removed in one turn: each is an entry of eight indexes, and takes its references along."""

REVISIONS = 10_000
"""Revisions compared with the asset rows of a repository at once."""

logger = logging.getLogger("artifactd.maintenance")


@dataclass(slots=True)
class Compacted:
    """Rows that went, and blobs (and their bytes) that no row names since."""

    assets: int = 0
    components: int = 0
    revisions: int = 0
    blobs: int = 0
    size_bytes: int = 0


class Compactor:
    """Runs the task `compact`. Safe to run twice: what is forgotten is no candidate."""

    def __init__(self, database: Database, safety: Safety) -> None:
        self._database = database
        self._undo_window = micros(safety.undo_window)
        asset, repository, revision = tables.asset, tables.repository, tables.revision
        p = bindparam
        self._repositories = database.prepare(
            select(repository.c.id, repository.c.kind).order_by(repository.c.id)
        )
        self._raise = database.prepare(
            update(repository)
            .where(repository.c.id == p("repository_id"), repository.c.horizon < p("before"))
            .values(horizon=p("before"))
        )
        self._old_assets = database.prepare(
            select(asset.c.id, asset.c.store_id, asset.c.digest, asset.c.component_id)
            .where(asset.c.repository_id == p("repository_id"), asset.c.retired < p("before"))
            .order_by(asset.c.retired)
            .limit(TURN_ROWS)
        )
        page = _revision_ids()
        self._revision_page = database.prepare(select(func.count(), func.max(page.c.id)))
        mine = asset.c.repository_id == p("repository_id")
        self._unnamed_revisions = database.prepare(
            select(revision.c.id).where(
                revision.c.repository_id == p("repository_id"),
                revision.c.id > p("after"),
                revision.c.id <= p("last"),
                revision.c.at < p("before"),
                *(
                    revision.c.id.not_in(
                        select(column).where(mine, column > p("after"), column <= p("last"))
                    )
                    for column in (asset.c.added_revision, asset.c.retired_revision)
                ),
            )
        )
        self._horizon = database.prepare(
            select(repository.c.horizon).where(repository.c.id == p("repository_id"))
        )

    def run(self, run: TaskRun) -> Compacted:
        """Once over every repository."""
        compacted = Compacted()
        now = self._database.now()
        repositories = self._database.all(self._repositories)
        for done, (repository_id, kind) in enumerate(repositories):
            # What a proxy has lost can be fetched again: nobody needs to undo that.
            before = now if kind == PROXY else now - self._undo_window
            run.progress(done, len(repositories), f"{compacted.assets} asset rows forgotten")
            self._forget_assets(run, repository_id, before, compacted)
            self._forget_revisions(run, repository_id, compacted)
            if run.cancelled():
                break
        else:
            run.progress(len(repositories), len(repositories), f"{compacted.assets} asset rows forgotten")
        logger.info(
            "compact: forgot %d assets, %d components, %d revisions; %d blobs of %d bytes lost their name",
            *(compacted.assets, compacted.components, compacted.revisions),
            *(compacted.blobs, compacted.size_bytes),
        )
        return compacted

    def _forget_assets(self, run: TaskRun, repository_id: int, before: Micros, into: Compacted) -> None:
        def job(turn: Turn) -> tuple[int, int, int, int]:
            rows = turn.all(self._old_assets, repository_id=repository_id, before=before)
            if not rows:
                return 0, 0, 0, 0
            if turn.run(self._raise, repository_id=repository_id, before=before):
                turn.moves(DIRECTORY, repository_stripe(repository_id))
            execute = turn.connection.execute
            execute(delete(tables.asset).where(tables.asset.c.id.in_([row[0] for row in rows])))
            components = {row[3] for row in rows if row[3] is not None}
            gone = execute(_empty_components(components)).rowcount if components else 0
            blobs = {(row[1], row[2]) for row in rows if row[2] is not None}
            sizes = execute(_lost(blobs, turn.now)).scalars().all() if blobs else ()
            return len(rows), gone, len(sizes), sum(sizes)

        removed = TURN_ROWS
        while removed == TURN_ROWS and not run.cancelled():
            removed, components, blobs, size = self._database.write(job)
            into.assets += removed
            into.components += components
            into.blobs += blobs
            into.size_bytes += size

    def _forget_revisions(self, run: TaskRun, repository_id: int, into: Compacted) -> None:
        after = 0
        while not run.cancelled():
            horizon = self._database.one(self._horizon, repository_id=repository_id)
            if horizon is None:
                return  # the repository was deleted meanwhile
            page = {"repository_id": repository_id, "after": after, "before": horizon[0]}
            counted = self._database.one(self._revision_page, **page)
            if counted is None or not counted[0]:
                return
            unnamed = [
                row[0] for row in self._database.all(self._unnamed_revisions, **page, last=counted[1])
            ]
            for start in range(0, len(unnamed), TURN_ROWS):
                into.revisions += self._database.write(_removal(unnamed[start : start + TURN_ROWS]))
            if counted[0] < REVISIONS:
                return
            after = counted[1]


def _removal(revisions: Sequence[int]) -> Any:
    revision = tables.revision
    statement = delete(revision).where(revision.c.id.in_(revisions))
    return lambda turn: turn.connection.execute(statement).rowcount


def _revision_ids() -> Any:
    """The next revisions of a repository that lie behind its horizon."""
    revision = tables.revision
    return (
        select(revision.c.id)
        .where(
            revision.c.repository_id == bindparam("repository_id"),
            revision.c.id > bindparam("after"),
            revision.c.at < bindparam("before"),
        )
        .order_by(revision.c.id)
        .limit(REVISIONS)
        .subquery("ids")
    )


def _empty_components(ids: set[int]) -> Any:
    """Remove those of these components that have no asset row left."""
    asset, component = tables.asset, tables.component
    return delete(component).where(
        component.c.id.in_(ids), ~exists().where(asset.c.component_id == component.c.id)
    )


def _lost(blobs: set[tuple[int, str]], now: Micros) -> Any:
    """Mark those of these blobs that nothing names any more; their sizes."""
    blob = tables.blob
    return (
        update(blob)
        .where(
            tuple_(blob.c.store_id, blob.c.digest).in_(sorted(blobs)),
            blob.c.unreferenced_since.is_(None),
            ~is_named(),
        )
        .values(unreferenced_since=now)
        .returning(blob.c.size)
    )
