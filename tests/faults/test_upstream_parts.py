"""HEAD and parts of what is not here yet: answered without fetching the whole (proxy R70, R71, R147; pypi
R138; docker R184)."""

import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.distributions import wheel
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxied import Proxied
from tests.support.proxies import proxy
from tests.support.server import ADMIN, RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import paused, status, without

SIZE = 16 << 20
"""Of a file: much more than the sockets between hold."""

LITTLE = 4 << 20
"""At most so much of it comes, where little is wanted: what the sockets hold."""

DATA = random.Random(3).randbytes(SIZE)


@pytest.fixture(params=["file", "blob", "wheel"])
def large(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A large file of each sort, of which there is no copy yet."""
    if request.param == "file":
        with FakeUpstream() as upstream:
            upstream.put("/data.bin", DATA, etag='"large"')
            name = proxy(server, "raw", upstream.url)
            yield Proxied(server, upstream, name, f"/repository/{name}/data.bin", "/data.bin", DATA)
    elif request.param == "blob":
        with FakeRegistry() as registry:
            name = proxy(server, "docker", registry.url)
            path = f"team/app/blobs/{registry.put_blob('team/app', DATA)}"
            yield Proxied(server, registry, name, f"/v2/{name}/{path}", f"/v2/{path}", DATA)
    else:
        with FakeIndex() as index:
            name = proxy(server, "pypi", index.url)
            made = wheel("acme-app", files={"acme_app/data": DATA})
            index.publish(made)
            path = f"/repository/{name}/packages/acme-app/{made.filename}"
            yield Proxied(server, index, name, path, index.path(made), made.content)


def body_of(large: Proxied) -> bytes:
    assert isinstance(large.expected, bytes)
    return large.expected


def test_head_fetches_nothing(large: Proxied) -> None:
    # proxy R71
    answer = large.request("HEAD")
    assert answer.status == 200
    assert answer.header("content-length") == str(len(body_of(large)))
    assert large.upstream.sent(large.there) == 0
    assert large.is_right(large.get())
    again = large.request("HEAD")
    assert again.header("content-length") == answer.header("content-length")
    assert large.upstream.count("GET", large.there) == 1


def test_head_of_what_is_not_there_is_a_404(large: Proxied) -> None:
    large.upstream.fault(status(404), large.there)
    assert large.request("HEAD").status == 404


@pytest.mark.parametrize("code", [405, 501])
def test_head_is_answered_where_the_upstream_knows_none(large: Proxied, code: int) -> None:
    large.upstream.fault(status(code), large.there, method="HEAD")
    answer = large.request("HEAD")
    assert answer.status == 200
    assert answer.header("content-length") == str(len(body_of(large)))
    assert large.upstream.sent(large.there) < LITTLE


RANGES = {
    "bytes=0-0": (0, 1),
    "bytes=0-99": (0, 100),
    "bytes=5000000-5000009": (5_000_000, 5_000_010),
    "bytes=-10": (-10, None),
}


@pytest.mark.parametrize("wanted", RANGES)
def test_a_part_is_fetched_alone(large: Proxied, wanted: str) -> None:
    # proxy R70: pip reads the end of a wheel, containerd goes on in a layer.
    start, end = RANGES[wanted]
    answer = large.get(range=wanted)
    whole = body_of(large)
    size = len(whole)
    assert answer.status == 206, answer.status
    assert answer.body == whole[start:end]
    first, last = start % size, (size if end is None else end) - 1
    assert answer.header("content-range") == f"bytes {first}-{last}/{size}"
    assert large.upstream.sent(large.there) < LITTLE
    assert large.is_right(large.get())


def test_a_part_is_never_kept_as_the_whole(large: Proxied) -> None:
    before = set(large.server.stored())
    large.get(range="bytes=0-99")
    assert len(set(large.server.stored()) - before) <= 1  # the page that names a wheel
    assert large.is_right(large.get())
    asked = large.upstream.count("GET", large.there)
    assert large.get(range="bytes=100-199").body == body_of(large)[100:200]
    assert large.upstream.count("GET", large.there) == asked


def test_a_part_is_given_where_the_upstream_gives_none(large: Proxied) -> None:
    large.upstream.fault(without("accept-ranges"), large.there)
    large.upstream.fault(
        lambda asked, reply: reply if reply.status != 206 else status(200, body_of(large))(asked, reply),
        large.there,
    )
    answer = large.get(range="bytes=10-19")
    assert answer.status in (200, 206)
    assert answer.body == (body_of(large)[10:20] if answer.status == 206 else body_of(large))
    assert large.is_right(large.get())


def test_another_part_than_was_asked_for_is_not_passed_on(large: Proxied) -> None:
    # proxy R70
    large.upstream.fault(
        lambda _, reply: reply.without("content-range") if reply.status == 206 else reply,
        large.there,
    )
    answer = large.get(range="bytes=10-19")
    if answer.status == 206:
        assert answer.body == body_of(large)[10:20]
    assert large.is_right(large.get())


def test_the_end_of_a_part_that_is_out_of_reach_is_told(large: Proxied) -> None:
    size = len(body_of(large))
    answer = large.get(range=f"bytes={size}-")
    assert answer.status == 416
    assert answer.header("content-range") == f"bytes */{size}"


def test_what_is_on_its_way_is_not_asked_for_again(large: Proxied) -> None:
    # proxy R147: parts of a file that grows come from it.
    whole, gate = body_of(large), threading.Event()
    large.upstream.fault(paused(len(whole) // 2, gate=gate), large.there)
    with ThreadPoolExecutor(3) as pool:
        everything = pool.submit(large.get_apart)
        eventually(lambda: large.upstream.sent(large.there) >= len(whole) // 4)
        assert large.get(range="bytes=100-199").body == whole[100:200]
        assert large.request("HEAD").header("content-length") == str(len(whole))
        behind = pool.submit(large.get_apart, range=f"bytes={len(whole) - 100}-")
        time.sleep(0.1)
        assert not behind.done()
        gate.set()
        assert behind.result().body == whole[-100:]
        assert large.is_right(everything.result())
    assert large.upstream.count("GET", large.there) == 1


def test_a_client_that_goes_away_does_not_end_it(large: Proxied) -> None:
    # proxy R67; docker R189
    whole, gate = body_of(large), threading.Event()
    large.upstream.fault(paused(len(whole) // 2, gate=gate), large.there)
    with socket.create_connection(large.server.address, timeout=30) as client:
        lines = (f"GET {large.path} HTTP/1.1", "Host: a", f"Authorization: {ADMIN.header}")
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    gate.set()
    assert large.is_right(large.get())
    assert large.upstream.count("GET", large.there) == 1
