"""What ends: assets that nothing refers to, history behind the undo window, bytes that no row names,
uploads that nobody continues.

Everything here runs beside any number of concurrent pushes, on any process, and may be stopped or killed
between any two steps: what is left undone, the next run does. What may go is decided again in the write
turn in which it goes, where nothing can change in between; `safety.py` holds the few durations that stand
for what a turn cannot see. Nothing here knows a format.

Read in the order of a life's end: `collector.py` (assets), `compact.py` (history), `blob_gc.py` and
`orphans.py` (bytes), `upload_gc.py`. `handlers` gives them to a task worker by name.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from artifactd.catalog.assets import Assets
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.uploads import Uploads
from artifactd.db.writer import Database
from artifactd.maintenance.blob_gc import BlobGC
from artifactd.maintenance.collector import Collector
from artifactd.maintenance.compact import Compactor
from artifactd.maintenance.orphans import OrphanGC
from artifactd.maintenance.safety import Safety
from artifactd.maintenance.upload_gc import UploadGC
from artifactd.tasks.task import Handler, TaskRun

SCHEDULE: Final[Mapping[str, timedelta]] = {
    "collect": timedelta(hours=1),
    "compact": timedelta(days=1),
    "blob-gc": timedelta(hours=1),
    "upload-gc": timedelta(hours=1),
}
"""How often each task recurs by default."""


def handlers(
    database: Database, assets: Assets, stores: BlobStores, uploads: Uploads, safety: Safety
) -> Mapping[str, Handler]:
    """The tasks of this package by name. Each is safe to run twice, at once too: it acts on what the
    database says in the turn in which it acts."""
    collector = Collector(database, assets)
    compactor = Compactor(database, safety)
    blob_gc, orphan_gc = BlobGC(database, stores), OrphanGC(database, stores, safety)
    upload_gc = UploadGC(database, stores, uploads, safety)

    def collect(run: TaskRun) -> None:
        collector.run(run)

    def compact(run: TaskRun) -> None:
        compactor.run(run)

    def free(run: TaskRun) -> None:
        blob_gc.run(run)
        orphan_gc.run(run)

    def end(run: TaskRun) -> None:
        upload_gc.run(run)

    return {"collect": collect, "compact": compact, "blob-gc": free, "upload-gc": end}
