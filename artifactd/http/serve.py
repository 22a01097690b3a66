"""From `Content` to a response: headers, conditions, ranges and bytes, once for every format.

Rule 1: stored bytes go out as they are: the stored media type without parameters, never a content encoding
(docker R40, R41).
Rule 2: bytes are opened before `http.response.start`, so that their absence can still become an error.
Rule 3: a representation goes out whole, in the coding its client likes best. Each coding has an entity tag
of its own, so no range of one is ever continued in another: there are none.
Rule 4: a file goes out by sendfile where the connection offers it; else in pieces read by a thread, so that
neither the loop waits for a disk nor a thread for a client.
Rule 5: several ranges are the parts of one answer. Of bytes that are still on their way, all are sent
instead, as they come.
"""

import asyncio
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from artifactd.blobs.store import BlobStore
from artifactd.clock import Micros
from artifactd.errors import ArtifactdError, BlobNotFound, RangeNotSatisfiable, StorageFailure
from artifactd.http.bodies import BodyCache
from artifactd.http.codings import choose_coding
from artifactd.http.conditional import RequestHeaders, http_date, not_modified, range_applies
from artifactd.http.multipart_ranges import Body, body_of, filled, length_of, media_type
from artifactd.http.ranges import Range, parse_ranges
from artifactd.http.sendfile import TransferAborted
from artifactd.repositories.content import (
    Content,
    GrowingSource,
    Head,
    InlineSource,
    PartSource,
    Rendered,
    StoredSource,
    UnreadSource,
)
from artifactd.repositories.representation import PLAIN, Representation
from artifactd.upstream.growing import Growing

SMALL = 64 << 10
"""Bytes of a stored document up to which it is read whole and sent in one write."""

PIECE = 512 << 10
"""Bytes read at a time where there is no sendfile: 64 KiB pieces cost five times the CPU."""

GATHERED = 16 << 10
"""Bytes of a range of a file up to which it is read, to go out in one write with what stands around it."""

NOSNIFF = ("x-content-type-options", "nosniff")
_ACTIVE_TYPES = ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")

logger = logging.getLogger(__name__)

Header = tuple[str, str]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Served:
    """What was answered. `bytes_sent` counts the body; `body` is the complete body of a small answer
    (empty for HEAD), else None; `complete` is False when the client went away first."""

    status: int
    bytes_sent: int
    body: bytes | None
    headers: Sequence[Header]
    complete: bool = True


async def serve(
    content: Content,
    *,
    method: str,
    request_headers: RequestHeaders,
    send: Send,
    extensions: Mapping[str, Any],
    body_cache: BodyCache,
    public: bool = False,
) -> Served:
    """Answer a GET or HEAD. `public`: anyone may have it, so that shared caches may too. Raises
    BlobNotFound, StorageFailure and PreconditionFailed, each before anything was sent."""
    source = content.source
    if isinstance(source, Representation):
        return await _serve_representation(
            content, source, method=method, request_headers=request_headers, send=send
        )
    headers = _headers(content, public=public)
    if isinstance(source, UnreadSource):
        length = [] if content.head.size is None else [("content-length", str(content.head.size))]
        return await _answer(send, 200, [*headers, *length], b"")
    if isinstance(source, PartSource):
        return await _serve_part(content.head, source, headers, send)
    size = await _size(content.head, source)
    head = content.head
    if head.etag and not_modified(request_headers, head.etag, head.modified):
        return await _answer(
            send, 304, [line for line in headers if not line[0].startswith("content-")], None
        )
    wanted = request_headers.get("range") if method == "GET" else None
    spans: Sequence[Range] = ()
    if wanted is not None and range_applies(request_headers.get("if-range"), head.etag, head.modified):
        try:
            spans = parse_ranges(wanted, size)
        except RangeNotSatisfiable:
            lines = [line for line in headers if line[0] != "content-type"]
            unsatisfied = [*lines, ("content-range", f"bytes */{size}"), ("content-length", "0")]
            return await _answer(send, 416, unsatisfied, None)
    if len(spans) > 1 and isinstance(source, GrowingSource):
        spans = ()
    status, announced = 200, size
    body: Body = (Range(0, size),)
    if spans:
        status = 206
        headers, body = _partial(headers, spans, size)
        announced = length_of(body)
    headers.append(("content-length", str(announced)))
    if method == "HEAD":
        return await _answer(send, status, headers, b"")
    if isinstance(source, GrowingSource):
        part = spans[0] if spans else Range(0, size)
        return await _send_growing(source.growing, status, headers, part, send, extensions)
    return await _send(source, size, status, headers, body, send, extensions, body_cache)


