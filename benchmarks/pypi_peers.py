"""The PyPI servers that are compared, each from a virtual environment of its own (see `install-peers`) and
with the caches it has.
"""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.peers import PASSWORD, PackageIndex, Peer, PeerAbsent, free_port, launch
from benchmarks.wire import UnexpectedAnswer

_JSON = "Content-Type: application/json\r\nAccept: application/json\r\n"


def start_pypiserver(folder: Path) -> Peer:
    """pypiserver under waitress, its cache on (watchdog is installed), no authentication, no log."""
    program = _program("pypiserver", "pypi-server")
    port = free_port()
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    command = [
        *(str(program), "run", "-i", "127.0.0.1", "-p", str(port), "--log-stream", "none"),
        *("--disable-fallback", "-a", ".", "-P", ".", str(packages)),
    ]
    index = PackageIndex("/simple/", upload="/")
    return launch("pypiserver", command, folder, port, "/simple/", index=index)


def start_devpi(folder: Path) -> Peer:
    """devpi-server with one index, which asks no other server; uploads with the token of a login."""
    program = _program("devpi-server", "devpi-server")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    if not data.exists():
        initialise = [str(program.with_name("devpi-init")), "--serverdir", str(data), "--no-root-pypi"]
        done = subprocess.run([*initialise, "--root-passwd", PASSWORD], capture_output=True, text=True)
        if done.returncode:
            raise PeerAbsent(f"devpi-init: {(done.stdout + done.stderr).strip()[-200:]}")
    command = [
        *(str(program), "--serverdir", str(data), "--offline-mode"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]
    index = PackageIndex("/root/bench/+simple/", upload="/root/bench/")
    peer = launch("devpi-server", command, folder, port, "/+api", index=index)
    try:
        return _with_index(peer)
    except (OSError, UnexpectedAnswer) as failure:
        peer.stop()
        raise PeerAbsent(f"devpi-server lets nobody in: {failure}") from failure


def start_simple_repository(folder: Path) -> Peer:
    """simple-repository-server on a folder with a folder for each project."""
    program = _program("simple-repository-server", "simple-repository-server")
    port = free_port()
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), str(packages)]
    index = PackageIndex("/simple/", folder=packages)
    return launch("simple-repository-server", command, folder, port, "/simple/", index=index)


PYPI_STARTERS: dict[str, Callable[[Path], Peer]] = {
    "pypiserver": start_pypiserver,
    "devpi-server": start_devpi,
    "simple-repository-server": start_simple_repository,
}


def versions() -> list[str]:
    """Name and version of those that are installed."""
    found = {name: _home(name) / "installed" for name in PYPI_STARTERS}
    return [f"{name} {file.read_text().split()[0]}" for name, file in found.items() if file.exists()]


def _with_index(peer: Peer) -> Peer:
    login = json.dumps({"user": "root", "password": PASSWORD}).encode()
    answer = peer.connect().request("POST", "/+login", _JSON, login).expect(200)
    token = json.loads(answer.body)["result"]["password"]
    credentials = base64.b64encode(f"root:{token}".encode()).decode()
    peer = replace(peer, authorization=f"Basic {credentials}")
    settings = json.dumps({"type": "stage", "bases": []}).encode()
    peer.connect().request("PUT", "/root/bench", _JSON, settings).expect(200, 409)  # 409: it is there
    return peer


def _program(name: str, program: str) -> Path:
    path = _home(name) / "bin" / program
    if not path.exists():
        raise PeerAbsent(f"{name} is not installed: benchmarks/install-peers does it")
    return path


def _home(name: str) -> Path:
    clients = os.environ.get("ARTIFACTD_TEST_BIN") or Path(__file__).parents[1] / ".clients"
    return Path(clients) / "peers" / name
