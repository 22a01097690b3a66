"""Slashes, spellings, and where they lead (pypi R21, L3, L4)."""

from urllib.parse import urljoin

import pytest

from tests.support.distributions import wheel
from tests.support.indexes import JSON, Index


@pytest.fixture(scope="module")
def published(index: Index) -> Index:
    index.publish(wheel("foo-bar"))
    return index


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("simple", "simple/"),
        ("simple/foo-bar", "foo-bar/"),
        ("simple/Foo.Bar", "foo-bar/"),
        ("simple/Foo.Bar/", "../foo-bar/"),
        ("simple/foo_bar/", "../foo-bar/"),
        ("simple/FOO--bar/", "../foo-bar/"),
    ],
)
@pytest.mark.parametrize("query", ["", f"?format={JSON}", "?x=%20y&z"])
def test_a_page_is_found_where_it_is(
    published: Index, path: str, location: str, query: str, method: str
) -> None:
    answer = published.request(method, f"{path}{query}", headers={"Accept": JSON})
    assert (answer.status, answer.header("location")) == (301, f"{location}{query}")
    assert answer.body == b""
    target = urljoin(f"{published.base}/{path}", answer.header("location"))
    reached = published.request(method, target, headers={"Accept": JSON})
    assert reached.status == 200, "in one step"


def test_a_location_names_no_host_and_no_scheme(published: Index) -> None:
    # pypi R21: behind a proxy it would be the wrong one
    headers = {
        "Forwarded": "host=evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    for path in ("simple/Foo.Bar/", "simple/foo-bar", "simple"):
        answer = published.request("GET", path, headers=headers)
        assert answer.status in (301, 308)
        assert "evil" not in answer.header("location")
        assert not answer.header("location").startswith(("/", "http"))


@pytest.mark.parametrize("path", ["simple//evil.example/", "simple/%2Fevil.example", "simple/..%2F..%2F/"])
def test_no_name_leads_elsewhere(published: Index, path: str) -> None:
    answer = published.get(path)
    assert answer.status in (400, 404)
    assert answer.header("location") == ""


def test_a_name_that_nobody_has_is_404_after_it_is_normalised(published: Index) -> None:
    assert published.get("simple/Nobody.Has/").status in (301, 404)
    assert published.get("simple/nobody-has/").status == 404
    assert published.get("simple/nobody-has").status in (301, 404)


@pytest.mark.parametrize(
    "path", ["simple/-a/", "simple/a b/".replace(" ", "%20"), "simple/%C3%A9/", "simple/a%2Fb/"]
)
def test_what_is_no_name_is_not_found(published: Index, path: str) -> None:
    answer = published.get(path)
    assert answer.status in (400, 404)
    assert answer.header("content-type").startswith("text/plain")


@pytest.mark.parametrize(
    "path", ["", "nothing", "simple/foo-bar/x", "packages", "packages/", "pypi", "pypi/foo-bar"]
)
def test_what_is_no_address_is_said_to_be_none(published: Index, path: str) -> None:
    answer = published.get(path)
    assert answer.status in (200, 404, 405)
    assert answer.status != 200 or path in ("", "packages/")


def test_a_404_is_short_and_not_kept(published: Index) -> None:
    answer = published.page("nobody-has")  # pypi L5
    assert answer.status == 404
    assert answer.header("content-type").startswith("text/plain")
    assert answer.header("cache-control") == "no-store"
    assert 0 < len(answer.body) < 300
