"""A real server for wire tests: the whole application behind uvicorn on a loopback port, in this process.

Start-up costs half a second, so `server` lives as long as the session: a test makes repositories, users and
roles of its own (every factory gives a new name) and leaves what others made alone. A test that needs
settings or a database of its own uses `running`.

    def test_x(server):
        raw = server.repository("raw")
        assert server.request("PUT", f"/repository/{raw}/a.txt", b"bytes").status == 201
"""

import base64
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from artifactd import clock
from artifactd.app import Application, Core, first_start
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Scopes, Verb
from artifactd.auth.roles import Grant
from artifactd.blobs.store import Stored
from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import RepositoryDraft
from artifactd.clock import Micros, micros
from artifactd.formats.format import Format
from artifactd.formats.loader import load_formats
from artifactd.http.server import DrainingServer, bind, configured
from artifactd.settings import Log, Settings
from tests.support import toy_format


@dataclass(frozen=True, slots=True)
class Login:
    """Who a request comes from. An API token goes in as the password of any name."""

    name: str
    password: str

    @property
    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


ADMIN = Login("admin", "the admin's password")
ANONYMOUS: Login | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` has every line, in order, names in lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; empty when there is none. Several lines are joined by a comma."""
        return ", ".join(value for known, value in self.headers if known == name.lower())

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class MovingClock:
    """The system's time, moved ahead by what tests skip."""

    def __init__(self) -> None:
        self._ahead: Micros = 0

    def __call__(self) -> Micros:
        return clock.now() + self._ahead

    def advance(self, by: timedelta) -> None:
        """Let `by` pass at once."""
        self._ahead += micros(by)


class RunningServer:
    """A server, a client of it, and factories for what tests need. `core` is the server's own."""

    def __init__(self, core: Core, address: tuple[str, int], clock: MovingClock) -> None:
        self.core = core
        self.address = address
        self.clock = clock
        self._numbers = itertools.count(1)
        self._local = threading.local()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        return f"http://{self.address[0]}:{self.address[1]}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        login: Login | None = ADMIN,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """One request on this thread's connection. `path` goes out as it is written, with its query; an
        iterable body goes out chunked; a header may come several times; `Content-Length` and
        `Authorization` are added where the test does not say otherwise."""
        lines = list(headers.items() if isinstance(headers, Mapping) else headers)
        given = {name.lower() for name, _ in lines}
        if login is not None and "authorization" not in given:
            lines.append(("Authorization", login.header))
        if not isinstance(body, bytes):
            lines.append(("Transfer-Encoding", "chunked"))
        elif "content-length" not in given and (body or method in ("PUT", "POST", "PATCH")):
            lines.append(("Content-Length", str(len(body))))
        try:
            return self._exchange(method, path, body, lines)
        except (http.client.RemoteDisconnected, ConnectionError):
            if not isinstance(body, bytes):
                raise
            return self._exchange(method, path, body, lines)  # the server had closed the idle connection

    def send(self, data: bytes) -> bytes:
        """Send these very bytes on a connection of their own, then nothing more; what comes back."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(1 << 16), b""))

    def _exchange(
        self, method: str, path: str, body: bytes | Iterable[bytes], lines: Sequence[tuple[str, str]]
    ) -> Answer:
        connection = self._connection()
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in lines:
                connection.putheader(name, value)
            if isinstance(body, bytes):
                connection.endheaders(body or None)
            else:
                connection.endheaders(body, encode_chunked=True)
            response = connection.getresponse()
            received = response.read()
        except BaseException:
            self.disconnect()
            raise
        return Answer(response.status, [(n.lower(), v) for n, v in response.getheaders()], received)

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = http.client.HTTPConnection(*self.address, timeout=30)
        return connection

    def disconnect(self) -> None:
        """Close this thread's connection; the next request opens another."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def repository(self, format: str, name: str | None = None, **settings: Any) -> str:
        """A new hosted repository; its name."""
        name = name or self.unused(format)
        draft = RepositoryDraft(name, format, HOSTED, settings, self.core.stores.id("default"))
        self.core.repositories.put(draft, create=True)
        return name

    def user(self, *grants: tuple[str, str, Iterable[Verb]]) -> Login:
        """A new user who may do only this: (repository pattern, path pattern, verbs)."""
        name = self.unused("user")
        self.core.users.create(name, "correct horse battery", [self.role(*grants)] if grants else [])
        return Login(name, "correct horse battery")

    def role(self, *grants: tuple[str, str, Iterable[Verb]]) -> str:
        """A new role; its name."""
        name = self.unused("role")
        self.core.roles.put(name, [Grant(where, path, frozenset(verbs)) for where, path, verbs in grants])
        return name

    def token(self, login: Login, scopes: Scopes | None = None) -> Login:
        """A new API token of a user, as what a client logs in with."""
        user = self.core.users.find(login.name)
        _, secret = self.core.tokens.create(user.id, self.unused("token"), scopes)
        return Login(login.name, secret)

    def unused(self, what: str) -> str:
        """A name nothing has yet."""
        return f"{what}-{next(self._numbers)}"

    def run_tasks(self) -> None:
        """Run every task that is due, here and now: no task process is spawned."""
        worker = self.core.worker()
        while worker.run_due():
            pass

    def stored(self) -> Mapping[str, Stored]:
        """Everything the default blob store holds, uploads under way included, by location."""
        store = self.core.stores.named("default")
        return {stored.location: stored for stored in store.scan()}


@contextmanager
def running(
    data: Path, formats: Mapping[str, Format] | None = None, **settings: Any
) -> Iterator[RunningServer]:
    """A server with its data in the folder `data`. `formats` are served beside the installed ones;
    `settings` are `Settings` fields."""
    moving = MovingClock()
    chosen: dict[str, Any] = {
        "data": data,
        "admin_password": SecretStr(ADMIN.password),
        "log": Log(access=False),
        "drain_delay": timedelta(0),
        "drain_timeout": timedelta(seconds=5),
        **settings,
    }
    # Hashes that cost nothing: most tests make a user of their own.
    passwords = Passwords(memory=64, passes=1)
    core = Core(Settings(**chosen), {**load_formats(), **(formats or {})}, moving, passwords)
    first_start(core)
    listening = bind("127.0.0.1", 0)
    server = DrainingServer(
        configured(Application(core), timedelta(seconds=5)),
        host="127.0.0.1",
        declared=core.directory.ports,
        drain_delay=timedelta(0),
        on_drain=lambda: None,
    )
    thread = threading.Thread(target=server.run, args=([listening],), name="server")
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and thread.is_alive():
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)
        assert thread.is_alive(), "the server ended while it started"
        client = RunningServer(core, listening.getsockname(), moving)
        yield client
        client.disconnect()
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server does not end"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The session's server, with the installed formats and the toy."""
    with running(tmp_path_factory.mktemp("server"), {"toy": toy_format.format}) as server:
        yield server
