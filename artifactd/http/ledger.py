"""What becomes of answered requests: access log, metrics and the download ledger, drained from the ring.

Draining happens once a second, in a thread: a request pays for one tuple, whatever is made of it later.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TextIO

import msgspec
from sqlalchemy import bindparam, insert, update

from artifactd.clock import SECOND, moment
from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.http.metrics import Metrics
from artifactd.http.ring import Ring, Row

DAY = 24 * 3600 * SECOND

Download = tuple[int, int, str, str, str, str]
"""(day, repository, path, digest, principal, address)."""


class Ledger:
    """Drains one process's ring. `access` is where access lines go, None for nowhere."""

    def __init__(self, database: Database, ring: Ring, metrics: Metrics, access: TextIO | None) -> None:
        self._database = database
        self._ring = ring
        self._metrics = metrics
        self._access = access
        download = tables.download
        key = ("day", "repository_id", "path", "digest", "principal", "address")
        self._count = database.prepare(
            update(download)
            .where(*(download.c[c] == bindparam(f"of_{c}") for c in key))
            .values(count=download.c.count + bindparam("more"), last=bindparam("latest"))
        )
        self._add = database.prepare(
            insert(download).values({c: bindparam(c) for c in (*key, "count", "last")})
        )

    def drain(self) -> None:
        """Take what was answered since the last time, and account for it."""
        rows = self._ring.drain()
        lost, self._ring.lost = self._ring.lost, 0
        if not rows and not lost:
            return
        self._metrics.count(rows, lost)
        if self._access is not None:
            self._access.write("".join(_lines(rows)))
            self._access.flush()
        self._record(rows)

    def _record(self, rows: Sequence[Row]) -> None:
        counts: Counter[Download] = Counter()
        last = 0
        for when, method, status, _, _, peer, record in rows:
            if record is not None and record.digest and method == "GET" and status in (200, 206):
                day = when // DAY
                counts[day, record.repository_id, record.path, record.digest, record.principal, peer] += 1
                last = max(last, when)
        items = list(counts.items())
        for start in range(0, len(items), 200):
            self._database.submit(partial(self._write, batch=items[start : start + 200], last=last))

    def _write(self, turn: Turn, batch: Sequence[tuple[Download, int]], last: int) -> None:
        names = ("day", "repository_id", "path", "digest", "principal", "address")
        for key, count in batch:
            values = dict(zip(names, key, strict=True))
            found = {f"of_{name}": value for name, value in values.items()}
            if not turn.run(self._count, more=count, latest=last, **found):
                turn.run(self._add, count=count, last=last, **values)


def _lines(rows: Iterable[Row]) -> Iterable[str]:
    encode = msgspec.json.Encoder().encode
    for when, method, status, sent, duration, peer, record in rows:
        line = {
            "ts": moment(when).isoformat(timespec="milliseconds"),
            "event": "request",
            "method": method,
            "status": status,
            "bytes": sent,
            "duration_us": duration,
            "peer": peer,
        }
        if record is not None:
            line |= {
                "repository": record.repository,
                "format": record.format,
                "path": record.path,
                "principal": record.principal,
            }
            if record.cache:
                line["cache"] = record.cache
        yield encode(line).decode() + "\n"
