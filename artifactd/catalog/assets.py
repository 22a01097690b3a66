"""Assets: one file at one path, now or as of a revision. Reading them; `apply.py` writes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select

from artifactd.blobs.digest import Digest
from artifactd.blobs.store import Blob
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.engine import Row
from artifactd.db.writer import Database, Reader

T = TypeVar("T")

NAME_COLUMNS = [tables.name.c[column] for column in ("id", "path", "revision", "changed", "first_held")]
"""What `OwnerName` is made of."""

PAGE_ROWS = 1000
"""Rows held at a time while a selection is walked."""


class Keep(StrEnum):
    """What keeps an asset: itself, or the live references that name it."""

    ALWAYS = "always"
    WHILE_REFERENCED = "while_referenced"


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What identifies a component. Parts that a format does not have are empty."""

    namespace: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Reference:
    """What an asset needs: another path of its repository. `required` ones must be there when the asset is
    put. A reference of kind `subject` answers who refers to a path, and keeps nothing."""

    path: str
    kind: str = "needs"
    required: bool = False


GENERATION = "generation"
"""The one attribute of an asset that a task has made: how."""

SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Asset:
    """A row of the catalog. `blob` is None for a fact without bytes. `added` and `touched` in microseconds
    since the epoch; `linger` in microseconds."""

    id: int
    repository_id: int
    path: str
    blob: Blob | None
    content_type: str
    label: str
    attributes: Mapping[str, Any]
    keep: Keep
    linger: Micros
    withheld: str | None
    added: Micros
    touched: Micros
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """A row that came or went."""

    asset: Asset
    retired: bool


@dataclass(frozen=True, slots=True)
class Selection:
    """Which assets an index is made of: always a range of an index of the database, never a scan.

    `name`: those of one owner name, and of them those below the path `prefix`. `refers_to`: those with a
    reference to this path, of this kind."""

    name: str
    prefix: str = ""
    refers_to: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class OwnerName:
    """A row of the names: a project, an image. `revision` last changed anything of it, at `changed`; it
    holds something since `first_held` (microseconds)."""

    id: int
    path: str
    revision: int
    changed: Micros
    first_held: Micros


