"""Bytes that do not come as they should: none of it is ever taken for the whole by a client, or kept, and
what can be continued is (proxy R66 to R69, T1 to T4, T9, T12)."""

import gzip
import random
import socket
from collections.abc import Iterator

import pytest

from tests.support.fake_answers import Asked, Fault, Reply
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxied import IMMUTABLE, SIZE, SORTS, Proxied
from tests.support.proxies import proxy
from tests.support.server import ADMIN, RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import (
    dripping,
    flipped,
    framed,
    gzipped,
    hinted,
    hung_up,
    labelled,
    misdeclared,
    old_fashioned,
    paused,
    replaced,
    reset,
    truncated,
    with_header,
)

WRONG: dict[str, Fault] = {
    "a bit at the beginning": flipped(0),
    "a bit at the end": flipped(-1),
    "other bytes": replaced(b"something else"),
    "a byte too few": misdeclared(-1),
    "a byte too many announced": misdeclared(1),
    "compressed": gzipped(),
}

CUT: dict[str, Fault] = {
    f"{framing}, {name}": truncated(at, framing)
    for framing in ("length", "chunked", "close")
    for name, at in {"at once": 0, "after a byte": 1, "half-way": 0.5, "before the last": -1}.items()
}
CUT["chunked, without an end"] = truncated(SIZE * 2, "chunked")
CUT["reset half-way"] = reset(0.5)