def _partial(headers: list[Header], spans: Sequence[Range], size: int) -> tuple[list[Header], Body]:
    """Headers, without the length, and body of an answer with these ranges of what `headers` describe."""
    if len(spans) == 1:
        return [*headers, ("content-range", spans[0].content_range(size))], spans
    boundary = secrets.token_hex(16)
    content_type = next(value for name, value in headers if name == "content-type")
    others = [line for line in headers if line[0] != "content-type"]
    body = body_of(spans, size, content_type, boundary)
    return [("content-type", media_type(boundary)), *others], body


async def _serve_part(head: Head, source: PartSource, headers: list[Header], send: Send) -> Served:
    """The range that was asked for, which is all there is here."""
    assert head.size is not None, "whoever sends a part says of how much"
    part = Range(source.first, len(source.body))
    headers.append(("content-range", part.content_range(head.size)))
    headers.append(("content-length", str(part.length)))
    return await _answer(send, 206, headers, source.body)


async def _serve_representation(
    content: Content,
    representation: Representation,
    *,
    method: str,
    request_headers: RequestHeaders,
    send: Send,
) -> Served:
    # Several lines mean what one with commas does (RFC 9110, section 5.3).
    accepted = ",".join(request_headers.getlist("accept-encoding"))
    coding = choose_coding(accepted, representation.codings) or PLAIN
    if representation.is_ready(coding):
        coded = representation.coded(coding)
    else:
        coded = await asyncio.get_running_loop().run_in_executor(None, representation.coded, coding)
    head = content.head
    varies = [value for name, value in content.headers if name.lower() == "vary"]
    added = [line for line in content.headers if line[0].lower() != "vary"]
    added.append(("vary", ", ".join([*varies, "Accept-Encoding"])))
    added.append(("accept-ranges", "none"))
    if coding != PLAIN:
        added.append(("content-encoding", coding))
    headers = list(_lines(head.content_type, coded.etag, head.modified, "no-cache", tuple(added)))
    if not_modified(request_headers, coded.etag, head.modified):
        return await _answer(
            send, 304, [line for line in headers if not line[0].startswith("content-")], None
        )
    headers.append(("content-length", str(len(coded.body))))
    return await _answer(send, 200, headers, b"" if method == "HEAD" else coded.body)


async def send_rendered(rendered: Rendered, *, method: str, send: Send) -> Served:
    """Send a complete small answer; a HEAD gets its headers, Content-Length included, without the body."""
    names = {name.lower() for name, _ in rendered.headers}
    headers = [(name.lower(), value) for name, value in rendered.headers]
    if "content-length" not in names and rendered.status not in (204, 304):
        headers.append(("content-length", str(len(rendered.body))))
    if NOSNIFF[0] not in names:
        headers.append(NOSNIFF)
    body = b"" if method == "HEAD" or rendered.status in (204, 304) else rendered.body
    return await _answer(send, rendered.status, headers, body)


def _headers(content: Content, *, public: bool) -> list[Header]:
    """Everything but the length. What the format adds replaces what would stand here."""
    head = content.head
    caching = "no-cache"
    if head.immutable:
        caching = f"{'public' if public else 'private'}, max-age=31536000, immutable"
    return list(_lines(head.content_type, head.etag, head.modified, caching, tuple(content.headers)))


@lru_cache(1024)  # what is asked for often is described once
def _lines(
    content_type: str, etag: str, modified: Micros, caching: str, added: tuple[Header, ...]
) -> tuple[Header, ...]:
    defaults = {
        "content-type": content_type,
        **({"etag": f'"{etag}"'} if etag else {}),
        "last-modified": http_date(modified),
        "accept-ranges": "bytes",
        "cache-control": caching,
        NOSNIFF[0]: NOSNIFF[1],
    }
    if content_type.partition(";")[0].strip().lower() in _ACTIVE_TYPES:
        # Somebody's upload, on the origin of the pages where people are signed in.
        defaults["content-security-policy"] = "sandbox"
    lowered = [(name.lower(), value) for name, value in added]
    replaced = {name for name, _ in lowered}
    return *((name, value) for name, value in defaults.items() if name not in replaced), *lowered


