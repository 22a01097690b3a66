"""What groups publish: from what their members have published, and for whom."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from artifactd.auth.principal import Principal, Verb
from artifactd.catalog.assets import Keep
from artifactd.catalog.repositories import RepositoryDraft, RepositoryNotEmpty
from artifactd.db.writer import Database
from artifactd.errors import (
    AssetNotFound,
    Forbidden,
    Unauthenticated,
    Unavailable,
    UpstreamUnavailable,
)
from artifactd.repositories.publication import FIRST_WITHIN, Unpublished, publish_all_task
from artifactd.repositories.published import NOTICED_FOR
from artifactd.upstream.question import Wanted
from tests.support.cabinets import FRESH, Cabinet
from tests.support.clocks import FakeClock
from tests.support.gathering import Workshop, part, part_name
from tests.support.shelves import STORE_ID

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

DOWN = UpstreamUnavailable("the upstream cannot be connected to")
NOTICED = timedelta(microseconds=NOTICED_FOR)
THEIRS = part(b"lib/x theirs")


@pytest.fixture
def workshop(database: Database, clock: FakeClock) -> Workshop:
    """A workshop with the hosted repositories `ours` and `more`, and the proxy `hub`."""
    workshop = Workshop(database, clock)
    for name in ("ours", "more"):
        workshop.cabinet.hosted(name)
    workshop.cabinet.proxy("hub")
    return workshop


@pytest.fixture
def cabinet(workshop: Workshop) -> Cabinet:
    return workshop.cabinet


def first(workshop: Workshop, name: str, **more: Principal) -> None:
    """Have the first generation of a group made, as somebody's GET does."""
    with pytest.raises(Unpublished):
        workshop.cabinet.get(name, "set", **more)
    workshop.run()


def noting(made: list[str], what: str, call: Callable[..., None]) -> Callable[..., None]:
    def noted(*arguments: object) -> None:
        made.append(what)
        call(*arguments)

    return noted


# The first one


