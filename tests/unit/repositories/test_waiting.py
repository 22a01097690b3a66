"""Reading repositories in a task: with what their upstreams have, at rest."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, UpstreamInvalid, UpstreamUnavailable
from artifactd.repositories.content import StoredSource
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.waiting import WaitingReader
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.waiting import Waiting
from tests.support.cabinets import Cabinet
from tests.support.clocks import FakeClock
from tests.support.fake_upstream import FakeUpstream
from tests.support.shelves import Shelf
from tests.support.upstream_faults import status, truncated

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

LARGE = random.Random("large").randbytes(1 << 20)
"""More than comes with the headers: it is still on its way when it is given."""

Read = Callable[[str], WaitingReader]


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def cabinet(database: Database, tmp_path: Path, upstream: FakeUpstream) -> Cabinet:
    """A cabinet with the proxy `hub` of an upstream that listens."""
    cabinet = Cabinet(Shelf(database, FilesystemBlobStore(tmp_path / "blobs", sync=False)))
    cabinet.proxy("hub", url=f"{upstream.url}/root/", allow_private=True)
    return cabinet


@pytest.fixture
def reader(
    cabinet: Cabinet, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Read]:
    """Makes readers of repositories by their names."""
    monkeypatch.setattr("artifactd.upstream.asking.RETRY_PAUSES", ())

    def make(name: str) -> WaitingReader:
        inquiry = Inquiry(may_ask=True)
        repository = cabinet.factory.trusted(cabinet.record(name), cabinet.shelf.principal, inquiry)
        return WaitingReader(repository, inquiry, upstreams)

    with ThreadPoolExecutor(2) as workers:
        asking = Upstreams(tmp_path / "fetches", workers, user_agent="test", now=clock)
        with Waiting(asking) as upstreams:
            yield make


def read(reader: WaitingReader, path: str) -> bytes:
    with reader.open(reader.stored(path)) as file:
        return file.read()


def test_what_is_stored_is_at_rest(reader: Read, upstream: FakeUpstream, cabinet: Cabinet) -> None:
    for path in ("app/large", "app/fixed-large", "app/whole-large"):
        upstream.put(f"/root/{path}", LARGE)
        content = reader("hub").stored(path)
        assert isinstance(content.source, StoredSource)
        assert read(reader("hub"), path) == LARGE
    assert upstream.count() == 3
    assert cabinet.holds("hub") == ["app/fixed-large", "app/large", "app/whole-large"]


def test_one_reader_reads_as_many_as_it_likes(reader: Read, upstream: FakeUpstream) -> None:
    hub = reader("hub")
    for number in range(40):
        upstream.put(f"/root/app/{number}", LARGE[: 1000 * number])
        assert read(hub, f"app/{number}") == LARGE[: 1000 * number]


@pytest.mark.parametrize("etag", [None, ""])
def test_what_is_asked_for_each_time_is_read_all_the_same(
    reader: Read, upstream: FakeUpstream, cabinet: Cabinet, etag: str | None
) -> None:
    """Also where the upstream has no validators, and sends everything again."""
    cabinet.proxy("hub", url=f"{upstream.url}/root/", allow_private=True, fresh_for=0)
    upstream.put("/root/app/x", LARGE, etag=etag, modified=None)
    hub = reader("hub")
    for _ in range(2):
        assert read(hub, "app/x") == LARGE


def test_a_file_that_comes_by_a_page_is_read_too(reader: Read, upstream: FakeUpstream) -> None:
    upstream.put("/root/app/list", b'{"names": ["listed-1"]}')
    upstream.put("/root/app/listed-1", LARGE)
    assert read(reader("hub"), "app/listed-1") == LARGE


def test_what_is_not_there_is_not_there(reader: Read, upstream: FakeUpstream) -> None:
    for path in ("app/none", "nowhere/x"):
        with pytest.raises(AssetNotFound):
            reader("hub").stored(path)


def test_what_nobody_could_ask_for_is_something_else(reader: Read, upstream: FakeUpstream) -> None:
    upstream.fault(status(503), "/root/app/down")
    with pytest.raises(UpstreamUnavailable):
        reader("hub").stored("app/down")
    upstream.fault(status(403), "/root/app/refused")
    with pytest.raises(UpstreamInvalid):
        reader("hub").stored("app/refused")


def test_a_file_that_ends_early_is_not_read(reader: Read, upstream: FakeUpstream, cabinet: Cabinet) -> None:
    upstream.put("/root/app/cut", LARGE, etag="", modified=None)
    upstream.fault(truncated(0.5), "/root/app/cut")
    with pytest.raises((UpstreamUnavailable, UpstreamInvalid)):
        reader("hub").stored("app/cut")
    assert cabinet.holds("hub") == []


def test_a_hosted_repository_is_read_as_it_is(reader: Read, cabinet: Cabinet) -> None:
    cabinet.hosted("ours")
    cabinet.put("ours", "app/x", b"ours")
    assert read(reader("ours"), "app/x") == b"ours"
