"""Blob GC: gives back the bytes of blobs that no row names.

Rule 1: three steps, each safe to be the last: a turn that looks once more and marks the blob `deleting`;
the store deletes its location; a turn that removes the row. A crash in between leaves a row that is marked,
and the next run takes it up again: deleting is idempotent.
Rule 2: from the mark on nobody names these bytes. An edit that brings the same digest meanwhile gives the
row its own, new location and takes the mark away (`catalog/apply.py`); an edit that has no bytes to bring
(`link`) is told that they are not there. The last step removes a row only while it is marked and still has
the location that was deleted, so a late delete never meets a newer copy.
Rule 3: what was derived from a blob loses its name with it, in the turn that removes the row, and becomes a
candidate itself.
Rule 4: no bytes a client can ask for go. A row that names them outlives them by the undo window
(`compact.py`); a download that was begun holds an open file.

A store that fails costs its own blobs a delay, nobody else's.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update

from artifactd.blobs.digest import Digest
from artifactd.catalog.blob_stores import BlobStores
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.errors import ArtifactdError
from artifactd.maintenance.naming import is_named
from artifactd.tasks.task import TaskRun

TURN_ROWS = 200
"""Blobs marked, and removed, in one turn."""

FAILURES = 100
"""Blobs that a store may fail to delete before a run gives it up."""

logger = logging.getLogger("artifactd.maintenance")


@dataclass(slots=True)
class Freed:
    """`blobs` whose `size_bytes` were given back. `spared` candidates are named again; `failed` ones could
    not be deleted and wait for the next run."""

    blobs: int = 0
    size_bytes: int = 0
    spared: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Doomed:
    digest: Digest
    location: str
    size: int


class BlobGC:
    """Runs the first half of the task `blob-gc`. Safe to run twice, at once too."""

    def __init__(self, database: Database, stores: BlobStores) -> None:
        self._database = database
        self._stores = stores
        blob = tables.blob
        self._candidates = database.prepare(
            select(blob.c.digest)
            # The sum keeps the planner on the few candidates, away from all blobs of the store.
            .where(
                blob.c.store_id + 0 == bindparam("store_id"), blob.c.unreferenced_since <= bindparam("now")
            )
            .order_by(blob.c.unreferenced_since)
            .limit(bindparam("limit"))
        )

    def run(self, run: TaskRun) -> Freed:
        """Once over the candidates of every store."""
        freed = Freed()
        for store_id in self._stores.ids():
            failed: set[str] = set()
            while len(failed) < FAILURES and not run.cancelled():
                wanted = TURN_ROWS + len(failed)
                found = self._database.all(
                    self._candidates, store_id=store_id, now=self._database.now(), limit=wanted
                )
                batch = [row[0] for row in found if row[0] not in failed]
                if not batch:
                    break
                failed |= self._free(store_id, batch, freed)
                run.progress(freed.blobs, None, f"{freed.size_bytes} bytes given back")
            freed.failed += len(failed)
        logger.info(
            "blob GC: gave back %d blobs of %d bytes; %d are named again, %d could not be deleted",
            *(freed.blobs, freed.size_bytes, freed.spared, freed.failed),
        )
        return freed

    def _free(self, store_id: int, batch: Sequence[str], into: Freed) -> set[str]:
        """Give back what may go of `batch`; those that could not be deleted."""
        doomed = self._database.write(lambda turn: _doom(turn, store_id, batch))
        into.spared += len(batch) - len(doomed)
        deleted: list[_Doomed] = []
        failed: set[str] = set()
        for blob in doomed:
            try:
                self._stores.store(store_id).delete(blob.location)
            except ArtifactdError as error:
                if not failed:
                    logger.warning("blob GC: store %d keeps %s: %s", store_id, blob.location, error)
                failed.add(blob.digest)
            else:
                deleted.append(blob)
        if deleted:
            sizes = self._database.write(lambda turn: _remove(turn, store_id, deleted))
            into.blobs += len(sizes)
            into.size_bytes += sum(sizes)
        return failed


def _doom(turn: Turn, store_id: int, batch: Sequence[str]) -> list[_Doomed]:
    """Mark what nothing names; forget that the others were candidates."""
    blob = tables.blob
    among = (blob.c.store_id == store_id, blob.c.digest.in_(batch), blob.c.unreferenced_since.is_not(None))
    marked: Sequence[Row[Any]] = turn.connection.execute(
        update(blob)
        .where(*among, ~is_named())
        .values(deleting=turn.now)
        .returning(blob.c.digest, blob.c.location, blob.c.size)
    ).all()
    doomed = [_Doomed(row.digest, row.location, row.size) for row in marked]
    if len(doomed) < len(batch):
        digests = {blob.digest for blob in doomed}
        spared = [digest for digest in batch if digest not in digests]
        turn.connection.execute(
            update(blob)
            .where(blob.c.store_id == store_id, blob.c.digest.in_(spared), is_named())
            .values(unreferenced_since=None)
        )
    return doomed


def _remove(turn: Turn, store_id: int, deleted: Sequence[_Doomed]) -> list[int]:
    """Remove the rows of bytes that are gone, and what was derived from them; the sizes."""
    blob = tables.blob
    # A location is of one digest for ever, so the pair is meant though both are asked for singly.
    removed = turn.connection.execute(
        delete(blob)
        .where(
            blob.c.store_id == store_id,
            blob.c.digest.in_([one.digest for one in deleted]),
            blob.c.location.in_([one.location for one in deleted]),
            blob.c.deleting.is_not(None),
        )
        .returning(blob.c.digest, blob.c.size)
    ).all()
    _let_derived_go(turn, store_id, [row[0] for row in removed], turn.now)
    return [row[1] for row in removed]


def _let_derived_go(turn: Turn, store_id: int, digests: Sequence[str], now: Micros) -> None:
    blob, derived = tables.blob, tables.derived
    targets = turn.connection.execute(
        delete(derived)
        .where(derived.c.store_id == store_id, derived.c.digest.in_(digests))
        .returning(derived.c.derived_digest)
    ).all()
    if targets:
        turn.connection.execute(
            update(blob)
            .where(
                blob.c.store_id == store_id,
                blob.c.digest.in_([row[0] for row in targets]),
                blob.c.unreferenced_since.is_(None),
                ~is_named(),
            )
            .values(unreferenced_since=now)
        )
