"""Proxies: what they have, what they ask for, what they give while nobody can be asked, and who may have
them ask (proxy R60 to R65, R71, R79, O)."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.assets import Selection
from artifactd.clock import SECOND, micros
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import (
    AssetNotFound,
    Forbidden,
    Gone,
    RateLimited,
    ReadOnly,
    Unauthenticated,
    Unavailable,
    UpstreamInvalid,
    UpstreamUnavailable,
    Withheld,
)
from artifactd.repositories.content import PartSource
from artifactd.repositories.inquiry import Cache
from artifactd.repositories.proxy import STALE_AGAIN
from artifactd.repositories.repository import Repository
from artifactd.upstream.answer import Facts
from artifactd.upstream.question import Aim, Failed, PartSeen, Wanted, Whole
from tests.support.cabinets import FRESH, MINUTE, Cabinet, Lists, body, by_digest
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
"""Of what they write, tests/unit/catalog asks both engines."""

DOWN = UpstreamUnavailable("the upstream of repository 'hub' cannot be connected to")


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the proxy `hub`."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    cabinet.proxy("hub")
    return cabinet


def good_for(cabinet: Cabinet) -> int | None:
    """The seconds for which the answer of the last visit is good."""
    until = cabinet.inquiry.fresh_until
    return None if until is None else (until - cabinet.shelf.database.now()) // SECOND


# What is fetched


def test_what_is_fetched_is_kept_with_its_facts(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"plain text", etag='"one"')
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"))
    head = content.head
    assert (head.size, head.content_type, head.etag) == (10, "text/plain", digest_of(b"plain text"))
    assert head.attributes == {"size": 10, "type": "text/plain"}
    assert head.asset is not None
    assert head.asset.label == "plain"
    assert not head.immutable
    assert good_for(cabinet) == 600
    assert cabinet.asked == [("store", "hub:app/x")]
    assert content.depends is not None
    for _ in range(3):
        assert cabinet.get("hub", "app/x") == b"plain text"
    assert good_for(cabinet) == 600
    assert cabinet.asked == []
    assert cabinet.shelf.rows(tables.revision)[0]["message"] == "fetch app/x"


def test_it_is_good_for_a_while_and_then_asked_about(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R61
    cabinet.say("hub", "app/x", b"one", etag='"one"')
    cabinet.get("hub", "app/x")
    clock.advance(FRESH - timedelta(microseconds=1))
    assert cabinet.get("hub", "app/x") == b"one"
    assert len(cabinet.asked) == 1
    clock.advance(timedelta(microseconds=1))
    assert cabinet.get("hub", "app/x") == b"one"
    assert cabinet.asked == [("store", "hub:app/x")]
    assert good_for(cabinet) == 600
    assert len(cabinet.shelf.rows(tables.revision)) == 1, "a copy that is current is no revision"
    cabinet.say("hub", "app/x", b"two", etag='"two"')
    clock.advance(FRESH)
    assert cabinet.get("hub", "app/x") == b"two"
    assert len(cabinet.shelf.rows(tables.revision)) == 2


def test_what_never_changes_is_asked_for_once(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/fixed", b"bytes")
    for _ in range(3):
        content = cabinet.visit("hub", lambda repository: repository.get("app/fixed"))
        assert content.head.immutable
        clock.advance(timedelta(days=1000))
    assert cabinet.asked == [("store", "hub:app/fixed")]
    assert good_for(cabinet) is None


@pytest.mark.parametrize(
    ("settings", "fresh", "stale"),
    [
        ({}, 600, 7 * 86_400),
        ({"fresh_for": 60}, 60, 7 * 86_400),
        ({"fresh_for": 60, "stale_for": 60}, 60, 60),
        ({"fresh_for": 0, "stale_for": 0}, 0, 0),
        ({"fresh_for": -1}, None, None),
        ({"stale_for": -1}, 600, None),
    ],
)
def test_an_administrator_says_how_long_copies_are_good(
    cabinet: Cabinet, clock: FakeClock, settings: dict[str, int], fresh: int | None, stale: int | None
) -> None:
    # proxy R140, M: 0 asks each time, -1 never again
    cabinet.proxy("hub", **settings)
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    (state,) = cabinet.shelf.rows(tables.upstream_state)
    now = clock()
    assert state["fresh_until"] == (None if fresh is None else now + fresh * SECOND)
    end = None if stale is None or fresh is None else now + (fresh + stale) * SECOND
    assert state["stale_until"] == end
    cabinet.get("hub", "app/x")
    assert len(cabinet.asked) == (2 if fresh == 0 else 1)


def test_names_that_clients_write_otherwise_are_one(cabinet: Cabinet) -> None:
    # proxy R142
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.says_list("hub", "app", "x")
    for path in ("App/X", "app/x", "APP/x"):
        assert cabinet.get("hub", path) == b"bytes"
    for key in ("App", "app"):
        assert cabinet.visit("hub", lambda repository, key=key: repository.index(Lists(), key)).value == [
            "x"
        ]
    assert cabinet.asked == [("store", "hub:app/x"), ("read", "hub:app/list")]
    assert cabinet.holds("hub") == ["app/.list", "app/x"]
    cabinet.delete("hub", "App/X")
    assert cabinet.holds("hub") == ["app/.list"]


def test_a_page_that_says_where_a_file_is_is_asked_for_first(cabinet: Cabinet) -> None:
    cabinet.says_list("hub", "app", "listed-1")
    cabinet.say("hub", "app/listed-1", b"bytes")
    assert cabinet.get("hub", "app/listed-1") == b"bytes"
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/listed-2")
    assert cabinet.asked == [("read", "hub:app/list"), ("store", "hub:app/listed-1")]


def test_without_that_page_nobody_knows(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/list", error=DOWN)
    with pytest.raises(UpstreamUnavailable):
        cabinet.get("hub", "app/listed-1")
    cabinet.say("hub", "app/list", status=404)
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/listed-1")


def test_an_address_of_its_own_is_asked_instead_of_the_upstream(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/mirrored", b"bytes")
    assert cabinet.get("hub", "app/mirrored") == b"bytes"
    assert [url for _, url in cabinet.network.asked] == [
        "https://mirror.example/mirrored", cabinet.url("hub", "app/mirrored"),
    ]  # fmt: skip


def test_a_path_that_has_no_place_upstream_is_not_there(cabinet: Cabinet) -> None:
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "nowhere/x")
    assert cabinet.asked == []
    assert cabinet.shelf.rows(tables.upstream_state) == []


# Absences


def test_an_absence_is_remembered_for_a_while(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R65
    for _ in range(3):
        with pytest.raises(AssetNotFound) as told:
            cabinet.get("hub", "app/x")
        assert told.value.depends is not None
        assert good_for(cabinet) == 300
    assert cabinet.asked == [("store", "hub:app/x")]
    cabinet.say("hub", "app/x", b"bytes")
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    clock.advance(5 * MINUTE)
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert len(cabinet.shelf.rows(tables.upstream_state)) == 1


@pytest.mark.parametrize("seconds", [0, 60])
def test_an_administrator_says_for_how_long(cabinet: Cabinet, clock: FakeClock, seconds: int) -> None:
    cabinet.proxy("hub", negative_for=seconds)
    for _ in range(2):
        with pytest.raises(AssetNotFound):
            cabinet.get("hub", "app/x")
    assert len(cabinet.asked) == (1 if seconds else 2)
    clock.advance(timedelta(seconds=seconds))
    cabinet.say("hub", "app/x", b"bytes")
    assert cabinet.get("hub", "app/x") == b"bytes"


def test_only_an_absence_is_remembered(cabinet: Cabinet) -> None:
    # proxy R64
    for error in (DOWN, UpstreamInvalid("refused our credentials (403)"), RateLimited("429", 7)):
        cabinet.say("hub", "app/x", error=error)
        for _ in range(2):
            with pytest.raises(type(error)):
                cabinet.get("hub", "app/x")
        assert len(cabinet.asked) == 2
    assert cabinet.shelf.rows(tables.upstream_state) == []
    cabinet.say("hub", "app/x", b"bytes")
    assert cabinet.get("hub", "app/x") == b"bytes"


def test_what_the_upstream_denies_once_is_kept_and_twice_is_gone(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    # proxy O
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", status=404)
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert good_for(cabinet) == 30
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert len(cabinet.asked) == 2, "it is not asked for again at once"
    clock.advance(timedelta(seconds=30))
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    assert cabinet.holds("hub") == []
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    assert cabinet.inquiry.cache == Cache.NEGATIVE
    assert len(cabinet.asked) == 1
    assert [row["message"] for row in cabinet.shelf.rows(tables.revision)] == [
        "fetch app/x", "gone upstream: app/x",
    ]  # fmt: skip


def test_absences_that_are_not_in_a_row_take_nothing_away(cabinet: Cabinet, clock: FakeClock) -> None:
    for _ in range(3):
        cabinet.say("hub", "app/x", b"bytes", etag='"one"')
        assert cabinet.get("hub", "app/x") == b"bytes"
        clock.advance(FRESH)
        cabinet.say("hub", "app/x", status=404)
        assert cabinet.get("hub", "app/x") == b"bytes"
        clock.advance(MINUTE)
    assert cabinet.holds("hub") == ["app/x"]


def test_what_never_changes_outlives_its_upstream(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/fixed", b"bytes")
    cabinet.get("hub", "app/fixed")
    cabinet.say("hub", "app/fixed", status=404)
    for _ in range(3):
        clock.advance(timedelta(days=100))
        assert cabinet.get("hub", "app/fixed") == b"bytes"


# Stale copies


def test_a_copy_past_its_time_is_better_than_none(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R62
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    checked = clock()
    for error in (
        DOWN,
        RateLimited("429", 7),
        UpstreamInvalid("refused our credentials (403)"),
        UpstreamInvalid("sent other bytes than it should have"),
    ):
        clock.advance(FRESH)
        cabinet.say("hub", "app/x", error=error)
        assert cabinet.get("hub", "app/x") == b"bytes"
        assert good_for(cabinet) == STALE_AGAIN // SECOND
        assert cabinet.inquiry.checked == checked
    assert len(cabinet.asked) == 1 + 4
    cabinet.say("hub", "app/x", b"new")
    assert cabinet.get("hub", "app/x") == b"new"
    assert cabinet.inquiry.checked is None


def test_but_not_for_ever(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.proxy("hub", stale_for=60)
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.say("hub", "app/fixed", b"bytes")
    cabinet.get("hub", "app/x")
    cabinet.get("hub", "app/fixed")
    cabinet.say("hub", "app/x", error=DOWN)
    clock.advance(FRESH + MINUTE - timedelta(microseconds=1))
    assert cabinet.get("hub", "app/x") == b"bytes"
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(UpstreamUnavailable):
        cabinet.get("hub", "app/x")
    assert cabinet.get("hub", "app/fixed") == b"bytes"
    assert cabinet.holds("hub") == ["app/fixed", "app/x"], "it may yet turn out to be current"


def test_a_stale_answer_is_repeated_until_the_upstream_is_asked_again(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    upstream = cabinet.factory.upstream(cabinet.record("hub"))
    cabinet.watch.saw(upstream, Failed(RateLimited("429", 60)))
    for _ in range(3):
        assert cabinet.get("hub", "app/x") == b"bytes"
    assert len(cabinet.asked) == 1, "it wants no requests"
    assert good_for(cabinet) == 60
    with pytest.raises(RateLimited):
        cabinet.get("hub", "app/y")
    clock.advance(MINUTE)
    assert cabinet.get("hub", "app/x") == b"bytes"


def test_a_blocked_proxy_gives_what_it_has(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R79, O
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    cabinet.shelf.repositories.block("hub", blocked=True)
    clock.advance(FRESH)
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert cabinet.inquiry.cache == Cache.STALE
    with pytest.raises(Unavailable, match="blocked"):
        cabinet.get("hub", "app/y")
    assert len(cabinet.asked) == 1
    cabinet.shelf.repositories.block("hub", blocked=False)
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert len(cabinet.asked) == 1


def test_an_answer_is_called_after_where_it_came_from(cabinet: Cabinet, clock: FakeClock) -> None:
    def called(path: str, act: Callable[[Repository], object] | None = None) -> str:
        with suppress(AssetNotFound):
            cabinet.visit("hub", act or (lambda repository: repository.get(path)))
        return cabinet.inquiry.cache

    def listed(repository: Repository) -> object:
        return repository.index(Lists(), "app")

    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.say("hub", "app/fixed", b"bytes")
    cabinet.says_list("hub", "app", "x")
    places = {"app/x": None, "app/fixed": None, "app/.list": listed, "app/none": None}
    first = {path: called(path, act) for path, act in places.items()}
    again = {path: called(path, act) for path, act in places.items()}
    clock.advance(FRESH)
    later = {path: called(path, act) for path, act in places.items()}
    assert first == dict.fromkeys(places, Cache.MISS)
    assert again == {**dict.fromkeys(places, Cache.HIT), "app/none": Cache.NEGATIVE}
    assert later == {**dict.fromkeys(places, Cache.MISS), "app/fixed": Cache.HIT}
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", error=DOWN)
    assert called("app/x") == Cache.STALE
    assert called("app/y", lambda repository: repository.stat("app/y")) == Cache.MISS


# HEAD, parts


def test_facts_are_asked_for_alone_where_nobody_reads_bytes(cabinet: Cabinet) -> None:
    # proxy R71
    cabinet.say("hub", "app/x", b"bytes", last_modified="Tue, 14 Nov 2023 22:13:00 GMT")
    head = cabinet.visit("hub", lambda repository: repository.stat("app/x"))
    assert (head.size, head.content_type, head.etag, head.asset) == (5, "text/plain", "", None)
    assert head.modified == 1_699_999_980 * SECOND
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"), bodiless=True)
    assert content.head == head
    assert content.depends is None, "nothing is known to change when it does"
    assert cabinet.asked == [("look", "hub:app/x")] * 2
    assert cabinet.holds("hub") == []
    cabinet.get("hub", "app/x")
    assert cabinet.visit("hub", lambda repository: repository.stat("app/x")).etag == digest_of(b"bytes")


def test_what_is_known_beforehand_is_told_before_it_comes(cabinet: Cabinet) -> None:
    path = by_digest("app", b"bytes")
    cabinet.say("hub", path, b"bytes")
    head = cabinet.visit("hub", lambda repository: repository.stat(path))
    assert (head.etag, head.immutable) == (digest_of(b"bytes"), True)


def test_what_is_answered_once_it_is_stored_is_stored_for_a_head_too(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/whole", b"bytes")
    assert cabinet.visit("hub", lambda repository: repository.stat("app/whole")).size == 5
    assert cabinet.asked == [("store", "hub:app/whole")]


def test_a_head_that_is_not_answered_is_no_absence_for_others(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", status=404)
    with pytest.raises(AssetNotFound):
        cabinet.visit("hub", lambda repository: repository.stat("app/x"))
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    assert cabinet.asked == [("look", "hub:app/x")], "it is one absence"


def test_a_part_is_asked_for_alone_where_there_is_no_copy(cabinet: Cabinet) -> None:
    # proxy R70
    url = cabinet.url("hub", "app/x")
    facts = Facts(url, {"content-type": "text/plain"})
    cabinet.network.outcomes[Aim.PART, url] = PartSeen(facts, b"yte", 1, 5)
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"), span="bytes=1-3")
    assert content.source == PartSource(b"yte", 1)
    assert content.head.size == 5
    assert cabinet.holds("hub") == []

    cabinet.network.outcomes[Aim.PART, url] = Whole()
    cabinet.say("hub", "app/x", b"bytes")
    assert cabinet.get("hub", "app/x", span="bytes=1-3") == b"bytes"
    assert [how for how, _ in cabinet.asked] == ["part", "part", "store"]
    assert cabinet.get("hub", "app/x", span="bytes=1-3") == b"bytes"
    assert cabinet.asked == []


# Documents


def test_a_document_is_what_the_upstream_says_parsed_once(cabinet: Cabinet, clock: FakeClock) -> None:
    index = Lists()

    def look(repository: Repository) -> object:
        return repository.index(index, "app").value

    cabinet.says_list("hub", "app", "x", "y")
    first = cabinet.visit("hub", lambda repository: repository.index(index, "app"))
    assert first.value == ["x", "y"]
    assert first.revision > 0
    assert good_for(cabinet) == 600
    parsed = index.done.count("parse")
    for _ in range(3):
        assert cabinet.visit("hub", look) == ["x", "y"]
    clock.advance(FRESH)
    assert cabinet.visit("hub", look) == ["x", "y"]
    assert index.done.count("parse") == parsed + 1, "once more, since it was sent once more"
    assert len(cabinet.shelf.rows(tables.revision)) == 1
    cabinet.says_list("hub", "app", "z")
    clock.advance(FRESH)
    assert cabinet.visit("hub", look) == ["z"]
    assert cabinet.holds("hub") == ["app/.list"]


def test_a_document_of_several_pages_is_kept_as_one(cabinet: Cabinet) -> None:
    cabinet.says_list("hub", "app", "x", next="list?page=2")
    cabinet.say("hub", "app/list?page=2", json.dumps({"names": ["y"]}).encode())
    index = Lists()
    assert cabinet.visit("hub", lambda repository: repository.index(index, "app")).value == ["x", "y"]
    assert [url for _, url in cabinet.asked] == ["hub:app/list", "hub:app/list?page=2"]
    cabinet.shelf.catalog.documents._documents.clear()
    assert cabinet.visit("hub", lambda repository: repository.index(index, "app")).value == ["x", "y"]
    assert cabinet.asked == []


def test_a_document_that_goes_on_elsewhere_is_refused(cabinet: Cabinet) -> None:
    cabinet.says_list("hub", "app", "x", next="https://elsewhere.example/")
    with pytest.raises(UpstreamInvalid, match="elsewhere"):
        cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    assert cabinet.holds("hub") == []


def test_a_document_that_is_none_is_not_kept(cabinet: Cabinet, clock: FakeClock) -> None:
    def look(repository: Repository) -> object:
        return repository.index(Lists(), "app").value

    cabinet.say("hub", "app/list", b"<html>log in</html>")
    with pytest.raises(UpstreamInvalid):
        cabinet.visit("hub", look)
    assert cabinet.holds("hub") == []
    cabinet.says_list("hub", "app", "x")
    assert cabinet.visit("hub", look) == ["x"]
    clock.advance(FRESH)
    cabinet.say("hub", "app/list", b"<html>log in</html>")
    assert cabinet.visit("hub", look) == ["x"]
    assert cabinet.inquiry.cache == Cache.STALE


def test_a_document_that_is_not_there_is_empty(cabinet: Cabinet, clock: FakeClock) -> None:
    def look(repository: Repository) -> tuple[object, int]:
        document = repository.index(Lists(), "app")
        return document.value, document.revision

    assert cabinet.visit("hub", look) == ([], 0)
    assert good_for(cabinet) == 300
    assert cabinet.visit("hub", look) == ([], 0)
    assert good_for(cabinet) == 300
    assert len(cabinet.asked) == 1
    clock.advance(5 * MINUTE)
    cabinet.says_list("hub", "app", "x")
    assert cabinet.visit("hub", look)[0] == ["x"]


def test_a_document_with_a_copy_is_served_stale(cabinet: Cabinet, clock: FakeClock) -> None:
    def look(repository: Repository) -> object:
        return repository.index(Lists(), "app").value

    cabinet.says_list("hub", "app", "x")
    cabinet.visit("hub", look)
    cabinet.say("hub", "app/list", error=DOWN)
    clock.advance(FRESH)
    assert cabinet.visit("hub", look) == ["x"]
    assert cabinet.inquiry.cache == Cache.STALE
    clock.advance(timedelta(days=8))
    with pytest.raises(UpstreamUnavailable):
        cabinet.visit("hub", look)


# In a hurry


def test_on_the_event_loop_nothing_is_found_out(cabinet: Cabinet, clock: FakeClock) -> None:
    acts: list[Callable[[Repository], object]] = [
        lambda repository: repository.get("app/x"),
        lambda repository: repository.stat("app/x"),
        lambda repository: repository.index(Lists(), "app"),
        lambda repository: repository.get("app/listed-1"),
    ]
    for act in acts:
        with pytest.raises(Wanted) as wanted:
            cabinet.visit("hub", act, hurried=True)
        assert wanted.value.questions == ()
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    assert cabinet.get("hub", "app/x", hurried=True) == b"bytes"
    clock.advance(FRESH)
    with pytest.raises(Wanted):
        cabinet.get("hub", "app/x", hurried=True)


def test_on_the_event_loop_no_document_is_parsed(cabinet: Cabinet) -> None:
    cabinet.says_list("hub", "app", "x")
    cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    document = cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"), hurried=True)
    assert document.value == ["x"]
    cabinet.shelf.catalog.documents._documents.clear()
    with pytest.raises(Wanted) as wanted:
        cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"), hurried=True)
    assert wanted.value.questions == ()


# Rights


def test_asking_takes_a_right_of_its_own(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R87
    cabinet.say("hub", "app/x", b"bytes")
    reader = cabinet.principal(("hub", "**", [Verb.READ]))
    fetcher = cabinet.principal(("hub", "**", [Verb.READ, Verb.POPULATE]))
    nobody = Principal("anonymous", 0, frozenset())
    with pytest.raises(Forbidden):
        cabinet.get("hub", "app/x", by=reader)
    with pytest.raises(Unauthenticated):
        cabinet.get("hub", "app/x", by=nobody)
    assert cabinet.asked == []
    assert cabinet.get("hub", "app/x", by=fetcher) == b"bytes"
    assert cabinet.get("hub", "app/x", by=reader) == b"bytes"
    clock.advance(FRESH)
    assert cabinet.get("hub", "app/x", by=reader) == b"bytes"
    assert cabinet.inquiry.cache == Cache.STALE
    assert len(cabinet.asked) == 1
    assert cabinet.shelf.rows(tables.revision)[0]["principal"] == fetcher.name


def test_every_verb_is_asked_for_its_path(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.say("hub", "lib/x", b"bytes")
    cabinet.get("hub", "app/x")
    cabinet.get("hub", "lib/x")
    reader = cabinet.principal(("hub", "app/**", [Verb.READ, Verb.POPULATE]))

    def deletes(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.delete("app/x")

    assert cabinet.get("hub", "app/x", by=reader) == b"bytes"
    assert [name.path for name in cabinet.visit("hub", lambda r: r.names(), by=reader).value] == ["app"]
    refused: list[Callable[[Repository], object]] = [
        lambda repository: repository.get("lib/x"),
        lambda repository: repository.get("lib/x", derived="facts"),
        lambda repository: repository.stat("lib/x"),
        lambda repository: repository.list("lib/"),
        lambda repository: repository.index(Lists(), "lib"),
        lambda repository: repository.index(Lists(), "app", right=Verb.DELETE),
        lambda repository: repository.permit(Verb.WRITE, "app/x"),
        deletes,
    ]
    for act in refused:
        with pytest.raises(Forbidden):
            cabinet.visit("hub", act, by=reader)


def test_who_may_not_ask_learns_nothing_of_what_is_not_here(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    for act in (lambda r: r.get("app/x"), lambda r: r.index(Lists(), "app").value):
        with pytest.raises(AssetNotFound):
            cabinet.visit("hub", act, may_ask=False)
    assert cabinet.asked == []


# The past


def test_the_past_is_what_was_kept_and_asks_nobody(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"one")
    cabinet.says_list("hub", "app", "x")
    cabinet.get("hub", "app/x")
    cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    then = clock()
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"two")
    cabinet.says_list("hub", "app", "x", "y")
    cabinet.get("hub", "app/x")
    cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    asked = len(cabinet.network.asked)

    clock.advance(timedelta(days=100))
    assert cabinet.get("hub", "app/x", past=then) == b"one"
    assert cabinet.inquiry.fresh_until is None
    document = cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"), past=then)
    assert document.value == ["x"]
    assert cabinet.visit("hub", lambda repository: repository.index(Lists(), "lib"), past=then).value == []
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/y", past=then)
    with pytest.raises(Gone):
        cabinet.get("hub", "app/x", past=then - micros(timedelta(days=1)))
    assert len(cabinet.network.asked) == asked
    reader = cabinet.principal(("hub", "**", [Verb.READ, Verb.POPULATE]))
    with pytest.raises(Forbidden):
        cabinet.get("hub", "app/x", past=then, by=reader)


# Edits


def test_nothing_is_put_into_a_proxy(cabinet: Cabinet) -> None:
    def puts(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.put("app/x", None, content_type="text/plain")

    with pytest.raises(ReadOnly):
        cabinet.visit("hub", puts)
    with pytest.raises(ReadOnly):
        cabinet.visit("hub", lambda repository: repository.permit(Verb.WRITE, "app/x"))
    cabinet.say("hub", "app/x", b"bytes")
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"))
    assert content.head.asset is not None
    asset = content.head.asset

    def links(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.link("app/y", asset)

    with pytest.raises(ReadOnly):
        cabinet.visit("hub", links)
    assert cabinet.holds("hub") == ["app/x"]


def test_a_copy_can_be_deleted_and_comes_back_when_it_is_asked_for(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.say("hub", "app/fixed", b"bytes")
    cabinet.get("hub", "app/x")
    cabinet.get("hub", "app/fixed")
    cabinet.visit("hub", lambda repository: repository.permit(Verb.DELETE, "app/x"))
    for path in ("app/x", "app/fixed"):
        cabinet.delete("hub", path)
    assert cabinet.holds("hub") == []
    assert cabinet.shelf.rows(tables.upstream_state) == [], "nothing is remembered of what is not here"
    with pytest.raises(AssetNotFound):
        cabinet.delete("hub", "app/x")
    cabinet.network.asked.clear()
    assert cabinet.get("hub", "app/x") == b"bytes"
    assert cabinet.asked == [("store", "hub:app/x")]


def test_copies_are_deleted_by_their_bytes_too(cabinet: Cabinet) -> None:
    for name in ("a", "b", "c"):
        cabinet.say("hub", f"app/{name}", b"same" if name != "c" else b"other")
        cabinet.get("hub", f"app/{name}")

    def act(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.delete_where(Selection("App"), digest=digest_of(b"same"))

    cabinet.visit("hub", act)
    assert cabinet.holds("hub") == ["app/c"]
    assert [row["path"] for row in cabinet.shelf.rows(tables.upstream_state)] == ["app/c"]


def test_an_edit_of_the_past_is_refused(cabinet: Cabinet, clock: FakeClock) -> None:
    def act(repository: Repository) -> None:
        with repository.edit():
            pass

    with pytest.raises(ReadOnly):
        cabinet.visit("hub", act, past=clock())


# What was derived


def test_a_derived_document_comes_from_the_file_that_is_here(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"facts of x")
    cabinet.get("hub", "app/x")
    cabinet.network.asked.clear()

    def facts() -> bytes:
        return body(cabinet.visit("hub", lambda repository: repository.get("app/x", derived="facts")))

    assert facts() == b"FACTS OF X"
    assert cabinet.asked == []
    assert cabinet.inquiry.cache == Cache.HIT, "it is counted like every answer of a proxy"


def test_or_is_fetched_beside_it(cabinet: Cabinet) -> None:
    def facts(path: str) -> bytes:
        return body(cabinet.visit("hub", lambda repository: repository.get(path, derived="facts")))

    cabinet.say("hub", "app/x.facts", b"theirs")
    assert facts("app/x") == b"theirs"
    assert facts("App/X") == b"theirs"
    assert cabinet.asked == [("store", "hub:app/x.facts")]
    assert cabinet.holds("hub") == ["app/x.facts"]
    cabinet.say("hub", "app/x", b"broken")
    cabinet.get("hub", "app/x")
    assert facts("app/x") == b"theirs", "the file could not be looked into"
    with pytest.raises(AssetNotFound):
        facts("app/y")


def test_a_document_derived_from_a_copy_past_its_time_is_not_fresh(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.say("hub", "app/x", b"facts one", etag='"one"')
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"facts two", etag='"two"')
    cabinet.visit("hub", lambda repository: repository.get("app/x", derived="facts"))
    until = cabinet.inquiry.fresh_until
    assert until is not None
    assert until <= clock() + micros(FRESH)


# Others


def test_what_is_withheld_is_refused_whatever_the_upstream_says(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    cabinet.shelf.database.write(
        lambda turn: turn.connection.execute(tables.asset.update().values(withheld="stolen keys"))
    )
    for act in (lambda r: r.get("app/x"), lambda r: r.stat("app/x")):
        with pytest.raises(Withheld, match="stolen keys"):
            cabinet.visit("hub", act)


def test_an_answer_stands_while_nothing_of_its_name_changes(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.say("hub", "lib/x", b"bytes")
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"))
    with pytest.raises(AssetNotFound) as absent:
        cabinet.get("hub", "app/y")
    cabinet.get("hub", "lib/x")
    clock.advance(FRESH)
    cabinet.get("hub", "app/x")
    assert cabinet.stands(content.depends), "a copy that is current is no change"
    assert cabinet.stands(absent.value.depends)
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"new")
    cabinet.get("hub", "app/x")
    assert not cabinet.stands(content.depends)
    assert not cabinet.stands(absent.value.depends)


def test_a_listing_is_of_what_is_here(cabinet: Cabinet) -> None:
    for path in ("app/a", "app/b", "app/sub/c"):
        cabinet.say("hub", path, b"bytes")
        cabinet.get("hub", path)
    page = cabinet.visit("hub", lambda repository: repository.list("app/"))
    assert [entry.path for entry in page.items] == ["a", "b", "sub/"]
    assert [name.path for name in cabinet.visit("hub", lambda r: r.names()).value] == ["app"]


def test_a_copy_is_compared_by_head_where_the_format_knows_how(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/head", b"bytes", x_size="5")
    cabinet.get("hub", "app/head")
    cabinet.network.asked.clear()
    for _ in range(2):
        clock.advance(FRESH)
        assert cabinet.get("hub", "app/head") == b"bytes"
    assert cabinet.asked == [("head", "hub:app/head")] * 2
    cabinet.say("hub", "app/head", b"longer", x_size="6")
    clock.advance(FRESH)
    assert cabinet.get("hub", "app/head") == b"longer"
    assert [how for how, _ in cabinet.asked] == ["head", "store"]
