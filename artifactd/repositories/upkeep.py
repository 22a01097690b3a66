"""What an administrator has done with a proxy's copies: fetched beforehand, or deleted.

Both tasks are safe to run twice: what is here already is not fetched, what is gone is not deleted.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from artifactd.auth.principal import Principal
from artifactd.catalog.repositories import Repositories, RepositoryRecord
from artifactd.errors import ArtifactdError
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.waiting import WaitingReader
from artifactd.tasks.task import TaskRun
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.waiting import Waiting

BATCH: Final = 200
"""Copies deleted in one edit."""

_NOBODY: Final = Principal("upkeep", 0, frozenset())
"""Who these edits are by: the right to ask for them was checked when they were asked for."""

logger = logging.getLogger("artifactd.upkeep")


class Upkeep:
    """Runs the tasks `prefetch` and `purge`. `upstreams` makes what asks them, for one run."""

    def __init__(
        self,
        catalog: Catalog,
        repositories: Repositories,
        factory: RepositoryFactory,
        upstreams: Callable[[], Upstreams],
    ) -> None:
        self._catalog = catalog
        self._repositories = repositories
        self._factory = factory
        self._upstreams = upstreams

    def prefetch(self, run: TaskRun) -> None:
        """Fetch the assets at `paths`, as if somebody had read them. Once all are here, the document at
        `then` is looked at again, if there is one that waits for them."""
        record = self._repositories.numbered(run.task.arguments["repository"])
        if record is None:
            return
        paths: Sequence[str] = run.task.arguments["paths"]
        failed = 0
        with Waiting(self._upstreams()) as upstreams:
            for done, path in enumerate(paths):
                run.progress(done, len(paths), _told(failed))
                if run.cancelled():
                    return
                try:
                    self._fetch(upstreams, record, path)
                except ArtifactdError as error:
                    failed += 1
                    logger.warning("prefetch of %r into %s: %s", path, record.name, error)
        run.progress(len(paths), len(paths), _told(failed))
        if not failed and "then" in run.task.arguments:
            self._catalog.states.invalidate(record.id, run.task.arguments["then"])

    def purge(self, run: TaskRun) -> None:
        """Delete the copies at `path` and below it, all of them for the empty path."""
        record = self._repositories.numbered(run.task.arguments["repository"])
        if record is None:
            return
        path: str = run.task.arguments["path"]
        repository = self._factory.trusted(record, _NOBODY, Inquiry())
        deleted = 0
        while not run.cancelled():
            batch = self._copies(record, path)
            if not batch:
                break
            with repository.edit(f"purge {path}") as edit:
                for each in batch:
                    edit.delete(each)
            deleted += len(batch)
            run.progress(deleted, None, f"{deleted} copies deleted")
        self._catalog.states.invalidate(record.id, path)

    def _copies(self, record: RepositoryRecord, path: str) -> Sequence[str]:
        assets, database = self._catalog.assets, self._catalog.database
        found = []
        if path and assets.find(database, record.id, path) is not None:
            found.append(path)
        prefix = f"{path.removesuffix('/')}/" if path else ""
        for asset in assets.below(database, record.id, prefix):
            found.append(asset.path)
            if len(found) >= BATCH:
                break
        return found

    def _fetch(self, upstreams: Waiting, record: RepositoryRecord, path: str) -> None:
        inquiry = Inquiry(may_ask=True)
        WaitingReader(self._factory.trusted(record, _NOBODY, inquiry), inquiry, upstreams).fetched(path)


def _told(failed: int) -> str:
    return f"{failed} could not be fetched" if failed else ""
