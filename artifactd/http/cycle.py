"""One request and its response, as ASGI sees them.

Rule 1: a response head is held until the first piece of its body, so that a small response is one write, an
application that fails in between can still answer 500, and `Connection: close` is decided as late as
possible.
Rule 2: a body is handed over in joined parts; reading pauses above WINDOW, so memory per upload is bounded.
Rule 3: what goes out by sendfile goes out only once everything before it has left the process.
"""

import asyncio
from collections.abc import Callable, Sized
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from artifactd.http.headers import STATUS_LINES, join
from artifactd.http.sendfile import STALL_SECONDS, Transfer, TransferAborted

WINDOW = 2 << 20
"""Bytes of a request body that may wait for the application. 64 KiB, uvicorn's own, costs a quarter of the
speed of an upload."""

JOINED = 64 << 10
"""A complete body up to this size is copied behind its head; above, the copy costs more than a second
write."""


class ArtifactCycle(RequestResponseCycle):
    """A cycle of uvicorn's with a held head, a larger window and `http.response.zerocopysend`.

    `send` raises TransferAborted where going on would be wasted work: for a body with more to come, or a
    file, when the client is gone. Nothing needs to catch it.
    """

    def __init__(self, *, waiting: Sized, linger: Callable[[], None], **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._waiting = waiting  # the requests behind this one
        self._linger = linger
        self._parts: list[bytes] = []
        self._size = 0
        self._held: bytes | None = None
        self._bodiless = False
        self._transfer: Transfer | None = None
        self.stall = STALL_SECONDS

    async def run_asgi(self, app: Any) -> None:
        async def until_gone(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except TransferAborted:
                self.disconnected = True
                self.transport.abort()

        await super().run_asgi(until_gone)

    def received(self, body: bytes) -> None:
        """A piece of the request body has arrived."""
        self._parts.append(body)
        self._size += len(body)
        if self._size > WINDOW:
            self.flow.pause_reading()
        self.message_event.set()

    def lost(self) -> None:
        """The connection is gone."""
        if not self.response_complete:
            self.disconnected = True
        if self._transfer is not None:
            self._transfer.abort("the client is gone")
        self.message_event.set()

    async def receive(self) -> Any:
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            if self.more_body or not self._waiting:
                self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        kind = message["type"]
        if self.disconnected:
            if kind == "http.response.zerocopysend" or message.get("more_body"):
                raise TransferAborted("the client is gone")
            return
        if self.response_complete:
            raise RuntimeError(f"{kind} after the response was complete")
        if kind == "http.response.start":
            if self._held is not None or self.response_started:
                raise RuntimeError("http.response.start was sent before")
            self._hold(message["status"], message.get("headers", ()))
        elif self._held is None and not self.response_started:
            raise RuntimeError(f"{kind} before http.response.start")
        elif kind == "http.response.body":
            self._write_body(message.get("body", b""), more=message.get("more_body", False))
        elif kind == "http.response.zerocopysend":
            await self._send_file(message)
        else:
            raise RuntimeError(f"{kind} is not spoken here")

    async def send_500_response(self) -> None:
        self._held = None
        self.chunked_encoding = None
        await super().send_500_response()

    def _hold(self, status: int, headers: Any) -> None:
        lines = self.default_headers + list(headers)
        for name, value in lines:
            lowered = name.lower()
            if lowered == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif lowered == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif lowered == b"connection" and b"close" in value.lower():
                self.keep_alive = False
        lines = [line for line in lines if line[0].lower() != b"connection"]
        bodiless = self.scope["method"] == "HEAD" or status in (204, 304)
        if bodiless:
            self.expected_content_length = 0
            self.chunked_encoding = False
        elif self.chunked_encoding is None:
            self.chunked_encoding = True
            lines.append((b"transfer-encoding", b"chunked"))
        self._bodiless = bodiless
        self._held = STATUS_LINES[status] + join(lines)

    def _head(self) -> bytes:
        """The held head, once."""
        if self._held is None:
            return b""
        if self.waiting_for_100_continue and self.more_body:
            # Without 100 the client may or may not send its body: nobody can tell where the next request
            # begins.
            self.keep_alive = False
        head = self._held + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        self._held = None
        self.response_started = True
        self.waiting_for_100_continue = False
        return head

    def _write_body(self, body: bytes, *, more: bool) -> None:
        head = self._head()
        if self._bodiless:
            body = b""
        elif self.chunked_encoding:
            if body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
            if not more:
                body += b"0\r\n\r\n"
        else:
            self._count(len(body))
        if head and not more and len(body) <= JOINED:
            self.transport.write(head + body)
        else:
            if head:
                self.transport.write(head)
            if body:
                self.transport.write(body)
        if not more:
            self._finish()

    async def _send_file(self, message: Any) -> None:
        head = self._head()
        if head:
            self.transport.write(head)
        more = message.get("more_body", False)
        count = message["count"]
        if not self._bodiless and count:
            if self.chunked_encoding:
                raise RuntimeError("a file is sent with a Content-Length")
            self._count(count)
            try:
                await self._flush()
                await self._run(message["file"], message["offset"], count)
            except BaseException:  # a body cut short can only be told by ending the connection
                self.disconnected = True
                self.transport.abort()
                raise
        if not more:
            self._finish()

    async def _flush(self) -> None:
        """Wait until the transport's buffer is empty. Raises TransferAborted."""
        await asyncio.sleep(0)  # uvloop writes at the end of a turn
        waiting = self.transport.get_write_buffer_size()
        if not waiting:
            return
        self.transport.set_write_buffer_limits(high=0)  # `drain` then means empty, not merely low
        try:
            while waiting and not self.disconnected:
                try:
                    await asyncio.wait_for(self.flow.drain(), self.stall)
                except TimeoutError:
                    if self.transport.get_write_buffer_size() >= waiting:
                        raise TransferAborted("the client took nothing") from None
                waiting = self.transport.get_write_buffer_size()
        finally:
            if not self.transport.is_closing():
                self.transport.set_write_buffer_limits()

    async def _run(self, file: int, offset: int, count: int) -> None:
        if self.disconnected or self.transport.is_closing():
            raise TransferAborted("the client is gone")
        socket = self.transport.get_extra_info("socket").fileno()
        loop = asyncio.get_running_loop()
        self._transfer = Transfer(loop, socket, file, offset, count, self.stall)
        try:
            await self._transfer.run()
        finally:
            self._transfer = None

    def _count(self, size: int) -> None:
        if size > self.expected_content_length:
            raise RuntimeError("Response content longer than Content-Length")
        self.expected_content_length -= size

    def _finish(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("Response content shorter than Content-Length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            if self.more_body:
                self._linger()
            else:
                self.transport.close()
        self.on_response()
