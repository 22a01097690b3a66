"""Repositories of others, through a proxy, on the wire."""

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.client import HTTPException

import pytest

from tests.support.fake_repodata import FakeRepodata
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxies import proxy
from tests.support.rpm_headers import rpm
from tests.support.server import Answer, RunningServer
from tests.support.upstream_faults import status

REPOMD = "repodata/repomd.xml"
ONE = {"Packages/a/acme-1.0^git1-1.noarch.rpm": rpm("acme", "1.0^git1")}
TWO = {**ONE, "Packages/a/acme-2.0-1.noarch.rpm": rpm("acme", "2.0")}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def there(upstream: FakeUpstream) -> FakeRepodata:
    """What the upstream publishes."""
    return FakeRepodata(upstream, "/el9/")


Get = Callable[..., Answer]


@pytest.fixture
def get(server: RunningServer, there: FakeRepodata) -> Get:
    """Asks a proxy of that."""
    return getting(server, proxy(server, "rpm", there.url))


def getting(server: RunningServer, name: str) -> Get:
    def get(path: str, method: str = "GET", **headers: str) -> Answer:
        return server.request(method, f"/repository/{name}/{path}", headers=headers)

    return get


def comes(get: Get, path: str) -> bool:
    """Whether a file comes as a whole."""
    try:
        return get(path).status == 200
    except (HTTPException, ConnectionError):
        return False


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refreshed(server: RunningServer) -> None:
    """Let what is known of the upstream grow old."""
    server.clock.advance(timedelta(minutes=11))


def test_a_set_is_served_byte_for_byte(get: Get, there: FakeRepodata) -> None:
    # rpm R101, R102, R142
    repomd = there.publish(ONE, signed=True)
    answer = get(REPOMD)
    assert (answer.status, answer.body) == (200, repomd)
    assert answer.header("content-type") == "application/xml"
    assert answer.header("cache-control") == "no-cache, no-transform"
    assert get(f"{REPOMD}.asc").body == there.signature
    assert get(f"{REPOMD}.key").status == 404
    for href in there.files.values():
        document = get(href)
        assert hashlib.sha256(document.body).hexdigest() in href
        assert document.header("content-type") == "application/gzip"
        assert document.header("content-encoding") == ""


def test_an_unsigned_upstream_has_no_signature(get: Get, there: FakeRepodata) -> None:
    # rpm R93
    there.publish(ONE)
    assert [get(path).status for path in (f"{REPOMD}.asc", REPOMD, f"{REPOMD}.asc")] == [404, 200, 404]


def test_a_package_is_fetched_once_and_stays(
    server: RunningServer, upstream: FakeUpstream, there: FakeRepodata, get: Get
) -> None:
    # rpm R5, R100, R109
    there.publish(ONE)
    for spelled in ("1.0%5egit1", "1.0%5Egit1", "1.0^git1"):
        answer = get(f"Packages/a/acme-{spelled}-1.noarch.rpm")
        assert (answer.status, answer.body) == (200, next(iter(ONE.values())))
        assert answer.header("cache-control") == "max-age=31536000, immutable, no-transform"
        assert answer.header("content-type") == "application/x-rpm"
    assert upstream.count("", "*.rpm") == 1
    upstream.stop()
    refreshed(server)
    assert get("Packages/a/acme-1.0^git1-1.noarch.rpm").status == 200


def test_what_a_package_says_is_known_of_a_copy(server: RunningServer, there: FakeRepodata) -> None:
    # rpm R105
    name = proxy(server, "rpm", there.url)
    there.publish(ONE)
    path = next(iter(ONE))
    getting(server, name)(path)
    record = server.core.repositories.find(name)
    asset = server.core.catalog.assets.find(server.core.database, record.id, path)
    assert asset is not None
    assert (asset.label, asset.attributes["version"]) == ("acme-1.0^git1-1.noarch", "1.0^git1")


def test_bytes_that_are_not_those_of_primary_are_neither_kept_nor_sent_on(
    upstream: FakeUpstream, there: FakeRepodata, get: Get
) -> None:
    # rpm R104
    there.publish(TWO)
    get(REPOMD)
    get(there.files["primary"])
    path = "Packages/a/acme-2.0-1.noarch.rpm"
    upstream.put(f"/el9/{path}", rpm("acme", "2.0", payload=b"tampere"))
    assert not comes(get, path)
    upstream.put(f"/el9/{path}", TWO[path])
    eventually(lambda: get(path).status == 200)
    assert get(path).body == TWO[path]


