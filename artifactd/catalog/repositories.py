"""Repository rows: what exists, and by which entry points it is reached."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from artifactd.catalog.assets import GENERATION, Keep
from artifactd.catalog.members import WRITABLE, Members
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.engine import Row
from artifactd.db.generations import DIRECTORY, repository_stripe
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import Conflict, InvalidInput, ObjectExists, PreconditionFailed, RepositoryNotFound

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
"""What a repository may be called: one path segment, one host label, no leading or trailing dot or dash."""

HISTORY_MARK = ".at."
"""Separates a repository's name from a moment in its past, so no name may hold it."""

UPSTREAM_IDENTITY = frozenset(
    {
        *("url", "username", "password", "token", "client_certificate", "client_key"),
        *("http_proxy", "http_proxy_login"),
    }
)
"""Parts of an upstream that make it another one, or its answers those to another client."""


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """One repository as stored. `settings` is the format's own document; `hosts` and `ports` are entry
    points declared for this repository alone; `version` counts its changes; `horizon` is where its history
    begins.

    A proxy has an `upstream`, whose secrets are sealed, and may be `blocked`: then nobody asks it. A group
    has `members`, by name and in order, and says in `membership` how they work together."""

    id: int
    name: str
    format: str
    kind: str
    settings: Mapping[str, Any]
    store_id: int
    online: bool
    horizon: Micros
    version: int
    created: Micros
    hosts: Sequence[str] = field(default=())
    ports: Sequence[int] = field(default=())
    upstream: Mapping[str, Any] | None = None
    members: Sequence[str] = ()
    membership: Mapping[str, Any] = field(default_factory=dict)
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryDraft:
    """What a repository shall be. `store_id`, `format` and `kind` cannot change later. That only proxies
    have an upstream, and only groups members, is for the caller to see to."""

    name: str
    format: str
    kind: str
    settings: Mapping[str, Any]
    store_id: int
    online: bool = True
    hosts: Sequence[str] = ()
    ports: Sequence[int] = ()
    upstream: Mapping[str, Any] | None = None
    members: Sequence[str] = ()
    membership: Mapping[str, Any] = field(default_factory=dict)


class RepositoryNotEmpty(Conflict):
    """A repository with content is deleted only on explicit demand."""

    message = "repository {repository!r} holds assets; delete them first, or delete it with its content"

    def __init__(self, repository: str) -> None:
        self.repository = repository


