"""Documents kept in memory, and the forms they are sent in."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import zstandard

from artifactd.repositories.index import Document
from artifactd.repositories.kept import Kept, KeptDocuments
from artifactd.repositories.representation import PLAIN, SMALLEST, Representation

BODY = b"a page " * 1000


def test_the_least_recently_used_goes_first_and_the_latest_stays() -> None:
    documents = KeptDocuments(limit=10_000)
    for number in range(3):
        documents.keep((1, "index", str(number)), Kept(1, number, 2_000))
    assert documents.find((1, "index", "0")) is not None
    documents.keep((1, "index", "3"), Kept(1, 3, 2_000))
    assert [documents.find((1, "index", str(n))) is not None for n in range(4)] == [True, False, True, True]
    documents.keep((1, "index", "large"), Kept(1, "large", 1_000_000))
    assert documents.find((1, "index", "large")) is not None
    assert documents.find((1, "index", "0")) is None


def test_a_forms_bytes_count() -> None:
    documents = KeptDocuments(limit=20_000)
    kept = Kept(1, "value", 10)
    documents.keep((1, "index", "a"), kept)
    Document("value", 1, 0, None, kept.forms).represented(
        "text", lambda: Representation("text/plain", BODY * 3)
    )
    documents.keep((1, "index", "b"), Kept(1, "value", 10))
    assert documents.find((1, "index", "a")) is None


def test_an_older_document_does_not_replace_a_newer_one() -> None:
    documents = KeptDocuments()
    documents.keep((1, "index", "a"), Kept(5, "new", 0))
    documents.keep((1, "index", "a"), Kept(4, "old", 0))
    kept = documents.find((1, "index", "a"))
    assert kept is not None
    assert kept.value == "new"


def test_one_thread_at_a_time_makes_a_document() -> None:
    documents = KeptDocuments()
    at_once: list[int] = []
    inside = 0
    guard = threading.Lock()

    def make(number: int) -> None:
        nonlocal inside
        with documents.making((1, "index", "a")):
            with guard:
                inside += 1
                at_once.append(inside)
            with guard:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(200)))
    assert max(at_once) == 1


def test_a_form_is_rendered_once_and_shared() -> None:
    rendered: list[str] = []

    def render() -> Representation:
        rendered.append("once")
        return Representation("text/plain", BODY)

    kept = Kept(1, "value", 0)
    first, second = (Document("value", 1, 0, None, kept.forms) for _ in range(2))
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda d: d.represented("text", render), [first, second] * 20))
    assert rendered == ["once"]
    assert len({id(each) for each in made}) == 1
    assert Document("value", 1, 0, None).represented("text", render) is not made[0]


def test_each_coding_has_its_bytes_and_its_tag() -> None:
    page = Representation("text/html", BODY)
    assert page.codings == ("zstd", "gzip")
    assert gzip.decompress(page.coded("gzip").body) == BODY
    assert zstandard.decompress(page.coded("zstd").body) == BODY
    assert page.coded().body is BODY
    assert page.coded("gzip") is page.coded("gzip")
    codings = (PLAIN, *page.codings)
    tags = {page.coded(coding).etag for coding in codings}
    assert len(tags) == 3
    assert tags == {Representation("text/html", BODY).coded(coding).etag for coding in codings}
    assert not tags & {Representation("text/plain", BODY).coded(coding).etag for coding in codings}
    assert page.size == len(BODY) + len(page.coded("gzip").body) + len(page.coded("zstd").body)


def test_what_fits_a_packet_is_not_compressed() -> None:
    assert Representation("text/plain", b"x" * (SMALLEST - 1)).codings == ()