def test_a_file_of_repodata_with_other_bytes_is_not_passed_on(
    upstream: FakeUpstream, there: FakeRepodata, get: Get
) -> None:
    # rpm R104
    there.publish(ONE)
    get(REPOMD)
    href = there.files["primary"]
    upstream.put(f"/el9/{href}", b"x" * 10)
    assert not comes(get, href)


def test_a_newer_set_takes_the_place_of_the_old_one_when_its_files_are_here(
    server: RunningServer, there: FakeRepodata, get: Get
) -> None:
    # rpm R102, R103, M2, M3
    old = there.publish(ONE, signed=True)
    old_primary = there.files["primary"]
    signature = there.signature
    assert get(REPOMD).body == old
    for href in there.files.values():
        get(href)
    new = there.publish(TWO, signed=True, without=["primary"])
    refreshed(server)
    assert get(REPOMD).body == old
    server.run_tasks()
    assert get(REPOMD).body == old
    assert get(f"{REPOMD}.asc").body == signature
    there.revision -= 1
    assert there.publish(TWO, signed=True) == new

    def switched() -> bool:
        server.clock.advance(timedelta(minutes=2))
        server.run_tasks()
        return get(REPOMD).body == new

    eventually(switched)
    assert get(f"{REPOMD}.asc").body == there.signature
    assert [get(href).status for href in there.files.values()] == [200] * 3
    assert get(old_primary).status == 200


def test_a_file_that_came_late_is_found_soon(
    server: RunningServer, upstream: FakeUpstream, there: FakeRepodata, get: Get
) -> None:
    # rpm R103, M5
    there.publish(ONE, without=["other"])
    get(REPOMD)
    href = there.files["other"]
    assert get(href).status == 404
    there.revision -= 1
    there.publish(ONE)
    assert get(href).status == 200
    unknown = f"repodata/{'0' * 64}-primary.xml.gz"
    assert get(unknown).status == 404
    asked = upstream.count("", f"*{unknown}")
    assert get(unknown).status == 404
    assert upstream.count("", f"*{unknown}") == asked
    server.clock.advance(timedelta(seconds=31))
    assert get(unknown).status == 404
    assert upstream.count("", f"*{unknown}") == asked + 1


def test_files_without_checksums_in_their_names_follow_repomd(
    server: RunningServer, there: FakeRepodata, get: Get
) -> None:
    # rpm R100
    for packages in (ONE, TWO):
        repomd = there.publish(packages, named=False, extra={"group": ("comps.xml", b"<comps/>")})
        assert get(REPOMD).body == repomd
        primary = get("repodata/primary.xml.gz")
        assert hashlib.sha256(primary.body).hexdigest().encode() in repomd
        assert get("repodata/comps.xml").body == b"<comps/>"
        refreshed(server)


def test_an_upstream_that_is_away_leaves_what_is_here(
    server: RunningServer, upstream: FakeUpstream, there: FakeRepodata, get: Get
) -> None:
    # rpm R109, K12
    repomd = there.publish(TWO, signed=True)
    for path in (REPOMD, *there.files.values(), "Packages/a/acme-1.0^git1-1.noarch.rpm"):
        assert get(path).status == 200
    refreshed(server)
    upstream.fault(status(503))
    assert get(REPOMD).body == repomd
    assert get(f"{REPOMD}.asc").body == there.signature
    assert get("Packages/a/acme-1.0^git1-1.noarch.rpm").status == 200
    answer = get("Packages/a/acme-2.0-1.noarch.rpm")
    assert answer.status == 503
    assert answer.header("retry-after")


def test_a_proxy_holds_repositories_of_many_folders(
    server: RunningServer, upstream: FakeUpstream, get: Get
) -> None:
    # rpm R111
    there = {folder: FakeRepodata(upstream, f"/el9/{folder}/") for folder in ("9/x86_64", "9/aarch64")}
    for folder, repository in there.items():
        repomd = repository.publish(ONE if folder.endswith("x86_64") else TWO)
        assert get(f"{folder}/{REPOMD}").body == repomd
        get(f"{folder}/{repository.files['primary']}")
        assert get(f"{folder}/Packages/a/acme-1.0^git1-1.noarch.rpm").status == 200


