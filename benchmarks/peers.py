"""The servers that are compared: each started by its outside contract in its own folder, on its own port.
Those of PyPI alone are in `pypi_peers.py`, those of proxies in `proxy_peers.py`.

A peer that is not installed, or does not become ready, is a `PeerAbsent` with the reason; the run goes on
without it and names it.
"""

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import Connection, UnexpectedAnswer

_READY_SECONDS = 30.0
_STOP_SECONDS = 20.0
PASSWORD = "benchmark-password"


class PeerAbsent(Exception):
    """The peer cannot take part; the message says why."""


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """A PyPI: `simple` is the path its project pages are below. Files come in through `upload`, a path, or
    else as files of `folder`/PROJECT."""

    simple: str
    upload: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server. `image` is where its docker API keeps the image of the benchmark, `index` where its
    PyPI is; `static` is the folder it serves as it is."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    ready_seconds: float
    image: str = ""
    authorization: str = ""
    index: "PackageIndex | None" = None
    static: Path | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def connect(self) -> Connection:
        """A new connection with this peer's credentials."""
        return Connection(self.port, self.authorization)

    def stop(self) -> None:
        """End it in good order; kill it when it does not end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_nginx(folder: Path) -> Peer:
    """nginx with one worker, serving `folder`/static with sendfile."""
    port = free_port()
    static = folder / "static"
    static.mkdir(parents=True, exist_ok=True)
    command = nginx(folder, f"access_log off; server {{ listen 127.0.0.1:{port}; root {static}; }}")
    return launch("nginx", command, folder, port, "/", answers=(200, 403, 404), static=static)


def nginx(folder: Path, http: str) -> list[str]:
    """The command of an nginx with one worker and these lines of its `http` block."""
    program = _program("nginx", "/usr/sbin/nginx")
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = folder / "nginx.conf"
    settings.write_text(
        f"""{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 1024; }}
http {{
  sendfile on;
  tcp_nopush on;
  # the other peers close no connection after a number of requests
  keepalive_requests 1000000000;
{temporary}
  {http}
}}
"""
    )
    return [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(settings)]


def start_registry(folder: Path) -> Peer:
    """Debian's docker-registry on the filesystem, no authentication, its cache on and its logs off."""
    program = _program("docker-registry", "/usr/bin/docker-registry")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "config.yml"
    settings.write_text(
        f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: benchmark}}
"""
    )
    command = [program, "serve", str(settings)]
    return launch("docker-registry", command, folder, port, "/v2/", image="bench/image")


def start_artifactd(folder: Path, *, workers: int = 1) -> Peer:
    """artifactd from this environment, durable writes at their default (on), no access log."""
    program = Path(sys.executable).parent / "artifactd"
    if not program.exists():
        raise PeerAbsent(f"artifactd: {program} does not exist")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    credentials = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    command = [
        *(str(program), "serve", "--data", str(folder / "data")),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)),
    ]
    return launch(
        "artifactd",
        command,
        folder,
        port,
        "/readyz",
        image="docker/bench/image",
        authorization=f"Basic {credentials}",
        index=PackageIndex("/repository/pypi/simple/", upload="/repository/pypi/"),
        environment={"ARTIFACTD_ADMIN_PASSWORD": PASSWORD, "ARTIFACTD_LOG__ACCESS": "false"},
    )


STARTERS: dict[str, Callable[[Path], Peer]] = {
    "artifactd": start_artifactd,
    "nginx": start_nginx,
    "docker-registry": start_registry,
}


def launch(
    name: str,
    command: list[str],
    folder: Path,
    port: int,
    ready: str,
    *,
    answers: tuple[int, ...] = (200,),
    image: str = "",
    authorization: str = "",
    index: PackageIndex | None = None,
    static: Path | None = None,
    environment: dict[str, str] | None = None,
) -> Peer:
    """Start a server and wait until it answers `ready`; `PeerAbsent` when it does not."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "ARTIFACTD_"))
    }
    log = folder / "output.log"
    with log.open("ab") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=inherited | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    while not _is_ready(port, ready, answers):
        waited = time.monotonic() - began
        if process.poll() is not None or waited > _READY_SECONDS:
            process.kill()
            process.wait()
            last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
            raise PeerAbsent(f"{name} was not ready after {waited:.1f} s: {last[0][:200]}")
        time.sleep(0.002)  # a hundredth of the quickest start
    seconds = time.monotonic() - began
    return Peer(name, port, process, folder, seconds, image, authorization, index, static)


def _is_ready(port: int, path: str, answers: tuple[int, ...]) -> bool:
    try:
        connection = Connection(port)
    except OSError:
        return False
    try:
        return connection.request("GET", path, "Connection: close\r\n").status in answers
    except (OSError, UnexpectedAnswer):
        return False
    finally:
        connection.close()


def _program(name: str, usual: str) -> str:
    found = shutil.which(name) or shutil.which(usual)
    if found is None:
        raise PeerAbsent(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
