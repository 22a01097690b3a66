"""Documents of one repository: those of its indexes, and the list of its owner names.

Rule 1: a kept document is current when its stamp is: the revision of its owner name, or the counters that
stood before it was read. Then nothing is made.
Rule 2: else one thread makes it, by `apply` where history reaches back to what is kept, else by `build`;
who waited for it finds it kept.
Rule 3: the past is built, and never kept.
"""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, exists, or_, select

from artifactd.auth.principal import Verb
from artifactd.catalog.assets import NAME_COLUMNS, Keep, OwnerName, Selection
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.generations import Stripe, names_stripe, repository_stripe
from artifactd.db.writer import Reader
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.index import Document, Forms, Index
from artifactd.repositories.kept import Kept, Key
from artifactd.repositories.rights import Rights

T = TypeVar("T")

Depends = Sequence[tuple[Stripe, int]]

NAME_BYTES = 250
"""What an owner name takes in memory, about."""


class Documents:
    """The documents of one repository, now or at the moment `past`, of which `at` is the revision."""

    def __init__(
        self, catalog: Catalog, record: RepositoryRecord, past: Micros | None, at: int | None
    ) -> None:
        self._catalog = catalog
        self._record = record
        self._past = past
        self._at = at

    def read(self, index: Index[T], key: str, selection: Selection, depends: Depends | None) -> Document[T]:
        """The document `key` of an index. `depends`: the counters that were taken before."""
        if self._at is not None and self._past is not None:
            return self._past_document(index, key, selection, self._at, self._past)
        place = (self._record.id, index.name, key)
        document = self._kept(index, key, place, selection, depends)
        if document is not None:
            return document
        with self._catalog.documents.making(place), self._catalog.database.read() as reader:
            return self._document(reader, index, key, selection, depends)

    def names(self, rights: Rights, after: str, limit: int | None) -> Document[Sequence[OwnerName]]:
        """Owner names that hold bytes which may be read."""
        catalog, place = self._catalog, (self._record.id, "", "names")
        if self._past is not None:
            return _names(self._read_names(rights, after, limit), None)
        depends = catalog.database.generations.take(
            (names_stripe(self._record.id), repository_stripe(self._record.id))
        )
        whole = not after and limit is None
        if not whole or not rights.unrestricted(Verb.READ):
            return _names(self._read_names(rights, after, limit), depends)
        stamp = sum(count for _, count in depends)  # counters only grow
        kept = catalog.documents.find(place)
        if kept is None or kept.stamp != stamp:
            with catalog.documents.making(place):
                kept = catalog.documents.find(place)
                if kept is None or kept.stamp != stamp:
                    names = self._read_names(rights, after, limit)
                    kept = Kept(stamp, names, NAME_BYTES * len(names))
                    catalog.documents.keep(place, kept)
        return _names(kept.value, depends, kept.forms)

    def _read_names(self, rights: Rights, after: str, limit: int | None) -> Sequence[OwnerName]:
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
        permitted = [rights.where(verb, below) for verb in verbs]
        statement = (
            select(*NAME_COLUMNS)
            .where(name.c.repository_id == self._record.id, name.c.path > after, holds, *permitted)
            .order_by(name.c.path)
            .limit(limit)
        )
        with self._catalog.database.connect() as connection:
            return [OwnerName(*row) for row in connection.execute(statement)]

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


def _names(
    names: Sequence[OwnerName], depends: Depends | None, forms: Forms | None = None
) -> Document[Sequence[OwnerName]]:
    revision = max((name.revision for name in names), default=0)
    changed = max((name.changed for name in names), default=0)
    return Document(names, revision, changed, depends, forms or Forms())
