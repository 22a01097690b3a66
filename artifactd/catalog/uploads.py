"""Uploads: bytes that arrive over several requests, found by any process.

Rule 1: the row's offset is the truth. Bytes behind it are dropped by whoever resumes.
Rule 2: one request at a time holds an upload's lease; it renews the lease while bytes flow, so that a dead
holder is forgotten soon and a slow one is not.
Rule 3: an upload belongs to the repository, owner name and principal that began it; for anyone else it does
not exist.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update

from artifactd.blobs.digest import union
from artifactd.blobs.store import SHA256
from artifactd.clock import SECOND, Micros
from artifactd.db import tables
from artifactd.db.engine import Row
from artifactd.db.writer import Database, Turn
from artifactd.errors import UploadBusy, UploadNotFound, UploadOffsetMismatch

LEASE: Micros = 60 * SECOND
"""How long a silent holder keeps an upload. Renewed every third of it."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. `offset`: bytes that are durable. `algorithms`: what is hashed while they arrive.
    `checksums`: of the bytes [0, offset), algorithm → hex. `location` is None before the first byte."""

    id: str
    repository_id: int
    name: str
    principal: int
    store_id: int
    location: str | None
    offset: int
    algorithms: Sequence[str]
    checksums: Mapping[str, str]


class Uploads:
    """Upload rows. Every write is one small job."""

    def __init__(self, database: Database) -> None:
        self._database = database
        upload = tables.upload
        p = bindparam
        identity = ("id", "repository_id", "name", "principal")
        columns = (*identity, "store_id", "location", "offset", "algorithms", "checksums")
        self._find = database.prepare(
            select(*(upload.c[c] for c in columns), upload.c.lease, upload.c.lease_until).where(
                upload.c.id == p("id")
            )
        )
        self._add = database.prepare(
            insert(upload).values({c: p(c) for c in (*columns, "lease_until", "created", "touched")})
        )
        self._take = database.prepare(
            update(upload)
            .where(upload.c.id == p("upload"))
            .values(lease=p("holder"), location=p("place"), lease_until=p("until"), touched=p("now"))
        )
        mine = (upload.c.id == p("upload"), upload.c.lease == p("holder"))
        self._renew = database.prepare(
            update(upload).where(*mine).values(lease_until=p("until"), touched=p("now"))
        )
        self._advance = database.prepare(
            update(upload)
            .where(*mine)
            .values(offset=p("reached"), checksums=p("sums"), lease=None, lease_until=0, touched=p("now"))
        )
        self._release = database.prepare(update(upload).where(*mine).values(lease=None, lease_until=0))
        self._remove = database.prepare(delete(upload).where(upload.c.id == p("id")))
        self._stale = database.prepare(
            select(*(upload.c[c] for c in columns), upload.c.lease, upload.c.lease_until)
            .where(upload.c.touched < p("before"))
            .order_by(upload.c.touched)
            .limit(p("limit"))
        )

    def start(
        self, repository_id: int, name: str, principal: int, store_id: int, algorithms: Sequence[str] = ()
    ) -> Upload:
        """Begin an upload."""
        upload = Upload(
            str(uuid.uuid4()),
            repository_id,
            name,
            principal,
            store_id,
            None,
            0,
            union(SHA256, algorithms),
            {},
        )

        def job(turn: Turn) -> None:
            turn.run(
                self._add,
                id=upload.id,
                repository_id=repository_id,
                name=name,
                principal=principal,
                store_id=store_id,
                location=None,
                offset=0,
                algorithms=" ".join(upload.algorithms),
                checksums="{}",
                lease_until=0,
                created=turn.now,
                touched=turn.now,
            )

        self._database.write(job)
        return upload

    def find(self, id: str, repository_id: int, name: str, principal: int) -> Upload:
        """The upload, for those it belongs to. Raises UploadNotFound."""
        row = self._database.one(self._find, id=id)
        if row is None or (row[1], row[2], row[3]) != (repository_id, name, principal):
            raise UploadNotFound(id)
        return _upload(row)

    def lease(self, upload: Upload, location: str | None = None) -> tuple[Upload, str]:
        """Take the upload for one request: the row as it is now, and the lease. `location`: where its bytes
        will be, when it has none yet; remembered before the first one is written, so that a crash leaves
        nothing unknown. Raises UploadNotFound, UploadBusy, and UploadOffsetMismatch when it has moved on
        since `upload` was read."""
        holder = str(uuid.uuid4())

        def job(turn: Turn) -> Upload:
            row = turn.one(self._find, id=upload.id)
            if row is None:
                raise UploadNotFound(upload.id)
            if row[9] is not None and row[10] > turn.now:
                raise UploadBusy(upload.id)
            if row[6] != upload.offset:
                raise UploadOffsetMismatch(upload.id, row[6])
            place = row[5] or location
            turn.run(
                self._take,
                upload=upload.id,
                holder=holder,
                place=place,
                until=turn.now + LEASE,
                now=turn.now,
            )
            return replace(_upload(row), location=place)

        return self._database.write(job), holder

    def renew(self, upload: Upload, lease: str) -> bool:
        """Keep the lease a while longer; False when it is lost."""
        return self._database.write(
            lambda turn: (
                turn.run(self._renew, upload=upload.id, holder=lease, until=turn.now + LEASE, now=turn.now)
                > 0
            )
        )

    def advance(self, upload: Upload, lease: str, offset: int, checksums: Mapping[str, str]) -> Upload:
        """Bytes up to `offset` are durable; give the lease back. Raises UploadBusy when it was lost."""

        def job(turn: Turn) -> None:
            sums = msgspec.json.encode(dict(checksums)).decode()
            changed = turn.run(
                self._advance, upload=upload.id, holder=lease, reached=offset, sums=sums, now=turn.now
            )
            if not changed:
                raise UploadBusy(upload.id)

        self._database.write(job)
        return replace(upload, offset=offset, checksums=checksums)

    def release(self, upload: Upload, lease: str) -> None:
        """Give the lease back; the offset stays."""
        self._database.write(lambda turn: turn.run(self._release, upload=upload.id, holder=lease))

    def end(self, upload: Upload) -> None:
        """Forget the upload. Idempotent."""
        self._database.write(lambda turn: turn.run(self._remove, id=upload.id))

    def stale(self, before: Micros, limit: int) -> list[Upload]:
        """Uploads nobody has touched since `before`, oldest first."""
        return [_upload(row) for row in self._database.all(self._stale, before=before, limit=limit)]

    def end_stale(self, upload: Upload, before: Micros) -> bool:
        """Forget an upload if it is still untouched since `before` and no request holds it."""

        def job(turn: Turn) -> bool:
            row = turn.one(self._find, id=upload.id)
            if row is None or (row[9] is not None and row[10] > turn.now):
                return False
            touched = turn.connection.execute(
                select(tables.upload.c.touched).where(tables.upload.c.id == upload.id)
            ).scalar_one()
            if touched >= before:
                return False
            turn.run(self._remove, id=upload.id)
            return True

        return self._database.write(job)


def _upload(row: Row) -> Upload:
    return Upload(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        tuple(row[7].split()),
        msgspec.json.decode(row[8]),
    )
