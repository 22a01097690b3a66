"""HTTP to the upstreams of proxies: redirects followed, credentials proven, addresses guarded.

Rule 1: every address, redirects and token services included, is checked by `guard.py` before anything is
sent to it, and connections go to the addresses that were checked.
Rule 2: what is secret goes where `credentials.py` says, and nothing of our own clients goes anywhere.
Rule 3: importing this costs nothing: what does the work is imported with the first request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol

from artifactd import __version__
from artifactd.errors import UpstreamInvalid
from artifactd.upstream import challenges
from artifactd.upstream.answer import Facts
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.credentials import Ask, Credentials
from artifactd.upstream.target import Target

if TYPE_CHECKING:
    from artifactd.upstream.reply import Reply
    from artifactd.upstream.session import Session

USER_AGENT = f"artifactd/{__version__}"
MAX_REDIRECTS = 10
_REDIRECTED = frozenset((301, 302, 303, 307, 308))
_ATTEMPTS = 4  # without credentials, with those we had, with new ones, with those for another scope
_TOKEN_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds an upstream has: until there is a connection, from then to the first byte of its
    answer, and between two pieces of a body. The whole of a transfer has no limit."""

    connect: float
    first_byte: float
    idle: float


PATIENT = Patience(10.0, 30.0, 60.0)
HURRIED = Patience(2.0, 5.0, 60.0)
"""When a stale copy is at hand."""


@dataclass(frozen=True, slots=True)
class Request:
    """`url` is absolute. `headers`: If-None-Match, If-Modified-Since, Range and If-Range; never
    credentials, and nothing that a client of ours sent."""

    method: Literal["GET", "HEAD"]
    url: str
    accept: str = "*/*"
    headers: Mapping[str, str] = field(default_factory=dict)


class Response(Protocol):
    """An answer whose body has not been read. It ends with the `async with` that it came from."""

    @property
    def status(self) -> int: ...

    @property
    def facts(self) -> Facts: ...

    @property
    def length(self) -> int | None:
        """What Content-Length says."""
        ...

    @property
    def delimited(self) -> bool:
        """False when nothing but the end of the connection ends the body: nobody can tell whether that is
        all of it."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it was sent, whatever its Content-Encoding. Raises UpstreamUnavailable when it is
        broken off or stalls."""
        ...

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises UpstreamInvalid for more than `limit` bytes, and what `chunks` raises."""
        ...


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host's name. Raises OSError when it has none."""


@dataclass(frozen=True, slots=True)
class _Open:
    session: "Session"
    credentials: Credentials


