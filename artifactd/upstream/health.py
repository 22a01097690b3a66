"""What is known of upstreams that fail, for whoever looks: the processes of a host each keep their own
breakers, and the last of them to notice something writes it here."""

from sqlalchemy import bindparam, delete, insert, select

from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.upstream.breaker import Breaker
from artifactd.upstream.configuration import Upstream


class UpstreamHealth:
    """Writes the rows of `upstream_health`: one for each upstream that is left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        health = tables.upstream_health
        self._forget = database.prepare(
            delete(health).where(health.c.repository_id == bindparam("repository_id"))
        )
        self._add = database.prepare(insert(health).values({c.name: bindparam(c.name) for c in health.c}))
        self._exists = database.prepare(
            select(tables.repository.c.id).where(tables.repository.c.id == bindparam("repository_id"))
        )

    def note(self, upstream: Upstream, breaker: Breaker) -> None:
        """How an upstream stands now. Waits for the write turn."""

        def job(turn: Turn) -> None:
            turn.run(self._forget, repository_id=upstream.repository_id)
            if breaker.retry_at is None or breaker.failing_since is None:
                return
            if turn.one(self._exists, repository_id=upstream.repository_id) is None:
                return  # it was deleted while somebody waited for its upstream
            turn.run(
                self._add,
                repository_id=upstream.repository_id,
                failing_since=breaker.failing_since,
                retry_at=breaker.retry_at,
                detail=breaker.detail,
            )

        self._database.write(job)
