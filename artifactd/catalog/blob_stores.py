"""The blob stores this server knows: rows that say where bytes live, opened once per process."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select

from artifactd.blobs.store import BlobStore
from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.errors import ObjectNotFound

Opener = Callable[[str, Mapping[str, Any]], BlobStore]
"""Makes a store of a type from its settings."""

DEFAULT = "default"


class BlobStores:
    """Blob stores by row id and by name. `opener` is called once per store and process."""

    def __init__(self, database: Database, opener: Opener) -> None:
        self._database = database
        self._opener = opener
        store = tables.blob_store
        self._by_id = database.prepare(
            select(store.c.name, store.c.type, store.c.settings).where(store.c.id == bindparam("id"))
        )
        self._by_name = database.prepare(select(store.c.id).where(store.c.name == bindparam("name")))
        self._all = database.prepare(select(store.c.id).order_by(store.c.id))
        self._opened: dict[int, tuple[str, BlobStore]] = {}

    def store(self, store_id: int) -> BlobStore:
        """The opened store. Raises ObjectNotFound."""
        return self._open(store_id)[1]

    def name(self, store_id: int) -> str:
        """The store's name. Raises ObjectNotFound."""
        return self._open(store_id)[0]

    def named(self, name: str) -> BlobStore:
        """The opened store of this name. Raises ObjectNotFound."""
        for known, store in self._opened.values():
            if known == name:
                return store
        return self.store(self.id(name))

    def id(self, name: str) -> int:
        """The row of a name. Raises ObjectNotFound."""
        row = self._database.one(self._by_name, name=name)
        if row is None:
            raise ObjectNotFound("blob store", name)
        return int(row[0])

    def ids(self) -> list[int]:
        """Every store's row."""
        return [row[0] for row in self._database.all(self._all)]

    def ensure_default(self) -> None:
        """Make the row of the store every installation begins with: a folder beside the database."""

        def job(turn: Turn) -> None:
            if turn.one(self._by_name, name=DEFAULT) is None:
                turn.connection.execute(
                    insert(tables.blob_store).values(id=1, name=DEFAULT, type="filesystem", settings="{}")
                )

        self._database.write(job)

    def _open(self, store_id: int) -> tuple[str, BlobStore]:
        opened = self._opened.get(store_id)
        if opened is None:
            row = self._database.one(self._by_id, id=store_id)
            if row is None:
                raise ObjectNotFound("blob store", str(store_id))
            opened = (row[0], self._opener(row[1], msgspec.json.decode(row[2])))
            # Two threads may race here; both stores are good, and one of them stays.
            opened = self._opened.setdefault(store_id, opened)
        return opened