async def _size(head: Head, source: StoredSource | InlineSource | GrowingSource) -> int:
    """Bytes of the whole document."""
    if isinstance(source, InlineSource):
        return len(source.body)
    if isinstance(source, GrowingSource):
        return source.growing.size
    if head.size is not None:
        return head.size
    stored = await asyncio.get_running_loop().run_in_executor(None, source.store.stat, source.location)
    return stored.size


async def _send(
    source: StoredSource | InlineSource,
    size: int,
    status: int,
    headers: Sequence[Header],
    body: Body,
    send: Send,
    extensions: Mapping[str, Any],
    body_cache: BodyCache,
) -> Served:
    if isinstance(source, InlineSource) or size <= SMALL:
        whole = source.body if isinstance(source, InlineSource) else await _small(source, size, body_cache)
        return await _answer(send, status, headers, whole if status == 200 else filled(body, whole))
    path = _path(source.store, source.location)
    if path is not None and "http.response.zerocopysend" in extensions:
        return await _send_file(path, source.location, size, status, headers, body, send)
    return await _send_pieces(source, status, headers, body, send)


async def _small(source: StoredSource, size: int, body_cache: BodyCache) -> bytes:
    """A small stored document, whole."""
    body = body_cache.get(source.location)
    if body is not None:
        return body
    path = _path(source.store, source.location)
    if path is not None:
        # In the loop: a thread costs five times what reading from the page cache does.
        body = _read_file(path, source.location, size)
    else:
        body = await asyncio.get_running_loop().run_in_executor(None, _read, source)
    if len(body) != size:
        raise StorageFailure(f"{source.location!r} has {len(body)} bytes instead of {size}")
    body_cache.put(source.location, body)
    return body


async def _send_file(
    path: str, location: str, size: int, status: int, headers: Sequence[Header], body: Body, send: Send
) -> Served:
    left = length_of(body)
    sent = 0
    descriptor = _open(path, location)
    try:
        length = os.fstat(descriptor).st_size
        if length < size:
            raise StorageFailure(f"{location!r} has {length} bytes instead of {size}")
        await send(_start(status, headers))
        for part in _gathered(descriptor, body):
            if isinstance(part, bytes):
                left -= len(part)
                await send({"type": "http.response.body", "body": part, "more_body": left > 0})
                sent += len(part)
                if left:  # a client that takes all of it at once is not the only one
                    await asyncio.sleep(0)
            else:
                left -= part.length
                file = {
                    "file": descriptor,
                    "offset": part.start,
                    "count": part.length,
                    "more_body": left > 0,
                }
                await send({"type": "http.response.zerocopysend", **file})
                sent += part.length
    except TransferAborted as aborted:
        return Served(status, sent + aborted.sent, None, headers, complete=False)
    finally:
        os.close(descriptor)
    return Served(status, sent, None, headers)


def _gathered(file: int, body: Body) -> Iterator[bytes | Range]:
    """`body`, with the small ranges of the file read: each in a write of its own would cost more. At most
    SMALL + GATHERED bytes at a time. Raises TransferAborted."""
    waiting = bytearray()
    for part in body:
        if isinstance(part, Range) and part.length > GATHERED:
            if waiting:
                yield bytes(waiting)
                waiting.clear()
            yield part
            continue
        waiting += part if isinstance(part, bytes) else _read_part(file, part)
        if len(waiting) >= SMALL:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def _read_part(file: int, part: Range) -> bytes:
    try:
        data = os.pread(file, part.length, part.start)
    except OSError as error:
        raise TransferAborted(f"the file cannot be read: {error.strerror}") from error
    if len(data) < part.length:
        raise TransferAborted("the file is shorter than announced")
    return data


