"""Hosted repositories: their content was published here."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select

from artifactd.auth.authorizer import Authorizer
from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.digest import Digest
from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.catalog.apply import Applied, Applier
from artifactd.catalog.assets import NAME_COLUMNS, Asset, Assets, Entry, Keep, OwnerName, Page, Selection
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.edit import SMALL_DERIVED, ChangeSet, Edit, Operation, Put, RecordedEdit, Rules
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros, moment
from artifactd.db import tables
from artifactd.db.generations import Stripe, name_stripe, names_stripe, repository_stripe
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import AssetNotFound, Generated, Gone, ReadOnly, StorageFailure, Withheld
from artifactd.repositories.content import Content, Head, InlineSource, StoredSource
from artifactd.repositories.index import Document, Forms, Index
from artifactd.repositories.kept import Kept, KeptDocuments, Key
from artifactd.repositories.policy import WriteClass, WritePolicy, replaceable
from artifactd.repositories.publication import Publication, tasks_after
from artifactd.tasks.queue import TaskQueue

T = TypeVar("T")

logger = logging.getLogger("artifactd.repositories")

Depends = Sequence[tuple[Stripe, int]]

NAME_BYTES = 250
"""What an owner name takes in memory, about."""


@dataclass(frozen=True, slots=True)
class FormatRules:
    """What a repository must know of its format."""

    owner: Callable[[str], str | None]
    write_class: Callable[[str, Any], WriteClass]
    publications: Sequence[Publication] = ()


class Catalog:
    """What hosted repositories of a process share: the catalog's readers and writers, kept documents, and
    the queue of what is to be published."""

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


class HostedRepository:
    """A hosted repository, bound to `principal` and to now, or to its moment `past` (microseconds).

    Implements `Repository`; its contract is there."""

    def __init__(
        self,
        catalog: Catalog,
        record: RepositoryRecord,
        rules: FormatRules,
        settings: Any,
        principal: Principal,
        past: Micros | None = None,
    ) -> None:
        self.name = record.name
        self.settings = settings
        self._catalog = catalog
        self._record = record
        self._rules = rules
        self._principal = principal
        self._past = past
        self._at = None if past is None else self._revision_at(past)

    def stat(self, path: str) -> Head:
        asset, _ = self._asset(path)
        self._touch(asset)
        return _head(asset)

    def get(self, path: str, *, derived: str | None = None) -> Content:
        asset, depends = self._asset(path)
        if derived is not None:
            return self._get_derived(asset, derived, depends)
        if asset.blob is None:
            return Content(_head(asset), InlineSource(b""), depends)
        store = self._catalog.stores.store(self._record.store_id)
        return Content(_head(asset), StoredSource(store, asset.blob.location), depends)

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        self._check(Verb.READ, prefix)
        page = self._catalog.assets.children(
            self._catalog.database, self._record.id, prefix, after, limit, self._at
        )
        allows, record = self._catalog.authorizer.allows, self._record
        readable = [
            entry
            for entry in page.items
            if allows(self._principal, Verb.READ, record.name, record.id, prefix + entry.path)
        ]
        return Page(readable, page.next)

    def index(self, index: Index[T], key: str, *, right: Verb = Verb.READ) -> Document[T]:
        selection = index.selects(key)
        self._check(right, selection.prefix or f"{selection.name}/")
        depends = self._depends(selection.name)
        if self._at is not None and self._past is not None:
            return self._past_document(index, key, selection, self._at, self._past)
        place = (self._record.id, index.name, key)
        document = self._kept(index, key, place, selection, depends)
        if document is not None:
            return document
        with self._catalog.documents.making(place), self._catalog.database.read() as reader:
            return self._document(reader, index, key, selection, depends)

    def permit(self, verb: Verb, path: str = "") -> None:
        self._check(verb, path)
        if verb is Verb.READ:
            return
        if self._past is not None or (verb is Verb.WRITE and self._policy is WritePolicy.DENY):
            raise ReadOnly(self.name)
        if any(publication.owns(path) is not None for publication in self._rules.publications):
            raise Generated(self.name, path)

    @contextmanager
    def edit(self, message: str = "") -> Iterator[Edit]:
        if self._past is not None:
            raise ReadOnly(self.name)
        edit = RecordedEdit(lambda verb, path: self.permit(Verb(verb), path))
        yield edit
        if edit.operations:
            changes = ChangeSet(self._record.id, self._principal.name, message, tuple(edit.operations))
            edit.revision = self._apply(changes).revision

    def names(self, *, after: str = "", limit: int | None = None) -> Document[Sequence[OwnerName]]:
        catalog, place = self._catalog, (self._record.id, "names", "")
        if self._past is not None:
            self._check(Verb.READ, "")
            return _names(self._read_names(after, limit), None)
        depends = catalog.database.generations.take(
            (names_stripe(self._record.id), repository_stripe(self._record.id))
        )
        whole = not after and limit is None
        if not whole or not catalog.authorizer.unrestricted(
            self._principal, Verb.READ, self.name, self._record.id
        ):
            return _names(self._read_names(after, limit), depends)
        stamp = sum(count for _, count in depends)  # counters only grow
        kept = catalog.documents.find(place)
        if kept is None or kept.stamp != stamp:
            with catalog.documents.making(place):
                kept = catalog.documents.find(place)
                if kept is None or kept.stamp != stamp:
                    names = self._read_names(after, limit)
                    kept = Kept(stamp, names, NAME_BYTES * len(names))
                    catalog.documents.keep(place, kept)
        return _names(kept.value, depends, kept.forms)

    def _read_names(self, after: str, limit: int | None) -> Sequence[OwnerName]:
        name, asset = tables.name, tables.asset
        when: ColumnElement[bool] = asset.c.retired_revision.is_(None)
        if self._at is not None:
            when = and_(
                asset.c.added_revision <= self._at,
                or_(asset.c.retired_revision.is_(None), asset.c.retired_revision > self._at),
            )
        holds = exists().where(
            asset.c.name_id == name.c.id,
            when,
            asset.c.keep == Keep.ALWAYS.value,
            asset.c.digest.is_not(None),
        )
        below = name.c.path + "/"
        verbs = (Verb.READ,) if self._past is None else (Verb.READ, Verb.HISTORY)
        permitted = [
            self._catalog.authorizer.where(self._principal, verb, self.name, self._record.id, below)
            for verb in verbs
        ]
        statement = (
            select(*NAME_COLUMNS)
            .where(name.c.repository_id == self._record.id, name.c.path > after, holds, *permitted)
            .order_by(name.c.path)
            .limit(limit)
        )
        with self._catalog.database.connect() as connection:
            return [OwnerName(*row) for row in connection.execute(statement)]

    def _asset(self, path: str) -> tuple[Asset, Depends | None]:
        self._check(Verb.READ, path)
        depends = self._depends(self._rules.owner(path) or path)
        asset = self._catalog.assets.find(self._catalog.database, self._record.id, path, self._at)
        if asset is None:
            raise AssetNotFound(self.name, path, depends)
        if asset.withheld is not None:
            raise Withheld(self.name, path, asset.withheld)
        return asset, depends

    def _get_derived(self, asset: Asset, kind: str, depends: Depends | None) -> Content:
        store_id = self._record.store_id
        derived = self._catalog.assets.derived(self._catalog.database, store_id, asset, kind)
        if derived is None:
            raise AssetNotFound(self.name, f"{asset.path} ({kind})", depends)
        document = derived.document
        size = len(document) if isinstance(document, bytes) else document.size
        # Without the asset: whoever reads about a file has not downloaded it.
        head = Head(size, "application/octet-stream", derived.digest, asset.added)
        if isinstance(document, bytes):
            return Content(head, InlineSource(document), depends)
        store = self._catalog.stores.store(store_id)
        return Content(head, StoredSource(store, document.location), depends)

    def _touch(self, asset: Asset) -> None:
        """Promise that the asset stays for a while: a client that was told "present" will not send it."""
        if asset.keep is not Keep.WHILE_REFERENCED or self._past is not None:
            return
        database = self._catalog.database
        now = database.now()
        if now - asset.touched < asset.linger // 2:
            return  # it stays for at least half of its linger time without our doing
        if not database.write(lambda turn: turn.run(self._catalog.touch, asset_id=asset.id, now=turn.now)):
            raise AssetNotFound(self.name, asset.path)

    def _kept(
        self, index: Index[T], key: str, place: Key, selection: Selection, depends: Depends | None
    ) -> Document[T] | None:
        """The document, if it is kept and nothing of its owner name has changed since, or if there is
        nothing to make it of."""
        row = self._catalog.assets.name(self._catalog.database, self._record.id, selection.name)
        if row is None:
            return Document(index.build(key, ()), 0, 0, depends)
        kept = self._catalog.documents.find(place)
        if kept is None or kept.stamp != row.revision:
            return None
        return Document(kept.value, row.revision, row.changed, depends, kept.forms)

    def _document(
        self, reader: Reader, index: Index[T], key: str, selection: Selection, depends: Depends | None
    ) -> Document[T]:
        assets, documents = self._catalog.assets, self._catalog.documents
        row = assets.name(reader, self._record.id, selection.name)
        if row is None:
            return Document(index.build(key, ()), 0, 0, depends)
        place = (self._record.id, index.name, key)
        kept = documents.find(place)
        if kept is not None and kept.stamp == row.revision:
            return Document(kept.value, row.revision, row.changed, depends, kept.forms)
        value: T | None = None
        if kept is not None and selection.refers_to is None and self._remembers(reader, kept.stamp):
            prefix = selection.prefix or f"{selection.name}/"
            value = index.apply(key, kept.value, assets.changes(reader, row.id, prefix, kept.stamp))
        if value is None:
            value = index.build(key, assets.select(reader, self._record.id, selection))
        made = Kept(row.revision, value, index.size(value))
        documents.keep(place, made)
        return Document(value, row.revision, row.changed, depends, made.forms)

    def _past_document(
        self, index: Index[T], key: str, selection: Selection, at: int, past: Micros
    ) -> Document[T]:
        """The document as it was at `past`, of which `at` is the revision."""
        assets = self._catalog.assets
        with self._catalog.database.read() as reader:
            row = assets.name(reader, self._record.id, selection.name)
            if row is None or row.first_held > past:
                return Document(index.build(key, ()), 0, 0, None)
            built = index.build(key, assets.select(reader, self._record.id, selection, at))
        return Document(built, at, min(row.changed, past), None)

    def _remembers(self, reader: Reader, revision: int) -> bool:
        """Whether every row that went after `revision` is still there: what lies behind the horizon is
        forgotten, and a document kept since then cannot learn of it."""
        found = reader.one(self._catalog.remembers, repository_id=self._record.id, revision=revision)
        return found is not None

    def _apply(self, changes: ChangeSet) -> Applied:
        rules = Rules(
            self._rules.owner,
            lambda path: replaceable(self._policy, self._rules.write_class(path, self.settings)),
        )
        return self._catalog.apply(self._record.store_id, self._derived(changes), rules, self._publish)

    def _derived(self, changes: ChangeSet) -> ChangeSet:
        """The same, with large derived documents staged: bytes come before the turn."""
        if not any(isinstance(each, Put) and each.derived for each in changes.operations):
            return changes
        store = self._catalog.stores.store(self._record.store_id)
        name = self._catalog.stores.name(self._record.store_id)
        operations: list[Operation] = []
        for operation in changes.operations:
            if isinstance(operation, Put):
                staged = {kind: _stage(store, name, made) for kind, made in operation.derived.items()}
                operation = replace(operation, derived=staged)
            operations.append(operation)
        return replace(changes, operations=operations)

    def _publish(self, turn: Turn, applied: Applied) -> None:
        for publication, task in tasks_after(self._rules.publications, self._record.id, applied.changed):
            self._catalog.queue.enqueue(
                task,
                requested_by=self._principal.name,
                delay=publication.quiet,
                at_most=publication.longest_wait,
                turn=turn,
            )

    @property
    def _policy(self) -> WritePolicy:
        policy: WritePolicy = self.settings.write_policy
        return policy

    def _check(self, verb: Verb, path: str) -> None:
        authorizer = self._catalog.authorizer
        authorizer.check(self._principal, verb, self._record.name, self._record.id, path)
        if self._past is not None:
            authorizer.check(self._principal, Verb.HISTORY, self._record.name, self._record.id, path)

    def _depends(self, owner: str) -> Depends | None:
        if self._past is not None:
            return None
        repository = self._record.id
        return self._catalog.database.generations.take(
            (name_stripe(repository, owner), repository_stripe(repository))
        )

    def _revision_at(self, past: Micros) -> int:
        if past < self._record.horizon:
            raise Gone(self.name, moment(self._record.horizon).isoformat())
        row = self._catalog.database.one(self._catalog.revision_at, repository_id=self._record.id, at=past)
        return 0 if row is None or row[0] is None else int(row[0])


def _names(
    names: Sequence[OwnerName], depends: Depends | None, forms: Forms | None = None
) -> Document[Sequence[OwnerName]]:
    revision = max((name.revision for name in names), default=0)
    changed = max((name.changed for name in names), default=0)
    return Document(names, revision, changed, depends, forms or Forms())


def _head(asset: Asset) -> Head:
    blob = asset.blob
    return Head(
        size=0 if blob is None else blob.size,
        content_type=asset.content_type,
        etag=f"revision-{asset.revision}" if blob is None else blob.digest,
        modified=asset.added,
        checksums={} if blob is None else blob.checksums,
        attributes=asset.attributes,
        asset=asset,
    )


def _stage(store: BlobStore, name: str, made: bytes | StagedBlob) -> bytes | StagedBlob:
    if isinstance(made, StagedBlob) or len(made) <= SMALL_DERIVED:
        return made
    writer = store.create()
    try:
        writer.write(made)
        stored = writer.commit()
    except BaseException:
        writer.abort()
        raise
    digest = Digest(f"sha256:{stored.checksums['sha256']}")
    return StagedBlob(name, stored.location, stored.size, digest, stored.checksums)


def _staged(changes: ChangeSet) -> Iterator[StagedBlob]:
    for operation in changes.operations:
        if isinstance(operation, Put):
            if isinstance(operation.blob, StagedBlob):
                yield operation.blob
            yield from (made for made in operation.derived.values() if isinstance(made, StagedBlob))
