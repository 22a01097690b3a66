"""Folders as JSON, for programs, on the wire."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxies import group, proxy
from tests.support.server import ADMIN, Login, RunningServer

JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def names(server: RunningServer) -> Iterator[tuple[str, str, str]]:
    """A hosted repository, a proxy that holds a file, and a group of both."""
    hosted = server.repository("raw")
    for path in ("b.txt", "docs/x/y.txt", "docs/a%26b.txt", "docs/c.txt"):
        server.request("PUT", f"/repository/{hosted}/{path}", b"12345")
    with FakeUpstream() as upstream:
        upstream.put("/docs/b.bin", b"bytes")
        behind = proxy(server, "raw", f"{upstream.url}/")
        server.request("GET", f"/repository/{behind}/docs/b.bin")
        yield hosted, behind, group(server, "raw", hosted, behind)


def listed(server: RunningServer, folder: str, login: Login | None = ADMIN) -> dict[str, Any]:
    answer = server.request("GET", folder, headers=JSON, login=login)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def shown(found: dict[str, Any]) -> list[str]:
    return [f"{item['name']}/" if item["kind"] == "folder" else item["name"] for item in found["items"]]


def test_a_folder_is_listed_for_programs(server: RunningServer, names: tuple[str, str, str]) -> None:
    found = listed(server, f"/repository/{names[0]}/docs/")
    assert (found["path"], found["next"]) == ("docs/", None)
    assert shown(found) == ["a&b.txt", "c.txt", "x/"]
    (first, *_) = found["items"]
    assert (first["size"], first["content_type"]) == (5, "text/plain")
    assert len(first["checksums"]["sha256"]) == 64
    assert first["added"].endswith("Z")


def test_people_and_programs_are_told_apart_by_what_they_accept(
    server: RunningServer, names: tuple[str, str, str]
) -> None:
    for accept, content_type in (
        ("*/*", "text/html; charset=utf-8"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
    ):
        answer = server.request("GET", f"/repository/{names[0]}/", headers={"Accept": accept})
        assert answer.header("content-type") == content_type
        assert answer.header("vary") == "Accept"  # proxy R37
        assert answer.header("content-security-policy") == "default-src 'none'; sandbox allow-downloads"
        head = server.request("HEAD", f"/repository/{names[0]}/", headers={"Accept": accept})
        assert head.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize("limit", [1, 2])
def test_pages_follow_one_another(server: RunningServer, names: tuple[str, str, str], limit: int) -> None:
    for name, expected in zip(
        names, (["a&b.txt", "c.txt", "x/"], ["b.bin"], ["a&b.txt", "b.bin", "c.txt", "x/"]), strict=True
    ):
        url, seen = f"/repository/{name}/docs/?limit={limit}", list[str]()
        while True:
            page = listed(server, url)
            assert len(page["items"]) <= limit
            seen += shown(page)
            if page["next"] is None:
                break
            url = urljoin(url, page["next"])
        assert seen == expected


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many", "1e3", "9" * 30])
def test_a_limit_that_is_none_is_refused(
    server: RunningServer, names: tuple[str, str, str], limit: str
) -> None:
    assert server.request("GET", f"/repository/{names[0]}/?limit={limit}", headers=JSON).status == 400


def test_a_folder_of_nothing_is_absent_for_programs_too(
    server: RunningServer, names: tuple[str, str, str]
) -> None:
    for name in names:
        assert server.request("GET", f"/repository/{name}/nothing/", headers=JSON).status == 404
    assert listed(server, f"/repository/{server.repository('raw')}/") == {
        "path": "",
        "items": [],
        "next": None,
    }


def test_only_what_may_be_read_is_listed(server: RunningServer, names: tuple[str, str, str]) -> None:
    # proxy R107
    reader = server.user((names[0], "docs/**", [Verb.READ]))
    assert shown(listed(server, f"/repository/{names[0]}/docs/", reader)) == ["a&b.txt", "c.txt", "x/"]
    assert shown(listed(server, f"/repository/{names[0]}/", reader)) == ["docs/"]
    other = server.user((names[0], "b.txt", [Verb.READ]))
    for path, login, status in (("docs/", other, 403), ("docs/", None, 401), ("nothing/", other, 403)):
        answer = server.request("GET", f"/repository/{names[0]}/{path}", headers=JSON, login=login)
        assert answer.status == status
