"""The Maven questions, in the form of `cases.py`. nginx serves as plain files what artifactd answers."""

import hashlib
import io
import random
import zipfile
from collections.abc import Callable
from functools import partial

from benchmarks.bench import Bench
from benchmarks.costs import Costs
from benchmarks.peers import Peer
from benchmarks.proxy_peers import make_hosted, offer
from benchmarks.report import AtLeast, Measurement
from benchmarks.wire import UnexpectedAnswer

_OURS = "artifactd"
_NGINX = "nginx"
_REPOSITORY = "bench-maven"
_GROUP, _NAME = "com.example.bench", "library"
_FOLDER = "com/example/bench/library"
_METADATA = f"{_FOLDER}/maven-metadata.xml"
_VERSIONS = 30
_SIZES = {"2 MiB": 2 << 20, "64 KiB": 64 << 10}
_HEADERS = "Accept: */*\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n"


def maven_get(bench: Bench) -> list[Measurement]:
    """Two jars and the metadata of their artifact again and again, with the headers that mvn sends."""
    lines = []
    for title, path in _stock(bench).items():
        costs = Costs.of_requests()

        def visit(peer: Peer, path: str = path, costs: Costs = costs) -> float:
            return costs.rate(peer, lambda: bench.wrk.run(peer, _where(peer, path), _HEADERS))

        figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(_OURS, _NGINX)})
        note = costs.note(_OURS, _NGINX)
        lines.append(
            bench.compare(f"{title} GET (16 connections)", "req/s", figures, _NGINX, AtLeast(0.9), note)
        )
    return lines


MAVEN_CASES: dict[str, Callable[[Bench], list[Measurement]]] = {"maven-get": maven_get}


def _stock(bench: Bench) -> dict[str, str]:
    """Let both peers have the files; returns where, by what they are."""
    (ours,) = bench.of(_OURS)
    make_hosted(ours, _REPOSITORY, "maven")
    versions = [f"1.{number}" for number in range(_VERSIONS)]
    for version in versions:
        _put(ours, f"{_FOLDER}/{version}/{_NAME}-{version}.pom", _pom(version))
    _put(ours, _METADATA, _announcement(versions))
    paths = {}
    for (title, size), version in zip(_SIZES.items(), versions, strict=False):
        path = f"{_FOLDER}/{version}/{_NAME}-{version}.jar"
        _put(ours, path, _jar(size))
        paths[f"jar of {title}"] = path
    paths[f"`maven-metadata.xml` of {_VERSIONS} versions"] = _METADATA
    for path in paths.values():
        content = _get(ours, path)
        if nginx := bench.peers.get(_NGINX):
            offer(nginx, path, content)
            if _get(nginx, path) != content:
                raise UnexpectedAnswer(f"nginx {path}: other bytes")
    if any(f"<version>{version}</version>".encode() not in _get(ours, _METADATA) for version in versions):
        raise UnexpectedAnswer(f"{_METADATA} does not list every version")
    return paths


def _where(peer: Peer, path: str) -> str:
    return f"/{path}" if peer.static else f"/repository/{_REPOSITORY}/{path}"


def _put(peer: Peer, path: str, content: bytes) -> None:
    connection = peer.connect()
    connection.request("PUT", _where(peer, path), "", content).expect(200, 201)
    connection.close()
    if path != _METADATA and hashlib.sha1(_get(peer, path)).digest() != hashlib.sha1(content).digest():
        raise UnexpectedAnswer(f"{peer.name} {path}: not the bytes that were sent")


def _get(peer: Peer, path: str) -> bytes:
    connection = peer.connect()
    body = connection.request("GET", _where(peer, path), _HEADERS).expect(200).body
    connection.close()
    return body


def _jar(size: int) -> bytes:
    """A jar of about this size, the same each time."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as jar:
        jar.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), "Manifest-Version: 1.0\n")
        jar.writestr(zipfile.ZipInfo("padding.bin"), random.Random(size).randbytes(size - 300))
    return written.getvalue()


def _pom(version: str) -> bytes:
    facts = f"<groupId>{_GROUP}</groupId><artifactId>{_NAME}</artifactId><version>{version}</version>"
    return f"<project><modelVersion>4.0.0</modelVersion>{facts}</project>".encode()


def _announcement(versions: list[str]) -> bytes:
    """What a deployment says of its artifact at its end."""
    listed = "".join(f"<version>{version}</version>" for version in versions)
    return (
        f"<metadata><groupId>{_GROUP}</groupId><artifactId>{_NAME}</artifactId><versioning>"
        f"<release>{versions[-1]}</release><versions>{listed}</versions>"
        "<lastUpdated>20240101000000</lastUpdated></versioning></metadata>"
    ).encode()