class Repositories:
    """Reads and writes repository rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._members = Members(database)
        repository, entry, asset = tables.repository, tables.entry, tables.asset
        columns = (
            repository.c.id,
            repository.c.name,
            repository.c.format,
            repository.c.kind,
            repository.c.settings,
            repository.c.blob_store_id,
            repository.c.online,
            repository.c.horizon,
            repository.c.version,
            repository.c.created,
            repository.c.upstream,
            repository.c.membership,
            repository.c.blocked,
        )
        self._every = database.prepare(select(*columns).order_by(repository.c.name))
        self._by_name = database.prepare(select(*columns).where(repository.c.name == bindparam("name")))
        self._by_id = database.prepare(select(*columns).where(repository.c.id == bindparam("id")))
        self._entries = database.prepare(select(entry.c.kind, entry.c.value, entry.c.repository_id))
        self._holds = database.prepare(
            select(asset.c.id)
            .where(
                asset.c.repository_id == bindparam("repository_id"),
                asset.c.retired_revision.is_(None),
                # What was made here, and what nothing needs any more, is nobody's content.
                asset.c.keep == Keep.ALWAYS.value,
                asset.c.attributes.not_like(f'{{"{GENERATION}":%'),
            )
            .limit(1)
        )

    def all(self, reader: Reader | None = None) -> list[RepositoryRecord]:
        """Every repository, ordered by name."""
        reader = reader or self._database
        entries, members = reader.all(self._entries), self._members.all(reader)
        return [_record(row, entries, members) for row in reader.all(self._every)]

    def find(self, name: str, reader: Reader | None = None) -> RepositoryRecord:
        """The repository of this name. Raises RepositoryNotFound."""
        reader = reader or self._database
        row = reader.one(self._by_name, name=name)
        if row is None:
            raise RepositoryNotFound(name)
        return _record(row, reader.all(self._entries), self._members.all(reader))

    def numbered(self, repository_id: int) -> RepositoryRecord | None:
        """The repository with this row, or None when it was deleted."""
        row = self._database.one(self._by_id, id=repository_id)
        if row is None:
            return None
        return _record(row, self._database.all(self._entries), self._members.all(self._database))

    def put(
        self,
        draft: RepositoryDraft,
        *,
        if_version: int | None = None,
        create: bool = False,
        then: Callable[[Turn, int], None] = lambda turn, repository_id: None,
    ) -> tuple[RepositoryRecord, bool]:
        """Create the repository, or make it what `draft` says; whether it was created. `create`: it must
        not exist. `then`: what follows, in the same turn, with the repository's id. Raises InvalidInput
        (name), InvalidMembers, ObjectExists, PreconditionFailed, Conflict (an entry point that is taken, a
        format or kind that would change)."""
        if not NAME.fullmatch(draft.name) or HISTORY_MARK in draft.name:
            raise InvalidInput(
                f"{draft.name!r} cannot name a repository: use 1 to 64 letters, digits, dots, dashes and "
                "underscores, beginning and ending with a letter or digit, without '.at.'"
            )

        def job(turn: Turn) -> tuple[RepositoryRecord, bool]:
            row = turn.one(self._by_name, name=draft.name)
            if row is None:
                if if_version is not None:
                    raise PreconditionFailed(f"repository {draft.name!r}")
                repository_id = self._insert(turn, draft)
            else:
                if create:
                    raise ObjectExists("repository", draft.name)
                repository_id = self._update(turn, draft, row, if_version)
            self._declare(turn, draft, repository_id)
            writable = draft.membership.get(WRITABLE)
            self._members.put(
                *(turn, repository_id, draft.name, draft.format, draft.members, writable), draft.store_id
            )
            then(turn, repository_id)
            self._moves(turn, repository_id)
            return self.find(draft.name, turn), row is None

        return self._database.write(job)

    def delete(self, name: str, *, with_content: bool = False, if_version: int | None = None) -> None:
        """Remove a repository, and with `with_content` everything it holds, history included. Raises
        RepositoryNotFound, RepositoryInUse, RepositoryNotEmpty, PreconditionFailed."""

        def job(turn: Turn) -> None:
            record = self.find(name, turn)
            if if_version is not None and record.version != if_version:
                raise PreconditionFailed(f"repository {name!r}")
            self._members.check_free(turn, record.id, name)
            if not with_content and turn.one(self._holds, repository_id=record.id) is not None:
                raise RepositoryNotEmpty(name)
            _erase(turn, record.id)
            turn.moves(DIRECTORY, repository_stripe(record.id))

        self._database.write(job)

    def block(self, name: str, *, blocked: bool) -> RepositoryRecord:
        """Keep a proxy from asking its upstream, or let it ask again; the proxy as it is then. Raises
        RepositoryNotFound, InvalidInput for what is no proxy."""

        def job(turn: Turn) -> RepositoryRecord:
            record = self.find(name, turn)
            if record.upstream is None:
                raise InvalidInput(f"repository {name!r} is no proxy: it has no upstream")
            if record.blocked == blocked:
                return record
            repository = tables.repository
            turn.connection.execute(
                update(repository)
                .where(repository.c.id == record.id)
                .values(blocked=blocked, version=record.version + 1)
            )
            self._moves(turn, record.id)
            return replace(record, blocked=blocked, version=record.version + 1)

        return self._database.write(job)

    def _moves(self, turn: Turn, repository_id: int) -> None:
        """A repository has changed, and with it every group that it is in."""
        changed = {repository_id} | self._members.above(turn, repository_id)
        turn.moves(DIRECTORY, *map(repository_stripe, changed))

    def _insert(self, turn: Turn, draft: RepositoryDraft) -> int:
        repository = tables.repository
        inserted = turn.connection.execute(
            insert(repository)
            .values(
                name=draft.name,
                format=draft.format,
                kind=draft.kind,
                settings=_json(draft.settings),
                upstream=_json(draft.upstream),
                membership=_json(draft.membership or None),
                blob_store_id=draft.store_id,
                online=draft.online,
                horizon=turn.now,
                version=1,
                created=turn.now,
            )
            .returning(repository.c.id)
        )
        return int(inserted.scalar_one())

    def _update(self, turn: Turn, draft: RepositoryDraft, row: Row, if_version: int | None) -> int:
        known = _record(row, (), {})
        if if_version is not None and known.version != if_version:
            raise PreconditionFailed(f"repository {draft.name!r}")
        if (draft.format, draft.kind) != (known.format, known.kind):
            raise RepositoryFixed(draft.name, known.format, known.kind)
        if draft.store_id != known.store_id:
            raise InvalidInput(f"repository {draft.name!r} cannot move to another blob store")
        repository = tables.repository
        turn.connection.execute(
            update(repository)
            .where(repository.c.id == known.id)
            .values(
                settings=_json(draft.settings),
                upstream=_json(draft.upstream),
                membership=_json(draft.membership or None),
                online=draft.online,
                version=known.version + 1,
            )
        )
        _forget_upstream(turn, known, draft)
        return known.id

    def _declare(self, turn: Turn, draft: RepositoryDraft, repository_id: int) -> None:
        entry = tables.entry
        turn.connection.execute(delete(entry).where(entry.c.repository_id == repository_id))
        taken = {(row[0], row[1]) for row in turn.all(self._entries)}
        wanted = [("host", host.lower()) for host in draft.hosts] + [("port", str(p)) for p in draft.ports]
        for kind, value in dict.fromkeys(wanted):
            if (kind, value) in taken:
                raise ObjectExists(kind, value)
            turn.connection.execute(
                insert(entry).values(kind=kind, value=value, repository_id=repository_id)
            )


class RepositoryFixed(Conflict):
    """Format and kind are for a repository's life."""

    message = "repository {repository!r} is {kind} {format} and stays so; create another one"

    def __init__(self, repository: str, format: str, kind: str) -> None:
        self.repository, self.format, self.kind = repository, format, kind


