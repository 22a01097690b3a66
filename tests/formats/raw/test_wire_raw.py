"""Files at paths, on the wire."""

import re

import pytest

from artifactd.auth.principal import Verb
from tests.support.server import RunningServer

SANDBOX = "sandbox"


@pytest.fixture(scope="module")
def raw(server: RunningServer) -> str:
    """The URL path of a repository."""
    return f"/repository/{server.repository('raw')}"


@pytest.mark.parametrize(
    "path", ["a.txt", "deep/er/b.bin", "sp%20ace/%C3%A4%26%3F%23.txt", "100%25", "x;y=z"]
)
@pytest.mark.parametrize("data", [b"", b"bytes", bytes(300_000)], ids=["empty", "small", "large"])
def test_a_file_comes_back_as_it_went_in(server: RunningServer, raw: str, path: str, data: bytes) -> None:
    put = server.request("PUT", f"{raw}/{path}", data)
    assert (put.status, put.header("location")) == (
        201,
        f"{raw}/{path.replace(';', '%3B').replace('=', '%3D')}",
    )
    got, head = (server.request(method, f"{raw}/{path}") for method in ("GET", "HEAD"))
    assert (got.status, got.body) == (200, data)
    assert (head.status, head.body) == (200, b"")
    for answer in (got, head):
        assert answer.header("content-length") == str(len(data))
        assert answer.header("content-security-policy") == SANDBOX
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("etag")


def test_html_is_served_as_such_and_sandboxed(server: RunningServer, raw: str) -> None:
    server.request(
        "PUT", f"{raw}/page.html", b"<script>", headers={"Content-Type": "text/html; charset=utf-8"}
    )
    answer = server.request("GET", f"{raw}/page.html")
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("content-security-policy") == SANDBOX


def test_a_part_of_a_file(server: RunningServer, raw: str) -> None:
    server.request("PUT", f"{raw}/range", b"0123456789")
    answer = server.request("GET", f"{raw}/range", headers={"Range": "bytes=2-4"})
    assert (answer.status, answer.body) == (206, b"234")


def test_a_deleted_file_is_gone(server: RunningServer, raw: str) -> None:
    server.request("PUT", f"{raw}/gone", b"x")
    assert server.request("DELETE", f"{raw}/gone").status == 204
    assert server.request("GET", f"{raw}/gone").status == 404
    assert server.request("DELETE", f"{raw}/gone").status == 404


def test_a_put_may_ask_for_nothing_to_be_there(server: RunningServer, raw: str) -> None:
    new = {"If-None-Match": "*"}
    assert server.request("PUT", f"{raw}/new", b"1", headers=new).status == 201
    assert server.request("PUT", f"{raw}/new", b"2", headers=new).status == 412
    assert server.request("GET", f"{raw}/new").body == b"1"
    assert server.request("PUT", f"{raw}/new", b"2").status == 201
    assert server.request("GET", f"{raw}/new").body == b"2"


@pytest.mark.parametrize(
    ("policy", "statuses"), [("allow", [201, 201]), ("allow_once", [201, 409]), ("deny", [405, 405])]
)
def test_the_write_policy_decides(server: RunningServer, policy: str, statuses: list[int]) -> None:
    raw = f"/repository/{server.repository('raw', write_policy=policy)}"
    assert [server.request("PUT", f"{raw}/a", body).status for body in (b"1", b"2")] == statuses


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("folder/", 400),
        ("a/../b", 400),
        ("a/%2e%2e/b", 400),
        ("a%00b", 400),
        ("a%2Fb", 400),
        ("a//b", 400),
        ("x" * 1025, 400),
    ],
)
def test_paths_that_no_file_has(server: RunningServer, raw: str, path: str, status: int) -> None:
    assert server.request("PUT", f"{raw}/{path}", b"x").status == status


def test_a_file_is_put_as_a_whole(server: RunningServer, raw: str) -> None:
    headers = {"Content-Range": "bytes 0-0/10"}
    assert server.request("PUT", f"{raw}/part", b"x", headers=headers).status == 400
    assert server.request("GET", f"{raw}/part").status == 404


def test_a_folder_is_listed(server: RunningServer) -> None:
    name = server.repository("raw")
    raw = f"/repository/{name}"
    for path in ("b.txt", "docs/x/y.txt", "docs/a%26b.txt"):
        server.request("PUT", f"{raw}/{path}", b"12345")
    root = server.request("GET", f"{raw}/")
    assert (root.status, root.header("content-type")) == (200, "text/html; charset=utf-8")
    assert root.header("content-security-policy") == "default-src 'none'; sandbox allow-downloads"
    assert re.findall(r'href="([^"]*)"', root.text) == ["b.txt", "docs/"]
    assert f"<h1>{name}/</h1>" in root.text
    docs = server.request("GET", f"{raw}/docs/")
    assert re.findall(r'href="([^"]*)"', docs.text) == ["../", "a%26b.txt", "x/"]
    assert "<td>5</td>" in docs.text
    assert server.request("HEAD", f"{raw}/docs/").status == 200
    assert server.request("GET", f"{raw}/nothing/").status == 404
    server.request("DELETE", f"{raw}/b.txt")
    assert re.findall(r'href="([^"]*)"', server.request("GET", f"{raw}/").text) == ["docs/"]
    assert re.findall(r'href="([^"]*)"', server.request("GET", f"{raw}/?after=docs/").text) == []


def test_rights_are_by_path(server: RunningServer) -> None:
    name = server.repository("raw")
    raw = f"/repository/{name}"
    server.request("PUT", f"{raw}/mine/a", b"1")
    server.request("PUT", f"{raw}/other/a", b"1")
    reader = server.user((name, "mine/**", [Verb.READ]))
    assert server.request("GET", f"{raw}/mine/a", login=reader).status == 200
    assert server.request("GET", f"{raw}/mine/", login=reader).status == 200
    for method, path in [
        ("GET", "other/a"),
        ("HEAD", "other/a"),
        ("GET", "other/"),
        ("PUT", "mine/a"),
        ("DELETE", "mine/a"),
    ]:
        assert server.request(method, f"{raw}/{path}", b"", login=reader).status == 403, (method, path)
        assert server.request(method, f"{raw}/{path}", b"", login=None).status == 401, (method, path)


def test_the_past_can_be_read(server: RunningServer) -> None:
    name = server.repository("raw")
    server.request("PUT", f"/repository/{name}/a", b"1")
    then = f"/repository/{name}.at.2999-01-01"
    assert server.request("GET", f"{then}/a").body == b"1"
    assert server.request("PUT", f"{then}/a", b"2").status == 405


def test_a_repository_without_its_slash_is_the_same_place(server: RunningServer) -> None:
    name = server.repository("raw")
    for method in ("GET", "HEAD"):
        answer = server.request(method, f"/repository/{name}?after=a")
        assert (answer.status, answer.header("location")) == (308, f"{name}/?after=a")
        assert server.request(method, f"/repository/{name}", login=None).status == 401
    assert server.request("GET", "/repository/").status == 404