class Client:
    """Asks one upstream. Lives on one event loop; connections, cookies (none) and tokens are its own."""

    def __init__(
        self, upstream: Upstream, *, user_agent: str = USER_AGENT, resolve: Resolve | None = None
    ) -> None:
        self.upstream = upstream
        self._user_agent = user_agent
        self._resolve = resolve
        self._opening = asyncio.Lock()
        self._open: _Open | None = None
        self._users = 0
        self._retired = False

    @asynccontextmanager
    async def send(self, request: Request, patience: Patience = PATIENT) -> AsyncIterator[Response]:
        """The answer to `request`, with any final status: redirects have been followed, and 401 is one that
        our credentials do not change.

        Raises UpstreamUnavailable when there is no answer: no address, no connection, no trust in its
        certificate, no HTTP, or not in time. Raises UpstreamInvalid when there is one that is not followed
        or read: redirects in circles, to an unprotected or forbidden address, or headers without end."""
        self._users += 1
        try:
            reply = await self._follow(await self._opened(), request, patience)
            try:
                yield reply
            finally:
                reply.release()
        finally:
            self._users -= 1
            if self._retired and not self._users:
                await self.close()

    async def retire(self) -> None:
        """Close once nobody waits for an answer. One who comes later is still served."""
        self._retired = True
        if not self._users:
            await self.close()

    async def close(self) -> None:
        """End all connections."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.credentials.close()
            await opened.session.close()

    async def _opened(self) -> _Open:
        async with self._opening:
            if self._open is None:
                # Takes 150 ms, which the event loop has other uses for.
                await asyncio.to_thread(import_module, "artifactd.upstream.session")
                from artifactd.upstream.session import Session
                from artifactd.upstream.tls import tls_context

                tls = await asyncio.to_thread(tls_context, self.upstream)
                home = self._target(self.upstream.url)
                session = Session(self.upstream, tls, self._user_agent, self._resolve)
                self._open = _Open(session, Credentials(self.upstream, home, self._fetch_token))
            return self._open

    async def _follow(self, opened: _Open, request: Request, patience: Patience) -> "Reply":
        target = self._target(request.url)
        seen = {target}
        while True:
            reply = await self._ask(opened, request, target, patience)
            location = reply.facts.headers.get("location", "")
            if reply.status not in _REDIRECTED or not location:
                return reply
            await reply.drain()
            target = self._next(target, location)
            if target in seen or len(seen) > MAX_REDIRECTS:
                raise UpstreamInvalid(f"{self._whose()} redirects without end")
            seen.add(target)

    async def _ask(self, opened: _Open, request: Request, target: Target, patience: Patience) -> "Reply":
        """One request, sent again as long as we have better credentials than those that were refused."""
        headers = {**request.headers, "Accept": request.accept}
        if not opened.credentials.are_for(target):
            return await opened.session.ask(request.method, target, headers, patience)
        authorization = opened.credentials.known(target)
        fetched: set[Ask] = set()
        for left in reversed(range(_ATTEMPTS)):
            if authorization:
                headers["Authorization"] = authorization
            reply = await opened.session.ask(request.method, target, headers, patience)
            said = challenges.parse(reply.facts.headers.get("www-authenticate", ""))
            if not (left and _refused(reply.status, said)):
                break
            try:
                better = await opened.credentials.answer(target, said, authorization, fetched, patience)
            except BaseException:
                reply.release()
                raise
            if not better:
                break
            await reply.drain()
            authorization = better
        return reply

    async def _fetch_token(
        self, target: Target, authorization: str, patience: Patience
    ) -> tuple[int, bytes]:
        """Redirects are not followed: it is this address that is trusted."""
        headers = {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        reply = await (await self._opened()).session.ask("GET", target, headers, patience)
        try:
            return reply.status, await reply.read(_TOKEN_LIMIT)
        finally:
            reply.release()

    def _target(self, url: str) -> Target:
        try:
            return Target.parse(url)
        except ValueError:
            detail = f"{self._whose()} leads to an address that is none of HTTP"
            raise UpstreamInvalid(detail) from None

    def _next(self, target: Target, location: str) -> Target:
        try:
            found = target.join(location)
        except ValueError:
            detail = f"{self._whose()} redirects to an address that is none of HTTP"
            raise UpstreamInvalid(detail) from None
        if (target.scheme, found.scheme) == ("https", "http"):
            raise UpstreamInvalid(f"{self._whose()} redirects from https to http, which is not followed")
        return found

    def _whose(self) -> str:
        return f"the upstream of repository {self.upstream.repository!r}"


class Clients:
    """The clients of all upstreams. Lives on one event loop."""

    def __init__(self, *, user_agent: str = USER_AGENT, resolve: Resolve | None = None) -> None:
        self._user_agent = user_agent
        self._resolve = resolve
        self._clients: dict[int, Client] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def of(self, upstream: Upstream) -> Client:
        """The client of this upstream: the same one while its version is the same. One that is replaced is
        closed once nobody uses it."""
        client = self._clients.get(upstream.repository_id)
        if client is None or client.upstream.version != upstream.version:
            if client is not None:
                task = asyncio.get_running_loop().create_task(client.retire())
                self._retiring.add(task)
                task.add_done_callback(self._retiring.discard)
            client = Client(upstream, user_agent=self._user_agent, resolve=self._resolve)
            self._clients[upstream.repository_id] = client
        return client

    async def close(self) -> None:
        """End all connections."""
        clients, self._clients = self._clients, {}
        await asyncio.gather(*self._retiring, *(client.close() for client in clients.values()))


def _refused(status: int, said: Sequence[challenges.Challenge]) -> bool:
    """401; or 403 of those who say so when a token does not reach (RFC 6750, section 3.1)."""
    return status == 401 or (
        status == 403 and any(each.parameters.get("error") == "insufficient_scope" for each in said)
    )
