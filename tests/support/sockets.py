"""HTTP by hand, for what no client library sends."""

import base64
import socket
from dataclasses import dataclass

from tests.support.serving import ADMIN, Running

CREDENTIALS = "Basic " + base64.b64encode(f"{ADMIN.name}:{ADMIN.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """The first answer on a connection, and whatever came behind it until the server closed."""

    status: int
    head: str
    body: bytes


def head(method: str, target: str, *lines: str, close: bool = True) -> bytes:
    """A request head with the administrator's credentials. `lines` go out as they are; `close` has the
    server end the connection, so that nobody waits for more."""
    given = [f"{method} {target} HTTP/1.1", "Host: registry.test", f"Authorization: {CREDENTIALS}", *lines]
    if close:
        given.append("Connection: close")
    return "\r\n".join([*given, "", ""]).encode("latin-1")


def connect(server: Running) -> socket.socket:
    """A connection, for requests that are sent in pieces."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def converse(server: Running, data: bytes) -> bytes:
    """Send `data`; everything that comes back until the server closes the connection."""
    with connect(server) as connection:
        connection.sendall(data)
        return drain(connection)


def drain(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    while piece := connection.recv(1 << 16):
        received += piece
    return received


def ask(server: Running, data: bytes) -> Reply:
    """`converse`, and read the answer."""
    return parse(converse(server, data))


def parse(received: bytes) -> Reply:
    """The answer in what came back."""
    head, separator, body = received.partition(b"\r\n\r\n")
    assert separator, f"no answer: {received[:200]!r}"
    return Reply(int(head.split(b" ", 2)[1]), head.decode("latin-1").lower(), body)
