"""What is written down of upstreams that fail."""

from datetime import timedelta
from typing import Any

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.repositories import RepositoryDraft
from artifactd.clock import SECOND
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.upstream.breaker import PAUSES, THRESHOLD, Breaker
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.health import UpstreamHealth
from tests.support.clocks import FakeClock
from tests.support.shelves import STORE_ID, Shelf


@pytest.fixture
def shelf(database: Database, clock: FakeClock) -> Shelf:
    return Shelf(database, MemoryBlobStore(clock))


def proxied(shelf: Shelf, name: str) -> Upstream:
    """The upstream of a new proxy."""
    url = "https://upstream.example/"
    draft = RepositoryDraft(name, "test", "proxy", {}, STORE_ID, upstream={"url": url})
    record, _ = shelf.repositories.put(draft)
    return Upstream(record.id, name, record.version, url)


def failing(clock: FakeClock, times: int = THRESHOLD) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed("it is down", clock())
    return breaker


def rows(shelf: Shelf) -> list[Any]:
    return [
        (row["repository_id"], row["failing_since"], row["retry_at"], row["detail"])
        for row in shelf.rows(tables.upstream_health)
    ]


def test_an_upstream_that_is_left_alone_has_a_row_and_no_other(shelf: Shelf, clock: FakeClock) -> None:
    health = UpstreamHealth(shelf.database)
    hub, other = proxied(shelf, "hub"), proxied(shelf, "other")
    begun = clock()
    breaker = failing(clock)
    health.note(hub, breaker)
    health.note(other, failing(clock, 1))
    assert rows(shelf) == [(hub.repository_id, begun, begun + PAUSES[0] * SECOND, "it is down")]
    clock.advance(timedelta(seconds=2))
    breaker.probed_in_vain(clock())
    health.note(hub, breaker)
    assert rows(shelf) == [(hub.repository_id, begun, clock() + PAUSES[1] * SECOND, "it is down")]
    breaker.answered()
    health.note(hub, breaker)
    assert rows(shelf) == []


def test_the_upstream_of_a_proxy_that_was_deleted_meanwhile_is_nobody_s(
    shelf: Shelf, clock: FakeClock
) -> None:
    health = UpstreamHealth(shelf.database)
    hub = proxied(shelf, "hub")
    health.note(hub, failing(clock))
    shelf.repositories.delete("hub")
    assert rows(shelf) == []
    health.note(hub, failing(clock))
    assert rows(shelf) == []
