"""One request and its answer: connections, time limits, and what is wrong with either. Knows no redirects
and no credentials. Imports aiohttp, and is imported with the first request."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import aiohttp
from yarl import URL

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.client import Patience, Resolve
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.failures import failure
from artifactd.upstream.guard import host_refused, refused
from artifactd.upstream.reply import Reply
from artifactd.upstream.resolver import Resolver, addresses_of
from artifactd.upstream.target import Target

_CONNECTIONS = 100  # to one host
_READ_AHEAD = 256 * 1024
_HEADER_LIMIT = 32 * 1024  # of one line
_STALE = 8  # kept connections in a row that turn out to have been closed


class Session:
    """The connections to one upstream and to wherever it leads. Lives on one event loop."""

    def __init__(
        self, upstream: Upstream, tls: SSLContext, user_agent: str, resolve: Resolve | None
    ) -> None:
        self._upstream = upstream
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._whose = f"the upstream of repository {upstream.repository!r}"
        self._proxy = _proxy(upstream)
        # An HTTP proxy looks names up itself, and is an address that an operator named.
        guarded = self._proxy is None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                limit_per_host=_CONNECTIONS,
                resolver=Resolver(resolve or addresses_of, self._check if guarded else None),
                ssl=tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
            trace_configs=[_tracing()],
        )

    async def ask(
        self, method: str, target: Target, headers: Mapping[str, str], patience: Patience
    ) -> Reply:
        """The answer to one request. Raises UpstreamUnavailable and UpstreamInvalid.

        A kept connection that the far end closed in the meantime is no failure: another one is tried."""
        if host_refused(target.host, allow_private=self._upstream.allow_private):
            raise self._forbidden()
        for left in reversed(range(_STALE)):
            attempt = _Attempt(patience)
            try:
                async with attempt.deadline:
                    response = await self._session.request(
                        method,
                        _url(target),
                        headers={**self._headers, **headers},
                        allow_redirects=False,
                        proxy=self._proxy,
                        trace_request_ctx=attempt,
                    )
                break
            except TimeoutError:
                raise UpstreamUnavailable(f"{self._whose} {attempt.missed()}") from None
            except (aiohttp.ClientError, OSError) as error:
                if not (left and attempt.reused and _is_disconnect(error)):
                    raise failure(error, self._upstream.repository) from None
        reply = Reply(response, target.url, patience.idle, self._upstream.repository)
        if not reply.is_sound():
            response.close()
            raise UpstreamUnavailable(f"{self._whose} sent no valid HTTP")
        return reply

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    def _check(self, addresses: Sequence[str]) -> None:
        if any(refused(each, allow_private=self._upstream.allow_private) for each in addresses):
            raise self._forbidden()

    def _forbidden(self) -> UpstreamInvalid:
        return UpstreamInvalid(
            f"{self._whose} leads to an address that is not allowed; allow_private permits "
            "those of this machine and of private networks"
        )


class _Attempt:
    """The time limits of one request, moved on by what happens to it."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._connected = False
        self.reused = False
        self.deadline = asyncio.timeout(patience.connect)

    def connects(self) -> None:
        self._connected = self.reused = False
        self._allow(self._patience.connect)

    def connected(self, *, reused: bool) -> None:
        self._connected, self.reused = True, reused
        self._allow(self._patience.first_byte)

    def missed(self) -> str:
        """What did not happen in time."""
        if self._connected:
            return f"did not answer within {self._patience.first_byte:g} s"
        return f"could not be connected to within {self._patience.connect:g} s"

    def _allow(self, seconds: float) -> None:
        self.deadline.reschedule(asyncio.get_running_loop().time() + seconds)


def _tracing() -> aiohttp.TraceConfig:
    """Tells the attempt that a request belongs to how far it has come."""

    async def connects(_session: Any, context: Any, _event: Any) -> None:
        context.trace_request_ctx.connects()

    async def connected(_session: Any, context: Any, _event: Any) -> None:
        context.trace_request_ctx.connected(reused=False)

    async def reused(_session: Any, context: Any, _event: Any) -> None:
        context.trace_request_ctx.connected(reused=True)

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_start.append(connects)
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(reused)
    return tracing


def _is_disconnect(error: Exception) -> bool:
    return isinstance(error, (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)) and not isinstance(
        error, aiohttp.ClientConnectorError
    )


def _proxy(upstream: Upstream) -> URL | None:
    if not upstream.http_proxy:
        return None
    with suppress(ValueError):
        url = URL(upstream.http_proxy)
        if url.scheme in ("http", "https") and url.host:
            return url
    raise UpstreamInvalid(f"the HTTP proxy of repository {upstream.repository!r} has no address of HTTP")


def _url(target: Target) -> URL:
    path, _, query = target.path.partition("?")
    return URL.build(
        scheme=target.scheme,
        host=target.authority,
        port=target.port,
        path=path,
        query_string=query,
        encoded=True,
    )
