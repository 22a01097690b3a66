"""Running a handler until its answer is there, however often that takes.

A handler runs in a worker thread and never waits: for an upstream, for a first generation, or for a task.
What it must wait for it raises, or returns; the waiting is done here, on the event loop.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from artifactd.errors import Unavailable
from artifactd.formats.exchange import Exchange, Later
from artifactd.formats.format import Route
from artifactd.repositories.content import Content, Rendered
from artifactd.repositories.inquiry import MOST_QUESTIONS, Inquiry
from artifactd.repositories.publication import FIRST_WITHIN, Unpublished
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.question import Wanted

LOOK_AGAIN = 0.1
"""Seconds between looks at what an answer waits for."""

R = TypeVar("R")


class Handling:
    """Runs handlers in `workers`; those of a few keyed reads on the event loop, where `keyed_in_loop` says
    that such reads cost microseconds."""

    def __init__(self, workers: Executor, upstreams: Upstreams, *, keyed_in_loop: bool) -> None:
        self._workers = workers
        self._upstreams = upstreams
        self._keyed_in_loop = keyed_in_loop

    async def answer(self, route: Route, exchange: Exchange, inquiry: Inquiry | None) -> Content | Rendered:
        """What the handler says in the end: it runs once more after each question for an upstream that it
        leads to, and once what is being published for the first time is there. Raises what it does."""
        if route.keyed and self._keyed_in_loop:
            try:
                return await self.settled(_hurried(route, exchange, inquiry))
            except (Wanted, Unpublished):
                pass
        until = time.monotonic() + FIRST_WITHIN.total_seconds()
        for _ in range(MOST_QUESTIONS):
            if inquiry is not None:
                inquiry.begin()
            try:
                return await self.settled(await self.in_worker(route.handler, exchange))
            except Wanted as wanted:
                assert inquiry is not None, "only for what is asked upstream"
                inquiry.learn(wanted.questions, await self._upstreams.ask(wanted.questions))
            except Unpublished as unpublished:
                if not await self._waited(unpublished.ready, until):
                    raise unpublished.error from None
        raise Unavailable("this answer takes too many questions to upstreams")

    async def settled(self, answer: Content | Rendered | Later) -> Content | Rendered:
        """An answer whose time has come."""
        if not isinstance(answer, Later):
            return answer
        until = time.monotonic() + answer.timeout.total_seconds()
        return answer.answer if await self._waited(answer.ready, until) else answer.otherwise

    async def in_worker(self, function: Callable[..., R], *arguments: Any) -> R:
        """What a function gives that may wait."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    async def _waited(self, ready: Callable[[], bool], until: float) -> bool:
        """Whether something came about in time. No thread waits for it."""
        while not await self.in_worker(ready):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(LOOK_AGAIN)
        return True


def _hurried(route: Route, exchange: Exchange, inquiry: Inquiry | None) -> Content | Rendered | Later:
    """What a handler of a few keyed reads says, on the event loop."""
    if inquiry is None:
        return route.handler(exchange)
    inquiry.hurried = True
    try:
        return route.handler(exchange)
    finally:
        inquiry.hurried = False