def test_trees_for_installers_pass_through(upstream: FakeUpstream, get: Get) -> None:
    # rpm R85, R110, R145
    upstream.put("/el9/.treeinfo", b"[general]\n", "text/html")
    upstream.put("/el9/images/boot.iso", bytes(200_000))
    tree = get(".treeinfo")
    assert (tree.body, tree.header("content-type")) == (b"[general]\n", "text/plain")
    part = get("images/boot.iso", Range="bytes=10-19")
    assert (part.status, part.body) == (206, bytes(10))
    assert get("images/boot.iso").header("content-length") == "200000"
    assert get("media.1/media").status == 404


METALINK = """<?xml version="1.0"?>
<metalink version="3.0" xmlns="http://metalinker.example/"><files><file name="repomd.xml">
<size>{size}</size><verification><hash type="sha256">{checksum}</hash></verification>
<resources>{urls}</resources></file></files></metalink>
"""


def metalink(repomd: bytes, *mirrors: str) -> bytes:
    urls = "".join(
        f'<url protocol="http" preference="{100 - number}">{mirror}{REPOMD}</url>'
        for number, mirror in enumerate(mirrors)
    )
    return METALINK.format(
        size=len(repomd), checksum=hashlib.sha256(repomd).hexdigest(), urls=urls
    ).encode()


def mirrored(server: RunningServer, upstream: FakeUpstream, source: str, at: str = "") -> Get:
    settings = {"source": source, "mirrors_at": at}
    return getting(server, proxy(server, "rpm", f"{upstream.url}/list", settings=settings))


def test_mirrors_are_tried_one_after_the_other(server: RunningServer, upstream: FakeUpstream) -> None:
    # rpm R106
    stale, fresh = FakeRepodata(upstream, "/stale/"), FakeRepodata(upstream, "/fresh/")
    stale.publish(ONE)
    repomd = fresh.publish(TWO)
    upstream.put("/list", f"{upstream.url}/gone/\n{fresh.url}\n{stale.url}\n".encode(), "text/plain")
    get = mirrored(server, upstream, "mirrorlist")
    assert get(REPOMD).body == repomd
    for path, body in TWO.items():
        assert get(path).body == body
    assert upstream.count("", "/gone/*") >= 3
    assert get("Packages/a/none-1-1.noarch.rpm").status == 404


def test_only_the_repomd_that_a_metalink_names_is_taken(
    server: RunningServer, upstream: FakeUpstream
) -> None:
    # rpm R106
    stale, fresh = FakeRepodata(upstream, "/stale/"), FakeRepodata(upstream, "/fresh/")
    stale.publish(ONE)
    repomd = fresh.publish(TWO)
    upstream.put("/list/metalink", metalink(repomd, stale.url, fresh.url), "application/metalink+xml")
    get = mirrored(server, upstream, "metalink", "metalink?repo=el9&arch=x86_64")
    assert get(REPOMD).body == repomd
    assert [each.target for each in upstream.asked("", "*/metalink")] == [
        "/list/metalink?repo=el9&arch=x86_64"
    ]
    # The stale mirror has no such file.
    assert get(fresh.files["primary"]).status == 200
    assert get("Packages/a/acme-2.0-1.noarch.rpm").body == TWO["Packages/a/acme-2.0-1.noarch.rpm"]


def test_a_list_without_mirrors_is_an_error_of_the_upstream(
    server: RunningServer, upstream: FakeUpstream
) -> None:
    upstream.put("/list", b"<html>sorry</html>", "text/html")
    assert mirrored(server, upstream, "metalink")(REPOMD).status == 502


def test_what_clients_ask_for_is_never_a_list_of_mirrors(
    server: RunningServer, get: Get, upstream: FakeUpstream
) -> None:
    upstream.put("/el9/.mirrors", b"http://evil.example/")
    assert get(".mirrors").status == 404
    assert upstream.count() == 0
    upstream.put("/list", f"{upstream.url}/el9/".encode())
    mirrored_here = mirrored(server, upstream, "mirrorlist")
    assert [mirrored_here(path).status for path in ("none.rpm", ".mirrors", ".mirrors")] == [404] * 3
