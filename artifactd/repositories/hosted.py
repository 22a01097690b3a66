"""Hosted repositories: their content was published here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.digest import Digest
from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Asset, Entry, Keep, OwnerName, Page
from artifactd.catalog.edit import SMALL_DERIVED, ChangeSet, Edit, Operation, Put, RecordedEdit, Rules
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros, moment
from artifactd.db.generations import name_stripe, repository_stripe
from artifactd.db.writer import Turn
from artifactd.errors import AssetNotFound, Generated, Gone, ReadOnly, Withheld
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.content import Content, Head, InlineSource, StoredSource
from artifactd.repositories.documents import Depends, Documents
from artifactd.repositories.index import Document, Index
from artifactd.repositories.policy import WritePolicy, replaceable
from artifactd.repositories.publication import tasks_after

T = TypeVar("T")


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
        self._documents = Documents(catalog, record, past, self._at)

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
        return self._documents.read(index, key, selection, depends)

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
        if self._past is not None:
            self._check(Verb.READ, "")
        return self._documents.names(self._principal, after, limit)

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
