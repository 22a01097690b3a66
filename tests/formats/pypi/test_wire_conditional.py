"""Pages that a client has already, and pages that are compressed (pypi C, J)."""

import gzip
import http.client
from email.utils import parsedate_to_datetime

import pytest

from artifactd.clock import moment
from tests.support.distributions import wheel
from tests.support.indexes import HTML, JSON, Index

ACCEPTED = [JSON, HTML, "text/html"]
CODINGS = ["identity", "gzip", "zstd"]
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


@pytest.fixture(scope="module")
def page(index: Index) -> str:
    """A page large enough to be compressed."""
    index.publish(*(wheel("conditional", f"1.{number}") for number in range(30)))
    return "simple/conditional/"


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_client_that_has_the_page_is_told_so(index: Index, page: str, accept: str, coding: str) -> None:
    # pypi R33, T7, L2
    wanted = {"accept": accept, "accept_encoding": coding}
    first = index.get(page, **wanted)
    etag = first.header("etag")
    assert etag.startswith('"'), "a strong one"
    for method in ("GET", "HEAD"):
        headers = {"Accept": accept, "Accept-Encoding": coding, "If-None-Match": etag}
        again = index.request(method, page, headers=headers)
        assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
        for name in ("vary", "cache-control"):
            assert again.header(name) == first.header(name)
        assert again.header("content-type") in ("", first.header("content-type"))
    assert index.get(page, **wanted, if_none_match='"other"').status == 200
    assert index.get(page, **wanted, if_none_match=f'"other", W/{etag}').status == 304
    assert index.get(page, **wanted, if_none_match="*").status == 304


def test_every_form_and_coding_has_a_tag_of_its_own(index: Index, page: str) -> None:
    # pypi R33: a shared cache must not take one for another
    answers = [
        index.get(page, accept=accept, accept_encoding=coding)
        for accept in (JSON, HTML)
        for coding in CODINGS
    ]
    assert len({answer.header("etag") for answer in answers}) == len(answers)
    for accept in (JSON, HTML):
        for etag in (answer.header("etag") for answer in answers):
            own = index.get(page, accept=accept, accept_encoding="gzip").header("etag")
            expected = 304 if etag == own else 200
            got = index.get(page, accept=accept, accept_encoding="gzip", if_none_match=etag)
            assert got.status == expected


def test_both_names_of_html_are_one_document(index: Index, page: str) -> None:
    html, text = index.get(page, accept=HTML), index.get(page, accept="text/html")
    assert html.body == text.body
    assert html.header("content-type") != text.header("content-type")


@pytest.mark.parametrize("where", ["simple/conditional/", "simple/"])
@pytest.mark.parametrize("accept", ACCEPTED)
def test_what_is_said_of_how_long_it_holds(index: Index, page: str, accept: str, where: str) -> None:
    answer = index.get(where, accept=accept)
    assert answer.header("cache-control") == "no-cache"  # pypi R101, L1
    varies = {each.strip().lower() for each in answer.header("vary").split(",")}
    assert {"accept", "accept-encoding"} <= varies  # pypi R33
    modified = parsedate_to_datetime(answer.header("last-modified"))  # pypi R175
    assert modified <= moment(index.server.clock())
    assert int(answer.header("x-pypi-last-serial")) > 0  # pypi R57


