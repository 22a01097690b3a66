"""The PyPI dialogue of the benchmark: wheels that cost next to nothing to make, uploaded as twine does it,
and project pages that are read back.
"""

import base64
import hashlib
import html
import json
import random
import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urljoin, urlsplit

from benchmarks.peers import Peer
from benchmarks.wire import Answer, Connection, UnexpectedAnswer

PAGE_TYPE = "application/vnd.pypi.simple.v1+json"
ACCEPT = (  # what pip asks for
    f"Accept: {PAGE_TYPE}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01\r\n"
)
GZIP = f"{ACCEPT}Accept-Encoding: gzip, deflate\r\n"
_BOUNDARY = "1d1e5c7a7a364dd4a9f1a9ce0f4ee0b2"
_DESCRIPTION = "A wheel of the benchmark, with a description of the usual kind of length.\n" * 24
_LINK = re.compile(r'<a [^>]*?href="([^"]+)"[^>]*>([^<]+)</a>')


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel with its bytes."""

    project: str
    version: str
    metadata: bytes
    content: bytes

    @property
    def filename(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def wheel(project: str, version: str, padding: bytes = b"", description: str = "") -> Wheel:
    """The wheel of a version, the same bytes each time; `padding` is in one file of it, as it is."""
    name = project.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}", "Summary: A benchmark"]
    metadata = "\n".join([*lines, "Requires-Python: >=3.9", "", description]).encode()
    files = {
        f"{name}/padding.bin": padding,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: benchmark\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = f"{info}/RECORD"
    listed = "".join(f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in files.items())
    listed += f"{record},,\n"
    return Wheel(project, version, metadata, _stored({**files, record: listed.encode()}))


@cache
def release_line(project: str, count: int, size: int) -> tuple[Wheel, ...]:
    """Wheels of `count` versions with a padding of `size` bytes each."""
    source = random.Random(project)  # the same for every peer
    return tuple(
        wheel(project, f"1.{number}", source.randbytes(size), _DESCRIPTION) for number in range(count)
    )


def upload(connection: Connection, path: str, one: Wheel) -> Answer:
    """Upload as twine does: one form with the facts of the file, its digests and its bytes."""
    headers = f"Content-Type: multipart/form-data; boundary={_BOUNDARY}\r\nAccept: */*\r\n"
    return connection.request("POST", path, headers, _form(one)).expect(200)


def page_path(peer: Peer, project: str) -> str:
    """Where a peer has the page of a project; nginx as a plain file."""
    return f"{peer.index.simple}{project}/" if peer.index else f"/{project}.json"


def page(peer: Peer, project: str, headers: str = ACCEPT) -> Answer:
    """The page of a project, over a connection of its own."""
    connection = peer.connect()
    answer = connection.request("GET", page_path(peer, project), headers).expect(200)
    connection.close()
    return answer


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a page lists it; `sha256` is empty where the page has none."""

    path: str
    sha256: str


def listing(peer: Peer, project: str) -> dict[str, Listed]:
    """The files of a project by name, as the peer's page has them."""
    answer = page(peer, project)
    base = page_path(peer, project)
    if "json" in answer.header("content-type"):
        return {
            file["filename"]: Listed(urljoin(base, file["url"]), file["hashes"].get("sha256", ""))
            for file in json.loads(answer.body)["files"]
        }
    found = {}
    for link, name in _LINK.findall(answer.body.decode()):
        parts = urlsplit(urljoin(base, html.unescape(link)))
        found[html.unescape(name)] = Listed(parts.path, parts.fragment.partition("sha256=")[2])
    return found


def stock(peer: Peer, wheels: Sequence[Wheel]) -> dict[str, Listed]:
    """See that the peer has these wheels and no others of their project; given at the first use and read
    back. Returns how it lists them."""
    project = wheels[0].project
    marker = peer.folder / f"held-{project}"
    if not marker.exists():
        _give(peer, wheels)
    listed = listing(peer, project)
    if set(listed) != {one.filename for one in wheels}:
        raise UnexpectedAnswer(f"{peer.name}: the page of {project} lists {sorted(listed)[:5]}…")
    if not marker.exists():
        check(peer, listed, wheels)
        marker.touch()
    return listed


def check(peer: Peer, listed: dict[str, Listed], wheels: Iterable[Wheel]) -> None:
    """Compare the digests that a page lists, and download each file and compare its own."""
    connection = peer.connect()
    for one in wheels:
        file = listed[one.filename]
        received = hashlib.sha256()
        connection.download(file.path, received.update)
        if received.hexdigest() != one.sha256 or file.sha256 not in {"", one.sha256}:
            raise UnexpectedAnswer(f"{peer.name} {file.path}: not the bytes that were uploaded")
    connection.close()


def _give(peer: Peer, wheels: Sequence[Wheel]) -> None:
    if peer.index is None:
        raise ValueError(f"{peer.name} has no PyPI")
    if peer.index.folder:
        folder = peer.index.folder / wheels[0].project
        folder.mkdir(exist_ok=True)
        for one in wheels:
            (folder / one.filename).write_bytes(one.content)
        return
    connection = peer.connect()
    for one in wheels:
        upload(connection, peer.index.upload, one)
    connection.close()


def _form(one: Wheel) -> bytes:
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": one.project,
        "version": one.version,
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "summary": "A benchmark",
        "requires_python": ">=3.9",
        "md5_digest": hashlib.md5(one.content).hexdigest(),
        "sha256_digest": one.sha256,
        "blake2_256_digest": hashlib.blake2b(one.content, digest_size=32).hexdigest(),
    }
    begin = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name="
    head = "".join(f'{begin}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    head += f'{begin}"content"; filename="{one.filename}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    return b"%b%b\r\n--%b--\r\n" % (head.encode(), one.content, _BOUNDARY.encode())


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _stored(files: dict[str, bytes]) -> bytes:
    """A zip archive of files as they are: a tenth of what `zipfile` takes, which would be measured too."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    at = 0
    for path, data in files.items():
        name = path.encode()
        # version, flags, method, time, date, CRC, both sizes, length of the name, of what is extra
        facts = struct.pack(
            "<HHHHHLLLHH", 20, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), 0
        )
        local = b"PK\x03\x04" + facts + name
        # comment, disk, attributes, mode of the file, where it begins
        more = struct.pack("<HHHLL", 0, 0, 0, 0o100644 << 16, at)
        directory.append(b"PK\x01\x02" + struct.pack("<H", 0x0314) + facts + more + name)
        parts += [local, data]
        at += len(local) + len(data)
    listed = b"".join(directory)
    end = struct.pack("<HHHHLLH", 0, 0, len(files), len(files), len(listed), at, 0)
    return b"".join([*parts, listed, b"PK\x05\x06" + end])