@dataclass(frozen=True, slots=True)
class Derived:
    """A document that was derived from an asset's bytes: a small one as it is, another as its blob."""

    digest: Digest
    document: Blob | bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """A child in a listing: an asset, or a folder (`asset` None, `path` ends in a slash)."""

    path: str
    asset: Asset | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and where to go on (`after` of the next call), or None."""

    items: Sequence[T]
    next: str | None


class Assets:
    """Reads assets. Every method takes the `Reader` to ask (a database, a snapshot or a write turn) and
    `at`, the revision to answer for, None meaning now."""

    def __init__(self, database: Database) -> None:
        self._find = [database.prepare(_rows(at).where(_path_is())) for at in (False, True)]
        self._numbered = database.prepare(_columns().where(tables.asset.c.id == bindparam("asset_id")))
        self._range = [database.prepare(_range(_rows(at))) for at in (False, True)]
        self._owned = [database.prepare(_range(_owned(at))) for at in (False, True)]
        self._referring = [database.prepare(_range(_referring(at))) for at in (False, True)]
        self._changed = database.prepare(_changed())
        asset, blob, made, store = tables.asset, tables.blob, tables.derived, tables.blob_store
        self._rows_below = database.prepare(
            select(asset.c.path, asset.c.added_revision)
            .where(
                asset.c.repository_id == bindparam("repository_id"),
                asset.c.path >= bindparam("low"),
                asset.c.path < bindparam("high"),
                asset.c.withheld.is_(None),
                _when(at=True),
            )
            .order_by(asset.c.path)
            .limit(bindparam("limit"))
        )
        self._derived = database.prepare(
            select(
                made.c.derived_digest,
                made.c.content,
                store.c.name,
                blob.c.size,
                blob.c.location,
                blob.c.checksums,
            )
            .select_from(
                made.outerjoin(
                    blob, and_(blob.c.store_id == made.c.store_id, blob.c.digest == made.c.derived_digest)
                ).join(store, store.c.id == made.c.store_id)
            )
            .where(
                made.c.store_id == bindparam("store_id"),
                made.c.digest == bindparam("digest"),
                made.c.kind == bindparam("kind"),
            )
        )
        name = tables.name
        self._name = database.prepare(
            select(*NAME_COLUMNS).where(
                name.c.repository_id == bindparam("repository_id"), name.c.path == bindparam("path")
            )
        )
        reference = tables.reference
        self._references = database.prepare(
            select(reference.c.path, reference.c.kind, reference.c.required).where(
                reference.c.asset_id == bindparam("asset_id")
            )
        )

    def find(self, reader: Reader, repository_id: int, path: str, at: int | None = None) -> Asset | None:
        """The asset at `path`."""
        row = (
            reader.one(self._find[0], repository_id=repository_id, path=path)
            if at is None
            else reader.one(self._find[1], repository_id=repository_id, path=path, at=at)
        )
        return None if row is None else _asset(row)

    def numbered(self, reader: Reader, id: int) -> Asset | None:
        """The asset of this row, retired or not."""
        row = reader.one(self._numbered, asset_id=id)
        return None if row is None else _asset(row)

    def name(self, reader: Reader, repository_id: int, path: str) -> OwnerName | None:
        """An owner name, if it ever held anything."""
        row = reader.one(self._name, repository_id=repository_id, path=path)
        return None if row is None else OwnerName(*row)

    def references(self, reader: Reader, asset_id: int) -> list[Reference]:
        """What an asset refers to."""
        return [
            Reference(row[0], row[1], bool(row[2]))
            for row in reader.all(self._references, asset_id=asset_id)
        ]

    def select(
        self, reader: Reader, repository_id: int, selection: Selection, at: int | None = None
    ) -> Iterator[Asset]:
        """The assets of a selection, ordered by path as bytes."""
        if selection.refers_to is not None:
            path, kind = selection.refers_to
            prefix = selection.prefix or f"{selection.name}/"
            return self._walk(self._referring, reader, repository_id, prefix, at, target=path, kind=kind)
        prefix = selection.prefix or f"{selection.name}/"
        return self._walk(self._owned, reader, repository_id, prefix, at, owner=selection.name)

    def below(
        self, reader: Reader, repository_id: int, prefix: str, at: int | None = None
    ) -> Iterator[Asset]:
        """Every asset below `prefix` (empty, or ending in a slash), ordered by path as bytes."""
        return self._walk(self._range, reader, repository_id, prefix, at)

    def rows_below(
        self, reader: Reader, repository_id: int, prefix: str, at: int
    ) -> Iterator[tuple[str, int]]:
        """The same in short, for what is not withheld: path, and the revision that added the asset."""
        low, high = prefix, after_prefix(prefix)
        wanted = {"repository_id": repository_id, "high": high, "at": at, "limit": PAGE_ROWS}
        while rows := reader.all(self._rows_below, low=low, **wanted):
            yield from ((row[0], row[1]) for row in rows)
            if len(rows) < PAGE_ROWS:
                return
            low = rows[-1][0] + LOWEST

    def derived(self, reader: Reader, store_id: int, asset: Asset, kind: str) -> Derived | None:
        """The document of this kind that was derived from an asset's bytes."""
        if asset.blob is None:
            return None
        row = reader.one(self._derived, store_id=store_id, digest=asset.blob.digest, kind=kind)
        if row is None:
            return None
        digest = Digest(row[0])
        if row[1] is not None:
            return Derived(digest, bytes(row[1]))
        if row[4] is None:
            return None
        return Derived(digest, Blob(row[2], digest, row[3], row[4], msgspec.json.decode(row[5])))

    def changes(self, reader: Reader, name_id: int, prefix: str, since: int) -> list[Change]:
        """Rows of an owner name below `prefix` that came or went after the revision `since`, oldest
        first."""
        rows = reader.all(
            self._changed, name_id=name_id, since=since, low=prefix, high=after_prefix(prefix)
        )
        return [Change(_asset(row), retired=row[-1] is not None) for row in rows]

    def children(
        self, reader: Reader, repository_id: int, prefix: str, after: str, limit: int, at: int | None = None
    ) -> Page[Entry]:
        """Files and folders right below `prefix` (empty, or ending in a slash), ordered by path as bytes,
        beginning behind the entry `after`. A folder is skipped over in the index, however full it is."""
        low = behind(prefix + after) if after else prefix
        entries: list[Entry] = []
        high = after_prefix(prefix)
        while len(entries) <= limit:
            rows = self._rows(self._range, reader, repository_id, low, high, at, limit + 1 - len(entries))
            if not rows:
                break
            for row in rows:
                rest = row[2][len(prefix) :]
                folder, slash, _ = rest.partition("/")
                if slash:
                    entries.append(Entry(f"{folder}/", None))
                    low = behind(f"{prefix}{folder}/")
                    break
                entries.append(Entry(rest, _asset(row)))
                low = row[2] + LOWEST
        more = len(entries) > limit
        entries = entries[:limit]
        return Page(entries, entries[-1].path if more else None)

    def _walk(
        self, statements: Any, reader: Reader, repository_id: int, prefix: str, at: int | None, **more: Any
    ) -> Iterator[Asset]:
        low, high = prefix, after_prefix(prefix)
        while rows := self._rows(statements, reader, repository_id, low, high, at, PAGE_ROWS, **more):
            for row in rows:
                yield _asset(row)
            if len(rows) < PAGE_ROWS:
                return
            low = rows[-1][2] + LOWEST

    def _rows(
        self,
        statements: Any,
        reader: Reader,
        repository_id: int,
        low: str,
        high: str,
        at: int | None,
        limit: int,
        **more: Any,
    ) -> Sequence[Row]:
        if at is not None:
            more["at"] = at
        return reader.all(
            statements[at is not None], repository_id=repository_id, low=low, high=high, limit=limit, **more
        )


