"""What becomes of a proxy's answers (proxy R61, R65, T8, T15; docker R187)."""

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.clock import SECOND
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, StorageFailure, UpstreamInvalid
from artifactd.repositories.copies import absolute, http_moment
from artifactd.repositories.index import More
from artifactd.upstream.configuration import Upstream
from tests.support.cabinets import FRESH, Cabinet, Lists, body, by_digest
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the proxy `hub`."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    cabinet.proxy("hub")
    return cabinet


# What a file says


def test_what_is_known_by_its_digest_too_is_put_there_first(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/tag", b"alias of something")
    path = by_digest("app", b"alias of something")
    assert cabinet.get("hub", "app/tag") == b"alias of something"
    assert cabinet.holds("hub") == sorted([path, "app/tag"])
    rows = cabinet.shelf.rows(tables.asset)
    assert [row["path"] for row in sorted(rows, key=lambda row: row["id"])] == [path, "app/tag"]
    assert len(cabinet.shelf.rows(tables.revision)) == 1, "together, or not at all"
    assert len(cabinet.shelf.stored()) == 1
    cabinet.network.asked.clear()
    assert cabinet.get("hub", path) == b"alias of something"
    assert cabinet.asked == []


def test_an_alias_outlives_what_it_was_fetched_by(cabinet: Cabinet, clock: FakeClock) -> None:
    path = by_digest("app", b"alias one")
    cabinet.say("hub", "app/tag", b"alias one")
    cabinet.get("hub", "app/tag")
    clock.advance(FRESH)
    cabinet.say("hub", "app/tag", b"alias two")
    assert cabinet.get("hub", "app/tag") == b"alias two"
    assert cabinet.get("hub", path) == b"alias one"
    assert cabinet.holds("hub") == sorted([path, by_digest("app", b"alias two"), "app/tag"])


def test_a_file_that_cannot_be_read_is_kept_all_the_same(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"broken archive")
    content = cabinet.visit("hub", lambda repository: repository.get("app/x"))
    assert body(content) == b"broken archive"
    assert content.head.attributes == {}
    assert content.head.asset is not None
    assert content.head.asset.label == ""


def test_a_file_that_its_format_refuses_is_not_kept(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"refused manifest")
    with pytest.raises(UpstreamInvalid):
        cabinet.get("hub", "app/x")
    assert cabinet.holds("hub") == []
    assert cabinet.shelf.stored() == set()
    cabinet.say("hub", "app/x", b"right")
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"refused manifest")
    assert cabinet.get("hub", "app/x") == b"right", "the copy is better than that"
    assert len(cabinet.shelf.stored()) == 1
    cabinet.say("hub", "app/y", b"right")
    cabinet.get("hub", "app/y")
    assert cabinet.get("hub", "app/x") == b"right", "bytes that others name are not dropped"


def test_a_copy_needs_nothing_that_is_not_here(cabinet: Cabinet) -> None:
    # docker R187
    cabinet.say("hub", "app/x", b"needs app/y")
    assert cabinet.get("hub", "app/x") == b"needs app/y"
    (reference,) = cabinet.shelf.rows(tables.reference)
    assert (reference["path"], reference["required"]) == ("app/y", False)


def test_what_is_derived_comes_along(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"facts of x")
    cabinet.get("hub", "app/x")
    (row,) = cabinet.shelf.rows(tables.derived)
    assert (row["kind"], row["content"]) == ("facts", b"FACTS OF X")


