"""What answers mean (proxy R61, R64, R70, R71, R76, O)."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from artifactd.errors import ArtifactdError, RateLimited, UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream import response
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.question import Aim, Failed, Held, Kept, Missing, PartSeen, Seen, Source, Whole
from artifactd.upstream.response import following_url, retry_after, selected
from tests.support.fake_answers import Asked, Fault, Reply
from tests.support.fake_upstream import FakeUpstream
from tests.support.questions import Desk
from tests.support.upstream_faults import (
    framed,
    not_modified,
    redirected,
    replaced,
    status,
    truncated,
    with_header,
)

DATA = bytes(range(256)) * 40


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("artifactd.upstream.asking.RETRY_PAUSES", ())
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        upstream.put("/a", DATA, "text/plain; charset=utf-8", etag='"one"')
        yield upstream


# Statuses

STATUSES: list[tuple[int, type[ArtifactdError] | None]] = [
    (404, None),
    (410, None),
    (401, UpstreamInvalid),
    (403, UpstreamInvalid),
    (407, UpstreamInvalid),
    (400, UpstreamInvalid),
    (451, UpstreamInvalid),
    (201, UpstreamInvalid),
    (206, UpstreamInvalid),
    (300, UpstreamInvalid),
    (304, UpstreamInvalid),
    (429, RateLimited),
    (500, UpstreamUnavailable),
    (502, UpstreamUnavailable),
    (503, UpstreamUnavailable),
    (504, UpstreamUnavailable),
    (521, UpstreamUnavailable),
]


@pytest.mark.parametrize("aim", [Aim.STORE, Aim.READ, Aim.LOOK, Aim.PART])
@pytest.mark.parametrize(("code", "error"), STATUSES)
def test_what_a_status_means(
    desk: Desk, upstream: FakeUpstream, aim: Aim, code: int, error: type[ArtifactdError] | None
) -> None:
    if (aim, code) == (Aim.PART, 206):
        return
    upstream.fault(status(code))
    span = "bytes=0-9" if aim is Aim.PART else ""
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a", aim=aim, span=span))
    assert desk.stored() == []
    assert desk.kept == {}
    if error is None:
        assert outcome == Missing()
        assert desk.missed == ["a"]
        return
    assert isinstance(outcome, Failed)
    assert type(outcome.error) is error
    assert str(code) in str(outcome.error)
    assert upstream.host not in str(outcome.error)
    assert desk.missed == []


@pytest.mark.parametrize("code", [401, 403, 407])
def test_a_refusal_is_told_as_one_of_our_credentials(desk: Desk, upstream: FakeUpstream, code: int) -> None:
    upstream.fault(status(code))
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a"))
    assert isinstance(outcome, Failed)
    assert "refused our credentials" in str(outcome.error)


def test_an_absence_that_is_not_believed_leaves_the_copy(desk: Desk, upstream: FakeUpstream) -> None:
    desk.believed = False
    outcome = desk.ask(desk.question("b", f"{upstream.url}/b", held=Held('"one"')))
    assert outcome == Kept()
    assert desk.missed == ["b"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60),
        (" 7 ", 7),
        ("0", 0),
        ("", 5),
        ("soon", 5),
        ("-1", 5),
        ("1.5", 5),
        ("9" * 30, 999_999_999),
    ],
)
def test_a_number_of_seconds_is_read_or_replaced(text: str, seconds: int) -> None:
    assert retry_after(text) == seconds


def test_a_date_is_as_far_away_as_it_is_from_now() -> None:
    hour = datetime.now(UTC) + timedelta(hours=1)
    assert 3590 <= retry_after(format_datetime(hour, usegmt=True)) <= 3600
    assert 3590 <= retry_after(format_datetime(hour.replace(tzinfo=None))) <= 3600, "without a zone"
    assert retry_after("Tue, 14 Nov 2023 22:13:20 GMT") == 1


@pytest.mark.parametrize(
    "text",
    ["²", "Tue, 14 Nov 2023 22:13:20 +99999999999999", "Tue, 14 Nov 99999999999999999999 22:13:20 GMT"],
)
def test_what_is_neither_is_no_fault_of_ours(text: str) -> None:
    assert retry_after(text) >= 0


def test_a_limit_says_how_long_it_lasts(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(status(429, retry_after="7"))
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a"))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, RateLimited)
    assert outcome.error.retry_after == 7


# LOOK


def test_the_facts_are_asked_for_by_head(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R71
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a", aim=Aim.LOOK, accept="text/plain"))
    assert isinstance(outcome, Seen)
    assert (outcome.size, outcome.facts.content_type) == (len(DATA), "text/plain")
    assert outcome.facts.headers["etag"] == '"one"'
    (asked,) = upstream.asked()
    assert (asked.method, asked.header("accept")) == ("HEAD", "text/plain")
    assert desk.stored() == []


@pytest.mark.parametrize("code", [405, 501])
def test_who_knows_no_head_is_asked_by_get(desk: Desk, upstream: FakeUpstream, code: int) -> None:
    # proxy R71
    upstream.fault(status(code), method="HEAD")
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a", aim=Aim.LOOK))
    assert isinstance(outcome, Seen)
    assert outcome.size == len(DATA)
    assert [asked.method for asked in upstream.asked()] == ["HEAD", "GET"]
    assert desk.stored() == []


def test_a_size_that_was_not_told_is_not_known(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(framed("chunked"))
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a", aim=Aim.LOOK))
    assert isinstance(outcome, Seen)
    assert outcome.size is None


# PART


def part(desk: Desk, upstream: FakeUpstream, span: str) -> object:
    return desk.ask(desk.question("a", f"{upstream.url}/a", aim=Aim.PART, span=span))


@pytest.mark.parametrize(
    ("span", "first", "end"), [("bytes=0-9", 0, 10), ("bytes=-7", len(DATA) - 7, len(DATA))]
)
def test_a_part_is_passed_on_and_not_kept(
    desk: Desk, upstream: FakeUpstream, span: str, first: int, end: int
) -> None:
    # proxy R70
    outcome = part(desk, upstream, span)
    assert isinstance(outcome, PartSeen)
    assert (outcome.first, outcome.size, outcome.body) == (first, len(DATA), DATA[first:end])
    (asked,) = upstream.asked()
    assert (asked.method, asked.header("range")) == ("GET", span)
    assert desk.stored() == []


WHOLE: dict[str, Fault] = {
    "200": status(200, DATA),
    "416": status(416),
    "no Content-Range": lambda asked, reply: reply.without("content-range"),
    "a size that is not known": with_header("Content-Range", "bytes 0-9/*"),
    "another unit": with_header("Content-Range", "items 0-9/10"),
}


@pytest.mark.parametrize("fault", WHOLE)
def test_who_gives_no_parts_is_asked_for_the_whole(desk: Desk, upstream: FakeUpstream, fault: str) -> None:
    def without_range(asked: Asked, reply: Reply) -> Reply:
        return WHOLE[fault](asked, reply.without("content-range"))

    upstream.fault(without_range)
    assert part(desk, upstream, "bytes=0-9") == Whole()
    assert desk.missed == []


def says(line: str, body: bytes) -> Fault:
    return lambda _, __: Reply(206, [("Content-Range", line)], body)


WRONG: dict[str, Fault] = {
    "another part": says(f"bytes 10-19/{len(DATA)}", DATA[10:20]),
    "a longer part": says(f"bytes 0-99/{len(DATA)}", DATA[:100]),
    "fewer bytes than it says": says(f"bytes 0-9/{len(DATA)}", DATA[:5]),
    "a part behind the end": says("bytes 0-9/10", DATA[:9]),
    "a part of less than nothing": says("bytes 9-0/10", b""),
    "a part beyond its own size": says("bytes 0-9/5", DATA[:10]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_part_that_is_not_the_one_that_was_wanted_is_not_passed_on(
    desk: Desk, upstream: FakeUpstream, wrong: str
) -> None:
    # proxy R70
    upstream.fault(WRONG[wrong])
    outcome = part(desk, upstream, "bytes=0-9")
    assert not isinstance(outcome, PartSeen)


@pytest.mark.parametrize(
    ("span", "size", "expected"),
    [
        ("bytes=0-9", 100, (0, 9)),
        (" Bytes = 5-7 ", 100, (5, 7)),
        ("bytes=90-200", 100, (90, 99)),
        ("bytes=-7", 100, (93, 99)),
        ("bytes=-200", 100, (0, 99)),
        ("bytes=99-99", 100, (99, 99)),
        ("bytes=100-101", 100, None),
        ("bytes=9-5", 100, None),
        ("bytes=-0", 100, None),
        ("bytes=-5", 0, None),
        ("bytes=0-5", 0, None),
        ("bytes=5-", 100, None),
        ("bytes=0-1,3-4", 100, None),
        ("items=0-1", 100, None),
        ("", 100, None),
    ],
)
def test_which_bytes_a_range_means(span: str, size: int, expected: tuple[int, int] | None) -> None:
    assert selected(span, size) == expected


def test_a_part_is_never_larger_than_what_was_wanted(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(says(f"bytes 0-{8 << 20}/{16 << 20}", bytes((8 << 20) + 1)))
    outcome = part(desk, upstream, "bytes=0-9")
    assert not isinstance(outcome, PartSeen), "an upstream does not decide how much of our memory it takes"


# READ


def document(desk: Desk, upstream: FakeUpstream, held: Held | None = None) -> object:
    return desk.ask(desk.question("list", f"{upstream.url}/list", aim=Aim.READ, held=held, accept="a/b"))


def linked(answers: Sequence[Answer]) -> Source | None:
    """Where a document's Link header leads."""
    link = answers[-1].facts.headers.get("link", "")
    url = following_url(answers[-1].facts.url, link) if link else None
    return Source(url, "a/b") if url else None


