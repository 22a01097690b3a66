"""What a write turn does with a change set.

Rule 1: everything is checked here, against what the turn sees; a check that fails raises, and the change
set is undone alone.
Rule 2: an asset row is never rewritten. What is replaced or deleted retires; the row stays as history.
Rule 3: an asset that stops referring to others touches them, so that each lingers from that moment on.
Rule 4: a blob row exists only while asset or derived rows name its bytes; `blob_gc` removes it after them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from artifactd.blobs.digest import of_bytes
from artifactd.blobs.store import Blob, StagedBlob
from artifactd.catalog.assets import GENERATION, SUBJECT, Asset, Assets, Keep, Reference
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.edit import Absent, ChangeSet, Check, Delete, DeleteWhere, Put, Rules
from artifactd.catalog.retire import Retirement
from artifactd.clock import micros
from artifactd.db import tables
from artifactd.db.generations import name_stripe, names_stripe, repository_stripe
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import (
    AssetExists,
    AssetNotFound,
    AssetReferenced,
    PreconditionFailed,
    ReferencesMissing,
    RepositoryNotFound,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """`revision` is None when nothing had to change. `redundant`: staged bytes that the store held already;
    whoever waits for the turn deletes them. `changed`: the paths that now hold something else."""

    revision: int | None
    redundant: Sequence[StagedBlob]
    changed: Collection[str]


class Applier:
    """Applies change sets. Holds prepared statements only; one instance serves every repository."""

    def __init__(self, database: Database, assets: Assets, stores: BlobStores) -> None:
        self._assets = assets
        self._stores = stores
        self._retirement = Retirement(database, assets)
        repository, name = tables.repository, tables.name
        component, asset, reference = tables.component, tables.asset, tables.reference
        blob, derived, upload = tables.blob, tables.derived, tables.upload
        prepare = database.prepare
        p = bindparam
        self._repository = prepare(
            select(repository.c.name, repository.c.blob_store_id).where(
                repository.c.id == p("repository_id")
            )
        )
        self._find_name = prepare(
            select(name.c.id).where(name.c.repository_id == p("repository_id"), name.c.path == p("path"))
        )
        self._add_name = prepare(
            insert(name)
            .values(
                {
                    c: p(c)
                    for c in ("repository_id", "path", "attributes", "revision", "changed", "first_held")
                }
            )
            .returning(name.c.id)
        )
        coordinates = ("repository_id", "namespace", "name", "version")
        self._find_component = prepare(
            select(component.c.id).where(*(component.c[c] == p(c) for c in coordinates))
        )
        self._add_component = prepare(
            insert(component).values({c: p(c) for c in (*coordinates, "added")}).returning(component.c.id)
        )
        columns = [
            c.name for c in asset.c if c.name not in ("id", "retired_revision", "retired", "withheld")
        ]
        self._add_asset = prepare(insert(asset).values({c: p(c) for c in columns}).returning(asset.c.id))
        self._touch = prepare(update(asset).where(asset.c.id == p("asset_id")).values(touched=p("now")))
        self._exists = prepare(
            select(asset.c.id).where(
                asset.c.repository_id == p("repository_id"),
                asset.c.path == p("path"),
                asset.c.retired_revision.is_(None),
            )
        )
        self._add_reference = prepare(
            insert(reference).values(
                {c: p(c) for c in ("asset_id", "path", "kind", "repository_id", "required")}
            )
        )
        self._needed_by = prepare(
            select(asset.c.path)
            .select_from(reference.join(asset, asset.c.id == reference.c.asset_id))
            .where(
                reference.c.repository_id == p("repository_id"),
                reference.c.path == p("path"),
                reference.c.kind != SUBJECT,
                asset.c.retired_revision.is_(None),
            )
            .limit(1)
        )
        named = (blob.c.store_id == p("store_id"), blob.c.digest == p("digest"))
        self._find_blob = prepare(select(blob.c.location, blob.c.deleting, blob.c.checksums).where(*named))
        self._add_blob = prepare(
            insert(blob).values(
                {c: p(c) for c in ("store_id", "digest", "location", "size", "checksums", "added")}
            )
        )
        self._replace_blob = prepare(
            update(blob)
            .where(*named)
            .values(
                location=p("location"),
                checksums=p("checksums"),
                deleting=None,
                damaged=None,
                unreferenced_since=None,
            )
        )
        self._learn_checksums = prepare(update(blob).where(*named).values(checksums=p("checksums")))
        self._keep_blob = prepare(
            update(blob)
            .where(*named, blob.c.unreferenced_since.is_not(None))
            .values(unreferenced_since=None)
        )
        self._find_derived = prepare(
            select(derived.c.derived_digest).where(
                derived.c.store_id == p("store_id"),
                derived.c.digest == p("digest"),
                derived.c.kind == p("kind"),
            )
        )
        self._add_derived = prepare(
            insert(derived).values(
                {c: p(c) for c in ("store_id", "digest", "kind", "derived_digest", "content")}
            )
        )
        self._end_upload = prepare(delete(upload).where(upload.c.id == p("id")))

    def names(self, reader: Reader, store_id: int, blob: StagedBlob) -> bool:
        """Whether a row names these very bytes, at this location."""
        row = reader.one(self._find_blob, store_id=store_id, digest=blob.digest)
        return row is not None and row[0] == blob.location

    def apply(self, turn: Turn, changes: ChangeSet, rules: Rules) -> Applied:
        """Apply `changes` in `turn`. Raises what `Edit` says; then the turn's savepoint undoes the rest."""
        row = turn.one(self._repository, repository_id=changes.repository_id)
        if row is None:
            raise RepositoryNotFound(str(changes.repository_id))
        return _Application(self, turn, changes, rules, row[0], row[1]).run()


