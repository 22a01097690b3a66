"""Publications of an upstream: its files come as one set, stay one, and wait for what they need."""

from datetime import timedelta

import pytest

from artifactd.auth.principal import Principal, Verb
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, Forbidden, UpstreamInvalid, UpstreamUnavailable
from artifactd.repositories.inquiry import Cache
from tests.support.cabinets import FRESH, Cabinet
from tests.support.clocks import FakeClock
from tests.support.gathering import Workshop, part, part_name

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

DOWN = UpstreamUnavailable("the upstream of repository 'hub' cannot be connected to")
OLD, NEW = part(b"app/x one"), part(b"app/x two", b"app/y two")
AWAITED = timedelta(seconds=20)


@pytest.fixture
def workshop(database: Database, clock: FakeClock) -> Workshop:
    """A workshop with the proxy `hub`."""
    workshop = Workshop(database, clock)
    workshop.cabinet.proxy("hub")
    return workshop


@pytest.fixture
def cabinet(workshop: Workshop) -> Cabinet:
    return workshop.cabinet


def reader(cabinet: Cabinet) -> Principal:
    """Somebody who may read and not have anything fetched."""
    return cabinet.principal(("hub", "**", [Verb.READ]))


def warm(workshop: Workshop, signature: bytes | None = None) -> None:
    """Have the old set here, and its part."""
    workshop.upstream_set("hub", OLD, signature=signature)
    workshop.listed("hub")
    workshop.cabinet.network.asked.clear()


# What comes together


@pytest.mark.parametrize("first", ["set", "set.sig", "set.key"])
def test_the_files_of_a_set_come_in_one_edit_whichever_is_asked_for(
    workshop: Workshop, cabinet: Cabinet, first: str
) -> None:
    workshop.upstream_set("hub", OLD, signature=b"signed one")
    cabinet.say("hub", "set.key", b"the key")
    cabinet.get("hub", first)
    assert cabinet.asked == [("read", "hub:set"), ("read", "hub:set.sig"), ("read", "hub:set.key")]
    assert cabinet.holds("hub") == ["set", "set.key", "set.sig"]
    assert workshop.revisions("hub") == ["fetch set"]
    files = {path: cabinet.get("hub", path) for path in ("set", "set.sig", "set.key")}
    assert files == {"set": part_name(OLD).encode(), "set.sig": b"signed one", "set.key": b"the key"}
    assert cabinet.asked == []
    assert cabinet.inquiry.cache == Cache.HIT