def test_a_document_goes_on_as_far_as_it_says(desk: Desk, upstream: FakeUpstream) -> None:
    desk.follow = linked
    upstream.put("/list", b"one", headers={"Link": "/list2?n=2"})
    upstream.put("/list2", b"two", headers={"Link": "list3"})
    upstream.put("/list3", b"three")
    assert document(desk, upstream) == Kept()
    assert desk.pages["list"] == [b"one", b"two", b"three"]
    assert [asked.target for asked in upstream.asked("GET")] == ["/list", "/list2?n=2", "/list3"]
    assert {asked.header("accept") for asked in upstream.asked()} == {"a/b"}
    assert desk.stored() == []


@pytest.mark.parametrize(("code", "outcome"), [(404, Missing), (503, Failed), (403, Failed), (429, Failed)])
def test_a_page_that_does_not_come_is_the_end_of_the_document(
    desk: Desk, upstream: FakeUpstream, code: int, outcome: type
) -> None:
    desk.follow = linked
    upstream.put("/list", b"one", headers={"Link": "/list2"})
    upstream.route("/list2", lambda asked: Reply(code, [], b""))
    assert isinstance(document(desk, upstream), outcome)


def test_a_document_without_end_is_refused(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response, "MOST_PAGES", 5)
    desk.follow = linked
    upstream.put("/list", b"again", headers={"Link": "/list"})
    outcome = document(desk, upstream)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UpstreamInvalid)
    assert "more than 5 pages" in str(outcome.error)
    assert upstream.count() == 5