def test_the_first_who_asks_has_it_made(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("more", "lib/x", b"more")
    workshop.run()
    assert workshop.listed("all") == ["app/x", "lib/x"]
    assert workshop.sets.merged[-1] == ["ours", "more"]


def test_who_asks_before_it_is_there_waits_for_it(workshop: Workshop, cabinet: Cabinet) -> None:
    workshop.upstream_set("hub", THEIRS)
    cabinet.group("all", "ours", "hub")
    with pytest.raises(Unpublished) as told:
        cabinet.get("all", "set")
    assert not told.value.ready()
    assert isinstance(told.value.error, Unavailable)
    assert told.value.error.retry_after == 5
    assert timedelta(seconds=10) <= FIRST_WITHIN < timedelta(seconds=30)
    number = cabinet.record("all").id
    assert workshop.waiting() == [("publish", f"{number}/sets/")]
    with pytest.raises(Unpublished):
        cabinet.get("all", "set.sig")
    assert len(workshop.waiting()) == 1, "a process asks once"
    workshop.run()
    assert told.value.ready()
    assert workshop.listed("all") == ["lib/x"]


def test_what_no_member_publishes_is_not_there(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub")
    for _ in range(2):
        for path in ("set", "set.sig"):
            with pytest.raises(AssetNotFound):
                cabinet.get("all", path)
    assert workshop.waiting() == []
    cabinet.put("ours", "app/x")
    workshop.run()
    assert workshop.listed("all") == ["app/x"]


def test_what_a_hosted_repository_will_publish_is_waited_for(workshop: Workshop, cabinet: Cabinet) -> None:
    with pytest.raises(AssetNotFound):
        cabinet.get("ours", "set")
    cabinet.put("ours", "app/x")
    with pytest.raises(Unpublished) as told:
        cabinet.get("ours", "set")
    assert not told.value.ready()
    for path in ("set.sig", part_name(part(b"app/x bytes")), "app/y"):
        with pytest.raises(AssetNotFound):  # nobody knows of these but from the entry document
            cabinet.get("ours", path)
    workshop.run()
    assert told.value.ready()
    assert workshop.listed("ours") == ["app/x"]
    cabinet.delete("ours", "app/x")
    assert workshop.listed("ours") == ["app/x"], "the next ones are not"


def test_who_waits_for_what_is_not_made_is_told_so(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.shelf.queue.enqueue(publish_all_task(cabinet.record("ours").id), requested_by="a test")
    with pytest.raises(Unpublished) as told:
        cabinet.get("ours", "set")
    assert not told.value.ready()
    workshop.run()
    assert told.value.ready()
    with pytest.raises(AssetNotFound):
        cabinet.get("ours", "set")


def test_a_member_that_will_publish_soon_holds_nobody_up(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.group("both", "ours", "more")
    cabinet.put("more", "lib/x")
    cabinet.shelf.queue.enqueue(publish_all_task(cabinet.record("both").id), requested_by="a test")
    assert workshop.run_now() == ["publish both"]
    assert workshop.failed == []
    assert workshop.listed("both") == ["app/x"]
    workshop.run()
    assert workshop.listed("both") == ["app/x", "lib/x"]


def test_while_a_member_cannot_be_asked_nothing_is_made(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub")
    cabinet.say("hub", "set", error=DOWN)
    cabinet.put("ours", "app/x")
    workshop.run()
    assert [type(error) for error in workshop.failed] == [UpstreamUnavailable]
    with pytest.raises(UpstreamUnavailable):
        cabinet.get("all", "set")
    workshop.upstream_set("hub", THEIRS)
    workshop.clock.advance(NOTICED)
    first(workshop, "all")
    assert workshop.listed("all") == ["app/x", "lib/x"]


def test_on_the_event_loop_nobody_waits(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.group("all", "ours")
    with pytest.raises(Wanted):  # to have it made takes a write
        cabinet.get("all", "set", hurried=True)
    first(workshop, "all")
    assert cabinet.get("all", "set", hurried=True).startswith(b"set-")
    cabinet.group("all", "ours", "more")
    with pytest.raises(Wanted):
        cabinet.get("all", "set", hurried=True)


# The next ones


def test_a_member_s_new_generation_makes_the_group_s(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    workshop.run()
    assert workshop.listed("all") == ["app/x"]
    cabinet.put("more", "lib/x")
    assert workshop.run() == ["publish more", "publish all"]
    assert workshop.listed("all") == ["app/x", "lib/x"]
    assert workshop.revisions("all") == ["publish sets"] * 2


def test_groups_within_groups_publish_what_the_members_have(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("inner", "ours")
    cabinet.group("outer", "inner", "more")
    cabinet.put("ours", "app/x")
    cabinet.put("more", "lib/x")
    workshop.run()
    assert workshop.listed("inner") == ["app/x"]
    assert workshop.listed("outer") == ["app/x", "lib/x"]
    cabinet.put("ours", "app/y")
    assert workshop.run() == ["publish ours", "publish inner", "publish outer"]
    assert workshop.listed("outer") == ["app/x", "app/y", "lib/x"]


def test_a_proxy_past_its_time_is_noticed_and_the_group_follows(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    assert workshop.listed("all") == ["lib/x"]
    newer = part(b"lib/x theirs", b"lib/y theirs")
    workshop.upstream_set("hub", newer)
    assert workshop.listed("all") == ["lib/x"]
    assert workshop.run() == [], "it is fresh"
    clock.advance(FRESH)
    assert workshop.listed("all") == ["lib/x"], "nobody waits for the next one"
    assert workshop.run() == ["publish all", "prefetch hub"]
    clock.advance(timedelta(seconds=20))
    workshop.listed("all")
    assert workshop.run() == ["publish all"]
    assert workshop.listed("all") == ["lib/x", "lib/y"]


def test_a_proxy_that_has_nothing_new_makes_nothing_new(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub", "ours")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    before = workshop.revisions("all")
    clock.advance(FRESH)
    workshop.listed("all")
    assert workshop.run() == ["publish all"]
    assert workshop.revisions("all") == before
    assert len(workshop.sets.merged) == 1, "equal inputs are not even merged"
    workshop.listed("all")
    assert workshop.run() == [], "it is fresh again"


def test_an_answer_is_good_until_somebody_must_look_again(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    cabinet.get("all", "set")
    until = cabinet.inquiry.fresh_until
    assert until is not None
    assert clock() < until <= clock() + FRESH / timedelta(microseconds=1)
    clock.advance(FRESH)
    cabinet.get("all", "set")
    assert cabinet.inquiry.fresh_until == clock() + NOTICED_FOR, "then somebody asks for the next one again"


def test_who_looks_often_asks_now_and_then(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.group("all", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    cabinet.say("hub", "set", error=DOWN)
    clock.advance(FRESH)
    for _ in range(20):
        cabinet.get("all", "set")
    assert len(workshop.waiting()) == 1
    clock.advance(NOTICED)
    cabinet.get("all", "set")
    assert len(workshop.waiting()) == 2


def test_a_copy_that_was_fetched_through_the_proxy_itself_is_noticed(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    newer = part(b"lib/y theirs")
    workshop.upstream_set("hub", newer)
    cabinet.get("hub", part_name(newer))
    clock.advance(FRESH)
    cabinet.get("hub", "set")
    cabinet.get("all", "set")
    assert workshop.run() == ["publish all"]
    assert workshop.listed("all") == ["lib/y"]


def test_while_a_proxy_cannot_be_asked_its_old_set_counts(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "ours", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    cabinet.say("hub", "set", error=DOWN)
    clock.advance(FRESH)
    cabinet.put("ours", "app/x")
    workshop.run()
    assert workshop.listed("all") == ["app/x", "lib/x"]
    clock.advance(timedelta(days=8))  # it is not bearable any more
    cabinet.put("ours", "app/y")
    workshop.run()
    assert {type(error) for error in workshop.failed} == {UpstreamUnavailable}
    assert workshop.listed("all") == ["app/x", "lib/x"], "what there was stays"


def test_a_merge_that_fails_half_way_leaves_what_there_was(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    for name, path in (("ours", "app/x"), ("more", "lib/x")):
        cabinet.put(name, path)
    workshop.run()
    before = workshop.listed("all"), len(cabinet.shelf.stored())

    def fail() -> None:
        raise Unavailable("the disk is gone", retry_after=1)

    workshop.sets.during = fail
    cabinet.put("ours", "app/y")
    workshop.run()
    assert len(workshop.failed) == 1
    assert workshop.listed("all") == before[0]
    assert cabinet.shelf.stored() == cabinet.shelf.named()
    workshop.sets.during = lambda: None
    cabinet.shelf.queue.enqueue(publish_all_task(cabinet.record("all").id), requested_by="a test")
    workshop.run()
    assert workshop.listed("all") == ["app/x", "app/y", "lib/x"]


def test_a_member_s_set_does_not_change_while_it_is_read(workshop: Workshop, cabinet: Cabinet) -> None:
    """The part that its entry document names lingers."""
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x")

    def interfere() -> None:
        workshop.sets.during = lambda: None
        cabinet.put("ours", "app/y")
        workshop.run()

    workshop.sets.during = interfere
    workshop.run()
    workshop.run()
    assert workshop.listed("all") == ["app/x", "app/y"]


def test_other_members_make_another_one(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    for name, path in (("ours", "app/x"), ("more", "lib/x")):
        cabinet.put(name, path)
    cabinet.group("all", "ours")
    workshop.run()
    cabinet.group("all", "ours", "more")
    assert workshop.listed("all") == ["app/x"]
    assert workshop.run() == ["publish all"]
    assert workshop.listed("all") == ["app/x", "lib/x"]
    cabinet.group("all", "more")
    clock.advance(NOTICED)
    workshop.listed("all")
    workshop.run()
    assert workshop.listed("all") == ["lib/x"]


def test_a_group_without_members_publishes_that_it_has_nothing(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.put("ours", "app/x")
    cabinet.group("all", "ours")
    workshop.run()
    cabinet.group("all")
    clock.advance(NOTICED)
    cabinet.get("all", "set")
    workshop.run()
    assert workshop.listed("all") == []


def test_what_is_always_published_is_there_for_groups_too(workshop: Workshop, cabinet: Cabinet) -> None:
    workshop.sets.always = True
    cabinet.group("all", "ours")
    for name in ("ours", "all"):
        cabinet.shelf.queue.enqueue(publish_all_task(cabinet.record(name).id), requested_by="a test")
    workshop.run()
    assert workshop.listed("ours") == []
    assert workshop.listed("all") == []


def test_all_keys_of_a_group_are_published_again(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.group("all", "ours", "hub")
    cabinet.shelf.queue.enqueue(publish_all_task(cabinet.record("all").id), requested_by="a test")
    assert workshop.run() == ["publish all"]
    assert workshop.listed("all") == ["app/x"]


def test_the_task_of_a_group_that_is_gone_does_nothing(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.group("all", "ours")
    with pytest.raises(Unpublished):
        cabinet.get("all", "set")
    cabinet.shelf.repositories.delete("all")
    assert workshop.run() == ["publish (gone)"]
    assert workshop.failed == []


def test_members_that_differ_and_a_set_that_does_not(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    """A proxy's news are all of names that are ours: nobody asks for a next generation for ever."""
    cabinet.group("all", "ours", "hub")
    cabinet.put("ours", "lib/x", b"ours")
    workshop.upstream_set("hub", THEIRS)
    workshop.run()
    assert workshop.listed("all") == ["lib/x"]
    newer = part(b"lib/x theirs", b"lib/y theirs")
    workshop.upstream_set("hub", newer)
    cabinet.get("hub", part_name(newer))
    clock.advance(FRESH)
    cabinet.get("all", "set")
    assert workshop.run() == ["publish all"]
    clock.advance(NOTICED)
    cabinet.get("all", "set")
    assert workshop.run() == [], "it was made from what there is"


# Whose names they are


@pytest.mark.parametrize("order", [("ours", "hub"), ("hub", "ours")])
def test_a_proxy_adds_nothing_to_names_that_are_ours(
    workshop: Workshop, cabinet: Cabinet, order: tuple[str, str]
) -> None:
    cabinet.group("all", *order)
    cabinet.put("ours", "lib/x", b"ours")
    listed = part(b"app/x theirs", b"lib/x theirs", b"lib/y theirs")
    workshop.upstream_set("hub", listed)
    first(workshop, "all")
    assert workshop.listed("all") == ["app/x", "lib/x"]
    lines = cabinet.get("all", cabinet.get("all", "set").decode())
    assert lines == b"app/x theirs\nlib/x ours\n"


def test_a_group_may_let_a_proxy_add_and_reserve_names(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub", merge=["lib"], reserved=["acme"])
    cabinet.put("ours", "lib/x", b"ours")
    cabinet.put("ours", "app/x", b"ours")
    listed = part(b"acme/x theirs", b"app/y theirs", b"lib/x theirs", b"lib/y theirs")
    workshop.upstream_set("hub", listed)
    first(workshop, "all")
    assert workshop.listed("all") == ["app/x", "lib/x", "lib/y"]


def test_a_name_that_becomes_ours_is_theirs_no_more(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "ours", "hub")
    workshop.upstream_set("hub", THEIRS)
    first(workshop, "all")
    assert workshop.listed("all") == ["lib/x"]
    cabinet.put("ours", "lib/z", b"ours")
    workshop.run()
    assert workshop.listed("all") == ["lib/z"]


# For whom


def test_it_takes_the_right_to_read_every_member(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    workshop.run()
    some = cabinet.principal(("all", "**", [Verb.READ]), ("ours", "**", [Verb.READ]))
    every = cabinet.principal(*((name, "**", [Verb.READ]) for name in ("all", "ours", "more")))
    nobody = Principal("anonymous", 0, frozenset())
    for path in ("set", "set.sig", cabinet.get("all", "set").decode()):
        with pytest.raises(Forbidden):
            cabinet.get("all", path, by=some)
        with pytest.raises(Unauthenticated):
            cabinet.get("all", path, by=nobody)
        assert cabinet.get("all", path, by=every)


def test_before_there_is_one_it_takes_that_too(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.group("all", "ours", "more")
    some = cabinet.principal(("all", "**", [Verb.READ]), ("ours", "**", [Verb.READ]))
    with pytest.raises(Forbidden):
        cabinet.get("all", "set", by=some)
    assert workshop.waiting() == []


def test_a_group_may_decide_for_its_members(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more", rights="group")
    cabinet.put("ours", "app/x")
    workshop.run()
    some = cabinet.principal(("all", "**", [Verb.READ]))
    assert cabinet.get("all", "set", by=some).startswith(b"set-")


def test_who_may_not_populate_learns_nothing_new_and_gets_what_there_is(
    workshop: Workshop, cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub")
    workshop.upstream_set("hub", THEIRS)
    reader = cabinet.principal(*((name, "**", [Verb.READ]) for name in ("all", "hub")))
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "set", by=reader)
    assert (cabinet.asked, workshop.waiting()) == ([], [])
    first(workshop, "all")
    assert cabinet.get("all", "set", by=reader).startswith(b"set-")
    assert cabinet.asked, "to make it"
    clock.advance(FRESH)
    assert cabinet.get("all", "set", by=reader).startswith(b"set-")
    assert (cabinet.asked, workshop.waiting()) == ([], []), "whoever may populate will notice"


# A member's own


@pytest.mark.parametrize(
    ("path", "kept"), [("_member/more/lib/x", "lib/x"), ("lib/_member/more/x", "lib/x")]
)
def test_a_path_may_name_the_member_that_it_is_of(
    workshop: Workshop, cabinet: Cabinet, path: str, kept: str
) -> None:
    cabinet.group("all", "ours", "more")
    for name in ("ours", "more"):
        cabinet.put(name, kept, name.encode())
    assert cabinet.get("all", kept) == b"ours"
    assert cabinet.get("all", path) == b"more"
    head = cabinet.visit("all", lambda repository: repository.stat(path))
    assert head.asset is not None
    assert head.asset.repository_id == cabinet.record("more").id


def test_a_member_s_set_is_reached_that_way(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("more", "lib/x")
    workshop.run()
    assert cabinet.get("all", "_member/more/set") == cabinet.get("more", "set")
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "_member/ours/set")


def test_who_is_no_member_has_nothing_there(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("inner", "ours")
    cabinet.group("all", "inner")
    for name in ("ours", "more"):
        cabinet.put(name, "app/x", name.encode())
    assert cabinet.get("all", "_member/ours/app/x") == b"ours"
    for path in ("_member/more/app/x", "_member/inner/app/x", "_member/none/app/x", "_member/ours/app/y"):
        with pytest.raises(AssetNotFound) as told:
            cabinet.get("all", path)
        assert told.value.repository == ("ours" if path.endswith("/y") else "all")


def test_it_takes_the_right_to_that_member(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("more", "app/x")
    some = cabinet.principal(("all", "**", [Verb.READ]), ("ours", "**", [Verb.READ]))
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "_member/more/app/x", by=some)
    outside = cabinet.principal(("more", "**", [Verb.READ]))
    with pytest.raises(Forbidden):
        cabinet.get("all", "_member/more/app/x", by=outside)


def test_a_proxy_is_not_asked_that_way_for_names_that_are_ours(
    workshop: Workshop, cabinet: Cabinet
) -> None:
    cabinet.group("all", "ours", "hub")
    cabinet.put("ours", "app/x")
    for path in ("app/y", "lib/y"):
        cabinet.say("hub", path, b"theirs")
    assert cabinet.get("all", "_member/hub/lib/y") == b"theirs"
    cabinet.network.asked.clear()
    for path in ("_member/hub/app/y", "app/_member/hub/y"):
        with pytest.raises(AssetNotFound):
            cabinet.get("all", path)
    assert cabinet.asked == []


# What becomes of it


def test_it_is_the_group_s_own_and_goes_with_it(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x")
    workshop.run()
    assert cabinet.holds("all") == sorted(["set", "set.sig", cabinet.get("all", "set").decode()])
    cabinet.shelf.repositories.delete("all")
    assert cabinet.get("ours", "app/x") == b"bytes"
    with pytest.raises(RepositoryNotEmpty):
        cabinet.shelf.repositories.delete("ours")


def test_a_repository_that_has_only_what_was_made_of_nothing_is_empty(
    workshop: Workshop, cabinet: Cabinet
) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    cabinet.put("ours", "app/y")
    workshop.run()
    for path in ("app/x", "app/y"):
        cabinet.delete("ours", path)
    workshop.run()
    assert [path for path in cabinet.holds("ours") if path.startswith("app/")] == []
    assert cabinet.holds("ours") != []
    cabinet.shelf.repositories.delete("ours")


def test_what_a_new_one_does_not_need_lingers(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x")
    workshop.run()
    old = cabinet.get("all", "set").decode()
    cabinet.put("ours", "app/y")
    workshop.run()
    assert cabinet.get("all", old) == part(b"app/x bytes")
    asset = cabinet.find("all", old)
    assert asset is not None
    assert asset.keep is Keep.WHILE_REFERENCED


def test_its_past_is_a_set(workshop: Workshop, cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x")
    workshop.run()
    then = clock()
    clock.advance(timedelta(seconds=1))
    cabinet.put("ours", "app/y")
    workshop.run()
    assert workshop.listed("all", past=then) == ["app/x"]
    assert workshop.waiting() == []


def test_a_folder_shows_what_can_be_read_there(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    cabinet.put("more", "lib/x")
    workshop.run()
    page = cabinet.visit("all", lambda repository: repository.list(""))
    for entry in page.items:
        if not entry.path.endswith("/"):
            assert cabinet.get("all", entry.path)
    assert {"set", "set.sig", cabinet.get("all", "set").decode()} <= {entry.path for entry in page.items}


# With which key


@pytest.mark.parametrize("name", ["ours", "all"])
def test_a_new_signing_key_publishes_anew(
    workshop: Workshop, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cabinet.group("all", "ours")
    for each in ("ours", "all"):
        workshop.openpgp.of(cabinet.record(each).id)
    cabinet.put("ours", "app/x")
    workshop.run()
    made: list[str] = []
    monkeypatch.setattr(workshop.sets, "publish", noting(made, "publish", workshop.sets.publish))
    monkeypatch.setattr(workshop.sets, "merge", noting(made, "merge", workshop.sets.merge))
    workshop.openpgp.renew(cabinet.record(name).id)
    for record in (cabinet.record("ours"), cabinet.record("all")):
        cabinet.shelf.queue.enqueue(publish_all_task(record.id), requested_by="a test")
    workshop.run()
    assert made == {"ours": ["publish", "merge"], "all": ["merge"]}[name]


def test_settings_are_an_input(workshop: Workshop, cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    workshop.run()
    record = cabinet.record("ours")
    task = publish_all_task(record.id)
    cabinet.shelf.queue.enqueue(task, requested_by="a test")
    workshop.run()
    assert workshop.revisions("ours") == ["", "publish sets"]
    cabinet.shelf.repositories.put(RepositoryDraft("ours", record.format, "hosted", {"depth": 2}, STORE_ID))
    cabinet.shelf.queue.enqueue(task, requested_by="a test")
    workshop.run()
    assert workshop.revisions("ours") == ["", "publish sets", "publish sets"]
