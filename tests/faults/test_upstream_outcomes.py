"""What clients get for whatever an upstream answers, by sort of document, with a copy at hand and without
one, and what is remembered of it (proxy table O)."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import formatdate
from functools import partial
from time import time

import pytest

from tests.support.fake_answers import Fault
from tests.support.proxied import IMMUTABLE, MUTABLE, SORTS, Proxied, is_later, is_stale
from tests.support.server import RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import login_page, not_modified, replaced, reset, status, without

NEGATIVE = timedelta(minutes=6)
"""More than absences are remembered for."""

FAILURES = {
    "500": status(500),
    "502": status(502),
    "503": status(503, retry_after="3600"),
    "504": status(504),
    "reset": reset(),
}


def right(proxied: Proxied) -> bool:
    return proxied.is_right(proxied.get())


@pytest.fixture(params=SORTS)
def proxied(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort, of which there is no copy yet."""
    with SORTS[request.param](server) as proxied:
        yield proxied


@pytest.fixture(params=MUTABLE)
def mutable(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort that is asked for again, of which there is a copy."""
    with MUTABLE[request.param](server) as proxied:
        proxied.warm()
        yield proxied


@pytest.fixture(params=IMMUTABLE)
def fixed(server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Proxied]:
    """A document of each sort that is kept for ever, of which there is a copy."""
    with IMMUTABLE[request.param](server) as proxied:
        proxied.warm()
        yield proxied


# 200


def test_what_was_fetched_is_kept(proxied: Proxied) -> None:
    # proxy R60, R61, R66
    first, sent = proxied.get(), proxied.upstream.sent(proxied.there)
    assert proxied.is_right(first), first
    for _ in range(3):
        assert proxied.is_right(proxied.get())
    assert proxied.upstream.sent(proxied.there) == sent
    assert proxied.asked == 1 or not proxied.immutable


def test_what_changed_is_fetched_again(mutable: Proxied) -> None:
    mutable.change(mutable)
    eventually(lambda: mutable.is_right(mutable.get()))


def test_what_has_no_validators_is_fetched_each_time(server: RunningServer) -> None:
    # proxy T8
    for sort in MUTABLE.values():
        with sort(server) as proxied:
            proxied.upstream.fault(without("ETag", "Last-Modified", "Docker-Content-Digest"))
            assert proxied.is_right(proxied.get())
            assert proxied.is_right(proxied.get())
            proxied.change(proxied)
            eventually(partial(right, proxied))


def test_what_is_fresh_is_not_asked_for(server: RunningServer) -> None:
    # proxy M
    for sort in MUTABLE.values():
        with sort(server, fresh_for=300) as proxied:
            proxied.warm()
            assert proxied.is_right(proxied.get())
            assert proxied.asked == 0
            server.clock.advance(timedelta(seconds=301))
            assert proxied.is_right(proxied.get())
            assert proxied.asked == 1


# 304


def test_an_answer_to_a_question_that_was_not_asked_is_not_believed(proxied: Proxied) -> None:
    # proxy T8
    proxied.upstream.fault(not_modified(), proxied.there, times=1)
    assert proxied.get().status in (200, 502)
    eventually(lambda: proxied.is_right(proxied.get()))


def test_an_upstream_that_always_says_so_does_no_harm_to_copies(mutable: Proxied) -> None:
    with mutable.upstream.fault(not_modified(), mutable.there):
        assert mutable.is_right(mutable.get())
    mutable.change(mutable)
    eventually(lambda: mutable.is_right(mutable.get()))


# 404, 410


@pytest.mark.parametrize("code", [404, 410])
def test_an_absence_is_remembered_for_a_while(proxied: Proxied, code: int) -> None:
    # proxy R65, T10
    proxied.upstream.fault(status(code), proxied.there)
    assert proxied.get().status == 404
    asked = proxied.asked
    for _ in range(5):
        assert proxied.get().status == 404
    assert proxied.asked == asked <= 2
    proxied.upstream.heal()
    proxied.server.clock.advance(NEGATIVE)
    assert proxied.is_right(proxied.get())


def test_a_copy_outlives_one_absence_but_not_two(mutable: Proxied) -> None:
    with mutable.upstream.fault(status(404), mutable.there):
        assert mutable.is_right(mutable.get())
        mutable.server.clock.advance(timedelta(minutes=1))
        assert mutable.get().status == 404
    mutable.server.clock.advance(NEGATIVE)
    assert mutable.is_right(mutable.get())


def test_absences_that_are_not_in_a_row_take_nothing_away(mutable: Proxied) -> None:
    for _ in range(3):
        with mutable.upstream.fault(status(404), mutable.there):
            assert mutable.is_right(mutable.get())
            mutable.server.clock.advance(timedelta(minutes=1))
        assert mutable.is_right(mutable.get())
        mutable.server.clock.advance(timedelta(minutes=1))


def test_what_never_changes_is_kept_whatever_the_upstream_says(fixed: Proxied) -> None:
    # docker R184; pypi R136
    for fault in (status(404), status(410), status(403), status(500), reset()):
        with fixed.upstream.fault(fault):
            answer = fixed.get()
            assert fixed.is_right(answer)
            assert not is_stale(answer)
    assert fixed.asked == 0


# 401, 403, 451


@pytest.mark.parametrize("code", [401, 403, 451])
def test_a_refusal_is_not_the_client_s_and_is_not_remembered(proxied: Proxied, code: int) -> None:
    # proxy R64; docker R183; pypi R139: a 401 would make clients ask people for their password of us.
    proxied.upstream.fault(status(code), proxied.there)
    for _ in range(2):
        answer = proxied.get()
        assert answer.status == 502, answer
        assert not answer.header("www-authenticate")
        assert "UNAUTHORIZED" not in answer.text and "DENIED" not in answer.text
    assert proxied.asked >= 2
    proxied.upstream.heal()
    assert proxied.is_right(proxied.get())


@pytest.mark.parametrize("code", [401, 403, 451])
def test_a_copy_is_served_while_the_upstream_refuses(mutable: Proxied, code: int) -> None:
    with mutable.upstream.fault(status(code), mutable.there):
        answer = mutable.get()
        assert mutable.is_right(answer)
        assert is_stale(answer)


# 429


@pytest.mark.parametrize(
    "retry_after",
    ["60", formatdate(time() + 3600, usegmt=True), "31536000", "", "soon", "-1"],
    ids=["a minute", "a date", "a year", "nothing", "a word", "a number below zero"],
)
def test_an_upstream_that_wants_rest_has_it(proxied: Proxied, retry_after: str) -> None:
    # proxy R64, R74, R148, T7
    limited = status(429, retry_after=retry_after)
    proxied.upstream.fault(limited, proxied.there)
    answer = proxied.get()
    expected = 429 if proxied.path.startswith("/v2/") else 503
    assert is_later(answer, expected), answer
    asked = proxied.upstream.count()
    for _ in range(5):
        assert is_later(proxied.get(), expected)
    assert proxied.upstream.count() == asked
    proxied.upstream.heal()
    proxied.server.clock.advance(timedelta(minutes=20))
    assert proxied.is_right(proxied.get())


def test_a_copy_is_served_while_the_upstream_has_its_rest(mutable: Proxied) -> None:
    mutable.upstream.fault(status(429, retry_after="60"))
    for _ in range(5):
        answer = mutable.get()
        assert mutable.is_right(answer)
        assert is_stale(answer)
    assert mutable.asked == 1
    mutable.upstream.heal()
    mutable.server.clock.advance(timedelta(seconds=61))
    eventually(lambda: not is_stale(mutable.get()))


# 5xx, connections


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_for_later_and_no_absence(proxied: Proxied, failure: str) -> None:
    # proxy R64, R146, R148: 504 and long waits make clients give up, a 404 is remembered by some.
    proxied.upstream.fault(FAILURES[failure], proxied.there)
    answer = proxied.get()
    assert is_later(answer), answer
    proxied.upstream.heal()
    eventually(lambda: proxied.is_right(proxied.get()))


def test_a_hiccup_is_not_passed_on(proxied: Proxied) -> None:
    # proxy R76, R148
    proxied.upstream.fault(status(504), proxied.there, times=2)
    assert proxied.is_right(proxied.get())


@pytest.mark.parametrize("failure", FAILURES)
def test_a_copy_is_served_while_the_upstream_fails(mutable: Proxied, failure: str) -> None:
    # proxy R62, T11
    mutable.upstream.fault(FAILURES[failure])
    for _ in range(5):
        answer = mutable.get()
        assert mutable.is_right(answer)
        assert is_stale(answer)


def test_it_is_asked_again_once_it_answers(mutable: Proxied) -> None:
    with mutable.upstream.fault(status(503)):
        assert is_stale(mutable.get())
    eventually(lambda: not is_stale(mutable.get()))


def test_a_copy_has_its_time(server: RunningServer) -> None:
    # proxy R62, M
    for sort in MUTABLE.values():
        with sort(server, stale_for=3600) as proxied:
            proxied.warm()
            proxied.upstream.stop()
            assert is_stale(proxied.get())
            server.clock.advance(timedelta(seconds=3700))
            assert is_later(proxied.get())
            proxied.upstream.start()
            eventually(partial(right, proxied))


def test_an_upstream_that_is_down_is_asked_again_once_it_is_back(proxied: Proxied) -> None:
    proxied.upstream.stop()
    assert is_later(proxied.get())
    proxied.upstream.start()
    eventually(lambda: proxied.is_right(proxied.get()))


# 200, but wrong

PAGES_FOR_PEOPLE: dict[str, Fault] = {"login page": login_page(), "empty": replaced(b"")}


@pytest.mark.parametrize("wrong", PAGES_FOR_PEOPLE)
def test_a_page_for_people_is_no_document(proxied: Proxied, wrong: str) -> None:
    # proxy T11; pypi R140. Of raw files nobody can tell.
    if proxied.format == "raw":
        return
    proxied.upstream.fault(PAGES_FOR_PEOPLE[wrong], proxied.there)
    before = set(proxied.server.stored())
    answer = proxied.attempt()
    assert answer is None or answer.status in (502, 503), answer
    assert proxied.path.startswith("/repository") or set(proxied.server.stored()) == before
    proxied.upstream.heal()
    eventually(lambda: proxied.is_right(proxied.get()))


@pytest.mark.parametrize("fault", [login_page(), status(200, b"")], ids=PAGES_FOR_PEOPLE)
def test_a_copy_is_served_instead_of_a_page_for_people(mutable: Proxied, fault: Fault) -> None:
    if mutable.format == "raw":
        return
    with mutable.upstream.fault(fault, mutable.there):
        answer = mutable.get()
        assert mutable.is_right(answer)
        assert is_stale(answer)
    eventually(lambda: not is_stale(mutable.get()))