@pytest.mark.parametrize("pages", [1, 3])
def test_a_document_that_is_too_large_is_refused(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(response, "DOCUMENT_LIMIT", 25)
    desk.follow = linked
    upstream.put("/list", bytes(30 // pages), headers={"Link": "/list"} if pages > 1 else {})
    outcome = document(desk, upstream)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UpstreamInvalid)
    assert upstream.count() == pages


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        (Held('"one"', "Tue, 14 Nov 2023 22:13:20 GMT"), {"if-none-match": '"one"'}),
        (Held('W/"one"'), {"if-none-match": 'W/"one"'}),
        (
            Held("", "Tue, 14 Nov 2023 22:13:20 GMT"),
            {"if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"},
        ),
        (Held(), {}),
        (None, {}),
    ],
)
@pytest.mark.parametrize("aim", [Aim.READ, Aim.STORE])
def test_a_copy_is_asked_about_by_the_validator_it_came_with(
    desk: Desk, upstream: FakeUpstream, aim: Aim, held: Held | None, sent: dict[str, str]
) -> None:
    # proxy R61
    upstream.put("/list", DATA, etag='"two"')
    outcome = desk.ask(desk.question("list", f"{upstream.url}/list", aim=aim, held=held))
    assert outcome == Kept()
    (asked,) = upstream.asked()
    conditions = {name: value for name, value in asked.headers.items() if name.startswith("if-")}
    assert conditions == sent
    assert desk.confirmed == []