def _forget_upstream(turn: Turn, known: RepositoryRecord, draft: RepositoryDraft) -> None:
    """Forget what is known of an upstream that is another one now, or is asked by someone else: what it
    said is no validator any more, and what it lacked may be there. The copies stay."""
    before, after = known.upstream or {}, draft.upstream or {}
    if before == after:
        return
    tables_of_it = [tables.upstream_health]
    if any(before.get(part) != after.get(part) for part in UPSTREAM_IDENTITY):
        tables_of_it.append(tables.upstream_state)
    for table in tables_of_it:
        turn.connection.execute(delete(table).where(table.c.repository_id == known.id))


def _erase(turn: Turn, repository_id: int) -> None:
    """Every row of a repository. Blobs that its assets named become candidates of blob GC."""
    asset, blob = tables.asset, tables.blob
    named = select(asset.c.store_id, asset.c.digest).where(asset.c.repository_id == repository_id)
    held = named.subquery()
    turn.connection.execute(
        update(blob)
        .where(blob.c.store_id == held.c.store_id, blob.c.digest == held.c.digest)
        .values(unreferenced_since=turn.now)
    )
    of_assets = select(asset.c.id).where(asset.c.repository_id == repository_id)
    turn.connection.execute(delete(tables.reference).where(tables.reference.c.asset_id.in_(of_assets)))
    for table in (
        *(asset, tables.component, tables.name, tables.upload, tables.revision, tables.entry),
        *(tables.upstream_state, tables.upstream_health),
    ):
        turn.connection.execute(delete(table).where(table.c.repository_id == repository_id))
    turn.connection.execute(delete(tables.member).where(tables.member.c.group_id == repository_id))
    keys = [f"{kind}/{repository_id}" for kind in ("signing-key", "openpgp-key")]
    turn.connection.execute(delete(tables.secret).where(tables.secret.c.name.in_(keys)))
    turn.connection.execute(delete(tables.repository).where(tables.repository.c.id == repository_id))


def _record(row: Row, entries: Sequence[Row], members: Mapping[int, Sequence[str]]) -> RepositoryRecord:
    mine = [(kind, value) for kind, value, repository_id in entries if repository_id == row[0]]
    return RepositoryRecord(
        id=row[0],
        name=row[1],
        format=row[2],
        kind=row[3],
        settings=msgspec.json.decode(row[4]),
        store_id=row[5],
        online=bool(row[6]),
        horizon=row[7],
        version=row[8],
        created=row[9],
        hosts=tuple(sorted(value for kind, value in mine if kind == "host")),
        ports=tuple(sorted(int(value) for kind, value in mine if kind == "port")),
        upstream=None if row[10] is None else msgspec.json.decode(row[10]),
        members=tuple(members.get(row[0], ())),
        membership={} if row[11] is None else msgspec.json.decode(row[11]),
        blocked=bool(row[12]),
    )


def _json(document: Mapping[str, Any] | None) -> str | None:
    return None if document is None else msgspec.json.encode(dict(document)).decode()
