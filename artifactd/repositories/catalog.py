"""What the repositories of a process share."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from sqlalchemy import bindparam, func, select

from artifactd.auth.authorizer import Authorizer
from artifactd.blobs.store import StagedBlob
from artifactd.catalog.apply import Applied, Applier
from artifactd.catalog.assets import Assets
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.edit import ChangeSet, Put, Rules
from artifactd.catalog.upstream_states import UpstreamStates
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.errors import StorageFailure
from artifactd.repositories.description import Description
from artifactd.repositories.fetch import Fetch, Look, fetch_nothing
from artifactd.repositories.kept import KeptDocuments
from artifactd.repositories.policy import WriteClass
from artifactd.repositories.publication import Publication
from artifactd.tasks.queue import TaskQueue

logger = logging.getLogger("artifactd.repositories")


@dataclass(frozen=True, slots=True)
class FormatRules:
    """What a repository must know of its format: functions of `Format`, which says what they are for."""

    owner: Callable[[str], str | None]
    write_class: Callable[[str, Any], WriteClass]
    publications: Sequence[Publication] = ()
    immutable: Callable[[str, Any], bool] = lambda path, settings: False
    addressed: Callable[[str], bool] = lambda path: False
    companion: Callable[[str], str | None] = lambda path: None
    describe: Callable[[str, str, BinaryIO], Description] = lambda path, content_type, file: Description()
    fetch: Callable[[str, Any, Look], Sequence[Fetch]] = fetch_nothing
    canonical: Callable[[str, Any], str] = lambda path, settings: path
    owned_as: Callable[[str], str | None] = lambda name: name


class Catalog:
    """What the repositories of a process share: the catalog's readers and writers, kept documents, and the
    queue of what is to be published."""

    def __init__(
        self,
        database: Database,
        assets: Assets,
        applier: Applier,
        stores: BlobStores,
        authorizer: Authorizer,
        queue: TaskQueue,
    ) -> None:
        self.database = database
        self.assets = assets
        self.applier = applier
        self.stores = stores
        self.authorizer = authorizer
        self.queue = queue
        self.documents = KeptDocuments()
        self.states = UpstreamStates(database)
        self.noticed: dict[str, Micros] = {}
        """When this process last asked for a task on its own account, by the task's key."""
        asset, revision = tables.asset, tables.revision
        self.touch = database.prepare(
            asset.update()
            .where(asset.c.id == bindparam("asset_id"), asset.c.retired_revision.is_(None))
            .values(touched=bindparam("now"))
        )
        repository = tables.repository
        self.remembers = database.prepare(
            select(revision.c.id).where(
                repository.c.id == bindparam("repository_id"),
                revision.c.id == bindparam("revision"),
                revision.c.at >= repository.c.horizon,
            )
        )
        self.revision_at = database.prepare(
            select(func.max(revision.c.id)).where(
                revision.c.repository_id == bindparam("repository_id"), revision.c.at <= bindparam("at")
            )
        )

    def apply(
        self, store_id: int, changes: ChangeSet, rules: Rules, then: Callable[[Turn, Applied], None]
    ) -> Applied:
        """Apply `changes` and do what follows from them (`then`) in one turn. Bytes that were staged for
        them and are not needed are dropped. Raises what `Edit` says."""

        def job(turn: Turn) -> Applied:
            applied = self.applier.apply(turn, changes, rules)
            then(turn, applied)
            return applied

        try:
            applied = self.database.write(job)
        except StorageFailure:
            raise  # the COMMIT may have happened: blob GC finds out what no row names
        except Exception:
            for blob in _staged(changes):
                self.drop(store_id, blob)
            raise
        store = self.stores.store(store_id)
        for blob in applied.redundant:
            try:
                store.delete(blob.location)
            except StorageFailure as error:
                # What was asked for has happened; blob GC finds the spare copy.
                logger.warning("a spare copy stays at %s: %s", blob.location, error)
        return applied

    def drop(self, store_id: int, blob: StagedBlob) -> None:
        """Delete staged bytes that nobody will name. An earlier edit may have named these very bytes: then
        they stay."""
        if not self.applier.names(self.database, store_id, blob):
            self.stores.store(store_id).delete(blob.location)


def _staged(changes: ChangeSet) -> Iterator[StagedBlob]:
    for operation in changes.operations:
        if isinstance(operation, Put):
            if isinstance(operation.blob, StagedBlob):
                yield operation.blob
            yield from (made for made in operation.derived.values() if isinstance(made, StagedBlob))
