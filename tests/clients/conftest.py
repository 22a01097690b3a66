"""The server that clients talk to, and the clients, each with folders of its own."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_server
from zlib import crc32

import pytest

from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.parts import require
from tests.support.programs import Program, installed
from tests.support.projects import Project, build, write_project
from tests.support.serving import Running, serving


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with two web processes, for all tests. Its starter repository `docker` is for all of them,
    too: each pushes to an image of its own."""
    with serving(tmp_path_factory.mktemp("clients") / "data", workers=2) as server:
        yield server


@pytest.fixture
def image_name(registry: Running, request: pytest.FixtureRequest) -> str:
    """A name for an image of this test alone, as `HOST:PORT/docker/…`."""
    words = re.findall(r"[a-z0-9]+", request.node.name.lower().removeprefix("test_"))
    return f"{registry.host}/docker/{'-'.join(words)[:80]}"


@pytest.fixture
def hosted(registry: Running, request: pytest.FixtureRequest) -> Hosted:
    """A repository of Python projects of this test alone."""
    words = re.findall(r"[a-z0-9]+", request.node.name.lower().removeprefix("test_"))
    name = f"{'-'.join(words)[:50]}-{crc32(request.node.nodeid.encode()):x}"
    return Hosted(registry, registry.repository(name, "pypi"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home folder of this test's clients, which they run in unless told otherwise."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Home(folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Project]:
    """Builds the project of a back end once for all tests that ask for it, which leave it as it is.
    Another comment is another build."""
    projects: dict[tuple[str, str], Project] = {}

    def made(backend: str, comment: str = "") -> Project:
        if (backend, comment) not in projects:
            folder = tmp_path_factory.mktemp(f"by-{backend}")
            projects[backend, comment] = write_project(folder / "project", backend, comment)
            build(projects[backend, comment], Home(folder))
        return projects[backend, comment]

    return made


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    """An empty file of credentials: some clients fail where the file they are told of is missing."""
    file = tmp_path / "auth.json"
    file.write_text('{"auths": {}}')
    return file


@pytest.fixture
def skopeo(logins: Path, tmp_path: Path) -> Program:
    """skopeo without credentials."""
    environment = {"REGISTRY_AUTH_FILE": str(logins), "TMPDIR": str(tmp_path)}
    return Program(installed("skopeo"), ["--insecure-policy"], environment)


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    with create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Path]:
    """The socket of a Docker daemon of this session alone. Its folder is short: the path of a socket has
    at most 107 bytes."""
    program = installed("dockerd")
    require("dockerd", os.geteuid() == 0, "dockerd runs as root only")
    folder = Path(tempfile.mkdtemp(prefix="artifactd-dockerd-"))
    flags = ["--storage-driver", "vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    places = ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    socket = folder / "docker.sock"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *flags, *places, "-H", f"unix://{socket}", "--pidfile", f"{folder}/pid"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(1000):
            text = (folder / "log").read_text()
            if process.poll() is not None:
                require("dockerd", False, f"dockerd does not start here: {text[-500:]}")
            if "API listen on" in text:
                break
            time.sleep(0.02)
        else:
            require("dockerd", False, "dockerd does not start in time")
        yield socket
    finally:
        # It ends its containerd first, and waits for it.
        process.terminate()
        try:
            process.wait(20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