def test_bytes_that_cannot_be_kept_leave_nothing(cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise UpstreamInvalid("a check in the write turn")

    monkeypatch.setattr(cabinet.shelf.catalog.applier, "apply", full)
    cabinet.say("hub", "app/x", b"bytes")
    with pytest.raises(UpstreamInvalid):
        cabinet.get("hub", "app/x")
    with pytest.raises(UpstreamInvalid):
        cabinet.says_list("hub", "app", "x")
        cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    assert cabinet.shelf.stored() == set()
    assert cabinet.shelf.rows(tables.upstream_state) == []


def test_a_document_that_cannot_be_written_leaves_nothing(
    cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = cabinet.shelf.store.create

    def failing() -> object:
        writer = create()

        def write(data: bytes) -> None:
            raise StorageFailure("no space left on device")

        monkeypatch.setattr(writer, "write", write)
        return writer

    monkeypatch.setattr(cabinet.shelf.store, "create", failing)
    cabinet.says_list("hub", "app", "x")
    with pytest.raises(StorageFailure):
        cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    assert cabinet.shelf.stored() == set()


def test_the_same_bytes_again_are_no_revision_and_no_second_blob(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    # proxy R61: 200 with the same digest is a touch
    cabinet.say("hub", "app/x", b"bytes")
    for _ in range(3):
        cabinet.get("hub", "app/x")
        clock.advance(FRESH)
    assert len(cabinet.asked) == 3
    assert len(cabinet.shelf.rows(tables.revision)) == 1
    assert len(cabinet.shelf.stored()) == 1


# What is remembered


def states(cabinet: Cabinet) -> dict[str, tuple[str, str, int]]:
    return {
        row["path"]: (row["etag"], row["modified"], row["misses"])
        for row in cabinet.shelf.rows(tables.upstream_state)
    }


def test_validators_are_remembered_as_they_were_written(cabinet: Cabinet, clock: FakeClock) -> None:
    # proxy R61
    moment = "Tue, 14 Nov 2023 22:13:20 GMT"
    cabinet.say("hub", "app/x", b"bytes", etag='W/"one"', last_modified=moment)
    cabinet.get("hub", "app/x")
    assert states(cabinet) == {"app/x": ('W/"one"', moment, 0)}
    clock.advance(FRESH)
    cabinet.get("hub", "app/x")
    assert states(cabinet) == {"app/x": ('W/"one"', moment, 0)}, "a copy that is current keeps them"
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"new")
    cabinet.get("hub", "app/x")
    assert states(cabinet) == {"app/x": ("", "", 0)}


def test_absences_are_counted_from_the_copy_on(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    cabinet.get("hub", "app/x")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", status=404)
    cabinet.get("hub", "app/x")
    assert states(cabinet) == {"app/x": ('"one"', "", 1)}, "the copy is to be asked about by its validator"
    cabinet.say("hub", "app/x", b"bytes", etag='"one"')
    clock.advance(FRESH)
    cabinet.get("hub", "app/x")
    assert states(cabinet) == {"app/x": ('"one"', "", 0)}


def test_a_copy_that_nothing_is_remembered_of_goes_with_the_first_absence(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes")
    cabinet.get("hub", "app/x")
    record = cabinet.record("hub")
    cabinet.shelf.database.write(lambda turn: cabinet.shelf.catalog.states.forget(turn, record.id, "app/x"))
    cabinet.say("hub", "app/x", status=404)
    with pytest.raises(AssetNotFound):
        cabinet.get("hub", "app/x")
    assert cabinet.holds("hub") == []


def test_only_what_a_document_is_parsed_with_is_kept_of_its_headers(cabinet: Cabinet) -> None:
    cabinet.says_list("hub", "app", "x")
    url = cabinet.url("hub", "app/list")
    said = cabinet.network.said[url]
    cabinet.say(
        "hub", "app/list", said.body, content_type="application/json", link="</x>", set_cookie="secret=1"
    )
    cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    asset = cabinet.find("hub", "app/.list")
    assert asset is not None
    assert asset.attributes["answers"] == [
        {
            "url": url,
            "headers": {"content-type": "application/json", "link": "</x>"},
            "size": len(said.body),
        }
    ]
    assert asset.content_type == "application/json"


def test_a_copy_of_a_document_that_is_not_whole_is_told(cabinet: Cabinet, clock: FakeClock) -> None:
    """Whatever happened to it: a format that reads more of pages than it did, for instance."""
    cabinet.says_list("hub", "app", "x")
    cabinet.visit("hub", lambda repository: repository.index(Lists(), "app"))
    cabinet.shelf.catalog.documents._documents.clear()

    class Longer(Lists):
        def parse(self, key: str, answers: object) -> More:
            return More("?page=2")

    with pytest.raises(UpstreamInvalid, match="not whole"):
        cabinet.visit("hub", lambda repository: repository.index(Longer(), "app"))


def test_what_was_told_of_nothing_is_called_so(cabinet: Cabinet) -> None:
    cabinet.say("hub", "app/x", b"bytes", content_type="")
    head = cabinet.visit("hub", lambda repository: repository.get("app/x")).head
    assert head.content_type == "application/octet-stream"
    assert head.etag == digest_of(b"bytes")


# Addresses and dates


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("app/x", "https://u.example/root/app/x"),
        ("app:1/x", "https://u.example/root/app:1/x"),
        ("http:x", "https://u.example/root/http:x"),
        ("?n=1", "https://u.example/root/?n=1"),
        ("a%2Fb", "https://u.example/root/a%2Fb"),
        ("https://files.example/x", "https://files.example/x"),
        ("http://files.example/x", "http://files.example/x"),
    ],
)
def test_a_fetch_is_below_its_upstream_unless_it_says_where(place: object, url: str, expected: str) -> None:
    assert absolute(Upstream(1, "hub", 1, "https://u.example/root/"), url) == expected


NOW = 1_700_000_100 * SECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000 * SECOND),
        ("Tue, 14 Nov 2023 22:13:20 -0000", 1_700_000_000 * SECOND),
        ("Tue, 14 Nov 2023 23:13:20 +0100", 1_700_000_000 * SECOND),
        ("Tue, 14 Nov 2033 22:13:20 GMT", NOW),
        ("", NOW),
        ("yesterday", NOW),
        ("0", NOW),
        ("Tue, 14 Nov 2023 22:13:20 +99999999999999", NOW),
        ("Tue, 14 Nov 99999999999999999999 22:13:20 GMT", NOW),
    ],
)
def test_a_date_is_read_or_replaced_and_never_ahead(place: object, text: str, expected: int) -> None:
    # proxy T8, T15
    assert http_moment(text, NOW) == expected