@pytest.mark.parametrize("accept", [JSON, HTML])
def test_pages_are_compressed_for_those_who_can_read_it(index: Index, page: str, accept: str) -> None:
    # pypi R171
    plain = index.get(page, accept=accept)
    assert plain.header("content-encoding") == ""
    packed = index.get(page, accept=accept, accept_encoding="gzip, deflate")
    assert packed.header("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert packed.header("content-length") == str(len(packed.body))
    assert packed.header("content-type") == plain.header("content-type")
    uv = index.get(page, accept=accept, accept_encoding="gzip, deflate, zstd")  # pypi R31
    assert uv.header("content-encoding") in ("gzip", "zstd")
    only = index.get(page, accept=accept, accept_encoding="zstd")
    assert only.header("content-encoding") == "zstd"
    assert only.body.startswith(ZSTD)
    assert len(only.body) < len(plain.body) / 2


@pytest.mark.parametrize(
    ("accepted", "codings"),
    [
        ("", {""}),
        ("identity", {""}),
        ("gzip;q=0", {""}),
        ("gzip;q=0, zstd", {"zstd"}),
        ("gzip;q=0.5, zstd;q=0", {"gzip"}),
        ("br, deflate", {""}),
        ("*", {"", "gzip", "zstd"}),
        ("*;q=0", {"", "gzip", "zstd"}),
        ("identity;q=0, gzip", {"gzip"}),
        ("GZIP", {"gzip"}),
        ("x-gzip", {"", "gzip"}),
        ("gzip;q=x, ;;;, zstd;q", {"", "gzip", "zstd"}),
    ],
)
def test_nobody_gets_a_coding_they_do_not_read(
    index: Index, page: str, accepted: str, codings: set[str]
) -> None:
    answer = index.get(page, accept=JSON, accept_encoding=accepted)
    assert answer.status == 200
    assert answer.header("content-encoding") in codings


def test_a_change_changes_the_tag_and_the_way_back_the_bytes(index: Index, name: str) -> None:
    index.publish(wheel(name))
    etags = [index.page(name).header("etag")]
    index.publish(wheel(name, "2.0"))
    etags.append(index.page(name).header("etag"))
    index.yank(name, "1.0", "broken")
    etags.append(index.page(name).header("etag"))
    index.mark(name, "deprecated")
    etags.append(index.page(name).header("etag"))
    assert len(set(etags)) == 4
    index.publish(wheel(name, "2.0"))  # the same again
    assert index.page(name).header("etag") == etags[-1]
    assert index.get(f"simple/{name}/", accept=JSON, if_none_match=etags[-1]).status == 304


def test_a_change_elsewhere_changes_nothing_here(index: Index, name: str) -> None:
    index.publish(wheel(name))
    before = index.page(name)
    index.publish(wheel(f"{name}-other"))
    after = index.page(name)
    assert (after.header("etag"), after.body) == (before.header("etag"), before.body)
    assert after.header("x-pypi-last-serial") == before.header("x-pypi-last-serial")


def test_a_date_will_do_where_there_is_no_tag(index: Index, page: str) -> None:
    modified = index.get(page, accept=JSON).header("last-modified")
    assert index.get(page, accept=JSON, if_modified_since=modified).status == 304
    long_ago = "Thu, 01 Jan 2004 00:00:00 GMT"
    assert index.get(page, accept=JSON, if_modified_since=long_ago).status == 200


@pytest.mark.parametrize("accept", [JSON, HTML])
def test_a_connection_goes_on_after_a_304(index: Index, page: str, accept: str) -> None:
    connection = http.client.HTTPConnection(*index.server.address, timeout=30)
    try:
        assert index.login is not None
        headers = {"Accept": accept, "Authorization": index.login.header}
        etag = None
        for expected in (200, 304, 304, 200):
            conditional = {} if expected == 200 else {"If-None-Match": etag or ""}
            connection.request("GET", f"{index.base}/{page}", headers={**headers, **conditional})
            response = connection.getresponse()
            assert response.status == expected
            assert bool(response.read()) == (expected == 200)
            etag = response.getheader("etag")
    finally:
        connection.close()


def test_a_page_that_is_larger_than_most_is_whole_whenever_it_is_asked_for(index: Index) -> None:
    # From the second time on it is answered from what is remembered, and no longer in one write.
    index.publish(*(wheel("many-files", f"{number}.0") for number in range(150)))
    headers = {"accept": JSON, "accept_encoding": "identity"}
    answers = [index.get("simple/many-files/", **headers) for _ in range(4)]
    assert len(answers[0].body) > 64 << 10
    assert {answer.body for answer in answers} == {answers[0].body}
    assert {answer.header("content-length") for answer in answers} == {str(len(answers[0].body))}
    index.publish(wheel("many-files", "150.0"))
    assert index.get("simple/many-files/", **headers).body != answers[0].body
