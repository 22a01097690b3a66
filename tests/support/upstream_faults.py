"""What can be wrong with an upstream's answers: each function makes a fault for `FakeUpstream.fault`. They
add up: `truncated(10)` behind `chunked()` is an answer in chunks that lacks its end."""

import gzip
import threading
from dataclasses import replace

from tests.support.fake_answers import Asked, Fault, Framing, Reply

FOR_EVER = 3600.0
"""Seconds nobody waits for in a test: what pauses that long ends with the server."""

LOGIN_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>password</form></body></html>"
)


def status(
    code: int,
    body: bytes = b"<html><body><h1>Sorry</h1></body></html>",
    *,
    retry_after: str = "",
    content_type: str = "text/html",
) -> Fault:
    """Another status, with a body that means nothing."""
    headers = [("Content-Type", content_type)] + [("Retry-After", retry_after)] * bool(retry_after)
    return lambda _, __: Reply(code, headers, body)


def login_page() -> Fault:
    """200, and a page for people."""
    return lambda _, __: Reply(200, [("Content-Type", "text/html; charset=utf-8")], LOGIN_PAGE)


def redirected(url: str, code: int = 302) -> Fault:
    """A redirect; `{path}` in the URL is the path that was asked for."""
    return lambda asked, _: Reply(code, [("Location", url.replace("{path}", asked.path))])


def truncated(at: float, framing: Framing = "length") -> Fault:
    """The connection ends after `at` bytes of the body; negative ones count from its end, and those between
    0 and 1 are a part of it."""
    return lambda _, reply: replace(reply, framing=framing, cut=_position(reply, at))


def reset(at: float = -1) -> Fault:
    """The connection is reset after `at` bytes of the body, or that part of it; -1 is before the head."""
    return lambda _, reply: replace(reply, cut=-1 if at == -1 else _position(reply, at), abrupt=True)


def framed(framing: Framing) -> Fault:
    """The whole answer, with the end of its body told in another way."""
    return lambda _, reply: replace(reply, framing=framing)


def flipped(at: float = 0) -> Fault:
    """One bit of the body is another."""

    def fault(_: Asked, reply: Reply) -> Reply:
        if not reply.body:
            return reply
        body = bytearray(reply.body)
        body[min(_position(reply, at), len(body) - 1)] ^= 1
        return replace(reply, body=bytes(body))

    return fault


def replaced(body: bytes) -> Fault:
    """Other bytes, whatever the headers say of them."""
    return lambda _, reply: replace(reply, body=body)


def misdeclared(by: int) -> Fault:
    """A Content-Length that is wrong by so many bytes."""
    return lambda _, reply: replace(reply, declared=len(reply.body) + by)


def stalled(seconds: float = FOR_EVER, *, gate: threading.Event | None = None) -> Fault:
    """Nothing comes for so long, or until the gate is set; then all of it."""
    return lambda _, reply: replace(reply, wait=seconds, gate=gate)


def paused(at: float, seconds: float = FOR_EVER, *, gate: threading.Event | None = None) -> Fault:
    """Nothing more comes after `at` bytes of the body for so long, or until the gate is set."""
    return lambda _, reply: replace(reply, pause_at=_position(reply, at), pause=seconds, gate=gate)


def dripping(piece: int = 1, every: float = 0.05) -> Fault:
    """So many bytes of the body at a time."""
    return lambda _, reply: replace(reply, piece=piece, every=every)


def gzipped() -> Fault:
    """The body is compressed, and says so, though nobody asked for it."""

    def fault(_: Asked, reply: Reply) -> Reply:
        headers = [*reply.headers, ("Content-Encoding", "gzip")]
        return replace(reply, headers=headers, body=gzip.compress(reply.body, mtime=0))

    return fault


def labelled() -> Fault:
    """The body says that it is compressed, and it is, by itself: as servers do with `.tar.gz` files."""
    return lambda _, reply: replace(reply, headers=[*reply.headers, ("Content-Encoding", "gzip")])


def without(*names: str) -> Fault:
    """Some headers are missing."""
    return lambda _, reply: reply.without(*(name.lower() for name in names))


def with_header(name: str, value: str) -> Fault:
    """One more header line."""
    return lambda _, reply: replace(reply, headers=[*reply.headers, (name, value)])


def not_modified() -> Fault:
    """304, whether or not anybody asked."""
    return lambda _, __: Reply(304)


def old_fashioned() -> Fault:
    """HTTP/1.0: the end of the connection is that of the body."""
    return lambda _, reply: replace(reply, version="HTTP/1.0", framing="close")


def hinted() -> Fault:
    """An interim answer comes before the final one (RFC 8297)."""
    return lambda _, reply: replace(reply, before=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")


def hung_up() -> Fault:
    """The connection ends behind the answer, without a word."""
    return lambda _, reply: replace(reply, hang_up=True)


def _position(reply: Reply, at: float) -> int:
    if 0 < at < 1:
        return int(at * len(reply.body))
    return int(at) if at >= 0 else max(0, len(reply.body) + int(at))
