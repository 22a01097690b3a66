"""What upstreams last said of paths: validators, how long the copy is good, and absences. Never a revision:
that a copy was checked is no change of a repository."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, or_, select, update

from artifactd.catalog.assets import after_prefix
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.generations import repository_stripe
from artifactd.db.writer import Database, Reader, Turn


@dataclass(frozen=True, slots=True)
class UpstreamState:
    """What was said of one path. `etag` and `modified` as the upstream wrote them, empty when it did not.
    `fresh_until` and `stale_until` are of the copy, None is for ever. `misses`: 404s in a row since there
    is a copy. `negative_until`: it is not there, until then."""

    etag: str
    modified: str
    checked: Micros
    fresh_until: Micros | None
    stale_until: Micros | None
    misses: int = 0
    negative_until: Micros | None = None


class UpstreamStates:
    """Reads and writes them, one row per repository and path."""

    def __init__(self, database: Database) -> None:
        self._database = database
        state = tables.upstream_state
        p = bindparam
        here = (state.c.repository_id == p("repository_id"), state.c.path == p("path"))
        columns = [column for column in state.c if column.name not in ("repository_id", "path")]
        self._find = database.prepare(select(*columns).where(*here))
        self._forget = database.prepare(delete(state).where(*here))
        self._add = database.prepare(insert(state).values({c.name: p(c.name) for c in state.c}))

    def find(self, reader: Reader, repository_id: int, path: str) -> UpstreamState | None:
        """What was said of a path, or None when it was never asked for."""
        row = reader.one(self._find, repository_id=repository_id, path=path)
        return None if row is None else UpstreamState(*row)

    def note(self, turn: Turn, repository_id: int, path: str, state: UpstreamState) -> None:
        """Remember what was said of a path, in place of what was said before."""
        turn.run(self._forget, repository_id=repository_id, path=path)
        turn.run(
            self._add,
            repository_id=repository_id,
            path=path,
            etag=state.etag,
            modified=state.modified,
            checked=state.checked,
            fresh_until=state.fresh_until,
            stale_until=state.stale_until,
            misses=state.misses,
            negative_until=state.negative_until,
        )

    def forget(self, turn: Turn, repository_id: int, path: str) -> None:
        """Know nothing of a path any more."""
        turn.run(self._forget, repository_id=repository_id, path=path)

    def invalidate(self, repository_id: int, path: str) -> None:
        """Have the copy at `path`, and those below it, checked when they are next asked for, and forget
        that something is not there. The empty path means everything."""
        state = tables.upstream_state
        mine = [state.c.repository_id == repository_id]
        if path:
            below = f"{path.removesuffix('/')}/"
            inside = (state.c.path >= below) & (state.c.path < after_prefix(below))
            mine.append(or_(state.c.path == path, inside))

        def job(turn: Turn) -> None:
            turn.connection.execute(delete(state).where(*mine, state.c.negative_until.is_not(None)))
            turn.connection.execute(
                update(state).where(*mine, state.c.fresh_until.is_not(None)).values(fresh_until=0)
            )
            turn.moves(repository_stripe(repository_id))

        self._database.write(job)
