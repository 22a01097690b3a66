"""How an asset becomes history: the one way, shared by edits and by the collector.

Rule 1: a retired row stays as it was; only when it went is written on it.
Rule 2: what a retired asset referred to is touched in the same turn, so that it lingers from then on.
Rule 3: the owner name is marked as changed and its counters move, so that every index and cached answer
notices.
"""

from sqlalchemy import bindparam, insert, update

from artifactd.catalog.assets import Assets
from artifactd.db import tables
from artifactd.db.generations import name_stripe, names_stripe
from artifactd.db.writer import Database, Turn


class Retirement:
    """Revisions, and the rows that retire with them. Holds prepared statements only."""

    def __init__(self, database: Database, assets: Assets) -> None:
        self._assets = assets
        asset, name, revision = tables.asset, tables.name, tables.revision
        p = bindparam
        self._add_revision = database.prepare(
            insert(revision)
            .values({c: p(c) for c in ("repository_id", "at", "principal", "action", "message")})
            .returning(revision.c.id)
        )
        self._retire = database.prepare(
            update(asset)
            .where(asset.c.id == p("asset_id"))
            .values(retired_revision=p("revision"), retired=p("now"))
        )
        self._let_go = database.prepare(
            update(asset)
            .where(
                asset.c.repository_id == p("repository_id"),
                asset.c.path == p("path"),
                asset.c.retired_revision.is_(None),
            )
            .values(touched=p("now"))
        )
        self._mark = database.prepare(
            update(name).where(name.c.id == p("name_id")).values(revision=p("revision"), changed=p("now"))
        )

    def begin(self, turn: Turn, repository_id: int, principal: str, action: str, message: str) -> int:
        """A new revision of a repository."""
        row = turn.one(
            self._add_revision,
            repository_id=repository_id,
            at=turn.now,
            principal=principal,
            action=action,
            message=message,
        )
        assert row is not None
        return int(row[0])

    def retire(self, turn: Turn, repository_id: int, asset_id: int, revision: int) -> None:
        """Retire a live asset. The caller marks its owner name."""
        turn.run(self._retire, asset_id=asset_id, revision=revision, now=turn.now)
        for reference in self._assets.references(turn, asset_id):
            turn.run(self._let_go, repository_id=repository_id, path=reference.path, now=turn.now)

    def mark(self, turn: Turn, repository_id: int, name_id: int, owner: str, revision: int) -> None:
        """Something of an owner name changed with `revision`."""
        turn.run(self._mark, name_id=name_id, revision=revision, now=turn.now)
        turn.moves(name_stripe(repository_id, owner), names_stripe(repository_id))
