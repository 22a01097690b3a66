"""Orphans: files of a blob store that no row knows, left by a crash between bytes and their edit.

Rule 1: a file is an orphan when no blob row and no upload row of its store names its location and it was
last modified longer ago than the margin. A location gets its name from the edit or the lease that follows
its bytes (or, for an upload, precedes them); it never gets one later than that, and never gets one back. So
an old file without a name stays without one, provided that no edit waits for longer than the margin:
`modified` is when the last byte was written, the upload suspended, or the bytes published.
Rule 2: names are read first, files second, and each batch is compared with the rows once more right before
it is deleted. A file that was named in between is spared.

A store may hold millions of files, so names are held as sorted 64-bit hashes, 8 bytes each. Two equal
hashes spare an orphan until a process with other hashes runs, and never cost a blob. A run that is stopped
begins anew the next time.
"""

import logging
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import bindparam, select

from artifactd.blobs.store import BlobStore, Stored
from artifactd.catalog.blob_stores import BlobStores
from artifactd.clock import Micros, micros
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import ArtifactdError
from artifactd.maintenance.safety import Safety
from artifactd.tasks.task import TaskRun

PAGE_ROWS = 5000
"""Rows read at once while names are gathered."""

BATCH = 1000
"""Orphans compared with the rows again, and deleted, at once: the comparison reads all of them."""

REPORT = 1000
"""Files between two looks at whether to stop."""

logger = logging.getLogger("artifactd.maintenance")


@dataclass(slots=True)
class Swept:
    """`files` were looked at; `orphans` of `size_bytes` deleted. `failed` could not be."""

    files: int = 0
    orphans: int = 0
    size_bytes: int = 0
    failed: int = 0


class OrphanGC:
    """Runs the second half of the task `blob-gc`. Safe to run twice: what is gone is not found."""

    def __init__(self, database: Database, stores: BlobStores, safety: Safety) -> None:
        self._database = database
        self._stores = stores
        self._margin = micros(safety.orphan_margin)
        blob, upload = tables.blob, tables.upload
        self._blobs = database.prepare(
            select(blob.c.location, blob.c.digest)
            .where(blob.c.store_id == bindparam("store_id"), blob.c.digest > bindparam("after"))
            .order_by(blob.c.digest)
            .limit(PAGE_ROWS)
        )
        self._uploads = database.prepare(
            select(upload.c.location, upload.c.id)
            .where(
                upload.c.store_id == bindparam("store_id"),
                upload.c.location.is_not(None),
                upload.c.id > bindparam("after"),
            )
            .order_by(upload.c.id)
            .limit(PAGE_ROWS)
        )

    def run(self, run: TaskRun) -> Swept:
        """Once over every store."""
        swept = Swept()
        for store_id in self._stores.ids():
            if run.cancelled():
                break
            try:
                self._sweep(run, store_id, self._stores.store(store_id), swept)
            except ArtifactdError as error:
                logger.warning("orphans: store %d cannot be looked through: %s", store_id, error)
                swept.failed += 1
        logger.info(
            "orphans: deleted %d of %d files, %d bytes; %d could not be deleted",
            *(swept.orphans, swept.files, swept.size_bytes, swept.failed),
        )
        return swept

    def _sweep(self, run: TaskRun, store_id: int, store: BlobStore, into: Swept) -> None:
        before = self._database.now() - self._margin
        orphans = self._strangers(run, store_id, store, before, into)
        while batch := list(islice(orphans, BATCH)):
            named = self._named_among(store_id, {file.location for file in batch})
            for file in batch:
                if file.location in named:
                    continue
                try:
                    store.delete(file.location)
                except ArtifactdError as error:
                    if not into.failed:
                        logger.warning("orphans: store %d keeps %s: %s", store_id, file.location, error)
                    into.failed += 1
                else:
                    into.orphans += 1
                    into.size_bytes += file.size

    def _strangers(
        self, run: TaskRun, store_id: int, store: BlobStore, before: Micros, into: Swept
    ) -> Iterator[Stored]:
        """Old files that had no name when this began."""
        named = array("q", sorted(hash(location) for location in self._locations(store_id)))
        for file in store.scan():
            into.files += 1
            if into.files % REPORT == 0:
                run.progress(into.files, None, f"{into.orphans} orphans deleted")
                if run.cancelled():
                    return
            if file.modified <= before and not _holds(named, hash(file.location)):
                yield file

    def _locations(self, store_id: int) -> Iterator[str]:
        for statement in (self._blobs, self._uploads):
            after = ""
            while page := self._database.all(statement, store_id=store_id, after=after):
                yield from (row[0] for row in page)
                after = page[-1][1]

    def _named_among(self, store_id: int, locations: set[str]) -> set[str]:
        return {location for location in self._locations(store_id) if location in locations}


def _holds(hashes: Sequence[int], value: int) -> bool:
    place = bisect_left(hashes, value)
    return place < len(hashes) and hashes[place] == value
