"""The collector: what nothing refers to goes, when its time has come, and nothing else does."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from artifactd.catalog.assets import SUBJECT, Keep, Reference
from artifactd.db import tables
from artifactd.db.generations import name_stripe, names_stripe
from artifactd.db.writer import Database
from artifactd.errors import ReferencesMissing
from artifactd.maintenance import collector
from artifactd.maintenance.collector import Collected, Collector
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, run_of

LINGER = timedelta(hours=24)
LONGER = timedelta(hours=25)


@pytest.fixture
def collect(shelf: Shelf) -> Callable[[], Collected]:
    return lambda: Collector(shelf.database, shelf.assets).run(run_of("collect"))


def test_what_nothing_refers_to_goes_after_its_linger_time(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    clock.advance(LINGER)
    assert collect().retired == 0 and shelf.find("app/layer") is not None

    clock.advance(timedelta(microseconds=1))
    collected = collect()
    assert (collected.retired, collected.size_bytes, collected.repositories) == (1, 5, 1)
    assert shelf.find("app/layer") is None
    assert collect() == Collected()  # idempotent


def test_what_is_kept_for_itself_and_what_is_referred_to_stay(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    shelf.put("app/manifest", b"manifest", needs=["app/layer"])
    clock.advance(timedelta(days=400))
    collected = collect()
    assert (collected.examined, collected.retired) == (1, 0)
    assert shelf.read("app/layer") == b"layer" and shelf.read("app/manifest") == b"manifest"


def test_a_reference_of_kind_subject_keeps_nothing(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/image", b"image")
    with shelf.repository.edit() as edit:
        about = [Reference("app/image", SUBJECT)]
        edit.put("app/signature", shelf.stage(b"sig"), content_type="text/plain", references=about)
    clock.advance(LONGER)
    assert collect().retired == 1
    assert shelf.find("app/image") is None


def test_a_reference_from_another_repository_keeps_nothing(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    other = shelf.open(shelf.add("others"))
    shelf.layer("app/layer", b"layer")
    with other.edit() as edit:
        needs = [Reference("app/layer")]
        edit.put("app/manifest", shelf.stage(b"m"), content_type="text/plain", references=needs)
    clock.advance(LONGER)
    assert collect().retired == 1


def test_letting_go_begins_the_linger_time_anew_level_by_level(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    shelf.put("app/child", b"child", needs=["app/layer"], keep=Keep.WHILE_REFERENCED)
    shelf.put("app/index", b"index", needs=["app/child"])
    clock.advance(timedelta(days=30))
    shelf.delete("app/index")
    assert collect().retired == 0

    clock.advance(LONGER)
    assert collect().retired == 1  # the child; its layer lingers from now on
    assert shelf.find("app/child") is None and shelf.find("app/layer") is not None
    clock.advance(LONGER)
    assert collect().retired == 1
    assert shelf.find("app/layer") is None


def test_a_client_that_was_told_present_can_go_on_for_half_the_linger_time(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:  # docker R163, R164
    shelf.layer("app/layer", b"layer")
    clock.advance(LINGER - timedelta(minutes=1))
    shelf.repository.stat("app/layer")
    clock.advance(LINGER - timedelta(minutes=1))
    assert collect().retired == 0
    shelf.put("app/manifest", b"manifest", needs=["app/layer"])


def test_putting_the_same_bytes_again_begins_the_linger_time_anew(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    clock.advance(LINGER)
    shelf.layer("app/layer", b"layer")
    clock.advance(LINGER)
    assert collect().retired == 0
    assert shelf.read("app/layer") == b"layer"


def test_a_manifest_that_comes_too_late_is_told_what_is_missing(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    clock.advance(LONGER)
    collect()
    with pytest.raises(ReferencesMissing):
        shelf.put("app/manifest", b"manifest", needs=["app/layer"])
    assert shelf.find("app/manifest") is None


def test_what_was_touched_after_it_was_found_stays(
    shelf: Shelf, clock: FakeClock, database: Database
) -> None:
    shelf.layer("app/layer", b"layer")
    shelf.layer("app/used", b"used")
    clock.advance(LONGER)
    gc = Collector(database, shelf.assets)
    write = database.write

    def late(job):  # type: ignore[no-untyped-def]
        """A push that comes between the look and the turn."""
        gc._database = database
        shelf.repository.stat("app/layer")
        shelf.put("app/manifest", b"manifest", needs=["app/used"])
        return write(job)

    class Interrupted:
        write = staticmethod(late)

        def __getattr__(self, name: str) -> object:
            return getattr(database, name)

    gc._database = Interrupted()  # type: ignore[assignment]
    assert gc.run(run_of("collect")).retired == 0
    assert shelf.find("app/layer") is not None and shelf.find("app/used") is not None


def test_collecting_is_a_revision_that_indexes_notice(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected], database: Database
) -> None:
    shelf.layer("app/layer", b"layer")
    shelf.layer("alone", b"alone")
    before = shelf.assets.name(database, shelf.record.id, "app")
    repository = shelf.record.id
    stripes = (
        name_stripe(repository, "app"),
        names_stripe(repository),
        name_stripe(repository, "alone"),
    )
    taken = [database.generations.take([stripe]) for stripe in stripes]
    clock.advance(LONGER)
    collect()

    with database.connect() as connection:
        revision = (
            connection.execute(select(tables.revision).order_by(tables.revision.c.id.desc()))
            .mappings()
            .first()
        )
    assert revision is not None and revision["action"] == "collect"
    after = shelf.assets.name(database, shelf.record.id, "app")
    assert before is not None and after is not None
    assert after.revision == revision["id"] > before.revision
    assert not any(database.generations.current(counters) for counters in taken)


def test_the_past_still_has_what_was_collected(
    shelf: Shelf, clock: FakeClock, collect: Callable[[], Collected]
) -> None:
    shelf.layer("app/layer", b"layer")
    then = clock()
    clock.advance(LONGER)
    collect()
    assert shelf.open(shelf.record, past=then).stat("app/layer").size == 5


def test_many_pages_and_turns_are_one_walk(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "PAGE_ROWS", 4)
    monkeypatch.setattr(collector, "TURN_ROWS", 3)
    for number in range(11):
        shelf.layer(f"app/layer{number}", b"%d" % number)
    shelf.put("app/manifest", b"m", needs=["app/layer3", "app/layer4"])
    clock.advance(LONGER)
    collected = Collector(shelf.database, shelf.assets).run(run_of("collect"))
    assert (collected.examined, collected.retired) == (11, 9)


def test_a_run_that_is_stopped_is_continued_by_the_next(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, collect: Callable[[], Collected]
) -> None:
    for number in range(10):
        shelf.layer(f"app/layer{number}", b"%d" % number)
    clock.advance(LONGER)
    monkeypatch.setattr(collector, "TURN_ROWS", 2)
    asked = iter([False, False, False, True])
    stopped = Collector(shelf.database, shelf.assets).run(run_of("collect", lambda: next(asked, True)))
    assert stopped.retired == 4
    assert collect().retired == 6
