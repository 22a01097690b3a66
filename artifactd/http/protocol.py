"""One HTTP/1.1 connection: uvicorn's httptools protocol, made for artifacts.

Rule 1: tier 1 answers here, in one write and without a task, and only while no other request of the
connection is under way, so responses leave in the order of their requests.
Rule 2: an offered upgrade is declined by reading the request again without the offer. The parser would
take what follows such a head for another protocol: Java's client (Maven 4) offers `h2c` with every first
request, and its uploads arrived empty:
tests/unit/http/test_protocol.py::test_an_offer_of_h2c_is_declined_and_the_body_arrives.
Rule 3: a refused request is answered after the responses before it, never within one, and ends the
connection.
Rule 4: a connection without a request under way and without a byte for between one and two keep-alive
timeouts is closed, in the middle of a request head too.
Rule 5: a head is parsed anew unless it is, byte for byte and alone in its packet, the last tier-1 hit of
the connection, and comes where a request begins. Its entry is looked up and judged all the same.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from artifactd.http.cache import EdgeServices, Entry, Key, recognise
from artifactd.http.cycle import JOINED, ArtifactCycle
from artifactd.http.headers import NOT_MODIFIED, STATUS_LINES, join
from artifactd.http.screening import HEAD_LIMIT, Headers, Refused, parse_target, screen

BACKLOG = 256 << 10
"""Bytes waiting to be sent on a connection above which it gets no more tier-1 answers: its client does not
read."""

REPEATED = 4 << 10
"""Bytes of the longest head that is remembered to be recognised when it comes again."""

LINGER_SECONDS = 2.0
"""How long a refused client may go on sending. Closing at once would reset the connection, and the client
could lose the answer that says why."""


class ArtifactProtocol(HttpToolsProtocol):
    """The protocol class for `uvicorn.Config(http=…)`. The application's attribute `edge` (EdgeServices),
    when there is one, turns tier 1 on. WebSockets are not offered."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        edge = getattr(self.app, "edge", None)
        self._edge: EdgeServices | None = edge if isinstance(edge, EdgeServices) else None
        self._tls = False
        self._heading = False  # between the first byte of a head and its last
        self._message = 0
        self._open = False  # between the first byte of a request and its last
        self._asked: tuple[Key, bytes | None] | None = None  # what the newest hit was an answer to
        self._repeat: tuple[bytes, Key, bytes | None] | None = None
        self._head_size = 0
        self._activity = 0
        self._activity_seen = -1
        self._active: ArtifactCycle | None = None  # the request being answered; `cycle` is the newest one
        self._refusal: bytes | None = None
        self._hit: tuple[bytes, bytes, Entry, bytes, int, int] | None = None
        self._authorization: bytes | None = None
        self._tag = b""
        self._defaults_of: Any = None
        self._defaults = b""

    # The connection

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._tls = self.scheme == "https"
        self._peer = self.client[0] if self.client else ""
        self._port = (self.server[1] if self.server else 0) or 0
        self._tick()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._active is not None:
            self._active.lost()
        self.pipeline.clear()
        self._unset_keepalive_if_required()

    def shutdown(self) -> None:
        """Close when idle, else with the response under way."""
        if self._pending():
            assert self._active is not None
            self._active.keep_alive = False
        else:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Runs once per timeout as long as the connection lives: cheaper than a timer per request."""
        if self.transport.is_closing():
            return
        if self._pending() or self._activity != self._activity_seen:
            self._tick()
        else:
            self.transport.close()

    def _tick(self) -> None:
        self._activity_seen = self._activity
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _pending(self) -> bool:
        return self._active is not None and not self._active.response_complete

    # Bytes in

    def data_received(self, data: bytes) -> None:
        self._activity += 1
        if self._refusal is not None:
            return
        repeat = self._repeat
        began_open = self._open
        if repeat is not None and data == repeat[0] and not began_open:
            assert self._edge is not None
            if self._may_answer() and self._answer(repeat[1], repeat[2], self._edge):
                self._write_hit()
                return
        message = self._message
        self._asked = None
        offered = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            offered = offer.args[0]
        except httptools.HttpParserError as error:
            self._refuse_for(error)
        if offered:
            self._decline(data, offered)
        elif (
            self._asked is not None
            and not (began_open or self._open)
            and self._message == message + 1
            and len(data) <= REPEATED
        ):
            self._repeat = (data, *self._asked)
        if self._heading and message == self._message and self._refusal is None:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._refuse(Refused(431, "the headers are larger than 64 KiB"))

    def _decline(self, data: bytes, position: int) -> None:
        """Read the head that ends at `position` again without its Upgrade, by a new parser, then what
        follows."""
        rest = memoryview(data)
        while True:
            rest = rest[position:]
            spent = self.parser
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            version = spent.get_http_version().encode()
            request = b"%b %b HTTP/%b\r\n" % (spent.get_method(), self.url, version)
            lines = join(line for line in self.headers if line[0] != b"upgrade")
            try:
                self.parser.feed_data(request + lines + b"\r\n")
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                position = offer.args[0]
            except httptools.HttpParserError as error:
                self._refuse_for(error)
                return
            else:
                return

    # Parser callbacks

    def on_message_begin(self) -> None:
        self._heading = True
        self._open = True
        self._message += 1
        self._head_size = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._heading:
            return  # a trailer must never pass for a header that was checked
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        method = self.parser.get_method()
        if self.parser.should_upgrade():
            if method == b"CONNECT":
                raise Refused(400, "CONNECT is not spoken here")
            return
        self._heading = False
        version = self.parser.get_http_version()
        keep_alive = version == "1.1" and self.parser.should_keep_alive()
        key = None
        if self._edge is not None and keep_alive and (method == b"GET" or method == b"HEAD"):
            found = recognise(self.headers, self._edge.roles)
            if found is not None:
                key = self._key(method, *found[:4])
                if self._may_answer() and self._answer(key, found[4], self._edge):
                    self._asked = key, found[4]
                    return
        screen(version, self.headers)
        self._begin(method.decode("ascii"), version, key, keep_alive=keep_alive)

    def on_body(self, body: bytes) -> None:
        if not self.cycle.response_complete:
            self.cycle.received(body)

    def on_message_complete(self) -> None:
        self._open = False
        if self._hit is not None:
            self._write_hit()
        elif not self._heading:  # else: an offer that is about to be declined
            self.cycle.more_body = False
            if not self.cycle.response_complete:
                self.cycle.message_event.set()

    # Tier 1

    def _key(
        self, method: bytes, host: bytes, authorization: bytes | None, accept: bytes, encoding: bytes
    ) -> Key:
        if authorization != self._authorization:
            assert self._edge is not None
            self._authorization = authorization
            self._tag = b"" if authorization is None else self._edge.cache.credential_tag(authorization)
        return method, self._port, host, self.url, self._tag, accept, encoding

    def _may_answer(self) -> bool:
        return (
            (self._active is None or self._active.response_complete)
            and self.transport.get_write_buffer_size() < BACKLOG
            and not self.transport.is_closing()
        )

    def _answer(self, key: Key, none_match: bytes | None, edge: EdgeServices) -> bool:
        """Prepare a hit, to be written when the message is complete."""
        entry = edge.cache.get(key)
        if entry is None:
            return False
        if none_match is not None and entry.matches(none_match):
            data = b"".join((NOT_MODIFIED, self._default_block(), entry.block_304))
            self._hit = (data, b"", entry, key[0], 304, 0)
        elif key[0] == b"HEAD":
            data = b"".join((entry.status_line, self._default_block(), entry.block))
            self._hit = (data, b"", entry, key[0], entry.status, 0)
        elif len(entry.body) <= JOINED:
            data = b"".join((entry.status_line, self._default_block(), entry.block, entry.body))
            self._hit = (data, b"", entry, key[0], entry.status, len(entry.body))
        else:
            data = b"".join((entry.status_line, self._default_block(), entry.block))
            self._hit = (data, entry.body, entry, key[0], entry.status, len(entry.body))
        return True

    def _write_hit(self) -> None:
        assert self._hit is not None and self._edge is not None
        data, body, entry, method, status, size = self._hit
        self._hit = None
        edge = self._edge
        edge.ring.append((edge.now(), method.decode(), status, size, 0, self._peer, entry.record))
        self.server_state.total_requests += 1
        self.transport.write(data)
        if body:
            self.transport.write(body)

    def _default_block(self) -> bytes:
        """Date and whatever else uvicorn adds: it makes a new list every second."""
        defaults = self.server_state.default_headers
        if defaults is not self._defaults_of:
            self._defaults_of = defaults
            self._defaults = join(defaults)
        return self._defaults

    # Tier 2 and 3

    def _begin(self, method: str, version: str, key: Key | None, *, keep_alive: bool) -> None:
        target = parse_target(self.url)
        headers: Headers = self.headers
        if target.authority is not None:
            headers = [(b"host", target.authority), *(line for line in headers if line[0] != b"host")]
            key = None
        extensions: dict[str, Any] = {} if self._tls else {"http.response.zerocopysend": {}}
        if key is not None:
            extensions["artifactd.cache_key"] = key
        path = target.path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": method,
            "root_path": self.root_path,
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": self.root_path.encode("ascii") + target.path,
            "query_string": target.query,
            "headers": headers,
            "state": self.app_state.copy(),
            "extensions": extensions,
        }
        app = service_unavailable if self._overloaded() else self.app
        self.cycle: ArtifactCycle = ArtifactCycle(
            waiting=self.pipeline,
            linger=self._linger,
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        if self._pending():
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))
        else:
            self._start_asgi_task(self.cycle, app)

    def _overloaded(self) -> bool:
        limit = self.limit_concurrency
        return limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        self._activity += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._refusal:
            self._end_with(self._refusal)
        if not self.pipeline:
            self.flow.resume_reading()

    # The end

    def _refuse_for(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__  # what a callback of ours raised
        if cause is not None and not isinstance(cause, Refused):
            raise cause
        self._refuse(cause or Refused(400, f"invalid HTTP: {error}"))

    def _refuse(self, refused: Refused) -> None:
        self.logger.info("refused a request of %s: %s", self._peer, refused.reason)
        self._refusal = self._refusal_bytes(refused)
        broken = (
            self.cycle if not self._heading and self.cycle is not None and self.cycle.more_body else None
        )
        if broken is not None and broken is self._active and not broken.response_complete:
            # Its body cannot be read on, so its handler learns of a disconnect, answered or not.
            if broken.response_started:
                self.transport.close()
            else:
                self._end_with(self._refusal)
            broken.lost()
            return
        if broken is not None and self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()
        if not self._pending():
            self._end_with(self._refusal)

    def _refusal_bytes(self, refused: Refused) -> bytes:
        body = f"{refused.status} {HTTPStatus(refused.status).phrase}: {refused.reason}\n".encode()
        lines = [
            *self.server_state.default_headers,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        return STATUS_LINES[refused.status] + join(lines) + b"\r\n" + body

    def _end_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self._linger()

    def _linger(self) -> None:
        """Say that nothing more will come, and let the client finish its sentence."""
        self._refusal = self._refusal or b""
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)
