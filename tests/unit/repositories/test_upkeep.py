"""Copies fetched beforehand, and copies deleted (proxy R79, R80)."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.catalog.upstream_states import UpstreamState
from artifactd.clock import SECOND
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.repositories import upkeep
from artifactd.repositories.upkeep import Upkeep
from artifactd.tasks.task import Task, TaskRun
from artifactd.upstream.asking import Upstreams
from tests.support.cabinets import Cabinet, Said
from tests.support.clocks import FakeClock
from tests.support.fake_upstream import FakeUpstream
from tests.support.shelves import Shelf
from tests.support.upstream_faults import status, truncated

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

LARGE = random.Random("large").randbytes(1 << 20)


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


class Tasks:
    """Runs them, and tells how far they came."""

    def __init__(self, cabinet: Cabinet, folder: Path, clock: FakeClock) -> None:
        self.progress: list[tuple[int, int | None, str]] = []
        self.cancelled: Callable[[], bool] = lambda: False
        self.workers = ThreadPoolExecutor(2)
        self._cabinet = cabinet
        self._upkeep = Upkeep(
            cabinet.shelf.catalog,
            cabinet.shelf.repositories,
            cabinet.factory,
            lambda: Upstreams(folder / "fetches", self.workers, user_agent="test", now=clock),
        )

    def prefetch(self, *paths: str, repository: int | None = None) -> None:
        self._upkeep.prefetch(self._run("prefetch", repository, paths=list(paths)))

    def purge(self, path: str, repository: int | None = None) -> None:
        self._upkeep.purge(self._run("purge", repository, path=path))

    def _run(self, name: str, repository: int | None, **arguments: object) -> TaskRun:
        number = self._cabinet.record("hub").id if repository is None else repository

        def report(done: int, total: int | None = None, message: str = "") -> None:
            self.progress.append((done, total, message))

        self.progress.clear()
        task = Task(name, arguments={"repository": number, **arguments})
        return TaskRun(task, lambda: 0, report, lambda: self.cancelled())


@pytest.fixture
def tasks(
    cabinet: Cabinet, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tasks]:
    monkeypatch.setattr("artifactd.upstream.asking.RETRY_PAUSES", ())
    tasks = Tasks(cabinet, tmp_path, clock)
    yield tasks
    tasks.workers.shutdown()


# Prefetch


def test_what_is_named_is_fetched_as_if_somebody_had_read_it(
    cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream
) -> None:
    upstream.put("/root/app/x", b"bytes")
    upstream.put("/root/app/large", LARGE)
    upstream.put("/root/app/list", b'{"names": ["listed-1"]}')
    upstream.put("/root/app/listed-1", b"listed")
    tasks.prefetch("app/x", "app/large", "app/listed-1", "App/X")
    assert cabinet.holds("hub") == ["app/.list", "app/large", "app/listed-1", "app/x"]
    assert cabinet.get("hub", "app/large") == LARGE
    assert cabinet.asked == []
    assert tasks.progress == [(0, 4, ""), (1, 4, ""), (2, 4, ""), (3, 4, ""), (4, 4, "")]
    assert {row["principal"] for row in cabinet.shelf.rows(tables.revision)} == {"upkeep"}


def test_what_is_here_is_not_fetched_again(cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream) -> None:
    upstream.put("/root/app/x", b"bytes")
    for _ in range(3):
        tasks.prefetch("app/x")
    assert upstream.count() == 1


def test_what_cannot_be_fetched_is_counted_and_the_rest_comes(
    cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.put("/root/app/x", b"bytes")
    upstream.put("/root/app/cut", LARGE, etag="")
    upstream.fault(truncated(0.5), "/root/app/cut")
    upstream.fault(status(403), "/root/app/refused")
    tasks.prefetch("app/none", "app/cut", "app/refused", "nowhere/x", "app/x")
    assert cabinet.holds("hub") == ["app/x"]
    assert tasks.progress[-1] == (5, 5, "4 could not be fetched")
    assert "prefetch of 'app/refused' into hub" in caplog.text


def test_a_failing_upstream_is_left_alone_by_tasks_too(
    cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream
) -> None:
    # proxy R80
    upstream.fault(status(503))
    tasks.prefetch(*(f"app/{number}" for number in range(50)))
    assert upstream.count() < 10
    assert tasks.progress[-1] == (50, 50, "50 could not be fetched")


def test_a_task_that_is_cancelled_stops(cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream) -> None:
    upstream.put("/root/app/x", b"bytes")
    upstream.put("/root/app/y", b"bytes")
    tasks.cancelled = lambda: upstream.count() > 0
    tasks.prefetch("app/x", "app/y")
    assert cabinet.holds("hub") == ["app/x"]


def test_a_repository_that_is_gone_needs_nothing(tasks: Tasks) -> None:
    tasks.prefetch("app/x", repository=4711)
    tasks.purge("", repository=4711)
    assert tasks.progress == []


# Purge


def filled(cabinet: Cabinet, upstream: FakeUpstream, *paths: str) -> None:
    """Have copies of these."""
    for path in paths:
        cabinet.network.said[f"{upstream.url}/root/{path}"] = Said(body=path.encode())
        cabinet.get("hub", path)


PATHS = ("app", "app/x", "app/y", "app/sub/z", "app2/x", "lib/x")


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("", []),
        ("app", ["app2/x", "lib/x"]),
        ("app/", ["app", "app2/x", "lib/x"]),
        ("app/sub", ["app", "app/x", "app/y", "app2/x", "lib/x"]),
        ("app/x", ["app", "app/sub/z", "app/y", "app2/x", "lib/x"]),
        ("none", sorted(PATHS)),
    ],
)
def test_copies_at_a_path_and_below_it_are_deleted(
    cabinet: Cabinet,
    tasks: Tasks,
    upstream: FakeUpstream,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    left: list[str],
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)
    filled(cabinet, upstream, *PATHS)
    tasks.purge(path)
    assert cabinet.holds("hub") == left
    states = {row["path"] for row in cabinet.shelf.rows(tables.upstream_state)}
    assert states == set(left), "nothing is remembered of what is not here"
    if left != sorted(PATHS):
        assert tasks.progress[-1][2] == f"{len(PATHS) - len(left)} copies deleted"


def test_absences_are_forgotten_too(cabinet: Cabinet, tasks: Tasks) -> None:
    record = cabinet.record("hub")
    now = cabinet.shelf.database.now()
    state = UpstreamState("", "", now, 0, 0, 1, now + 300 * SECOND)
    cabinet.shelf.database.write(
        lambda turn: cabinet.shelf.catalog.states.note(turn, record.id, "app/x", state)
    )
    tasks.purge("app")
    assert cabinet.shelf.rows(tables.upstream_state) == []


def test_what_never_changes_is_purged_like_everything(
    cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream
) -> None:
    filled(cabinet, upstream, "app/fixed")
    tasks.purge("")
    assert cabinet.holds("hub") == []


def test_a_purge_that_is_cancelled_is_continued_by_the_next_one(
    cabinet: Cabinet, tasks: Tasks, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 2)
    filled(cabinet, upstream, *PATHS)
    tasks.cancelled = lambda: len(tasks.progress) > 0
    tasks.purge("")
    assert len(cabinet.holds("hub")) == 4
    tasks.cancelled = lambda: False
    tasks.purge("")
    assert cabinet.holds("hub") == []
