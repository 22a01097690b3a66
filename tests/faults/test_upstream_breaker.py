"""Upstreams that are down for a while: nobody waits for them, they are left alone, and it is found out when
they are back (proxy R75, R79)."""

import time
from collections.abc import Iterator

import pytest

from tests.support.fake_answers import Fault
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxied import SORTS, Proxied, is_later, is_stale
from tests.support.proxies import command, described, proxy
from tests.support.server import Answer, RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import reset, stalled, status

FAILURES_IN_A_ROW = 5
"""More than it takes."""


@pytest.fixture(params=SORTS)
def proxied(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort."""
    with SORTS[request.param](server) as proxied:
        yield proxied


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """An upstream with files `0` to `99`."""
    with FakeUpstream() as upstream:
        for number in range(100):
            upstream.put(f"/{number}", f"content {number}".encode())
        yield upstream


@pytest.fixture
def base(server: RunningServer, upstream: FakeUpstream) -> str:
    """The URL of a proxy for these files."""
    return f"/repository/{proxy(server, 'raw', upstream.url, fresh_for=0)}"


def timed(server: RunningServer, path: str) -> tuple[Answer, float]:
    """An answer, and the seconds it took."""
    begin = time.monotonic()
    answer = server.request("GET", path)
    return answer, time.monotonic() - begin


@pytest.mark.parametrize("fault", [status(500), status(503), reset()], ids=["500", "503", "reset"])
def test_an_upstream_that_fails_is_left_alone(
    server: RunningServer, upstream: FakeUpstream, base: str, fault: Fault
) -> None:
    server.request("GET", f"{base}/0")
    upstream.fault(fault)
    for number in range(1, 1 + FAILURES_IN_A_ROW):
        assert is_later(server.request("GET", f"{base}/{number}"))
    upstream.forget()
    for number in range(20, 40):
        answer, took = timed(server, f"{base}/{number}")
        assert is_later(answer)
        assert took < 1
    answer, took = timed(server, f"{base}/0")
    assert answer.body == b"content 0"
    assert is_stale(answer)
    assert took < 1
    assert upstream.count("", "/[0-9]*") == 0


def test_it_is_found_out_when_it_is_back(server: RunningServer, upstream: FakeUpstream, base: str) -> None:
    upstream.fault(status(503))
    for number in range(FAILURES_IN_A_ROW):
        server.request("GET", f"{base}/{number}")
    upstream.heal()
    upstream.forget()
    eventually(lambda: upstream.count() == 1, 15)  # nobody of ours has asked for anything
    eventually(lambda: server.request("GET", f"{base}/0").status == 200)


def test_the_api_tells_how_an_upstream_is(server: RunningServer, upstream: FakeUpstream, base: str) -> None:
    name = base.removeprefix("/repository/")
    assert described(server, name)["upstream_status"]["failing_since"] is None
    upstream.fault(status(503))
    for number in range(FAILURES_IN_A_ROW):
        server.request("GET", f"{base}/{number}")
    eventually(lambda: described(server, name)["upstream_status"]["failing_since"])
    told = described(server, name)["upstream_status"]
    assert told["retry_at"] and told["detail"] and not told["blocked"]
    upstream.heal()
    eventually(lambda: described(server, name)["upstream_status"]["failing_since"] is None, 15)


@pytest.mark.parametrize("code", [401, 403, 404, 410])
def test_answers_do_not_open_it(
    server: RunningServer, upstream: FakeUpstream, base: str, code: int
) -> None:
    with upstream.fault(status(code)):
        for number in range(10):
            server.request("GET", f"{base}/{number}")
    assert server.request("GET", f"{base}/20").body == b"content 20"


def test_one_upstream_that_is_down_is_no_other(
    server: RunningServer, upstream: FakeUpstream, base: str
) -> None:
    with FakeUpstream() as other:
        other.put("/a", b"bytes")
        name = proxy(server, "raw", other.url)
        upstream.stop()
        for number in range(FAILURES_IN_A_ROW):
            assert is_later(server.request("GET", f"{base}/{number}"))
        assert server.request("GET", f"/repository/{name}/a").body == b"bytes"


def test_with_a_copy_at_hand_nobody_waits_long_for_a_host_that_is_out_of_reach(
    server: RunningServer, upstream: FakeUpstream, base: str
) -> None:
    # proxy R62, R75: two seconds to connect
    for number in range(8):
        server.request("GET", f"{base}/{number}")
    upstream.vanish()
    took = []
    for number in range(8):
        answer, seconds = timed(server, f"{base}/{number}")
        assert answer.body == f"content {number}".encode()
        assert is_stale(answer)
        took.append(seconds)
    assert max(took) < 4
    assert max(took[FAILURES_IN_A_ROW:]) < 1


def test_with_a_copy_at_hand_nobody_waits_long_for_an_upstream_that_says_nothing(
    server: RunningServer, upstream: FakeUpstream, base: str
) -> None:
    # proxy R62, T4: five seconds to the first byte
    server.request("GET", f"{base}/0")
    upstream.fault(stalled())
    answer, took = timed(server, f"{base}/0")
    assert answer.body == b"content 0"
    assert is_stale(answer)
    assert took < 8


def test_without_one_there_is_an_answer_before_clients_give_up(
    server: RunningServer, upstream: FakeUpstream, base: str
) -> None:
    # proxy R76, R148: ten seconds to connect
    upstream.vanish()
    answer, took = timed(server, f"{base}/0")
    assert is_later(answer)
    assert took < 15


def test_what_an_administrator_has_blocked_is_not_asked(proxied: Proxied) -> None:
    # proxy R79
    server, name = proxied.server, proxied.repository
    command(server, name, "block")
    proxied.upstream.forget()
    assert is_later(proxied.get())
    assert proxied.upstream.count() == 0
    command(server, name, "unblock")
    eventually(lambda: proxied.is_right(proxied.get()))
    proxied.upstream.forget()
    command(server, name, "block")
    for _ in range(3):
        assert proxied.is_right(proxied.get())
    assert proxied.upstream.count() == 0
    assert described(server, name)["upstream_status"]["blocked"]
    command(server, name, "unblock")