UNUSUAL: dict[str, Fault] = {
    "chunked": framed("chunked"),
    "old": old_fashioned(),
    "hints": hinted(),
    "hung up": hung_up(),
    "in pieces": dripping(SIZE // 10, 0.01),
    "a pause": paused(0.5, 0.3),
}


@pytest.fixture(params=SORTS)
def proxied(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort, of which there is no copy yet."""
    with SORTS[request.param](server) as proxied:
        yield proxied


@pytest.fixture(params=IMMUTABLE)
def known(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort that is known by its digest, of which there is no copy yet."""
    with IMMUTABLE[request.param](server) as proxied:
        yield proxied


@pytest.fixture
def blob(server: RunningServer) -> Iterator[Proxied]:
    with SORTS["blob"](server) as proxied:
        yield proxied


@pytest.fixture
def file(server: RunningServer) -> Iterator[Proxied]:
    """A file of which nothing is known beforehand."""
    with SORTS["file"](server) as proxied:
        yield proxied


def refused(proxied: Proxied) -> None:
    """Ask, and be told clearly that it failed: by a status, or by the end of the connection."""
    answer = proxied.attempt()
    assert answer is None or answer.status in (502, 503), answer.status


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_bytes_reach_nobody_as_a_whole_and_are_not_kept(known: Proxied, wrong: str) -> None:
    # proxy R68, T2, T3, T9; docker R185; pypi R137
    known.upstream.fault(WRONG[wrong], known.there)
    refused(known)
    stored = set(known.server.stored())
    refused(known)
    assert set(known.server.stored()) == stored
    known.upstream.heal()
    eventually(lambda: known.is_right(known.attempt()))


@pytest.mark.parametrize("cut", CUT)
def test_what_was_cut_off_is_continued_or_refused_and_never_kept(proxied: Proxied, cut: str) -> None:
    # proxy R11, R69, R76, T1
    proxied.upstream.fault(CUT[cut], proxied.there, times=1)
    answer = proxied.attempt()
    assert answer is None or answer.status in (502, 503) or proxied.is_right(answer), answer.status
    eventually(lambda: proxied.is_right(proxied.attempt()))


@pytest.mark.parametrize("cut", CUT)
def test_what_is_always_cut_off_is_refused(known: Proxied, cut: str) -> None:
    def fault(asked: Asked, reply: Reply) -> Reply:
        return truncated(0)(asked, reply) if asked.header("range") else CUT[cut](asked, reply)

    known.upstream.fault(fault, known.there)
    refused(known)
    known.upstream.heal()
    eventually(lambda: known.is_right(known.attempt()))


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_every_way_to_send_a_body_is_understood(proxied: Proxied, unusual: str) -> None:
    # proxy T12
    if unusual == "old" and not proxied.verified:
        return  # nobody could tell whether it is whole
    proxied.upstream.fault(UNUSUAL[unusual], proxied.there)
    assert proxied.is_right(proxied.get())
    assert proxied.is_right(proxied.get())


@pytest.mark.parametrize("every", [0, 0.01], ids=["at once", "in pieces"])
def test_a_cut_download_goes_on_where_it_broke(blob: Proxied, every: float) -> None:
    # proxy R76, T1
    blob.upstream.fault(dripping(SIZE // 20, every))
    blob.upstream.fault(truncated(0.5), blob.there, times=1)
    blob.upstream.fault(reset(0.25), blob.there, times=2)
    assert blob.is_right(blob.get())
    asked = blob.upstream.asked("GET", blob.there)
    assert len(asked) > 1
    assert every == 0 or all(each.header("range").startswith("bytes=") for each in asked[1:])
    assert blob.upstream.sent(blob.there) < 2 * SIZE


@pytest.mark.parametrize("every", [0, 0.01], ids=["at once", "in pieces"])
def test_a_cut_file_of_which_nothing_is_known_goes_on_only_by_its_validator(
    file: Proxied, every: float
) -> None:
    file.upstream.fault(dripping(SIZE // 20, every))
    file.upstream.fault(truncated(0.5), file.there, times=1)
    assert file.is_right(file.get())
    first, second = file.upstream.asked("GET", file.there)
    assert not first.header("range")
    if every:
        assert second.header("range") == f"bytes={SIZE // 2}-"
        assert second.header("if-range")


def test_a_file_that_changed_meanwhile_is_not_put_together_from_both(file: Proxied) -> None:
    original = file.expected

    def change(asked: Asked, reply: Reply) -> Reply:
        if not asked.header("range"):
            file.change(file)
        return reply

    file.upstream.fault(truncated(SIZE // 2), file.there, times=1)
    file.upstream.fault(change, file.there, times=1)
    answer = file.attempt()
    assert answer is None or answer.status in (502, 503) or answer.body in (original, file.expected)
    eventually(lambda: file.is_right(file.attempt()))


def test_a_strange_encoding_does_not_change_what_is_kept(server: RunningServer) -> None:
    # proxy R69, T9: what says that it is compressed is kept as it came, not as it would be without.
    packed = gzip.compress(random.Random(1).randbytes(5000), mtime=0)
    with FakeUpstream() as upstream:
        upstream.put("/a.tar.gz", packed)
        upstream.fault(labelled())
        name = proxy(server, "raw", upstream.url)
        for _ in range(2):
            answer = server.request("GET", f"/repository/{name}/a.tar.gz")
            assert answer.status == 200
            assert answer.body == packed
            assert not answer.header("content-encoding")
        assert {asked.header("accept-encoding") for asked in upstream.asked("GET", "/a.tar.gz")} == {
            "identity"
        }


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content-Length", "1"), ("X-Long", "x" * 200_000), ("Set-Cookie", "a=b"), ("Location", "/elsewhere")],
)
def test_strange_headers_do_no_harm(blob: Proxied, name: str, value: str) -> None:
    # proxy T13
    blob.upstream.fault(with_header(name, value), blob.there)
    answer = blob.attempt()
    assert answer is None or answer.status in (502, 503) or blob.is_right(answer)
    if answer is not None:
        assert not answer.header("set-cookie") and not answer.header("x-long")
    blob.upstream.heal()
    eventually(lambda: blob.is_right(blob.attempt()))


def test_connections_that_were_idle_for_too_long_are_not_missed(file: Proxied) -> None:
    # proxy T12
    for _ in range(5):
        assert file.is_right(file.get())
        file.upstream.drop_idle()


def test_a_slow_client_slows_nobody(server: RunningServer) -> None:
    # proxy R67
    body = random.Random(2).randbytes(20 << 20)
    with FakeUpstream() as upstream:
        upstream.put("/large", body, etag='"large"')
        name = proxy(server, "raw", upstream.url)
        with socket.create_connection(server.address, timeout=30) as slow:
            lines = (f"GET /repository/{name}/large HTTP/1.1", "Host: a", f"Authorization: {ADMIN.header}")
            slow.sendall("\r\n".join([*lines, "", ""]).encode())
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
            assert server.request("GET", f"/repository/{name}/large").body == body
        assert upstream.count("GET", "/large") == 1
        assert server.request("GET", f"/repository/{name}/large").body == body
