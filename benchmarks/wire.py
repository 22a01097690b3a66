"""A small HTTP/1.1 client on one socket, and bodies that cost next to nothing to make, hash and send.

Load that a client library generates would be measured with the server; here a request is one `sendall` and
a discarded download is `recv_into` on one small buffer, which stays in the processor's cache.
"""

import hashlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20
_NONCE = 16
_CHUNK = 32 << 10  # what Go's clients (docker, skopeo, podman) write per chunk of a streamed PATCH
_DISCARD = 128 << 10
_TIMEOUT_SECONDS = 120.0


class UnexpectedAnswer(Exception):
    """A peer answered otherwise than the benchmark relies on."""


class Payload:
    """`size` bytes of incompressible content, made of one repeated block and a tail that makes it unique.

    The state of the hash before the tail is kept, so a new unique payload costs one short hash update.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._block = os.urandom(min(_BLOCK, max(size - _NONCE, 1)))
        self._whole, self._rest = divmod(size - _NONCE, len(self._block))
        self._chunked = b"".join(
            b"%x\r\n%b\r\n" % (len(part), part)
            for part in (self._block[at : at + _CHUNK] for at in range(0, len(self._block), _CHUNK))
        )
        self._hash = hashlib.sha256()
        for _ in range(self._whole):
            self._hash.update(self._block)
        self._hash.update(self._block[: self._rest])
        self._tail = b""
        self.digest = ""
        self.renew()

    def renew(self) -> None:
        """Become content that no peer has seen."""
        self._tail = os.urandom(_NONCE)
        whole = self._hash.copy()
        whole.update(self._tail)
        self.digest = f"sha256:{whole.hexdigest()}"

    def content(self) -> bytes:
        """All of it, for small payloads."""
        return self._block * self._whole + self._block[: self._rest] + self._tail

    def send(self, write: Callable[[bytes], object]) -> None:
        """Write the content block by block."""
        for _ in range(self._whole):
            write(self._block)
        write(self._block[: self._rest] + self._tail)

    def send_chunked(self, write: Callable[[bytes], object]) -> None:
        """Write the content in the chunked transfer coding, with its end."""
        for _ in range(self._whole):
            write(self._chunked)
        end = self._block[: self._rest] + self._tail
        write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(end), end))

    def save(self, path: Path) -> None:
        """Write the content to a file."""
        with path.open("wb") as file:
            self.send(file.write)

    def save_tail(self, path: Path) -> None:
        """Bring a file that was saved before `renew` up to date: all that differs is its tail."""
        with path.open("r+b") as file:
            file.seek(-_NONCE, os.SEEK_END)
            file.write(self._tail)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, raw head and body of a response."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; empty when absent."""
        return _header(self.head, name.lower().encode()).decode()

    def expect(self, *statuses: int) -> "Answer":
        """Itself, if the status is one of these; else `UnexpectedAnswer`."""
        if self.status not in statuses:
            raise UnexpectedAnswer(f"status {self.status}, not {statuses}: {self.body[:300]!r}")
        return self


class Connection:
    """One keep-alive connection. `authorization` is a header's value, or empty."""

    def __init__(self, port: int, authorization: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.write = self._socket.sendall
        self._fixed = f"Host: 127.0.0.1:{port}\r\n"
        if authorization:
            self._fixed += f"Authorization: {authorization}\r\n"
        self._pending = b""

    def request(self, method: str, target: str, headers: str = "", body: bytes = b"") -> Answer:
        """Send a request with a small body and read the whole answer. `headers` are lines ended by CRLF."""
        length = f"Content-Length: {len(body)}\r\n" if body or method not in {"GET", "HEAD"} else ""
        self.write(self._head(method, target, headers + length) + body)
        return self.answer(bodyless=method == "HEAD")

    def begin(self, method: str, target: str, headers: str) -> None:
        """Send a head only; the caller writes the body."""
        self.write(self._head(method, target, headers))

    def answer(self, *, bodyless: bool = False) -> Answer:
        """Read one response, the body into memory."""
        status, head, length = self._read_head()
        if bodyless:
            return Answer(status, head, b"")
        if _header(head, b"transfer-encoding"):
            return Answer(status, head, self._read_chunks())
        return Answer(status, head, self._read(length))

    def download(
        self, target: str, received: Callable[[memoryview], object] | None = None, headers: str = ""
    ) -> int:
        """GET and drop the body; returns its length in bytes. `received` sees each piece."""
        self.write(self._head("GET", target, headers))
        status, head, length = self._read_head()
        if status != 200:
            raise UnexpectedAnswer(f"GET {target}: status {status}: {head[:300]!r}")
        if _header(head, b"transfer-encoding"):
            raise UnexpectedAnswer(f"a chunked answer: {head[:300]!r}")
        if received and self._pending:
            received(memoryview(self._pending))
        missing = length - len(self._pending)
        self._pending = b""
        buffer = memoryview(bytearray(_DISCARD))
        while missing > 0:
            count = self._socket.recv_into(buffer, min(missing, _DISCARD))
            if not count:
                raise UnexpectedAnswer(f"GET {target}: the connection ended {missing} bytes early")
            if received:
                received(buffer[:count])
            missing -= count
        return length

    def close(self) -> None:
        self._socket.close()

    def _head(self, method: str, target: str, headers: str) -> bytes:
        return f"{method} {target} HTTP/1.1\r\n{self._fixed}{headers}\r\n".encode()

    def _read_head(self) -> tuple[int, bytes, int]:
        while (end := self._pending.find(b"\r\n\r\n")) < 0:
            self._receive()
        head, self._pending = self._pending[: end + 2], self._pending[end + 4 :]
        return int(head[9:12]), head, int(_header(head, b"content-length") or 0)

    def _read_chunks(self) -> bytes:
        chunks = []
        while size := int(self._read_line().partition(b";")[0], 16):
            chunks.append(self._read(size))
            self._read_line()
        while self._read_line():  # trailers
            pass
        return b"".join(chunks)

    def _read_line(self) -> bytes:
        while (end := self._pending.find(b"\r\n")) < 0:
            self._receive()
        line, self._pending = self._pending[:end], self._pending[end + 2 :]
        return line

    def _read(self, length: int) -> bytes:
        parts, missing = [self._pending[:length]], length - len(self._pending)
        self._pending = self._pending[length:]
        while missing > 0:
            data = self._socket.recv(min(missing, 1 << 20))
            if not data:
                raise UnexpectedAnswer("the connection ended before the answer did")
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise UnexpectedAnswer("the connection ended before the answer did")
        self._pending += data


def _header(head: bytes, name: bytes) -> bytes:
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    return head[at + len(name) + 3 : head.index(b"\r\n", at + 2)].strip()
