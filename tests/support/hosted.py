"""A repository of Python projects on a server in another process, as its users know it."""

import http.client
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution
from tests.support.indexes import Index
from tests.support.server import Answer, Login, RunningServer
from tests.support.serving import ADMIN, Running


@dataclass(frozen=True, slots=True)
class Request:
    """One line of the access log. `path` is below the repository; that of a file, but not of what is served
    beside it, is the asset's."""

    method: str
    path: str
    status: int

    @property
    def file(self) -> str:
        """The name of the file that was asked for, or of what is served beside it. Empty for a page."""
        name = self.path.rpartition("/")[2]
        return "" if self.path.startswith(("simple/", "pypi/")) else name


@dataclass(frozen=True, slots=True)
class Hosted:
    """One repository."""

    server: Running
    name: str

    @property
    def url(self) -> str:
        """Where distributions are uploaded to, without a slash at the end."""
        return f"{self.server.url}/repository/{self.name}"

    @property
    def simple(self) -> str:
        """What installers are told, without credentials."""
        return f"{self.url}/simple/"

    def simple_as(self, login: Login = ADMIN) -> str:
        """What installers are told, with credentials in the URL."""
        return self.simple.replace("//", f"//{login.name}:{login.password}@")

    @property
    def index(self) -> Index:
        """A client of a few lines, as the administrator."""
        return Index(cast(RunningServer, _Connections(self.server)), self.name, ADMIN)

    def publish(self, *distributions: Distribution) -> None:
        """Upload without a client."""
        self.index.publish(*distributions)

    def user(self, *verbs: Verb) -> Login:
        """A user of this test alone, who may do this much here."""
        name = f"{self.name}-user"
        self.server.allow(name, self.name, *verbs)
        return self.server.user(name, "correct-horse", name)

    def token(self, login: Login) -> Login:
        """A new API token of a user, as what a client logs in with."""
        with self.server.core() as core:
            _, secret = core.tokens.create(core.users.find(login.name).id, self.name)
        return Login("__token__", secret)

    def requests(self) -> list[Request]:
        """What was asked of this repository, in no order. Empty until it is written: see `eventually`."""
        lines = [json.loads(line) for line in self.server.log.read_text().splitlines() if line[:1] == "{"]
        return [
            Request(line["method"], line["path"], line["status"])
            for line in lines
            if line["event"] == "request" and line.get("repository") == self.name
        ]


@dataclass(frozen=True, slots=True)
class _Connections:
    """`RunningServer.request` for a server in another process."""

    server: Running

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        login: Login | None = ADMIN,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        lines = dict(headers)
        if login is not None:
            lines["Authorization"] = login.header
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, body, lines)
            response = connection.getresponse()
            received = response.read()
        finally:
            connection.close()
        return Answer(
            response.status, [(name.lower(), value) for name, value in response.getheaders()], received
        )
