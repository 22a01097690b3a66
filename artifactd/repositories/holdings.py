"""What one repository holds, now or at a moment of its past: read and changed alike for every kind that has
holdings of its own. No rights are asked for here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from artifactd.auth.principal import Verb
from artifactd.blobs.digest import CHECKSUMS
from artifactd.blobs.staging import stage
from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Asset, Entry, Keep, Page
from artifactd.catalog.edit import SMALL_DERIVED, ChangeSet, Operation, Put, Rules
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros, moment
from artifactd.db.generations import name_stripe, repository_stripe
from artifactd.db.writer import Turn
from artifactd.errors import AssetNotFound, Gone, Withheld
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.content import Content, Head, InlineSource, StoredSource
from artifactd.repositories.documents import Depends, Documents
from artifactd.repositories.rights import Rights

MODIFIED: Final = "modified"
"""The attribute of a copy that has its date at the upstream, in microseconds."""


class Holdings:
    """The assets of the repository `record`, as its format sees them. `past` in microseconds, None for now.
    Raises Gone for a moment that its history does not reach."""

    def __init__(
        self,
        catalog: Catalog,
        record: RepositoryRecord,
        rules: FormatRules,
        settings: Any,
        past: Micros | None = None,
    ) -> None:
        self.record = record
        self.rules = rules
        self.settings = settings
        self.past = past
        self._catalog = catalog
        self._at = None if past is None else self._revision_at(past)
        self.documents = Documents(catalog, record, past, self._at)

    def find(self, path: str) -> tuple[Asset | None, Depends | None]:
        """What is at a path, and the counters that stood before it was looked for. Raises Withheld."""
        depends = self.depends(self.rules.owner(path) or path)
        asset = self._catalog.assets.find(self._catalog.database, self.record.id, path, self._at)
        if asset is not None and asset.withheld is not None:
            raise Withheld(self.record.name, path, asset.withheld)
        return asset, depends

    def asset(self, path: str) -> tuple[Asset, Depends | None]:
        """The same, where it is there. Raises AssetNotFound, Withheld."""
        asset, depends = self.find(path)
        if asset is None:
            raise AssetNotFound(self.record.name, path, depends)
        return asset, depends

    def content(self, asset: Asset, depends: Depends | None) -> Content:
        """An asset to be served."""
        if asset.blob is None:
            return Content(self.head(asset), InlineSource(b""), depends)
        store = self._catalog.stores.store(self.record.store_id)
        return Content(self.head(asset), StoredSource(store, asset.blob.location), depends)

    def head(self, asset: Asset) -> Head:
        """The facts of an asset."""
        return head_of(asset, immutable=self.rules.immutable(asset.path, self.settings))

    def derived(self, asset: Asset, kind: str, depends: Depends | None) -> Content:
        """A document that was derived from an asset; each of its checksums is one, under the name of the
        algorithm. Raises AssetNotFound when there is none of its kind."""
        if kind in CHECKSUMS:
            return self._checksum(asset, kind, depends)
        store_id = self.record.store_id
        derived = self._catalog.assets.derived(self._catalog.database, store_id, asset, kind)
        if derived is None:
            raise AssetNotFound(self.record.name, f"{asset.path} ({kind})", depends)
        document = derived.document
        size = len(document) if isinstance(document, bytes) else document.size
        head = Head(
            size,
            "application/octet-stream",
            derived.digest,
            asset.added,
            immutable=self.rules.immutable(asset.path, self.settings),
            derived_from=asset,
        )
        if isinstance(document, bytes):
            return Content(head, InlineSource(document), depends)
        store = self._catalog.stores.store(store_id)
        return Content(head, StoredSource(store, document.location), depends)

    def _checksum(self, asset: Asset, algorithm: str, depends: Depends | None) -> Content:
        checksum = None if asset.blob is None else asset.blob.checksums.get(algorithm)
        if checksum is None:
            raise AssetNotFound(self.record.name, f"{asset.path} ({algorithm})", depends)
        immutable = self.rules.immutable(asset.path, self.settings)
        head = Head(
            len(checksum), "text/plain", checksum, asset.added, immutable=immutable, derived_from=asset
        )
        return Content(head, InlineSource(checksum.encode()), depends)

    def read(self, asset: Asset) -> bytes:
        """The bytes of a small asset."""
        assert asset.blob is not None, "it has bytes"
        with self._catalog.stores.store(self.record.store_id).open(asset.blob.location) as file:
            return file.read()

    def children(self, prefix: str, after: str, limit: int, rights: Rights) -> Page[Entry]:
        """Files and folders right below `prefix`: those that may be read."""
        page = self._catalog.assets.children(
            self._catalog.database, self.record.id, prefix, after, limit, self._at
        )
        readable = [entry for entry in page.items if rights.allows(Verb.READ, prefix + entry.path)]
        return Page(readable, page.next)

    def touch(self, asset: Asset) -> None:
        """Promise that an asset stays for a while: a client that was told "present" will not send it."""
        if asset.keep is not Keep.WHILE_REFERENCED or self.past is not None:
            return
        database = self._catalog.database
        now = database.now()
        if now - asset.touched < asset.linger // 2:
            return  # it stays for at least half of its linger time without our doing
        if not database.write(lambda turn: turn.run(self._catalog.touch, asset_id=asset.id, now=turn.now)):
            raise AssetNotFound(self.record.name, asset.path)

    def apply(
        self,
        changes: ChangeSet,
        replaceable: Callable[[str], bool],
        then: Callable[[Turn, Applied], None],
    ) -> Applied:
        """Apply an edit, and in the same turn what follows from it. Raises what `Edit` says."""
        rules = Rules(self.rules.owner, replaceable)
        return self._catalog.apply(self.record.store_id, self._derived(changes), rules, then)

    def depends(self, owner: str) -> Depends | None:
        """The counters under which what belongs to `owner` stands."""
        if self.past is not None:
            return None
        repository = self.record.id
        return self._catalog.database.generations.take(
            (name_stripe(repository, owner), repository_stripe(repository))
        )

    def _derived(self, changes: ChangeSet) -> ChangeSet:
        """The same, with large derived documents staged: bytes come before the turn."""
        if not any(isinstance(each, Put) and each.derived for each in changes.operations):
            return changes
        store = self._catalog.stores.store(self.record.store_id)
        name = self._catalog.stores.name(self.record.store_id)
        operations: list[Operation] = []
        for operation in changes.operations:
            if isinstance(operation, Put):
                staged = {kind: _stage(store, name, made) for kind, made in operation.derived.items()}
                operation = replace(operation, derived=staged)
            operations.append(operation)
        return replace(changes, operations=operations)

    def _revision_at(self, past: Micros) -> int:
        if past < self.record.horizon:
            raise Gone(self.record.name, moment(self.record.horizon).isoformat())
        row = self._catalog.database.one(self._catalog.revision_at, repository_id=self.record.id, at=past)
        return 0 if row is None or row[0] is None else int(row[0])


def head_of(asset: Asset, *, immutable: bool) -> Head:
    """The facts of an asset. `immutable`: its path will never hold other bytes."""
    blob = asset.blob
    return Head(
        size=0 if blob is None else blob.size,
        content_type=asset.content_type,
        etag=f"revision-{asset.revision}" if blob is None else blob.digest,
        modified=asset.attributes.get(MODIFIED, asset.added),
        checksums={} if blob is None else blob.checksums,
        attributes=asset.attributes,
        immutable=immutable,
        asset=asset,
    )


def _stage(store: BlobStore, name: str, made: bytes | StagedBlob) -> bytes | StagedBlob:
    if isinstance(made, StagedBlob) or len(made) <= SMALL_DERIVED:
        return made
    return stage(store, name, made)
