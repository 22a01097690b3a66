"""Which upstreams are to be asked now, by what they did so far: the breakers of a process, and the probes
that find out when an upstream is back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from artifactd.clock import SECOND, Micros
from artifactd.errors import (
    ArtifactdError,
    RateLimited,
    Unavailable,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from artifactd.upstream.breaker import Breaker
from artifactd.upstream.client import HURRIED, Clients, Request
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.question import Failed, Outcome

LONGEST_RETRY_AFTER: Final = 30
"""Seconds that a client is asked to wait at most: some sleep for all that they are told (proxy R148)."""

Health = Callable[[Upstream, Breaker], None]
"""Told, in a worker thread, when a breaker opens, stays open or closes."""

logger = logging.getLogger("artifactd.upstream")


class Watch:
    """The breakers of one process. `is_current` tells, in a worker thread, whether an upstream is still
    configured so, and wanted. `refusal` and `retry_at` may be asked from any thread, the rest happens
    on the event loop. `start` runs work beside it, `in_worker` in a thread."""

    def __init__(
        self,
        clients: Clients,
        *,
        now: Callable[[], Micros],
        health: Health,
        is_current: Callable[[Upstream], bool],
        start: Callable[[Any], None],
        in_worker: Callable[..., Awaitable[Any]],
    ) -> None:
        self._clients = clients
        self._now = now
        self._health = health
        self._is_current = is_current
        self._start = start
        self._in_worker = in_worker
        self._breakers: dict[int, tuple[int, Breaker]] = {}

    def refusal(self, upstream: Upstream) -> ArtifactdError | None:
        """Why the upstream is not to be asked now, if it is not."""
        name = upstream.repository
        if upstream.blocked:
            return UpstreamUnavailable(
                f"an administrator has blocked the upstream of repository {name!r}", LONGEST_RETRY_AFTER
            )
        breaker = self._known(upstream)
        if breaker is None:
            return None
        now = self._now()
        if now < breaker.limited_until:
            wait = (breaker.limited_until - now) // SECOND + 1
            detail = f"the upstream of repository {name!r} wants no more requests for now"
            return RateLimited(detail, min(wait, LONGEST_RETRY_AFTER))
        retry_at = breaker.retry_at
        if retry_at is None:
            return None
        wait = max(1, (retry_at - now) // SECOND + 1)
        return UpstreamUnavailable(breaker.detail, min(wait, LONGEST_RETRY_AFTER))

    def retry_at(self, upstream: Upstream) -> Micros | None:
        """When an upstream that is not to be asked now will be asked again (microseconds)."""
        breaker = self._known(upstream)
        if breaker is None:
            return None
        return max(breaker.retry_at or 0, breaker.limited_until) or None

    def saw(self, upstream: Upstream, outcome: Outcome) -> None:
        """Count how a question ended."""
        breaker = self._known(upstream)
        if breaker is None:
            breaker = Breaker()
            _, before = self._breakers.get(upstream.repository_id, (0, breaker))
            self._breakers[upstream.repository_id] = upstream.version, breaker
            if before.is_open:
                self._tell(upstream, breaker)  # what was told of its old configuration no longer holds
        now = self._now()
        error = outcome.error if isinstance(outcome, Failed) else None
        if error is not None:
            logger.warning("%s", error)
        if isinstance(error, RateLimited):
            breaker.limited(error.retry_after, now)
            error.retry_after = min(error.retry_after, LONGEST_RETRY_AFTER)
        elif isinstance(error, UpstreamUnavailable):
            if breaker.failed(error.detail, now):
                self._tell(upstream, breaker)
                self._start(self._probes(upstream, breaker))
        elif (error is None or isinstance(error, UpstreamInvalid)) and breaker.answered():
            self._tell(upstream, breaker)

    def _known(self, upstream: Upstream) -> Breaker | None:
        """What is known of an upstream as it is configured now."""
        version, breaker = self._breakers.get(upstream.repository_id, (0, None))
        return breaker if version == upstream.version else None

    async def _probes(self, upstream: Upstream, breaker: Breaker) -> None:
        """Ask from time to time whether an upstream is back, until it is, or is configured anew."""
        while breaker.retry_at is not None:
            await asyncio.sleep(max(0.0, (breaker.retry_at - self._now()) / SECOND))
            wanted = await self._is_wanted(upstream)
            if breaker.retry_at is None or self._known(upstream) is not breaker:
                return  # somebody was faster
            if not wanted:
                del self._breakers[upstream.repository_id]
                self._tell(upstream, Breaker())
                return
            if await self._is_back(upstream):
                logger.info("the upstream of repository %r answers again", upstream.repository)
                breaker.answered()
            else:
                breaker.probed_in_vain(self._now())
            self._tell(upstream, breaker)

    async def _is_wanted(self, upstream: Upstream) -> bool:
        try:
            return bool(await self._in_worker(self._is_current, upstream))
        except Exception:  # a database that fails for a moment must not end the probes for good
            logger.exception("cannot see whether the upstream of %r is still wanted", upstream.repository)
            return True

    async def _is_back(self, upstream: Upstream) -> bool:
        request = Request("GET", upstream.url)
        try:
            async with self._clients.of(upstream).send(request, HURRIED) as response:
                return response.status < 500
        except UpstreamInvalid:
            return True  # it has answered
        except ArtifactdError:
            return False

    def _tell(self, upstream: Upstream, breaker: Breaker) -> None:
        async def tell() -> None:
            with suppress(Unavailable, RuntimeError):  # the end of the process
                await self._in_worker(self._health, upstream, breaker)

        self._start(tell())
