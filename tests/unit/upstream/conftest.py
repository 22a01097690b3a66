"""A client on a loop of its own, and servers that it asks."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import pytest
import uvloop

from artifactd.upstream.answer import Facts
from artifactd.upstream.client import PATIENT, Client, Patience, Request, Resolve, Response
from artifactd.upstream.configuration import Upstream
from tests.support.upstream_servers import Answer, Heard, Server

R = TypeVar("R")

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}

SECONDS = 20
"""What no test takes."""


@dataclass(frozen=True, slots=True)
class Got:
    """An answer that has been read."""

    status: int
    body: bytes
    facts: Facts
    length: int | None
    delimited: bool


class Loop:
    """An event loop for tests that are not asynchronous themselves."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        async def bounded() -> R:
            async with asyncio.timeout(SECONDS):
                return await work

        return self._runner.run(bounded())


class Asker:
    """A client, asked from outside of its loop."""

    def __init__(self, loop: Loop, upstream: Upstream, resolve: Resolve | None) -> None:
        async def make() -> Client:
            return Client(upstream, resolve=resolve)

        self.upstream = upstream
        self._loop = loop
        self.client = loop.run(make())

    def get(self, path: str = "", patience: Patience = PATIENT, **headers: str) -> Got:
        """GET `path` below the upstream's URL, or at another one."""
        return self.send(Request("GET", self.at(path), headers=headers), patience)

    def head(self, path: str = "") -> Got:
        """HEAD likewise."""
        return self.send(Request("HEAD", self.at(path)))

    def send(self, request: Request, patience: Patience = PATIENT) -> Got:
        """One request, and all of its answer."""
        return self._loop.run(self._send(request, patience))

    def get_all(self, *paths: str) -> list[Got]:
        """GET them at once."""

        async def all_of_them() -> list[Got]:
            return await asyncio.gather(
                *(self._send(Request("GET", self.at(path)), PATIENT) for path in paths)
            )

        return self._loop.run(all_of_them())

    def using(self, path: str, use: Callable[[Response], Coroutine[Any, Any, R]]) -> R:
        """GET `path`, and `use` the answer as it comes."""

        async def main() -> R:
            async with self._sending(Request("GET", self.at(path)), PATIENT) as response:
                return await use(response)

        return self._loop.run(main())

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Something else, on the client's loop."""
        return self._loop.run(work)

    def at(self, path: str) -> str:
        return path if "://" in path else self.upstream.url + path

    def close(self) -> None:
        self._loop.run(self.client.close())

    def _sending(self, request: Request, patience: Patience) -> AbstractAsyncContextManager[Response]:
        return self.client.send(request, patience)

    async def _send(self, request: Request, patience: Patience) -> Got:
        async with self._sending(request, patience) as response:
            body = b"".join([piece async for piece in response.chunks()])
            return Got(response.status, body, response.facts, response.length, response.delimited)


class Serve(Protocol):
    def __call__(self, answering: Callable[[Heard], Answer] | bytes, **more: Any) -> Server: ...


class Asking(Protocol):
    def __call__(self, url: str, resolve: Resolve | None = None, **settings: Any) -> Asker: ...


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        yield Loop(runner)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives these answers, or always this one."""
    with ExitStack() as stack:

        def start(answering: Callable[[Heard], Answer] | bytes, **more: Any) -> Server:
            given = answering
            function = (lambda _: given) if isinstance(given, bytes) else given
            return stack.enter_context(Server(function, **more))

        yield start


@pytest.fixture
def asking(loop: Loop) -> Iterator[Asking]:
    """A client of the upstream at `url`, in which private addresses are allowed unless the test says no."""
    made: list[Asker] = []

    def make(url: str, resolve: Resolve | None = None, **settings: Any) -> Asker:
        upstream = replace(Upstream(1, "hub", 1, url, allow_private=True), **settings)
        made.append(Asker(loop, upstream, resolve))
        return made[-1]

    yield make
    for asker in made:
        asker.close()


async def here(host: str, port: int) -> Sequence[str]:
    """Every name is this machine's."""
    return ["127.0.0.1"]