async def _send_pieces(
    source: StoredSource, status: int, headers: Sequence[Header], body: Body, send: Send
) -> Served:
    in_thread = partial(asyncio.get_running_loop().run_in_executor, None)
    length = length_of(body)
    pieces = _pieces(source, body)
    sent = 0
    try:
        piece: bytes = await in_thread(next, pieces, b"")
        if not piece:
            raise StorageFailure(f"{source.location!r} ends before its size")
        await send(_start(status, headers))
        while piece:
            following = sent + len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": following < length})
            sent = following
            piece = await in_thread(next, pieces, b"") if sent < length else b""
    except TransferAborted:
        return Served(status, sent, None, headers, complete=False)
    finally:
        with suppress(ValueError):  # when cancelled, a thread still reads: the last reference then closes
            await in_thread(pieces.close)
    if sent < length:  # the announced length cannot be kept: the server ends the connection
        logger.error("blob %s ends %d bytes early", source.location, length - sent)
    return Served(status, sent, None, headers, complete=sent == length)


def _pieces(source: StoredSource, body: Body) -> Generator[bytes]:
    """`body` as it is read, at most SMALL + PIECE bytes at a time, until the blob ends. The first piece has
    bytes of the blob, which are then known to be there."""
    waiting = b""
    for part in body:
        if isinstance(part, bytes):
            waiting += part
            continue
        with source.store.open(source.location, offset=part.start, length=part.length) as file:
            left = part.length
            while left:
                piece = file.read(min(PIECE, left))
                if not piece:
                    return
                waiting += piece
                left -= len(piece)
                if len(waiting) >= SMALL:
                    yield waiting
                    waiting = b""
    if waiting:
        yield waiting


async def _send_growing(
    growing: Growing,
    status: int,
    headers: Sequence[Header],
    part: Range,
    send: Send,
    extensions: Mapping[str, Any],
) -> Served:
    """Bytes on their way, as they come. Before the first of them a failure is still an error of ours; after
    it, only the end of the connection can tell (proxy R11). Raises what `Growing.reach` does."""
    end = part.start + part.length
    by_sendfile = "http.response.zerocopysend" in extensions
    available = await growing.reach(part.start)
    await send(_start(status, headers))
    position = part.start
    try:
        while position < end:
            count = min(available, end) - position
            if not by_sendfile:
                count = min(count, PIECE)
            more = position + count < end
            if by_sendfile:
                file = {"file": growing.descriptor, "offset": position, "count": count, "more_body": more}
                await send({"type": "http.response.zerocopysend", **file})
            else:
                body = await asyncio.get_running_loop().run_in_executor(
                    None, os.pread, growing.descriptor, count, position
                )
                await send({"type": "http.response.body", "body": body, "more_body": more})
            position += count
            if more and position >= available:
                available = await growing.reach(position)
    except TransferAborted as aborted:
        return Served(status, position - part.start + aborted.sent, None, headers, complete=False)
    except ArtifactdError as error:
        logger.warning("an answer breaks off after %d bytes: %s", position - part.start, error)
        return Served(status, position - part.start, None, headers, complete=False)
    return Served(status, part.length, None, headers)


async def _answer(send: Send, status: int, headers: Sequence[Header], body: bytes | None) -> Served:
    await send(_start(status, headers))
    await send({"type": "http.response.body", "body": body or b"", "more_body": False})
    return Served(status, len(body or b""), body if status != 206 else None, headers)


def _start(status: int, headers: Sequence[Header]) -> MutableMapping[str, Any]:
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": lines}


def _path(store: BlobStore, location: str) -> str | None:
    """The file of a location, when the store is a PathBlobStore."""
    path: Callable[[str], str] | None = getattr(store, "path", None)
    return None if path is None else path(location)


def _open(path: str, location: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BlobNotFound(location) from error
    except OSError as error:
        raise StorageFailure(f"cannot open {location!r}: {error.strerror}") from error


def _read_file(path: str, location: str, size: int) -> bytes:
    descriptor = _open(path, location)
    try:
        return os.pread(descriptor, size + 1, 0)
    except OSError as error:
        raise StorageFailure(f"cannot read {location!r}: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _read(source: StoredSource) -> bytes:
    with source.store.open(source.location) as file:
        return file.read()
