"""What comes in at a fake upstream and goes out of it: values, and what RFC 9110 makes of a request."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Literal
from urllib.parse import parse_qs, urlsplit

PIECE = 1 << 18
MODIFIED = 1_600_000_000.0
"""When everything was last changed, unless told otherwise."""

Framing = Literal["length", "chunked", "close"]


@dataclass(slots=True)
class Asked:
    """A request that came in. Names of headers are in lower case; repeated ones are joined by commas.
    `sent` counts the bytes of the body that went out for it so far."""

    method: str
    target: str
    headers: Mapping[str, str]
    sent: int = 0

    @property
    def path(self) -> str:
        """Without the query, as it was written."""
        return urlsplit(self.target).path

    @property
    def query(self) -> Mapping[str, str]:
        """The last value of each parameter."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str:
        """Empty when it was not sent."""
        return self.headers.get(name.lower(), "")


@dataclass(frozen=True, slots=True)
class Resource:
    """What is at a path. Without `etag` its ETag is a hash of the bytes; an empty one is none, and so is
    `modified` (seconds) of None."""

    body: bytes
    content_type: str = "application/octet-stream"
    etag: str | None = None
    modified: float | None = MODIFIED
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how it goes out.

    `declared`: the Content-Length when it is not that of the body. `wait` seconds before the first byte.
    After `pause_at` bytes of the body it pauses for `pause` seconds, or until `gate` is set. `piece` bytes
    go out at a time, `every` that many seconds. `cut`: bytes of the body after which the connection ends,
    -1 being before the head; `abrupt` makes it a reset. `before` goes out ahead of the head; `hang_up` ends
    the connection behind the answer without having said so."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | memoryview = b""
    framing: Framing = "length"
    declared: int | None = None
    wait: float = 0
    pause_at: int = 0
    pause: float = 0
    gate: threading.Event | None = None
    piece: int = PIECE
    every: float = 0
    cut: int | None = None
    abrupt: bool = False
    before: bytes = b""
    version: str = "HTTP/1.1"
    hang_up: bool = False

    def without(self, *names: str) -> "Reply":
        """The same without these headers."""
        return replace(self, headers=[line for line in self.headers if line[0].lower() not in names])


Fault = Callable[[Asked, Reply], Reply]
Answering = Callable[[Asked], Resource | Reply | None]


def conditional(asked: Asked, resource: Resource) -> Reply:
    """The answer that RFC 9110 has for a request: the whole, a part of it, or that nothing changed."""
    etag = resource.etag
    if etag is None:
        etag = f'"{hashlib.sha256(resource.body).hexdigest()[:16]}"'
    modified = "" if resource.modified is None else formatdate(resource.modified, usegmt=True)
    validators = [("ETag", etag)] * bool(etag) + [("Last-Modified", modified)] * bool(modified)
    headers = [("Content-Type", resource.content_type), *validators, *resource.headers.items()]
    if given := asked.header("if-none-match"):
        known = [each.strip().removeprefix("W/") for each in given.split(",")]
        if etag and etag.removeprefix("W/") in known:
            return Reply(304, validators)
    elif modified and asked.header("if-modified-since") == modified:
        return Reply(304, validators)
    headers.append(("Accept-Ranges", "bytes"))
    wanted = asked.header("range")
    if not wanted.startswith("bytes=") or asked.header("if-range") not in ("", etag, modified):
        return Reply(200, headers, resource.body)
    size = len(resource.body)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1 if first and last else size, size)
    if start >= size:
        return Reply(416, [("Content-Range", f"bytes */{size}")])
    headers.append(("Content-Range", f"bytes {start}-{end - 1}/{size}"))
    return Reply(206, headers, memoryview(resource.body)[start:end])