class _Application:
    """One change set on its way in: what the operations share."""

    def __init__(
        self, applier: Applier, turn: Turn, changes: ChangeSet, rules: Rules, repository: str, store_id: int
    ) -> None:
        self._sql = applier
        self._turn = turn
        self._changes = changes
        self._rules = rules
        self._repository = repository
        self._repository_id = changes.repository_id
        self._store_id = store_id
        self._revision: int | None = None
        self._redundant: list[StagedBlob] = []
        self._kept: set[str] = set()
        self._names: dict[str, int] = {}
        self._changed: set[str] = set()

    def run(self) -> Applied:
        for operation in self._changes.operations:
            match operation:
                case Put():
                    self._put(operation)
                case Delete():
                    self._delete(operation)
                case Check():
                    operation.holds(self._find(operation.path))
                case DeleteWhere():
                    for asset in self._selected(operation):
                        self._retire(asset)
        redundant = [blob for blob in self._redundant if blob.location not in self._kept]
        return Applied(self._revision, redundant, self._changed)

    def _put(self, put: Put) -> None:
        present = self._find(put.path)
        self._check_digest(put, present)
        if present is not None and _same(present, put):
            self._turn.run(self._sql._touch, asset_id=present.id, now=self._turn.now)
            if isinstance(put.blob, StagedBlob):
                self._name_blob(put.blob)
            for kind, made in put.derived.items():
                self._derive(put, kind, made)
            return
        if present is not None and not _same_bytes(present, put) and not self._rules.replaceable(put.path):
            raise AssetExists(self._repository, put.path)
        self._check_references(put)
        if put.blob is not None:
            self._name_blob(put.blob)
        for kind, made in put.derived.items():
            self._derive(put, kind, made)
        if present is not None:
            self._retire(present)
        self._add(put)

    def _find(self, path: str) -> Asset | None:
        return self._sql._assets.find(self._turn, self._repository_id, path)

    def _check_digest(self, put: Put, present: Asset | None) -> None:
        held = None if present is None or present.blob is None else present.blob.digest
        if put.if_digest is None:
            return
        wanted = None if isinstance(put.if_digest, Absent) else put.if_digest
        if wanted != held or (wanted is None and present is not None):
            raise PreconditionFailed(put.path)

    def _check_references(self, put: Put) -> None:
        missing = [
            reference.path
            for reference in put.references
            if reference.required and not self._exists(reference.path)
        ]
        if missing:
            raise ReferencesMissing(self._repository, missing)

    def _exists(self, path: str) -> bool:
        found = self._turn.one(self._sql._exists, repository_id=self._repository_id, path=path)
        return found is not None

    def _name_blob(self, blob: StagedBlob | Blob) -> None:
        turn, sql = self._turn, self._sql
        row = turn.one(sql._find_blob, store_id=self._store_id, digest=blob.digest)
        facts = {"store_id": self._store_id, "digest": blob.digest}
        if isinstance(blob, Blob):
            if row is None or row[1] is not None or blob.store != sql._stores.name(self._store_id):
                raise AssetNotFound(self._repository, blob.digest)
            turn.run(sql._keep_blob, **facts)
            return
        checksums = msgspec.json.encode(dict(blob.checksums)).decode()
        if row is None:
            turn.run(
                sql._add_blob,
                **facts,
                location=blob.location,
                size=blob.size,
                checksums=checksums,
                added=turn.now,
            )
            self._kept.add(blob.location)
        elif row[1] is not None:
            # Blob GC is deleting the old location: these bytes live on at the new one.
            turn.run(sql._replace_blob, **facts, location=blob.location, checksums=checksums)
            self._kept.add(blob.location)
        else:
            turn.run(sql._keep_blob, **facts)
            known = msgspec.json.decode(row[2])
            if blob.checksums.keys() - known.keys():
                every = msgspec.json.encode({**known, **blob.checksums}).decode()
                turn.run(sql._learn_checksums, **facts, checksums=every)
                turn.moves(repository_stripe(self._repository_id))  # some were told that there is none
            if row[0] != blob.location:
                self._redundant.append(blob)
        self._end_upload(blob)

    def _end_upload(self, blob: StagedBlob) -> None:
        if blob.upload is not None:
            self._turn.run(self._sql._end_upload, id=blob.upload)

    def _derive(self, put: Put, kind: str, made: StagedBlob | bytes) -> None:
        assert put.blob is not None, "only bytes have derived documents"
        source = {"store_id": self._store_id, "digest": put.blob.digest, "kind": kind}
        known = self._turn.one(self._sql._find_derived, **source) is not None
        if isinstance(made, bytes):
            if not known:
                self._turn.run(
                    self._sql._add_derived, **source, derived_digest=of_bytes(made), content=made
                )
            return
        if known:
            self._redundant.append(made)  # naming it as well would leave a blob row that nothing names
            return
        self._name_blob(made)
        self._turn.run(self._sql._add_derived, **source, derived_digest=made.digest, content=None)

    def _add(self, put: Put) -> None:
        turn, sql = self._turn, self._sql
        self._changed.add(put.path)
        row = turn.one(
            sql._add_asset,
            repository_id=self._repository_id,
            path=put.path,
            name_id=self._name(put.path),
            component_id=self._component(put),
            store_id=None if put.blob is None else self._store_id,
            digest=None if put.blob is None else put.blob.digest,
            content_type=put.content_type,
            label=put.label,
            attributes=_encoded(put.attributes).decode(),
            keep=put.keep.value,
            linger=micros(put.linger),
            added=turn.now,
            touched=turn.now,
            added_revision=self._revised(),
        )
        assert row is not None
        for reference in _distinct(put.references):
            turn.run(
                sql._add_reference,
                asset_id=row[0],
                path=reference.path,
                kind=reference.kind,
                repository_id=self._repository_id,
                required=reference.required,
            )

    def _delete(self, operation: Delete) -> None:
        asset = self._find(operation.path)
        if asset is None:
            raise AssetNotFound(self._repository, operation.path)
        if operation.unless_referenced:
            needed = self._turn.one(
                self._sql._needed_by, repository_id=self._repository_id, path=operation.path
            )
            if needed is not None:
                raise AssetReferenced(self._repository, operation.path, needed[0])
        self._retire(asset)

    def _selected(self, operation: DeleteWhere) -> list[Asset]:
        found = self._sql._assets.select(self._turn, self._repository_id, operation.selection)
        return [
            asset for asset in found if asset.blob is not None and asset.blob.digest == operation.digest
        ]

    def _retire(self, asset: Asset) -> None:
        self._changed.add(asset.path)
        self._sql._retirement.retire(self._turn, self._repository_id, asset.id, self._revised())
        self._name(asset.path)

    def _revised(self) -> int:
        """The edit's revision, made when the first change needs it."""
        if self._revision is None:
            changes = self._changes
            self._revision = self._sql._retirement.begin(
                self._turn, self._repository_id, changes.principal, "edit", changes.message
            )
        return self._revision

    def _name(self, path: str) -> int | None:
        """The row of the path's owner name, marked as changed by this revision."""
        owner = self._rules.owner(path)
        if owner is None:
            self._turn.moves(name_stripe(self._repository_id, path))
            return None
        if owner not in self._names:
            self._names[owner] = self._changed_name(owner)
        return self._names[owner]

    def _changed_name(self, owner: str) -> int:
        turn, sql = self._turn, self._sql
        row = turn.one(sql._find_name, repository_id=self._repository_id, path=owner)
        if row is not None:
            sql._retirement.mark(turn, self._repository_id, row[0], owner, self._revised())
            return int(row[0])
        row = turn.one(
            sql._add_name,
            repository_id=self._repository_id,
            path=owner,
            attributes="{}",
            revision=self._revised(),
            changed=turn.now,
            first_held=turn.now,
        )
        assert row is not None
        turn.moves(name_stripe(self._repository_id, owner), names_stripe(self._repository_id))
        return int(row[0])

    def _component(self, put: Put) -> int | None:
        if put.coordinates is None:
            return None
        turn, sql = self._turn, self._sql
        coordinates = {
            "repository_id": self._repository_id,
            "namespace": put.coordinates.namespace,
            "name": put.coordinates.name,
            "version": put.coordinates.version,
        }
        row = turn.one(sql._find_component, **coordinates) or turn.one(
            sql._add_component, **coordinates, added=turn.now
        )
        assert row is not None
        return int(row[0])


def _same(present: Asset, put: Put) -> bool:
    """Whether nothing would change. What shall be kept for ever is not the same as what may be
    collected, and what was made from other things not the same as what it is equal to."""
    if GENERATION in put.attributes and _encoded(present.attributes) != _encoded(put.attributes):
        return False
    return _same_bytes(present, put) and (present.keep is Keep.ALWAYS or put.keep is not Keep.ALWAYS)


def _same_bytes(present: Asset, put: Put) -> bool:
    if put.blob is None:  # a fact is what it says
        same = present.blob is None and _encoded(present.attributes) == _encoded(put.attributes)
    else:
        same = present.blob is not None and present.blob.digest == put.blob.digest
    return same and present.content_type == put.content_type and present.withheld is None


def _encoded(attributes: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(dict(attributes))


def _distinct(references: Iterable[Reference]) -> Iterable[Reference]:
    """Each (path, kind) once; required wins."""
    chosen: dict[tuple[str, str], Reference] = {}
    for reference in references:
        key = (reference.path, reference.kind)
        if key not in chosen or reference.required:
            chosen[key] = reference
    return chosen.values()
