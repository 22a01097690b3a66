"""Upload GC: ends uploads that nobody continues, and gives their bytes back.

Rule 1: row first, bytes second. The turn that removes the row looks once more whether the upload was
touched or is held by a request; from then on nobody can resume it, so its bytes are nobody's. A crash in
between leaves an orphan (`orphans.py`).
Rule 2: a live request is never raced: it holds a lease, and renews it while bytes flow. One that was silent
for so long that its lease ended finds, when it wakes up, that the upload is gone.

Ends an upload once; safe to run twice.
"""

import logging
from dataclasses import dataclass

from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.uploads import Uploads
from artifactd.clock import micros
from artifactd.db.writer import Database
from artifactd.errors import ArtifactdError
from artifactd.maintenance.safety import Safety
from artifactd.tasks.task import TaskRun

BATCH = 200
"""Stale uploads read at once."""

logger = logging.getLogger("artifactd.maintenance")


@dataclass(slots=True)
class Ended:
    """`uploads` that ended, and the durable bytes they had. `held` ones were in use; `failed` ones left
    their bytes to the next look for orphans."""

    uploads: int = 0
    size_bytes: int = 0
    held: int = 0
    failed: int = 0


class UploadGC:
    """Runs the task `upload-gc`."""

    def __init__(self, database: Database, stores: BlobStores, uploads: Uploads, safety: Safety) -> None:
        self._database = database
        self._stores = stores
        self._uploads = uploads
        self._ttl = micros(safety.upload_ttl)

    def run(self, run: TaskRun) -> Ended:
        """Once over every upload that was stale when it began."""
        ended = Ended()
        # An upload touched at this very moment may be ended when nothing is spared.
        before = self._database.now() - self._ttl + 1
        held: set[str] = set()
        while not run.cancelled():
            stale = self._uploads.stale(before, BATCH + len(held))
            fresh = [upload for upload in stale if upload.id not in held]
            if not fresh:
                break
            for upload in fresh:
                if not self._uploads.end_stale(upload, before):
                    held.add(upload.id)
                    continue
                ended.uploads += 1
                ended.size_bytes += upload.offset
                if upload.location is not None:
                    ended.failed += not self._delete(upload.store_id, upload.location)
            run.progress(ended.uploads, None, f"{ended.size_bytes} bytes given back")
        ended.held = len(held)
        logger.info(
            "upload GC: ended %d uploads of %d bytes; %d are in use, the bytes of %d could not be deleted",
            *(ended.uploads, ended.size_bytes, ended.held, ended.failed),
        )
        return ended

    def _delete(self, store_id: int, location: str) -> bool:
        try:
            self._stores.store(store_id).delete(location)
        except ArtifactdError as error:
            logger.warning("upload GC: store %d keeps %s: %s", store_id, location, error)
            return False
        return True
