"""What a proxy asks, and what it does not ask again (proxy R60, R61, R64, R70, R71, R75)."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from artifactd.auth.principal import Verb
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, Forbidden, Unavailable, UpstreamUnavailable
from artifactd.repositories.content import GrowingSource, PartSource, UnreadSource
from artifactd.repositories.inquiry import Inquiry
from artifactd.upstream.answer import Facts
from artifactd.upstream.question import (
    Again,
    Aim,
    Failed,
    Grows,
    Kept,
    Missing,
    Outcome,
    PartSeen,
    Question,
    Seen,
    Wanted,
    Whole,
)
from tests.support.cabinets import FRESH, Cabinet, Lists, by_digest
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

FACTS = Facts("https://hub.example/root/app/x", {"content-type": "text/plain", "last-modified": "never"})
DOWN = UpstreamUnavailable("the upstream cannot be connected to")


class Growing:
    """Bytes that never come."""

    size = 7
    descriptor = -1

    async def reach(self, position: int) -> int:
        raise AssertionError


class Desk:
    """One request for `hub`, question by question."""

    def __init__(self, cabinet: Cabinet, **inquiry: object) -> None:
        self.inquiry = Inquiry(**{"may_ask": True, **inquiry})  # type: ignore[arg-type]
        record = cabinet.record("hub")
        self.repository = cabinet.factory.open(record, cabinet.shelf.principal, None, self.inquiry)

    def wants(self, act: str = "get", *arguments: object) -> Question:
        """The one question that it has."""
        self.inquiry.begin()
        with pytest.raises(Wanted) as wanted:
            getattr(self.repository, act)(*(arguments or ("app/x",)))
        (question,) = wanted.value.questions
        return question

    def learns(self, question: Question, outcome: Outcome) -> None:
        self.inquiry.learn([question], [outcome])


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    cabinet.proxy("hub", username="ada", password="secret")
    return cabinet


def urls(question: Question) -> Sequence[str]:
    return [source.url for source in question.sources]


def test_a_question_says_everything_that_is_known(cabinet: Cabinet) -> None:
    question = Desk(cabinet).wants()
    record = cabinet.record("hub")
    assert question.key == (record.id, "app/x", Aim.STORE, "")
    assert urls(question) == ["https://hub.example/root/app/x"]
    assert question.upstream.username == "ada"
    assert (question.upstream.repository, question.upstream.version) == ("hub", record.version)
    assert question.blob_store == "shelf"
    assert question.blobs is cabinet.shelf.store
    assert (question.held, question.whole, question.span) == (None, False, "")
    assert not question.settled()
    path = by_digest("app", b"layer")
    (source,) = Desk(cabinet).wants("get", path).sources
    assert source.expected == {"sha256": digest_of(b"layer").removeprefix("sha256:")}
    assert Desk(cabinet).wants("get", "app/whole").whole
    assert urls(Desk(cabinet).wants("get", "app/mirrored")) == [
        "https://mirror.example/mirrored", "https://hub.example/root/app/mirrored",
    ]  # fmt: skip


def test_a_copy_at_hand_is_told_with_its_validators(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"bytes", etag='"one"', last_modified="Tue, 14 Nov 2023 22:13:20 GMT")
    cabinet.say("hub", "app/head", b"bytes", etag='"one"')
    for path in ("app/x", "app/head"):
        cabinet.get("hub", path)
    clock.advance(FRESH)
    held = Desk(cabinet).wants().held
    assert held is not None
    assert (held.etag, held.modified) == ('"one"', "Tue, 14 Nov 2023 22:13:20 GMT")
    assert held.is_current is None
    held = Desk(cabinet).wants("get", "app/head").held
    assert held is not None and held.is_current is not None
    answers = [held.is_current(Facts("", {"x-size": size} if size else {})) for size in ("5", "6", "")]
    assert answers == [True, False, None]


def test_it_is_settled_once_somebody_else_has_asked(cabinet: Cabinet, clock: FakeClock) -> None:
    first = Desk(cabinet).wants()
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    assert first.settled(), "it is known not to be there"
    clock.advance(FRESH)
    second = Desk(cabinet).wants()
    assert not second.settled()
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.get("hub", "app/x")
    assert second.settled(), "it is here"
    clock.advance(FRESH)
    third = Desk(cabinet).wants()
    assert not third.settled()
    cabinet.get("hub", "app/x")
    assert third.settled(), "it was checked"
    clock.advance(FRESH)
    fourth = Desk(cabinet).wants()
    cabinet.delete("hub", "app/x")
    assert fourth.settled(), "it is gone"


def test_a_new_configuration_is_what_is_asked(cabinet: Cabinet) -> None:
    # proxy R78
    first = Desk(cabinet).wants()
    cabinet.proxy("hub", url="https://moved.example/", token="other", fresh_for=7)
    second = Desk(cabinet).wants()
    assert urls(second) == ["https://moved.example/app/x"]
    assert (second.upstream.username, second.upstream.token) == ("", "other")
    assert second.upstream.version > first.upstream.version
    assert second.upstream.fresh_for == timedelta(seconds=7)
    assert "other" not in repr(second.upstream), "secrets are in no log"


# What an outcome means


@pytest.mark.parametrize(
    ("outcome", "source"),
    [
        (Grows(FACTS, Growing(), None), GrowingSource),  # type: ignore[arg-type]
        (Seen(FACTS, 7), UnreadSource),
        (PartSeen(FACTS, b"yt", 1, 7), PartSource),
    ],
)
def test_what_is_not_kept_is_told_by_its_facts(cabinet: Cabinet, outcome: Outcome, source: type) -> None:
    desk = Desk(cabinet)
    desk.learns(desk.wants(), outcome)
    content = desk.repository.get("app/x")
    assert isinstance(content.source, source)
    assert (content.head.size, content.head.content_type, content.head.etag) == (7, "text/plain", "")
    assert content.head.asset is None
    assert content.depends is None, "no counter tells when it is kept"
    assert desk.inquiry.fresh_until == 0


def test_an_outcome_is_used_again_and_again(cabinet: Cabinet) -> None:
    desk = Desk(cabinet)
    desk.learns(desk.wants(), Failed(DOWN))
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable):
            desk.repository.get("app/x")
    other = desk.wants("get", "app/y")
    desk.learns(other, Missing())
    with pytest.raises(AssetNotFound):
        desk.repository.get("app/y")


def test_what_was_kept_and_is_gone_in_that_moment_is_for_later(cabinet: Cabinet) -> None:
    desk = Desk(cabinet)
    desk.learns(desk.wants(), Kept())
    with pytest.raises(Unavailable) as told:
        desk.repository.get("app/x")
    assert told.value.retry_after == 1


def test_who_is_told_to_look_again_asks_when_there_is_nothing(cabinet: Cabinet) -> None:
    desk = Desk(cabinet)
    for _ in range(2):
        desk.learns(desk.wants(), Again())
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    assert desk.repository.get("app/x").head.size == 5


# Ways to ask


def test_facts_and_bytes_are_different_questions(cabinet: Cabinet) -> None:
    desk = Desk(cabinet)
    look = desk.wants("stat")
    assert look.key[2] is Aim.LOOK
    desk.learns(look, Seen(FACTS, 7))
    assert desk.repository.stat("app/x").size == 7
    store = desk.wants("get")
    assert store.key[2] is Aim.STORE
    desk.learns(store, Failed(DOWN))
    with pytest.raises(UpstreamUnavailable):
        desk.repository.stat("app/x")


def test_a_head_asks_for_no_bytes_unless_they_are_read(cabinet: Cabinet) -> None:
    desk = Desk(cabinet, bodiless=True)
    assert desk.wants().key[2] is Aim.LOOK
    assert desk.wants("get", "app/whole").key[2] is Aim.STORE
    assert Desk(cabinet, span="bytes=0-9", bodiless=True).wants().key[2] is Aim.LOOK


def test_a_part_is_its_own_question_until_the_whole_is_needed(cabinet: Cabinet, clock: FakeClock) -> None:
    desk = Desk(cabinet, span="bytes=0-9")
    part = desk.wants()
    assert part.key[2:] == (Aim.PART, "bytes=0-9")
    assert part.span == "bytes=0-9"
    desk.learns(part, Whole())
    assert desk.wants().key[2:] == (Aim.STORE, "")
    assert desk.wants("get", "app/whole").key[2:] == (Aim.STORE, ""), "its handler looks into it"
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    assert Desk(cabinet, span="bytes=0-9").wants().key[2:] == (Aim.STORE, ""), "there is a copy to be kept"


def test_a_document_is_read(cabinet: Cabinet, clock: FakeClock) -> None:
    desk = Desk(cabinet, bodiless=True, span="bytes=0-9")
    question = desk.wants("index", Lists(), "app")
    assert question.key == (cabinet.record("hub").id, "app/.list", Aim.READ, "")
    assert urls(question) == ["https://hub.example/root/app/list"]
    desk.learns(question, Missing())
    assert desk.repository.index(Lists(), "app").value == []


# What is not asked


def test_who_may_not_ask_is_told_why(cabinet: Cabinet) -> None:
    desk = Desk(cabinet, may_ask=False)
    with pytest.raises(AssetNotFound):
        desk.repository.get("app/x")
    reader = cabinet.principal(("hub", "App/**", [Verb.READ]))
    repository = cabinet.factory.open(cabinet.record("hub"), reader, None, Inquiry(may_ask=True))
    with pytest.raises(Forbidden, match="may not populate 'App/x'"):
        repository.get("App/x")
