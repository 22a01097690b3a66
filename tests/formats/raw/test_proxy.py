"""Files of another server, through a proxy and in a group, on the wire."""

import re
from collections.abc import Iterator

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxies import group, proxy
from tests.support.server import RunningServer
from tests.support.upstream_faults import status


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def files(server: RunningServer, upstream: FakeUpstream) -> str:
    """The path of a proxy of the folder `/files/`."""
    return f"/repository/{proxy(server, 'raw', f'{upstream.url}/files/')}"


def listed(server: RunningServer, folder: str) -> list[str]:
    answer = server.request("GET", folder)
    return [] if answer.status == 404 else re.findall(r'<a href="([^"]*)"', answer.text)


@pytest.mark.parametrize(
    "path", ["a.txt", "folder/a%20b.txt", "a%3Fb%23c.txt", "%C3%A4%2Bb.txt", "100%25/a;b,c.txt"]
)
def test_a_file_is_fetched_once_from_its_own_path(
    server: RunningServer, upstream: FakeUpstream, files: str, path: str
) -> None:
    upstream.put(f"/files/{path}", b"some bytes", "text/plain")
    for _ in range(3):
        answer = server.request("GET", f"{files}/{path}")
        assert (answer.status, answer.body) == (200, b"some bytes")
        assert answer.header("content-type").startswith("text/plain")
        assert answer.header("content-security-policy") == "sandbox"
    assert [asked.target for asked in upstream.asked()] == [f"/files/{path}"]


def test_what_browsers_would_run_stays_in_a_sandbox(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    upstream.put("/files/page.html", b"<script>", "text/html")
    for method in ("HEAD", "GET", "GET"):
        answer = server.request(method, f"{files}/page.html")
        assert answer.header("content-type").startswith("text/html")
        assert answer.header("content-security-policy") == "sandbox"


def test_a_head_and_a_small_part_download_no_more_than_they_say(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    body = bytes(range(256)) * 4096
    upstream.put("/files/large.bin", body)
    head = server.request("HEAD", f"{files}/large.bin")
    assert (head.status, head.header("content-length")) == (200, str(len(body)))
    part = server.request("GET", f"{files}/large.bin", headers={"Range": "bytes=256-511"})
    assert (part.status, part.body) == (206, body[256:512])
    assert upstream.sent() < len(body) // 2
    assert server.request("GET", f"{files}/large.bin").body == body


def test_a_folder_lists_what_is_here_and_is_never_asked_for(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    upstream.put("/files/folder/", b"<a href='a.txt'>", "text/html")
    for name in ("a.txt", "b.txt"):
        upstream.put(f"/files/folder/{name}", b"bytes")
    assert listed(server, f"{files}/folder/") == []
    server.request("GET", f"{files}/folder/a.txt")
    assert listed(server, f"{files}/folder/") == ["../", "a.txt"]
    assert listed(server, f"{files}/") == ["folder/"]
    assert upstream.count() == 1


def test_an_old_copy_is_better_than_none(server: RunningServer, upstream: FakeUpstream) -> None:
    files = f"/repository/{proxy(server, 'raw', f'{upstream.url}/', fresh_for=0)}"
    upstream.put("/a.txt", b"first")
    assert server.request("GET", f"{files}/a.txt").body == b"first"
    upstream.put("/a.txt", b"second")
    assert server.request("GET", f"{files}/a.txt").body == b"second"
    upstream.fault(status(503))
    stale = server.request("GET", f"{files}/a.txt")
    assert (stale.status, stale.body) == (200, b"second")
    assert stale.header("warning").startswith("110")
    assert server.request("GET", f"{files}/b.txt").status == 503


def test_nothing_is_put_at_a_proxy_and_what_is_deleted_is_the_copy(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    upstream.put("/files/a.txt", b"bytes")
    assert server.request("PUT", f"{files}/a.txt", b"mine").status == 405
    assert server.request("DELETE", f"{files}/a.txt").status == 404
    server.request("GET", f"{files}/a.txt")
    assert server.request("DELETE", f"{files}/a.txt").status == 204
    assert listed(server, f"{files}/") == []
    assert server.request("GET", f"{files}/a.txt").body == b"bytes"
    assert upstream.count() == 2


def test_who_may_not_populate_reads_what_is_here(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    name = files.rpartition("/")[2]
    reader = server.user((name, "**", [Verb.READ]))
    upstream.put("/files/a.txt", b"bytes")
    assert server.request("GET", f"{files}/a.txt", login=reader).status == 403
    assert upstream.count() == 0
    server.request("GET", f"{files}/a.txt")
    assert server.request("GET", f"{files}/a.txt", login=reader).body == b"bytes"


def test_a_group_has_the_first_of_its_members_files_and_lists_them_all(
    server: RunningServer, upstream: FakeUpstream, files: str
) -> None:
    own = server.repository("raw")
    for name in ("a.txt", "b.txt"):
        server.request("PUT", f"/repository/{own}/{name}", b"own")
    for name in ("b.txt", "c.txt"):
        upstream.put(f"/files/{name}", b"theirs")
        server.request("GET", f"{files}/{name}")
    both = f"/repository/{group(server, 'raw', own, files.rpartition('/')[2])}"
    for name, body in (("a.txt", b"own"), ("b.txt", b"own"), ("c.txt", b"theirs")):
        answer = server.request("GET", f"{both}/{name}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.header("content-security-policy") == "sandbox"
    assert listed(server, f"{both}/") == ["a.txt", "b.txt", "c.txt"]
    assert server.request("GET", f"{both}/d.txt").status == 404
    assert server.request("PUT", f"{both}/d.txt", b"mine").status == 405
