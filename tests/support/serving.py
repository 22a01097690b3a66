"""Real servers: the `artifactd serve` command in processes of its own, for what a server within the tests
cannot show: signals, several web processes, the task process, a kill.

    def test_x(serve):
        server = serve(workers=4, environment={"ARTIFACTD_DRAIN_DELAY": "1"})

Every server listens on a port that the kernel chose and lives in a process group of its own, by which all
of it is ended; `stop` fails when a process outlives it.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from artifactd.app import Core
from artifactd.auth.principal import Verb
from artifactd.auth.roles import Grant
from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import RepositoryDraft
from artifactd.settings import Settings
from tests.support.server import Login

ADMIN = Login("admin", "secret")

START_SECONDS = 30.0
"""For a first start with several processes on a machine that does other things too."""

END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs. `log` is what it prints."""

    data: Path
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def host(self) -> str:
        """As image names begin: `127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self.host}"

    @contextmanager
    def core(self) -> Iterator[Core]:
        """The server's own objects in this process, as its command line has them: how tests make users and
        repositories, and look at what is stored."""
        settings = Settings(data=self.data, admin_password=SecretStr(ADMIN.password))
        with closing(Core(settings)) as core:
            yield core

    def repository(self, name: str, format: str = "docker", **more: Any) -> str:
        """Make a hosted repository, or give it these settings; its name. `hosts` and `ports` declare entry
        points."""
        entries = {key: more.pop(key) for key in ("hosts", "ports") if key in more}
        with self.core() as core:
            draft = RepositoryDraft(name, format, HOSTED, more, core.stores.id("default"), **entries)
            core.repositories.put(draft)
        return name

    def allow(self, role: str, repository: str, *verbs: Verb, path: str = "**") -> None:
        """Make the role `role` be this one grant. The role `anonymous` is what nobody needs to log in
        for."""
        with self.core() as core:
            core.roles.put(role, [Grant(repository, path, frozenset(verbs))])

    def user(self, name: str, password: str, *roles: str) -> Login:
        """Make a user."""
        with self.core() as core:
            core.users.create(name, password, roles)
        return Login(name, password)

    def requests(self, path: str) -> list[tuple[str, str, int]]:
        """Method, path and status of each request that was answered below a path of a repository, in no
        order, as the access log has them. Empty until it is written: see `eventually`."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [
            (line["method"], line["path"], line["status"])
            for line in lines
            if line["event"] == "request" and line.get("path", "").startswith(path)
        ]

    def stop(self) -> int:
        """SIGTERM; the exit code, once every process has ended."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(END_SECONDS)
        eventually(lambda: not self.is_alive(), END_SECONDS)
        return code

    def kill(self) -> None:
        """SIGKILL to every process at once, as the kernel or a power switch would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)
        eventually(lambda: not self.is_alive(), END_SECONDS)

    def is_alive(self) -> bool:
        """Whether any of its processes is."""
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = status.read_text().rpartition(")")[2].split()
                if fields[0] != "Z" and int(fields[2]) == self.process.pid:  # state, process group
                    return True
        return False


class Serve(Protocol):
    """Starts servers that end with the test."""

    def __call__(
        self, workers: int = 1, *, data: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Running: ...


@contextmanager
def serving(
    data: Path, workers: int = 1, *, environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """A server on the folder `data`, ended by SIGTERM unless the test ended it."""
    data.mkdir(parents=True, exist_ok=True)
    log = data.with_name(f"{data.name}.log")
    written = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "artifactd.cli", "serve", "--data", str(data), "--host", "127.0.0.1"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, "--port", "0", "--workers", str(workers)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(environment or {}),
            start_new_session=True,
        )
    server = Running(data, 0, process, log)
    try:
        server = Running(data, _await_ready(process, log, written), process, log)
        yield server
    finally:
        try:
            if process.poll() is None:
                server.stop()
        finally:
            server.kill()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers. `environment`: settings by their variable; `data`: the folder of an earlier one."""
    with ExitStack() as stack:
        count = 0

        def start(
            workers: int = 1, *, data: Path | None = None, environment: Mapping[str, str] | None = None
        ) -> Running:
            nonlocal count
            count += 1
            folder = data or tmp_path / f"server{count}"
            return stack.enter_context(serving(folder, workers, environment=environment))

        yield start


def eventually(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until `holds` does; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def listens(port: int) -> bool:
    """Whether anything of this machine takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _environment(given: Mapping[str, str]) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ARTIFACTD_")}
    chosen = {"ARTIFACTD_ADMIN_PASSWORD": ADMIN.password, "ARTIFACTD_DRAIN_DELAY": "0"}
    return inherited | chosen | dict(given)


def _await_ready(process: "subprocess.Popen[bytes]", log: Path, start: int) -> int:
    """The port a server listens on, once it says that it is ready. What it logs begins at `start`."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        text = log.read_bytes()[start:].decode()
        assert process.poll() is None, f"the server ended with {process.returncode}:\n{text}"
        assert time.monotonic() < deadline, f"the server does not start:\n{text}"
        _, said, rest = text.partition(" on http://127.0.0.1:")
        if said and not rest[:1].isspace() and _is_ready(int(rest.partition('"')[0])):
            return int(rest.partition('"')[0])
        time.sleep(0.02)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
