"""What an upstream answered: bytes as they were sent, or the reason why they are not all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp

from artifactd.errors import ArtifactdError, UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.answer import Facts
from artifactd.upstream.failures import failure

_DRAINED = 64 * 1024  # of a body nobody wants: reading more costs more than another connection
_DRAIN_SECONDS = 1.0
_BODILESS = frozenset((204, 304))
_CONTROL = frozenset(map(chr, range(0x20))) - {"\t"} | {"\x7f"}


class Reply:
    """What was answered: a `Response`, and its end."""

    def __init__(self, response: aiohttp.ClientResponse, url: str, idle: float, repository: str) -> None:
        self._response = response
        self._idle = idle
        self._repository = repository
        headers: dict[str, str] = {}
        for raw_name, raw_value in response.raw_headers:
            name, value = _text(raw_name).lower(), _text(raw_value).strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.status = response.status
        self.facts = Facts(url, headers)
        length = headers.get("content-length")
        self.length = int(length) if length is not None and _is_number(length) else None
        self.delimited = (
            length is not None
            or "transfer-encoding" in headers
            or response.method == "HEAD"
            or response.status in _BODILESS
        )
        self._reset = False
        self._closed = _closed(response.connection)
        if self._closed is not None:
            self._closed.add_done_callback(self._on_closed)

    def is_sound(self) -> bool:
        """Whether one reading of the head is possible: one length, no other coding than ours, no line that
        holds another."""
        headers = self.facts.headers
        length, coding = headers.get("content-length"), headers.get("transfer-encoding", "chunked").lower()
        return (
            self.status >= 200
            and (length is None or (self.length is not None and "transfer-encoding" not in headers))
            and coding == "chunked"
            and not any(character in _CONTROL for value in headers.values() for character in value)
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Response`."""
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    piece = await self._response.content.readany()
            except TimeoutError:
                raise UpstreamUnavailable(
                    f"the upstream of repository {self._repository!r} sent nothing for {self._idle:g} s"
                ) from None
            except (aiohttp.ClientError, OSError) as error:
                raise failure(error, self._repository) from None
            if not piece:
                break
            yield piece
        if self._reset and not self.delimited:
            raise UpstreamUnavailable(
                f"the upstream of repository {self._repository!r} broke off its answer"
            )

    async def read(self, limit: int) -> bytes:
        """See `Response`."""
        pieces: list[bytes] = []
        size = 0
        async for piece in self.chunks():
            size += len(piece)
            if size > limit:
                raise UpstreamInvalid(
                    f"the upstream of repository {self._repository!r} sent a document of more than "
                    f"{limit} bytes"
                )
            pieces.append(piece)
        return b"".join(pieces)

    async def drain(self) -> None:
        """End an answer that nobody wants, so that its connection can be used again if that is cheap."""
        try:
            if (self.length or 0) <= _DRAINED:
                with suppress(ArtifactdError, TimeoutError):
                    async with asyncio.timeout(_DRAIN_SECONDS):
                        await self.read(_DRAINED)
        finally:
            self.release()

    def release(self) -> None:
        """End it. The connection is kept if all was read."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._on_closed)
        self._response.release()

    def _on_closed(self, closed: "asyncio.Future[None]") -> None:
        """Tell what aiohttp does not: that a connection was reset where its end is the body's, and that no
        more will come when it was closed over chunks that are none (aiohttp 3.14)."""
        self._reset = not closed.cancelled() and closed.exception() is not None
        content = self._response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError())


def _closed(connection: Any) -> "asyncio.Future[None] | None":
    """Done when the connection is closed, failed when it was reset; None when the answer is complete."""
    closed: asyncio.Future[None] | None = None if connection is None else connection.protocol.closed
    if closed is not None:
        # Once, however many answers come by the same connection.
        closed.remove_done_callback(_look_at)
        closed.add_done_callback(_look_at)
    return closed


def _look_at(closed: "asyncio.Future[None]") -> None:
    """Or asyncio complains that nobody did."""
    if not closed.cancelled():
        closed.exception()


def _text(raw: bytes) -> str:
    """Header values are ASCII; what else is sent, such as names of files, is mostly UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
