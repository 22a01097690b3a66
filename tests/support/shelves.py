"""A catalog with one hosted repository over one blob store: what maintenance tests put things in."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from artifactd.auth.authorizer import Authorizer
from artifactd.auth.principal import Principal
from artifactd.auth.roles import EVERYTHING, Roles
from artifactd.blobs.digest import Digest
from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.catalog.apply import Applier
from artifactd.catalog.assets import Asset, Assets, Coordinates, Keep, Reference
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.repositories import Repositories, RepositoryDraft, RepositoryRecord
from artifactd.catalog.uploads import Uploads
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.maintenance import handlers
from artifactd.maintenance.safety import Safety
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.hosted import HostedRepository
from artifactd.repositories.policy import WriteClass, WritePolicy
from artifactd.repositories.rights import Bound
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.task import Task, TaskRun

STORE_ID = 1


class AnyWrites:
    """Settings of a repository that takes every write."""

    write_policy = WritePolicy.ALLOW


def owner(path: str) -> str | None:
    """Paths begin with their owner name; what has no slash has none."""
    name, slash, _ = path.partition("/")
    return name if slash else None


def digest_of(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


def run_of(name: str, cancelled: Callable[[], bool] = lambda: False) -> TaskRun:
    """A run of a task that nobody watches."""

    def unwatched(done: int, total: int | None = None, message: str = "") -> None:
        pass

    return TaskRun(Task(name), lambda: 0, unwatched, cancelled)


class Shelf:
    """The catalog, the repository `things` and the store behind it."""

    def __init__(self, database: Database, store: BlobStore) -> None:
        self.database = database
        self.store = store
        self.stores = BlobStores(database, lambda type, settings: store)
        database.write(
            lambda turn: turn.connection.execute(
                insert(tables.blob_store).values(id=STORE_ID, name="shelf", type="test", settings="{}")
            )
        )
        self.assets = Assets(database)
        self.uploads = Uploads(database)
        self.repositories = Repositories(database)
        applier = Applier(database, self.assets, self.stores)
        self.queue = TaskQueue(database)
        self.catalog = Catalog(
            database, self.assets, applier, self.stores, Authorizer(database), self.queue
        )
        role = Roles(database).put("everything", [EVERYTHING])
        self.principal = Principal("ada", 7, frozenset({role.id}))
        self.record = self.add("things")
        self.repository = self.open(self.record)

    def add(self, name: str) -> RepositoryRecord:
        """Make another repository on the same store."""
        return self.repositories.put(RepositoryDraft(name, "test", "hosted", {}, STORE_ID))[0]

    def open(self, record: RepositoryRecord, past: int | None = None) -> HostedRepository:
        rules = FormatRules(owner, lambda path, settings: WriteClass.REPLACE)
        holdings = Holdings(self.catalog, record, rules, AnyWrites(), past)
        rights = Bound(self.catalog.authorizer, self.principal, record)
        return HostedRepository(self.catalog, holdings, self.principal, rights)

    def stage(self, data: bytes) -> StagedBlob:
        """Bytes that wait for their edit."""
        writer = self.store.create()
        writer.write(data)
        stored = writer.commit()
        return StagedBlob("shelf", stored.location, stored.size, digest_of(data), stored.checksums)

    def put(
        self,
        path: str,
        data: bytes,
        *,
        needs: Sequence[str] = (),
        keep: Keep = Keep.ALWAYS,
        linger: timedelta = timedelta(hours=24),
        derived: Mapping[str, bytes] | None = None,
        coordinates: Coordinates | None = None,
        repository: HostedRepository | None = None,
    ) -> None:
        """Put bytes, which require what they need."""
        with (repository or self.repository).edit() as edit:
            edit.put(
                path,
                self.stage(data),
                content_type="text/plain",
                references=[Reference(needed, required=True) for needed in needs],
                keep=keep,
                linger=linger,
                derived={kind: self.stage(made) for kind, made in (derived or {}).items()},
                coordinates=coordinates,
            )

    def layer(self, path: str, data: bytes, linger: timedelta = timedelta(hours=24)) -> None:
        """Put bytes that stay while something refers to them."""
        self.put(path, data, keep=Keep.WHILE_REFERENCED, linger=linger)

    def delete(self, path: str) -> None:
        with self.repository.edit() as edit:
            edit.delete(path)

    def find(self, path: str) -> Asset | None:
        return self.assets.find(self.database, self.record.id, path)

    def read(self, path: str) -> bytes:
        """What a client would get."""
        asset = self.find(path)
        assert asset is not None and asset.blob is not None, path
        with self.store.open(asset.blob.location) as file:
            return file.read()

    def run(self, name: str, safety: Safety) -> None:
        """Run one maintenance task, as a worker does."""
        handlers(self.database, self.assets, self.stores, self.uploads, safety)[name](run_of(name))

    def rows(self, table: Any) -> list[Any]:
        """Every row of a table."""
        with self.database.connect() as connection:
            return list(connection.execute(select(table)).mappings())

    def stored(self) -> set[str]:
        """Every location in the store."""
        return {file.location for file in self.store.scan()}

    def named(self) -> set[str]:
        """Every location that a row names."""
        return {row["location"] for row in self.rows(tables.blob)}
