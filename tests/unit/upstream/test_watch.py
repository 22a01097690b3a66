"""Watching upstreams: what is told of one that fails, who asks whether it is back, and when it is left
alone (proxy R64, R74, R75, R79, R148)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from artifactd.clock import SECOND
from artifactd.errors import (
    ArtifactdError,
    RateLimited,
    StorageFailure,
    Unavailable,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from artifactd.upstream.breaker import PAUSES, THRESHOLD, Breaker
from artifactd.upstream.client import HURRIED, Patience, Request
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.question import Failed, Kept, Missing, Outcome
from artifactd.upstream.watch import LONGEST_RETRY_AFTER, Watch
from tests.support.clocks import FakeClock

HUB = Upstream(1, "hub", 1, "https://upstream.example/v2/")
OTHER = Upstream(2, "other", 1, "https://other.example/")
_SLEEP = asyncio.sleep
DOWN = UpstreamUnavailable("the upstream of repository 'hub' cannot be connected to")


@dataclass
class Answer:
    status: int


@dataclass
class Clients:
    """Upstreams that answer with these, the last one again and again."""

    answers: list[int | ArtifactdError]
    asked: list[tuple[Upstream, Request, Patience]] = field(default_factory=list)
    upstream: Upstream = HUB

    def of(self, upstream: Upstream) -> "Clients":
        self.upstream = upstream
        return self

    @asynccontextmanager
    async def send(self, request: Request, patience: Patience) -> AsyncIterator[Answer]:
        self.asked.append((self.upstream, request, patience))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ArtifactdError):
            raise answer
        yield Answer(answer)


class Watched:
    """A watch whose probes do not wait: the clock is put ahead by what they would."""

    def __init__(self, clock: FakeClock, answers: Sequence[int | ArtifactdError]) -> None:
        self.clock = clock
        self.clients = Clients(list(answers))
        self.slept: list[float] = []
        self.while_asleep: Callable[[], None] = lambda: None
        self.told: list[tuple[str, bool, str]] = []
        self.current = True
        self._tasks: list[asyncio.Task[None]] = []
        self.watch = Watch(
            self.clients,  # type: ignore[arg-type]
            now=clock,
            health=self._note,
            is_current=lambda upstream: self.current,
            start=lambda work: self._tasks.append(asyncio.create_task(work)),
            in_worker=self._in_worker,
        )

    async def sleep(self, seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            return await _SLEEP(seconds)  # a server of other tests, on a loop of its own
        self.slept.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        self.while_asleep()
        await _SLEEP(0)

    async def finish(self) -> None:
        """Until nothing runs beside it any more."""
        while self._tasks:
            tasks, self._tasks = self._tasks, []
            await asyncio.gather(*tasks)

    def fail(self, upstream: Upstream = HUB, times: int = THRESHOLD) -> None:
        for _ in range(times):
            self.watch.saw(upstream, Failed(DOWN))

    def _note(self, upstream: Upstream, breaker: Breaker) -> None:
        self.told.append((upstream.repository, breaker.is_open, breaker.detail))

    async def _in_worker(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)


Make = Callable[..., Watched]


@pytest.fixture
def make(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    def make(*answers: int | ArtifactdError) -> Watched:
        watched = Watched(clock, answers or [200])
        monkeypatch.setattr("artifactd.upstream.watch.asyncio.sleep", watched.sleep)
        return watched

    yield make


def refusal(watched: Watched, upstream: Upstream = HUB) -> Unavailable:
    found = watched.watch.refusal(upstream)
    assert isinstance(found, Unavailable)
    return found


def test_an_upstream_that_never_failed_may_be_asked(make: Make) -> None:
    watch = make().watch
    assert watch.refusal(HUB) is None
    assert watch.retry_at(HUB) is None


def test_one_that_fails_is_left_alone_and_its_last_words_are_told(make: Make, clock: FakeClock) -> None:
    watched = make(503)

    async def main() -> None:
        watched.fail(times=THRESHOLD - 1)
        assert watched.watch.refusal(HUB) is None
        watched.fail(times=1)
        refused = refusal(watched)
        assert type(refused) is UpstreamUnavailable
        assert refused.detail == DOWN.detail
        assert 1 <= refused.retry_after <= PAUSES[0] + 1
        assert watched.watch.retry_at(HUB) == clock() + PAUSES[0] * SECOND
        assert watched.watch.refusal(OTHER) is None, "others are others"
        watched.clients.answers = [200]
        await watched.finish()

    asyncio.run(main())


def test_nobody_is_told_to_wait_for_long(make: Make) -> None:
    # proxy R148: some sleep for all that they are told
    watched = make(503)
    waits: list[int] = []

    def look() -> None:
        waits.append(refusal(watched).retry_after)
        if len(watched.slept) > len(PAUSES) + 2:
            watched.clients.answers = [200]

    async def main() -> None:
        watched.fail()
        waits.append(refusal(watched).retry_after)
        watched.while_asleep = look
        await watched.finish()

    asyncio.run(main())
    assert all(1 <= wait <= LONGEST_RETRY_AFTER for wait in waits)
    assert LONGEST_RETRY_AFTER <= 30


def test_probes_ask_until_it_is_back_and_nobody_else_does(make: Make, clock: FakeClock) -> None:
    watched = make(503, DOWN, 500, 502, 404)
    begun = clock()

    async def main() -> None:
        watched.fail()
        watched.fail(times=5)  # of those that were under way
        await watched.finish()

    asyncio.run(main())
    assert watched.slept == [float(pause) for pause in PAUSES[:5]]
    assert clock() == begun + sum(PAUSES[:5]) * SECOND
    assert [(upstream, request.method, request.url) for upstream, request, _ in watched.clients.asked] == [
        (HUB, "GET", HUB.url)
    ] * 5
    assert {patience for _, _, patience in watched.clients.asked} == {HURRIED}
    assert watched.watch.refusal(HUB) is None
    assert watched.watch.retry_at(HUB) is None
    opened, *still, closed = watched.told
    assert opened == ("hub", True, DOWN.detail)
    assert closed == ("hub", False, "")
    assert len(still) == 4
    assert all(is_open for _, is_open, _ in still)


@pytest.mark.parametrize("answer", [200, 301, 401, 403, 404, 429, UpstreamInvalid("redirects without end")])
def test_whatever_it_answers_it_is_back(make: Make, answer: int | ArtifactdError) -> None:
    watched = make(answer)

    async def main() -> None:
        watched.fail()
        await watched.finish()

    asyncio.run(main())
    assert watched.watch.refusal(HUB) is None
    assert len(watched.clients.asked) == 1


@pytest.mark.parametrize(
    "outcome",
    [Kept(), Missing(), Failed(UpstreamInvalid("refused our credentials (403)"))],
    ids=["kept", "missing", "refused"],
)
def test_an_absence_and_a_refusal_are_answers(make: Make, outcome: Outcome) -> None:
    watched = make()
    for _ in range(5):
        watched.fail(times=THRESHOLD - 1)
        watched.watch.saw(HUB, outcome)
    assert watched.watch.refusal(HUB) is None
    assert watched.told == []


def test_our_own_disk_says_nothing_of_the_upstream(make: Make) -> None:
    watched = make(503)

    async def main() -> None:
        for _ in range(10):
            watched.watch.saw(HUB, Failed(StorageFailure("no space left on device")))
        assert watched.watch.refusal(HUB) is None
        watched.fail(times=THRESHOLD - 1)
        watched.watch.saw(HUB, Failed(StorageFailure("no space left on device")))
        watched.fail(times=1)
        refusal(watched)
        watched.clients.answers = [200]
        await watched.finish()

    asyncio.run(main())


def test_an_answer_to_what_was_under_way_closes_it(make: Make) -> None:
    watched = make(503)

    async def main() -> None:
        watched.fail()
        watched.watch.saw(HUB, Kept())
        assert watched.watch.refusal(HUB) is None
        await watched.finish()

    asyncio.run(main())
    assert watched.told[-1] == ("hub", False, "")
    assert watched.watch.refusal(HUB) is None


def test_a_probe_that_comes_too_late_does_not_open_it_again(make: Make) -> None:
    watched = make(503)

    def answer() -> None:
        if len(watched.slept) == 1:
            watched.watch.saw(HUB, Kept())
        else:
            watched.clients.answers = [200]

    async def main() -> None:
        watched.fail()
        watched.while_asleep = answer
        await watched.finish()

    asyncio.run(main())
    assert watched.slept == [float(PAUSES[0])], "it was closed while the probe slept"
    assert watched.watch.refusal(HUB) is None


# A new configuration


def test_an_upstream_that_is_configured_anew_is_another_one(make: Make) -> None:
    # proxy R78
    watched = make(503)
    moved = replace(HUB, version=2, url="https://moved.example/")

    def look() -> None:
        if len(watched.slept) == 3:
            watched.watch.saw(moved, Kept())
        if len(watched.slept) > 5:
            watched.clients.answers = [200]

    async def main() -> None:
        watched.fail()
        assert watched.watch.refusal(moved) is None
        watched.while_asleep = look
        await watched.finish()

    asyncio.run(main())
    assert len(watched.slept) == 3, "nobody asks for the old one any more"
    assert [upstream for upstream, _, _ in watched.clients.asked] == [HUB, HUB]
    assert watched.watch.refusal(moved) is None


def test_what_nobody_wants_to_be_asked_any_more_is_not_probed(make: Make) -> None:
    """Its proxy was blocked, configured anew or deleted while it was down."""
    watched = make(503)

    def change() -> None:
        watched.current = len(watched.slept) < 3

    async def main() -> None:
        watched.fail()
        watched.while_asleep = change
        await watched.finish()
        assert len(watched.clients.asked) == 2
        assert watched.watch.refusal(HUB) is None, "who asks again finds out anew"
        watched.fail(times=THRESHOLD - 1)
        assert watched.watch.refusal(HUB) is None

    asyncio.run(main())


def test_what_was_told_of_it_is_taken_back(make: Make) -> None:
    watched = make(503)

    def change() -> None:
        watched.current = False

    async def main() -> None:
        watched.fail()
        watched.while_asleep = change
        await watched.finish()

    asyncio.run(main())
    assert watched.told == [("hub", True, DOWN.detail), ("hub", False, "")], "nobody else will ever do so"


def test_what_was_told_of_its_old_configuration_is_taken_back(make: Make) -> None:
    watched = make(503)
    moved = replace(HUB, version=2)

    async def main() -> None:
        watched.fail()
        watched.watch.saw(moved, Kept())
        await watched.finish()

    asyncio.run(main())
    assert watched.told[-1] == ("hub", False, "")


def test_a_database_that_fails_for_a_moment_ends_no_probe(make: Make) -> None:
    watched = make(200)
    failures = [StorageFailure("the database is locked")]

    def is_current(upstream: Upstream) -> bool:
        if failures:
            raise failures.pop()
        return True

    watched.watch._is_current = is_current

    async def main() -> None:
        watched.fail()
        with suppress(StorageFailure):
            await watched.finish()
        assert watched.watch.refusal(HUB) is None, "nobody would ever ask it again"

    asyncio.run(main())


# Limits


@pytest.mark.parametrize(("seconds", "wait"), [(5, 5), (60, 30), (31_536_000, 30)])
def test_an_upstream_that_wants_rest_is_not_asked_until_then(
    make: Make, clock: FakeClock, seconds: int, wait: int
) -> None:
    watched = make()
    error = RateLimited("too many requests (429)", seconds)
    watched.watch.saw(HUB, Failed(error))
    assert error.retry_after == wait, "what its client is told is no more than that either"
    refused = refusal(watched)
    assert type(refused) is RateLimited
    assert wait <= refused.retry_after <= min(wait + 1, LONGEST_RETRY_AFTER)
    rest = min(seconds, 15 * 60)
    assert watched.watch.retry_at(HUB) == clock() + rest * SECOND
    clock.advance(timedelta(seconds=rest) - timedelta(microseconds=1))
    assert refusal(watched).retry_after == 1
    clock.advance(timedelta(microseconds=1))
    assert watched.watch.refusal(HUB) is None
    assert watched.clients.asked == []


def test_a_limit_does_not_count_as_a_failure(make: Make, clock: FakeClock) -> None:
    watched = make()
    for _ in range(THRESHOLD * 2):
        watched.watch.saw(HUB, Failed(RateLimited("429", 1)))
    clock.advance(timedelta(seconds=2))
    assert watched.watch.refusal(HUB) is None


# Administrators


def test_a_blocked_upstream_is_not_asked_whatever_it_did_before(make: Make) -> None:
    # proxy R79
    watched = make()
    blocked = replace(HUB, blocked=True)
    refused = refusal(watched, blocked)
    assert "administrator" in str(refused)
    assert 1 <= refused.retry_after <= LONGEST_RETRY_AFTER
    watched.watch.saw(blocked, Kept())
    refusal(watched, blocked)
    assert watched.watch.refusal(HUB) is None


def test_refusals_name_no_address(make: Make) -> None:
    # proxy R87
    watched = make(200)

    async def main() -> None:
        watched.fail()
        words = [str(refusal(watched)), str(refusal(watched, replace(HUB, blocked=True)))]
        watched.watch.saw(HUB, Failed(RateLimited("429", 5)))
        words.append(str(refusal(watched)))
        assert not any("upstream.example" in each or "://" in each for each in words)
        await watched.finish()

    asyncio.run(main())


def test_the_end_of_the_process_is_no_error(make: Make) -> None:
    watched = make(200)

    in_worker = watched.watch._in_worker

    async def ending(function: Callable[..., Any], *arguments: Any) -> Any:
        if function == watched._note:
            raise RuntimeError("cannot schedule new futures after shutdown")
        return await in_worker(function, *arguments)

    watched.watch._in_worker = ending

    async def main() -> None:
        watched.fail()
        await watched.finish()

    asyncio.run(main())
    assert watched.watch.refusal(HUB) is None
