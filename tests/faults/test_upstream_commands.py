"""What an administrator tells a proxy: that copies are out of date, that they are to go, that the upstream
is another one; and what goes back to an upstream of what it said itself (proxy R61, R65, R78, R79)."""

from collections.abc import Iterator
from email.utils import formatdate
from time import time

import pytest

from tests.support.fake_upstream import FakeUpstream
from tests.support.proxied import MUTABLE, SORTS, Proxied
from tests.support.proxies import command, proxy
from tests.support.server import RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import status

HOUR = 3600


@pytest.fixture(params=SORTS)
def proxied(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort, which stays fresh for a while."""
    with SORTS[request.param](server, fresh_for=HOUR) as proxied:
        yield proxied


@pytest.fixture(params=MUTABLE)
def mutable(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort that changes, of which there is a fresh copy."""
    with MUTABLE[request.param](server, fresh_for=HOUR) as proxied:
        proxied.warm()
        yield proxied


def test_what_was_invalidated_is_asked_for_again(mutable: Proxied) -> None:
    before = mutable.expected
    mutable.change(mutable)
    assert mutable.read(mutable.get()) == before
    command(mutable.server, mutable.repository, "invalidate", path="")
    assert mutable.is_right(mutable.get())


def test_what_was_said_to_be_absent_is_asked_for_again(proxied: Proxied) -> None:
    with proxied.upstream.fault(status(404), proxied.there):
        assert proxied.get().status == 404
    assert proxied.get().status == 404
    command(proxied.server, proxied.repository, "invalidate", path="")
    assert proxied.is_right(proxied.get())


def test_what_was_purged_is_fetched_anew(proxied: Proxied) -> None:
    proxied.warm()
    command(proxied.server, proxied.repository, "purge", path="")
    proxied.server.run_tasks()
    assert proxied.is_right(proxied.get())
    assert proxied.upstream.count("GET", proxied.there) == 1


def test_absences_are_those_of_the_upstream_that_was_asked(server: RunningServer) -> None:
    # proxy R78
    with FakeUpstream() as first, FakeUpstream() as second:
        first.put("/kept", b"first", etag='"same"')
        second.put("/kept", b"second", etag='"same"')
        second.put("/new", b"new")
        name = proxy(server, "raw", first.url, fresh_for=0)
        assert server.request("GET", f"/repository/{name}/kept").body == b"first"
        assert server.request("GET", f"/repository/{name}/new").status == 404
        proxy(server, "raw", second.url, name, fresh_for=0)
        eventually(lambda: server.request("GET", f"/repository/{name}/new").body == b"new")
        eventually(lambda: server.request("GET", f"/repository/{name}/kept").body == b"second")


VALIDATORS = {
    "weak": ('W/"1"', None),
    "a date": ("", 1_600_000_000.0),
    "a date ahead": ("", time() + 100_000),
    "strange": ('"a,b c"', 1_600_000_000.0),
}


@pytest.mark.parametrize("validator", VALIDATORS)
def test_validators_go_back_as_they_came(server: RunningServer, validator: str) -> None:
    # proxy R61, T8
    etag, modified = VALIDATORS[validator]
    with FakeUpstream() as upstream:
        upstream.put("/a", b"bytes", etag=etag, modified=modified)
        name = proxy(server, "raw", upstream.url, fresh_for=0)
        for _ in range(2):
            assert server.request("GET", f"/repository/{name}/a").body == b"bytes"
        asked = upstream.asked("GET", "/a")[-1]
        assert asked.header("if-none-match") == etag
        if not etag:
            assert modified is not None
            assert asked.header("if-modified-since") == formatdate(modified, usegmt=True)
        assert asked.sent == 0 or "," in etag


def test_clients_cannot_order_an_upstream_to_be_asked(mutable: Proxied) -> None:
    # proxy R38: some say so with every request.
    for order in ("no-cache, no-store", "max-age=0"):
        assert mutable.is_right(mutable.get(cache_control=order, pragma="no-cache"))
    assert mutable.asked == 0


def test_head_tells_what_get_does_before_and_after_there_is_a_copy(proxied: Proxied) -> None:
    # proxy R39, Q2: of a file that nothing is known of, there is no ETag before; dates are those of copies.
    def told(method: str) -> dict[str, str]:
        left_out = {"date", "last-modified", *([] if proxied.verified else ["etag"])}
        return {name: value for name, value in proxied.request(method).headers if name not in left_out}

    cold, first, warm, again = told("HEAD"), told("GET"), told("HEAD"), told("GET")
    assert cold == first == warm == again
