"""Upstreams on loopback whose answers tests write byte by byte, and HTTP proxies in front of them.

    with Server(lambda heard: answer(200, b"bytes")) as server:
        ... server.url ...
        assert server.heard[0].headers["accept"] == "*/*"

One thread per connection. What is written there: `bytes` are sent and the connection is kept; a function is
given the socket and does what it likes, after which the connection ends.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One request. Header names are in lower case; `connection` counts connections from 0, `peer` is the
    subject of the client's certificate."""

    method: str
    target: str
    headers: Mapping[str, str]
    connection: int
    peer: str = ""


Answer = bytes | Callable[[socket.socket], None]


class Server:
    """Answers every request with what `answering` makes of it."""

    def __init__(
        self,
        answering: Callable[[Heard], Answer],
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.answering = answering
        self.heard: list[Heard] = []
        self.connections = 0
        self.lost: set[int] = set()  # the numbers of connections that have ended
        self.over = threading.Event()
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((host, port))
        self.port = self._listener.getsockname()[1]
        self.host = host
        self._accepting = threading.Thread(target=self._accept)

    @property
    def url(self) -> str:
        """Ends in a slash."""
        return f"http{'s' if self._tls else ''}://{self.host}:{self.port}/"

    def named(self, host: str) -> str:
        """`url` with another name for the same address."""
        return self.url.replace(self.host, host)

    @property
    def requests(self) -> list[str]:
        """Methods and targets, in order."""
        return [f"{heard.method} {heard.target}" for heard in self.heard]

    def hang_up(self) -> None:
        """Close all connections, as servers do to idle ones."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def wait(self, connection: socket.socket) -> None:
        """An answer that does not come: until the client has gone or the test is over."""
        connection.settimeout(PATIENCE_SECONDS)
        with suppress(OSError):
            while connection.recv(1 << 16):
                pass

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(PATIENCE_SECONDS)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection, self.connections))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            connection.settimeout(PATIENCE_SECONDS)
            self._open.add(connection)
            if self._tls is None:
                self._converse(connection, number)
            else:
                with self._tls.wrap_socket(connection, server_side=True) as protected:
                    self._open.add(protected)
                    self._converse(protected, number)
        self.lost.add(number)

    def _converse(self, connection: socket.socket, number: int) -> None:
        peer = ""
        if isinstance(connection, ssl.SSLSocket) and (certificate := connection.getpeercert()):
            subject: Any = certificate["subject"]
            peer = subject[0][0][1]
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                if not (received := connection.recv(1 << 16)):
                    return
                buffer += received
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            heard = _parse(head, number, peer)
            self.heard.append(heard)
            given = self.answering(heard)
            if not isinstance(given, bytes):
                given(connection)
                return
            connection.sendall(given)
            if heard.headers.get("connection") == "close":
                return


def _parse(head: bytes, number: int, peer: str) -> Heard:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, f"{name} was sent twice"
        headers[name.lower()] = value.strip()
    return Heard(method, target, headers, number, peer)


def answer(status: int, body: bytes = b"", *lines: str) -> bytes:
    """An answer with Content-Length. `lines` are more headers."""
    return head(status, f"Content-Length: {len(body)}", *lines) + body


def head(status: int, *lines: str) -> bytes:
    """The head of an answer, as it is written."""
    return "\r\n".join((f"HTTP/1.1 {status} Status", *lines, "", "")).encode("latin-1")


def redirect(location: str, status: int = 302) -> bytes:
    """An answer that leads elsewhere."""
    return answer(status, b"elsewhere", f"Location: {location}")


def challenge(*values: str, status: int = 401) -> bytes:
    """An answer that asks for credentials, a header line for each challenge."""
    return answer(status, b"who are you?", *(f"WWW-Authenticate: {value}" for value in values))


def then_close(data: bytes) -> Callable[[socket.socket], None]:
    """Send `data` and end the connection."""
    return lambda connection: connection.sendall(data)


def then_reset(data: bytes, ready: threading.Event) -> Callable[[socket.socket], None]:
    """Send `data`, and reset the connection once it has arrived: before, the kernel may throw it away."""

    def send(connection: socket.socket) -> None:
        connection.sendall(data)
        ready.wait(PATIENCE_SECONDS)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return send


class HttpProxy(Server):
    """Forwards absolute-form requests and opens tunnels to 127.0.0.1, whatever the name. `heard` is what it
    was asked for itself."""

    def __init__(self) -> None:
        super().__init__(self._forward)

    def _forward(self, heard: Heard) -> Answer:
        if heard.method == "CONNECT":
            port = int(heard.target.rpartition(":")[2])
            return lambda connection: self._tunnel(connection, port)
        authority, _, path = heard.target.removeprefix("http://").partition("/")
        lines = [f"{heard.method} /{path} HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in heard.headers.items() if "proxy" not in name]
        with socket.create_connection(("127.0.0.1", int(authority.rpartition(":")[2]))) as further:
            further.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            received = b""
            while piece := further.recv(1 << 16):
                received += piece
        return then_close(received)

    def _tunnel(self, connection: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as further:
            self._open.add(further)
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_copy, args=(further, connection))
            back.start()
            _copy(connection, further)
            back.join(PATIENCE_SECONDS)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
