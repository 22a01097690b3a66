"""A real server on a loopback port, in a thread, with an application made for looking at the wire."""

import asyncio
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.datastructures import Headers

from artifactd import clock
from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.db.generations import Generations
from artifactd.http.bodies import BodyCache
from artifactd.http.cache import EdgeServices, ResponseCache
from artifactd.http.protocol import ArtifactProtocol
from artifactd.http.ring import Ring
from artifactd.http.serve import serve
from artifactd.repositories.content import Content, Head, StoredSource

STRIPE = 77


@dataclass
class Toy:
    """`/blob/{location}` through serve(), remembered when small; `/echo` tells what arrived; the rest are
    moods."""

    store: FilesystemBlobStore
    edge: EdgeServices
    generations: Generations
    bodies: BodyCache = field(default_factory=BodyCache)
    calls: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def keep(self, data: bytes) -> str:
        writer = self.store.create()
        writer.write(data)
        return writer.commit().location

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls.append(scope["path"])
        mood = scope["path"].split("/")[1]
        await getattr(self, f"_{mood}")(scope, receive, send)

    async def _blob(self, scope: Any, receive: Any, send: Any) -> None:
        location = scope["path"].removeprefix("/blob/")
        taken = self.generations.take([STRIPE])
        size = self.store.stat(location).size
        head = Head(size, "application/octet-stream", "sha256:" + location[-64:], 0)
        extensions = scope.get("extensions") or {}
        served = await serve(
            Content(head, StoredSource(self.store, location)),
            method=scope["method"],
            request_headers=Headers(scope=scope),
            send=send,
            extensions=extensions,
            body_cache=self.bodies,
        )
        self.ends.append("whole" if served.complete else "cut")
        self.ended.set()
        key = extensions.get("artifactd.cache_key")
        if key is not None and served.body is not None:
            self.edge.cache.store(
                key,
                status=served.status,
                headers=served.headers,
                body=served.body,
                taken=taken,
                not_after=clock.now() + 60_000_000,
                record="a record",
            )

    async def _echo(self, scope: Any, receive: Any, send: Any) -> None:
        digest = hashlib.sha256()
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.ends.append("disconnect")
                self.ended.set()
                return
            digest.update(message["body"])
            size += len(message["body"])
            if not message["more_body"]:
                break
        seen = {
            "method": scope["method"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "size": size,
            "sha256": digest.hexdigest(),
        }
        await _answer(send, 200, json.dumps(seen).encode())

    async def _gate(self, scope: Any, receive: Any, send: Any) -> None:
        self.entered.set()
        await asyncio.get_running_loop().run_in_executor(None, self.gate.wait, 20)
        await _answer(send, 200, b"gate")

    async def _chunks(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"two ", b""):
            await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})

    async def _early(self, scope: Any, receive: Any, send: Any) -> None:
        await _answer(send, 401, b"who are you")

    async def _fails(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        raise RuntimeError("in between")

    async def _stream(self, scope: Any, receive: Any, send: Any) -> None:
        """Pieces without end, until sending says that nobody is there."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
                await asyncio.sleep(0)
        finally:
            self.ended.set()


async def _answer(send: Any, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Running:
    """A server, its address and its loop."""

    switch: "Switch"
    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop

    @property
    def toy(self) -> Toy:
        return self.switch.toy

    def connect(self, *, receive_buffer: int | None = None) -> "Wire":
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(20)
        raw.connect(("127.0.0.1", self.port))
        return Wire(raw)

    def ask(self, request: bytes) -> "Response":
        """One request on a connection of its own."""
        with self.connect() as wire:
            wire.send(request)
            return wire.response(head=request.startswith(b"HEAD"))

    def in_loop(self, action: Callable[[], object]) -> None:
        """Run something on the server's loop, and wait for it."""
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (action(), done.set()))
        assert done.wait(20)


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A client connection that reads responses by the book."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw
        self._buffer = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *failure: object) -> None:
        self.raw.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.raw.sendall(piece)

    def response(self, *, head: bool = False) -> Response:
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        pairs = (line.split(": ", 1) for line in lines[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        if head or status in (204, 304) or status < 200:
            return Response(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self.exactly(size)
                self._until(b"\r\n")
            self._until(b"\r\n")
            return Response(status, headers, body)
        if "content-length" in headers:
            return Response(status, headers, self.exactly(int(headers["content-length"])))
        return Response(status, headers, self._rest())

    def exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._more()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def body_digest(self, size: int) -> str:
        """The sha256 of the next `size` bytes, without keeping them."""
        digest = hashlib.sha256(self._buffer[:size])
        left = size - len(self._buffer[:size])
        self._buffer = self._buffer[size:]
        while left:
            data = self.raw.recv(min(left, 1 << 20))
            assert data, f"the connection ended {left} bytes early"
            digest.update(data)
            left -= len(data)
        return digest.hexdigest()

    def head(self) -> str:
        return self._until(b"\r\n\r\n").decode("latin-1")

    def closed(self) -> bool:
        """Whether the server ends the connection without another byte."""
        if self._buffer:
            return False
        try:
            return self.raw.recv(1) == b""
        except ConnectionResetError:
            return True

    def _rest(self) -> bytes:
        while data := self.raw.recv(1 << 20):
            self._buffer += data
        data, self._buffer = self._buffer, b""
        return data

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        data, _, self._buffer = self._buffer.partition(end)
        return data

    def _more(self) -> None:
        data = self.raw.recv(1 << 20)
        if not data:
            raise EOFError(f"the connection ended; so far: {self._buffer[:200]!r}")
        self._buffer += data


class Switch:
    """The application of a server that several tests share: each brings its own toy, and what a test leaves
    running stays with the toy it was for."""

    toy: Toy

    @property
    def edge(self) -> EdgeServices:
        return self.toy.edge

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.toy(scope, receive, send)


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    generations = Generations(tmp_path / "generations")
    store = FilesystemBlobStore(tmp_path / "blobs", sync=False)
    made = Toy(store, EdgeServices(ResponseCache(generations), Ring(1000)), generations)
    yield made
    made.gate.set()


VARIANTS: dict[str, tuple[Any, Callable[[], asyncio.AbstractEventLoop]]] = {
    "ours-uvloop": (ArtifactProtocol, uvloop.new_event_loop),
    "ours-asyncio": (ArtifactProtocol, asyncio.new_event_loop),
    "h11": ("h11", asyncio.new_event_loop),
}
OURS = ["ours-uvloop", "ours-asyncio"]


@contextmanager
def _serving(variant: str) -> Iterator[Running]:
    http, loop_factory = VARIANTS[variant]
    switch = Switch()
    server = uvicorn.Server(
        uvicorn.Config(
            switch,
            http=http,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            ws="none",
            interface="asgi3",
        )
    )
    listener = socket.create_server(("127.0.0.1", 0))
    started: Future[asyncio.AbstractEventLoop] = Future()

    async def serve_until_told() -> None:
        started.set_result(asyncio.get_running_loop())
        await server._serve([listener])

    def main() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(serve_until_told())

    thread = threading.Thread(target=main, name="server")
    thread.start()
    yield Running(switch, listener.getsockname()[1], server, started.result(20))
    server.should_exit = server.force_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module", params=list(VARIANTS))
def _any_server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with _serving(request.param) as found:
        yield found


@pytest.fixture(scope="module", params=OURS)
def _our_server(request: pytest.FixtureRequest) -> Iterator[Running]:
    with _serving(request.param) as found:
        yield found


@pytest.fixture
def running(_any_server: Running, toy: Toy) -> Running:
    """Our class on both loops, and uvicorn's h11."""
    _any_server.switch.toy = toy
    return _any_server


@pytest.fixture
def ours(_our_server: Running, toy: Toy) -> Running:
    """Our class on both loops."""
    _our_server.switch.toy = toy
    return _our_server


@pytest.fixture(params=OURS)
def ending(request: pytest.FixtureRequest, toy: Toy) -> Iterator[Running]:
    """A server of its own for a test that ends it."""
    with _serving(request.param) as found:
        found.switch.toy = toy
        yield found