@pytest.mark.parametrize("aim", [Aim.READ, Aim.STORE])
def test_a_copy_that_is_current_is_confirmed(desk: Desk, upstream: FakeUpstream, aim: Aim) -> None:
    question = desk.question("a", f"{upstream.url}/a", aim=aim, held=Held('"one"'))
    assert desk.ask(question) == Kept()
    assert desk.confirmed == ["a"]
    assert desk.kept == desk.pages == {}
    assert upstream.sent() == 0
    assert desk.stored() == []


@pytest.mark.parametrize("aim", [Aim.READ, Aim.STORE])
def test_an_answer_to_what_was_not_asked_confirms_nothing(
    desk: Desk, upstream: FakeUpstream, aim: Aim
) -> None:
    # proxy T8, O: there is no 304 without a validator of ours
    upstream.fault(not_modified())
    outcome = desk.ask(desk.question("a", f"{upstream.url}/a", aim=aim, held=Held()))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UpstreamInvalid)
    assert desk.confirmed == []


# Revalidation by HEAD


def by_head(current: bool | None) -> Held:
    return Held('"one"', "", lambda facts: current)


def test_a_copy_that_a_head_finds_current_costs_no_get(desk: Desk, upstream: FakeUpstream) -> None:
    assert desk.ask(desk.question("a", f"{upstream.url}/a", held=by_head(True))) == Kept()
    assert desk.confirmed == ["a"]
    assert [asked.method for asked in upstream.asked()] == ["HEAD"]


@pytest.mark.parametrize("current", [False, None])
def test_one_that_is_not_current_or_nobody_knows_of_is_fetched(
    desk: Desk, upstream: FakeUpstream, current: bool | None
) -> None:
    upstream.put("/a", b"new", etag='"two"')
    assert desk.ask(desk.question("a", f"{upstream.url}/a", held=by_head(current))) == Kept()
    assert desk.kept["a"] == b"new"
    assert [asked.method for asked in upstream.asked()] == ["HEAD", "GET"]


@pytest.mark.parametrize("code", [405, 501])
def test_who_knows_no_head_is_asked_by_a_conditional_get(
    desk: Desk, upstream: FakeUpstream, code: int
) -> None:
    upstream.fault(status(code), method="HEAD")
    assert desk.ask(desk.question("a", f"{upstream.url}/a", held=by_head(True))) == Kept()
    assert desk.confirmed == ["a"]
    assert [asked.method for asked in upstream.asked()] == ["HEAD", "GET"]


@pytest.mark.parametrize(("code", "outcome"), [(404, Missing), (403, Failed), (503, Failed)])
def test_a_head_that_fails_is_not_followed_by_a_get(
    desk: Desk, upstream: FakeUpstream, code: int, outcome: type
) -> None:
    upstream.fault(status(code))
    assert isinstance(desk.ask(desk.question("a", f"{upstream.url}/a", held=by_head(True))), outcome)
    assert [asked.method for asked in upstream.asked()] == ["HEAD"]


# Addresses


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("https://u.example/a/b", "?page=2", "https://u.example/a/b?page=2"),
        ("https://u.example/a/b", "/c", "https://u.example/c"),
        ("https://u.example/a/b", "https://u.example/c", "https://u.example/c"),
        ("https://u.example/a/b", "https://other.example/c", None),
        ("https://u.example/a/b", "//other.example/c", None),
        ("https://u.example/a/b", "http://u.example/c", None),
        ("https://u.example/a/b", "https://u.example:444/c", None),
        ("https://u.example/a/b", "https://u.example@other.example/", None),
        ("https://u.example/a/b", "file:///etc/passwd", None),
    ],
)
def test_a_document_goes_on_where_it_began(base: str, url: str, expected: str | None) -> None:
    assert following_url(base, url) == expected


def test_the_facts_are_of_the_address_that_answered(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(redirected(f"{upstream.url}/a"), "/moved")
    assert desk.ask(desk.question("moved", f"{upstream.url}/moved")) == Kept()
    assert desk.facts["moved"] == Facts(f"{upstream.url}/a", desk.facts["moved"].headers)
    assert desk.facts["moved"].headers["etag"] == '"one"'


def test_other_bytes_at_the_same_address_are_new_bytes(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(replaced(b"new"))
    assert desk.ask(desk.question("a", f"{upstream.url}/a", held=Held('"zero"'))) == Kept()
    assert desk.kept["a"] == b"new"


def test_a_document_that_breaks_off_is_no_document(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.put("/list", DATA)
    upstream.fault(truncated(0.5))
    outcome = document(desk, upstream)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UpstreamUnavailable)
    assert desk.pages == {}