LOWEST = "\x01"
"""Sorts before every character of a path: NUL is in none, and PostgreSQL takes none."""

HIGHEST = "\U0010ffff"
"""Sorts behind every path, as UTF-8 bytes do."""


def after_prefix(prefix: str) -> str:
    """The first string behind everything that begins with `prefix`, which ends in a slash or is empty."""
    return prefix[:-1] + "0" if prefix else HIGHEST


def behind(entry: str) -> str:
    """The first string behind a child and, if it is a folder, all below it."""
    return after_prefix(entry) if entry.endswith("/") else entry + LOWEST


def _columns() -> Select[Any]:
    asset, blob, store = tables.asset, tables.blob, tables.blob_store
    return select(
        asset.c.id,
        asset.c.repository_id,
        asset.c.path,
        asset.c.content_type,
        asset.c.label,
        asset.c.attributes,
        asset.c.keep,
        asset.c.linger,
        asset.c.withheld,
        asset.c.added,
        asset.c.touched,
        asset.c.added_revision,
        store.c.name,
        blob.c.digest,
        blob.c.size,
        blob.c.location,
        blob.c.checksums,
        asset.c.retired_revision,
    ).select_from(
        asset.outerjoin(
            blob, and_(blob.c.store_id == asset.c.store_id, blob.c.digest == asset.c.digest)
        ).outerjoin(store, store.c.id == asset.c.store_id)
    )


def _rows(at: bool) -> Select[Any]:
    return _columns().where(tables.asset.c.repository_id == bindparam("repository_id"), _when(at))


def _when(at: bool) -> ColumnElement[bool]:
    asset = tables.asset
    if not at:
        return asset.c.retired_revision.is_(None)
    return and_(
        asset.c.added_revision <= bindparam("at"),
        or_(asset.c.retired_revision.is_(None), asset.c.retired_revision > bindparam("at")),
    )


def _path_is() -> ColumnElement[bool]:
    return tables.asset.c.path == bindparam("path")


def _range(rows: Select[Any]) -> Select[Any]:
    path = tables.asset.c.path
    return (
        rows.where(path >= bindparam("low"), path < bindparam("high"))
        .order_by(path)
        .limit(bindparam("limit"))
    )


def _owned(at: bool) -> Select[Any]:
    """Names nest: what lies below `app/tags/` may belong to `app/tags`. The sum keeps the planner on the
    range of paths, which is in order."""
    name = tables.name
    owner = select(name.c.id).where(
        name.c.repository_id == bindparam("repository_id"), name.c.path == bindparam("owner")
    )
    return _rows(at).where(tables.asset.c.name_id + 0 == owner.scalar_subquery())


def _referring(at: bool) -> Select[Any]:
    reference = tables.reference
    referring = select(reference.c.asset_id).where(
        reference.c.repository_id == bindparam("repository_id"),
        reference.c.path == bindparam("target"),
        reference.c.kind == bindparam("kind"),
    )
    return _rows(at).where(tables.asset.c.id.in_(referring))


def _changed() -> Select[Any]:
    """Each arm names the owner: so the database looks into two indexes for what changed, instead of walking
    over all that the name holds."""
    asset = tables.asset
    mine = asset.c.name_id == bindparam("name_id")
    return (
        _columns()
        .where(
            or_(
                and_(mine, asset.c.added_revision > bindparam("since")),
                and_(mine, asset.c.retired_revision > bindparam("since")),
            ),
            asset.c.path >= bindparam("low"),
            asset.c.path < bindparam("high"),
        )
        .order_by(asset.c.added_revision)
    )


def _asset(row: Row) -> Asset:
    blob = (
        None
        if row[13] is None
        else Blob(row[12], Digest(row[13]), row[14], row[15], msgspec.json.decode(row[16]))
    )
    attributes = {} if row[5] == "{}" else msgspec.json.decode(row[5])
    return Asset(
        row[0],
        row[1],
        row[2],
        blob,
        row[3],
        row[4],
        attributes,
        Keep(row[6]),
        row[7],
        row[8],
        row[9],
        row[10],
        row[11],
    )