def test_another_set_takes_its_place_as_a_whole(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    warm(workshop, signature=b"signed one")
    cabinet.say("hub", part_name(NEW), NEW)
    cabinet.get("hub", part_name(NEW))
    clock.advance(FRESH)
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    # The signature is asked for first, and yet is that of the entry document there is afterwards.
    assert cabinet.get("hub", "set.sig") == b"signed two"
    assert cabinet.get("hub", "set") == part_name(NEW).encode()
    assert workshop.listed("hub") == ["app/x", "app/y"]
    assert workshop.revisions("hub")[-1] == "fetch set"


def test_a_signature_is_as_fresh_as_what_it_signs(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    """However new the signature upstream is: it is not asked for alone."""
    warm(workshop, signature=b"signed one")
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    clock.advance(FRESH - timedelta(microseconds=1))
    assert cabinet.get("hub", "set.sig") == b"signed one"
    assert cabinet.asked == []


def test_a_set_that_is_current_stays_and_is_no_revision(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    warm(workshop, signature=b"signed one")
    before = workshop.revisions("hub")
    clock.advance(FRESH)
    assert cabinet.get("hub", "set.sig") == b"signed one"
    assert cabinet.asked == [("read", "hub:set")]
    assert cabinet.get("hub", "set") == part_name(OLD).encode()
    assert cabinet.asked == []
    assert workshop.revisions("hub") == before


def test_what_a_set_lacks_is_not_there(workshop: Workshop, cabinet: Cabinet) -> None:
    workshop.upstream_set("hub", OLD)
    for _ in range(2):
        with pytest.raises(AssetNotFound):
            cabinet.get("hub", "set.sig")
    assert [url for _, url in cabinet.asked] == ["hub:set", "hub:set.sig", "hub:set.key"], "once"
    assert cabinet.get("hub", "set") == part_name(OLD).encode()


def test_what_a_newer_set_lacks_is_gone(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    warm(workshop, signature=b"signed one")
    cabinet.say("hub", part_name(NEW), NEW)
    cabinet.get("hub", part_name(NEW))
    workshop.upstream_set("hub", NEW)
    clock.advance(FRESH)
    assert cabinet.get("hub", "set") == part_name(NEW).encode()
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "set.sig")
    assert "set.sig" not in cabinet.holds("hub")


def test_the_past_of_a_set_is_a_set(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    warm(workshop, signature=b"signed one")
    then = clock()
    clock.advance(FRESH)
    cabinet.say("hub", part_name(NEW), NEW)
    cabinet.get("hub", part_name(NEW))
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    cabinet.get("hub", "set")
    cabinet.network.asked.clear()
    assert cabinet.get("hub", "set", past=then) == part_name(OLD).encode()
    assert cabinet.get("hub", "set.sig", past=then) == b"signed one"
    assert cabinet.asked == []


# What is waited for


def test_the_first_set_is_served_at_once(workshop: Workshop, cabinet: Cabinet) -> None:
    workshop.upstream_set("hub", OLD, here=False)
    assert cabinet.get("hub", "set") == part_name(OLD).encode()
    assert workshop.waiting() == []


def test_a_newer_set_waits_for_the_files_that_it_needs(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    warm(workshop, signature=b"signed one")
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    clock.advance(FRESH)
    for _ in range(3):
        assert cabinet.get("hub", "set") == part_name(OLD).encode()
        assert cabinet.get("hub", "set.sig") == b"signed one"
    assert len(cabinet.asked) == 3, "it is looked at once in a while"
    number = cabinet.record("hub").id
    assert workshop.waiting() == [("prefetch", f"{number}/set")]
    assert workshop.run() == ["prefetch hub"]
    assert cabinet.holds("hub") == sorted([part_name(OLD), part_name(NEW), "set", "set.sig"])
    assert cabinet.get("hub", "set") == part_name(NEW).encode()
    assert cabinet.get("hub", "set.sig") == b"signed two"
    assert workshop.listed("hub") == ["app/x", "app/y"]


def test_a_set_whose_files_do_not_come_does_not_take_the_place_of_one_that_is_whole(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    warm(workshop)
    workshop.upstream_set("hub", NEW, here=False)
    clock.advance(FRESH)
    for _ in range(3):
        assert workshop.listed("hub") == ["app/x"]
        workshop.run()
        clock.advance(AWAITED)
    cabinet.say("hub", part_name(NEW), NEW)
    clock.advance(timedelta(minutes=5))  # as long as the absence of the part is remembered
    cabinet.get("hub", "set")
    workshop.run()
    clock.advance(AWAITED)
    assert workshop.listed("hub") == ["app/x", "app/y"]


# What may go wrong


@pytest.mark.parametrize("path", ["set", "set.sig"])
def test_a_set_is_served_past_its_time_while_nobody_answers(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock, path: str
) -> None:
    warm(workshop, signature=b"signed one")
    known = cabinet.get("hub", path)
    clock.advance(FRESH)
    cabinet.say("hub", "set", error=DOWN)
    assert cabinet.get("hub", path) == known
    assert cabinet.inquiry.cache == Cache.STALE
    clock.advance(timedelta(days=8))
    with pytest.raises(UpstreamUnavailable):
        cabinet.get("hub", path)


def test_half_a_set_is_none(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    """Its second file could not be asked for."""
    warm(workshop, signature=b"signed one")
    cabinet.say("hub", part_name(NEW), NEW)
    cabinet.get("hub", part_name(NEW))
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    cabinet.say("hub", "set.sig", error=DOWN)
    clock.advance(FRESH)
    assert cabinet.get("hub", "set") == part_name(OLD).encode()
    assert cabinet.inquiry.cache == Cache.STALE
    assert cabinet.get("hub", "set.sig") == b"signed one"


def test_without_a_set_nobody_knows(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.say("hub", "set", error=DOWN)
    for path in ("set", "set.sig"):
        with pytest.raises(UpstreamUnavailable):
            cabinet.get("hub", path)


def test_an_upstream_that_publishes_nothing_is_asked_once(workshop: Workshop, cabinet: Cabinet) -> None:
    for path in ("set", "set.sig", "set"):
        with pytest.raises(AssetNotFound):
            cabinet.get("hub", path)
    assert cabinet.asked == [("read", "hub:set")]
    assert cabinet.inquiry.cache == Cache.NEGATIVE


def test_what_is_no_set_is_not_kept(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "set", b"<html>Sign in</html>")
    with pytest.raises(UpstreamInvalid):
        cabinet.get("hub", "set")
    assert cabinet.holds("hub") == []
    warm(workshop, signature=b"signed one")
    clock.advance(FRESH)
    cabinet.say("hub", "set", b"<html>Sign in</html>")
    assert cabinet.get("hub", "set") == part_name(OLD).encode()
    assert cabinet.inquiry.cache == Cache.STALE
    assert cabinet.get("hub", "set.sig") == b"signed one"


def test_a_set_that_is_denied_twice_is_gone(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    warm(workshop, signature=b"signed one")
    cabinet.say("hub", "set", status=404)
    clock.advance(FRESH)
    assert cabinet.get("hub", "set.sig") == b"signed one"
    clock.advance(timedelta(seconds=30))
    for path in ("set", "set.sig"):
        with pytest.raises(AssetNotFound):
            cabinet.get("hub", path)
    clock.advance(timedelta(minutes=5))
    workshop.upstream_set("hub", NEW)
    assert cabinet.get("hub", "set") == part_name(NEW).encode()
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "set.sig")


def test_without_the_right_to_it_nothing_is_asked(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    workshop.upstream_set("hub", OLD, signature=b"signed one")
    somebody = reader(cabinet)
    with pytest.raises(Forbidden):
        cabinet.get("hub", "set.sig", by=somebody)
    assert cabinet.asked == []
    warm(workshop, signature=b"signed one")
    clock.advance(FRESH)
    workshop.upstream_set("hub", NEW, signature=b"signed two")
    assert cabinet.get("hub", "set.sig", by=somebody) == b"signed one"
    assert cabinet.asked == []


def test_bytes_that_belong_to_no_set_are_fetched_one_by_one(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.say("hub", part_name(OLD), OLD)
    assert cabinet.get("hub", part_name(OLD)) == OLD
    assert cabinet.asked == [("store", f"hub:{part_name(OLD)}")]
