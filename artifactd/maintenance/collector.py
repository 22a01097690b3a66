"""The collector: retires assets that are kept only while something refers to them, once nothing does.

Rule 1: an asset goes when it is live, WHILE_REFERENCED, no live asset of its repository refers to it
(references of kind `subject` keep nothing), and it was neither added, touched nor let go within its
`linger`. All of this is decided anew in the turn that retires it.
Rule 2: so no push can be broken. Who puts a manifest has put its layers, or was told that they are there,
which touched them; within `linger` of that moment they stay. The manifest's edit checks its required
references in its own turn: either it comes first, and the collector sees a live reference, or the collector
does, and the edit says that a layer is missing. There is no third order.
Rule 3: it only retires. Rows and bytes stay until the undo window has passed (`compact.py`, `blob_gc.py`),
and a retired asset lets go of what it refers to, which lingers anew: a tree goes level by level.

Candidates are walked in the order of `touched`, a page per read; a run that is stopped has done what it has
done, and the next one begins anew with what is left. Assets that refer to each other in a circle keep each
other; references by digest cannot form one.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, literal_column, or_, select

from artifactd.catalog.assets import SUBJECT, Assets
from artifactd.catalog.retire import Retirement
from artifactd.clock import Micros
from artifactd.db import tables
from artifactd.db.generations import name_stripe
from artifactd.db.writer import Database, Turn
from artifactd.tasks.task import TaskRun

PAGE_ROWS = 1000
"""Candidates read at once: most are referred to, and cost a row of a read each."""

TURN_ROWS = 100
"""Assets retired in one turn: about 15 ms on SQLite and 40 ms on PostgreSQL."""

PRINCIPAL = "collector"

logger = logging.getLogger("artifactd.maintenance")


@dataclass(slots=True)
class Collected:
    """`examined` candidates, of which `retired` went; `size_bytes` is what they held. `repositories` had
    some."""

    examined: int = 0
    retired: int = 0
    size_bytes: int = 0
    repositories: int = 0


class Collector:
    """Runs the task `collect`. Safe to run twice: what is retired is no candidate."""

    def __init__(self, database: Database, assets: Assets) -> None:
        self._database = database
        self._retirement = Retirement(database, assets)
        asset = tables.asset
        p = bindparam
        self._page = database.prepare(
            select(asset.c.id, asset.c.repository_id, asset.c.touched, _is_referenced())
            .where(
                _lingers_on(),
                asset.c.touched + asset.c.linger < p("now"),
                asset.c.touched <= p("now"),
                asset.c.touched >= p("touched"),
                or_(asset.c.touched > p("touched"), asset.c.id > p("id")),
            )
            .order_by(asset.c.touched, asset.c.id)
            .limit(PAGE_ROWS)
        )

    def run(self, run: TaskRun) -> Collected:
        """One walk over everything that was due when it began."""
        collected = Collected()
        touched_repositories: set[int] = set()
        now: Micros = self._database.now()
        touched, last = 0, 0
        while not run.cancelled():
            page = self._database.all(self._page, now=now, touched=touched, id=last)
            candidates: dict[int, list[int]] = defaultdict(list)
            for id, repository_id, touched_at, is_referenced in page:
                last, touched = id, touched_at
                if not is_referenced:
                    candidates[repository_id].append(id)
            collected.examined += len(page)
            self._retire_all(run, candidates, collected, touched_repositories)
            run.progress(collected.examined, None, f"{collected.retired} assets retired")
            if len(page) < PAGE_ROWS:
                break
        collected.repositories = len(touched_repositories)
        logger.info(
            "collector: retired %d of %d candidates in %d repositories; they hold %d bytes",
            *(collected.retired, collected.examined, collected.repositories, collected.size_bytes),
        )
        return collected

    def _retire_all(
        self, run: TaskRun, candidates: Mapping[int, Sequence[int]], into: Collected, repositories: set[int]
    ) -> None:
        for repository_id, ids in candidates.items():
            for start in range(0, len(ids), TURN_ROWS):
                if run.cancelled():
                    return
                count, size = self._retire(repository_id, ids[start : start + TURN_ROWS])
                into.retired += count
                into.size_bytes += size
                if count:
                    repositories.add(repository_id)

    def _retire(self, repository_id: int, ids: Sequence[int]) -> tuple[int, int]:
        """Retire those of `ids` that are due still: how many, and their bytes."""

        def job(turn: Turn) -> tuple[int, int]:
            due = turn.connection.execute(_due(ids, turn.now)).all()
            if not due:
                return 0, 0
            message = (
                f"nothing refers to these {len(due)} assets" if len(due) > 1 else "nothing refers to it"
            )
            revision = self._retirement.begin(turn, repository_id, PRINCIPAL, "collect", message)
            owners: dict[int, str] = {}
            for row in due:
                self._retirement.retire(turn, repository_id, row.id, revision)
                if row.name_id is None:
                    turn.moves(name_stripe(repository_id, row.path))
                else:
                    owners[row.name_id] = row.owner
            for name_id, owner in owners.items():
                self._retirement.mark(turn, repository_id, name_id, owner, revision)
            return len(due), sum(row.size or 0 for row in due)

        return self._database.write(job)


def _lingers_on() -> ColumnElement[bool]:
    """Live and kept only while referenced, in the words of the partial index."""
    asset = tables.asset
    return and_(asset.c.retired_revision.is_(None), asset.c.keep == literal_column("'while_referenced'"))


def _is_referenced() -> ColumnElement[bool]:
    asset, reference, holder = tables.asset, tables.reference, tables.asset.alias("holder")
    return (
        exists()
        .where(
            reference.c.repository_id == asset.c.repository_id,
            reference.c.path == asset.c.path,
            reference.c.kind != SUBJECT,
            holder.c.id == reference.c.asset_id,
            holder.c.retired_revision.is_(None),
        )
        .correlate(asset)
    )


def _due(ids: Sequence[int], now: Micros) -> Any:
    """Those of `ids` that may go now."""
    asset, blob, name = tables.asset, tables.blob, tables.name
    of_blob = and_(blob.c.store_id == asset.c.store_id, blob.c.digest == asset.c.digest)
    return (
        select(asset.c.id, asset.c.path, asset.c.name_id, name.c.path.label("owner"), blob.c.size)
        .select_from(asset.outerjoin(blob, of_blob).outerjoin(name, name.c.id == asset.c.name_id))
        .where(
            asset.c.id.in_(ids), _lingers_on(), asset.c.touched + asset.c.linger < now, ~_is_referenced()
        )
    )
