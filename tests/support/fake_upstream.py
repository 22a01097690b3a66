"""An upstream on loopback that does what it is told, and what upstreams do on bad days.

    with FakeUpstream() as upstream:
        upstream.put("/a.txt", b"bytes")
        upstream.fault(status(503), "/a.*")           # from now on, until `heal`
        upstream.fault(truncated(2), times=1)         # the next answer only
        ...
        assert upstream.count("GET", "/a.txt") == 1

It knows HEAD, one range, conditions, and keeps connections. What was asked is in `log`, in order. Faults
are in `upstream_faults.py`. It ends with the `with`, whoever still waits for an answer.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from http.client import responses
from types import TracebackType
from typing import BinaryIO, Self

from tests.support.fake_answers import (
    MODIFIED,
    Answering,
    Asked,
    Fault,
    Reply,
    Resource,
    conditional,
)
from tests.support.server import Login


class Scheduled:
    """A fault that is on. It ends when it has been used `times` times, by `off`, or with a `with`."""

    def __init__(self, fault: Fault, pattern: str, method: str, times: int | None) -> None:
        self._fault = fault
        self._pattern = pattern
        self._method = method
        self._left = times
        self._lock = threading.Lock()
        self.used = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.off()

    def off(self) -> None:
        with self._lock:
            self._left = 0

    def apply(self, asked: Asked, reply: Reply) -> Reply:
        """The answer, if this fault is not meant for it."""
        if not (fnmatchcase(asked.path, self._pattern) and self._method in ("", asked.method)):
            return reply
        with self._lock:
            if self._left == 0:
                return reply
            self._left = None if self._left is None else self._left - 1
            self.used += 1
        return self._fault(asked, reply)


class FakeUpstream:
    """A server with what was `put` there. `login`: whom it answers (Basic); nobody else is."""

    def __init__(self, *, host: str = "127.0.0.1", login: Login | None = None) -> None:
        self.log: list[Asked] = []
        self.login = login
        self._host = host
        self._port = 0
        self._resources: dict[str, Resource | Answering] = {}
        self._faults: list[Scheduled] = []
        self._listening: socket.socket | None = None
        self._crowd: list[socket.socket] = []
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def host(self) -> str:
        """As image names begin: `127.0.0.1:PORT`."""
        return f"{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self.host}"

    def put(
        self,
        path: str,
        body: bytes,
        content_type: str = "application/octet-stream",
        *,
        etag: str | None = None,
        modified: float | None = MODIFIED,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Have these bytes at a path, which begins with a slash."""
        self._resources[path] = Resource(body, content_type, etag, modified, headers or {})

    def route(self, path: str, answering: Answering) -> None:
        """Have a path answered by a function; None is 404."""
        self._resources[path] = answering

    def remove(self, path: str) -> None:
        """Have nothing there any more."""
        del self._resources[path]

    def fault(
        self, fault: Fault, pattern: str = "*", *, method: str = "", times: int | None = None
    ) -> Scheduled:
        """From now on do this to answers for paths that match `pattern` (as `fnmatch` has it), behind the
        faults that are on already."""
        scheduled = Scheduled(fault, pattern, method, times)
        with self._lock:
            self._faults.append(scheduled)
        return scheduled

    def heal(self) -> None:
        """End every fault."""
        with self._lock:
            self._faults.clear()

    def asked(self, method: str = "", pattern: str = "*") -> list[Asked]:
        """What was asked for so far, in order; without a `method` by any."""
        with self._lock:
            known = list(self.log)
        return [each for each in known if method in ("", each.method) and fnmatchcase(each.path, pattern)]

    def count(self, method: str = "", pattern: str = "*") -> int:
        """How often that was asked for."""
        return len(self.asked(method, pattern))

    def sent(self, pattern: str = "*") -> int:
        """How many bytes of bodies went out for these paths."""
        return sum(each.sent for each in self.asked("", pattern))

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self.log.clear()

    def find(self, asked: Asked) -> Resource | Reply | None:
        """What is at a path, for those who know better than `put` to say; None is 404."""
        found = self._resources.get(asked.path)
        return found(asked) if callable(found) else found

    def start(self) -> None:
        """Listen; at the same port as before."""
        self._ending.clear()
        self._listening = self._bind(128)
        thread = threading.Thread(target=self._accept, args=(self._listening,), name="upstream")
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """End every connection and refuse new ones."""
        self._ending.set()
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for stranger in self._crowd:
            stranger.close()
        self._crowd.clear()
        self._end_connections()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a connection of the fake upstream does not end"
        self._threads.clear()

    def vanish(self) -> None:
        """Be a host that no packet reaches: connecting takes until the client has had enough. Ends with
        `stop`."""
        self.stop()
        self._listening = self._bind(0)
        for _ in range(2):  # the queue of connections nobody accepts is then full
            stranger = socket.socket()
            stranger.setblocking(False)
            with suppress(BlockingIOError):
                stranger.connect((self._host, self._port))
            self._crowd.append(stranger)

    def drop_idle(self) -> None:
        """End the connections there are, as servers do with those that have been idle for too long."""
        self._end_connections()

    def _bind(self, backlog: int) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((self._host, self._port))
        listening.listen(backlog)
        self._port = listening.getsockname()[1]
        return listening

    def _end_connections(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it is closed
            while True:
                connection, _ = listening.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._connections.add(connection)
                thread = threading.Thread(target=self._converse, args=(connection,), name="upstream")
                self._threads.append(thread)
                thread.start()
                if self._ending.is_set():
                    connection.shutdown(socket.SHUT_RDWR)

    def _converse(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as incoming:
            while (asked := _read(incoming)) is not None:
                with self._lock:
                    self.log.append(asked)
                    faults = list(self._faults)
                reply = self._answer(asked)
                for fault in faults:
                    reply = fault.apply(asked, reply)
                if not self._send(connection, asked, reply):
                    break
        with self._lock:
            self._connections.discard(connection)

    def _answer(self, asked: Asked) -> Reply:
        if self.login is not None and asked.header("authorization") != self.login.header:
            return Reply(401, [("WWW-Authenticate", 'Basic realm="upstream"')], b"log in\n")
        if asked.method not in ("GET", "HEAD"):
            return Reply(405, [("Allow", "GET, HEAD")])
        found = self.find(asked)
        if isinstance(found, Resource):
            return conditional(asked, found)
        return found or Reply(404, [("Content-Type", "text/plain")], b"not found\n")

    def _send(self, connection: socket.socket, asked: Asked, reply: Reply) -> bool:
        """Whether the connection can be used again."""
        self._pass(reply.wait, reply.gate if reply.wait and not reply.pause else None)
        if reply.cut == -1:
            return _end(connection, abrupt=reply.abrupt)
        connection.sendall(reply.before + _head(reply))
        if asked.method == "HEAD" or reply.status in (204, 304):
            return not reply.hang_up
        chunked = reply.framing == "chunked"
        for piece in self._pieces(reply):
            if chunked:
                connection.sendall(b"%x\r\n" % len(piece))
            connection.sendall(piece)
            if chunked:
                connection.sendall(b"\r\n")
            asked.sent += len(piece)
        if reply.cut is not None or self._ending.is_set():
            return _end(connection, abrupt=reply.abrupt)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        declares = reply.declared in (None, len(reply.body))
        return declares and reply.framing != "close" and not reply.hang_up and reply.version == "HTTP/1.1"

    def _pieces(self, reply: Reply) -> Iterator[memoryview]:
        body = memoryview(reply.body)
        end = len(body) if reply.cut is None else min(reply.cut, len(body))
        start = 0
        while start < end and not self._ending.is_set():
            if reply.pause and start == min(reply.pause_at, end):
                self._pass(reply.pause, reply.gate)
            stop = min(start + reply.piece, end)
            if reply.pause and start < reply.pause_at:
                stop = min(stop, reply.pause_at)
            yield body[start:stop]
            self._pass(reply.every, None)
            start = stop

    def _pass(self, seconds: float, gate: threading.Event | None) -> None:
        """Let time pass, but not beyond the end, or what the gate tells."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._ending.is_set() or (gate is not None and gate.wait(min(left, 0.01))):
                break
            if gate is None:
                self._ending.wait(left)


def _read(incoming: BinaryIO) -> Asked | None:
    """The next request on a connection; None when there is none."""
    line = incoming.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while field_line := incoming.readline().strip():
        name, _, value = field_line.decode("latin-1").partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
    incoming.read(int(headers.get("content-length", "0")))
    return Asked(line[0], line[1], headers)


def _head(reply: Reply) -> bytes:
    phrase = responses.get(reply.status, "Unknown")
    lines = [f"{reply.version} {reply.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.status not in (204, 304):
        if reply.framing == "length":
            length = len(reply.body) if reply.declared is None else reply.declared
            lines.append(f"Content-Length: {length}")
        elif reply.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _end(connection: socket.socket, *, abrupt: bool) -> bool:
    if abrupt:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
