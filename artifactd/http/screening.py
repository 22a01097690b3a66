"""Which request heads are refused before anything acts on them. Pure.

The parser (llhttp, strict) has refused by then: line folding, bare CR and LF, whitespace before a colon,
two Content-Length, Content-Length beside Transfer-Encoding, and non-ASCII or control bytes in a target.
This file refuses what it lets through and another server on the way might read differently.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

HEAD_LIMIT = 64 << 10
"""Bytes of all header lines together; large tokens and 20 Accept lines fit many times."""

TARGET_LIMIT = 16 << 10

_NOT_A_TARGET = re.compile(rb"[^\x21-\x7e]|#")
_NOT_A_HOST = re.compile(rb"[^\x21-\x7e]|[/?#@\\<>\"]")
_PER_LINE = 4  # ": " and CRLF

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """The request is answered with `status` and the connection ends: what follows on it may be anything."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Target:
    """A target in origin-form, as sent. `authority` is the host of an absolute-form target, which replaces
    Host (RFC 9112, 3.2.2)."""

    path: bytes
    query: bytes
    authority: bytes | None


def screen(version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check a head whose names are in lower case. Raises Refused."""
    if version not in ("1.1", "1.0"):
        raise Refused(505, "HTTP/1.1 is spoken here")
    hosts = codings = credentials = size = 0
    for name, value in headers:
        size += len(name) + len(value) + _PER_LINE
        if name == b"host":
            hosts += 1
            if _NOT_A_HOST.search(value):
                raise Refused(400, "invalid Host")
        elif name == b"authorization":
            credentials += 1
        elif name == b"transfer-encoding":
            codings += 1
            if codings > 1 or version == "1.0" or value.strip().lower() != b"chunked":
                raise Refused(400, "unknown Transfer-Encoding")
    if size > HEAD_LIMIT:
        raise Refused(431, "the headers are larger than 64 KiB")
    if credentials > 1:
        raise Refused(400, "at most one Authorization header is possible")
    if hosts > 1 or (not hosts and version == "1.1"):
        raise Refused(400, "exactly one Host header is needed")


def parse_target(target: bytes) -> Target:
    """Take a request target apart. Raises Refused."""
    if len(target) > TARGET_LIMIT:
        raise Refused(414, "the target is longer than 16 KiB")
    if _NOT_A_TARGET.search(target):
        raise Refused(400, "invalid request target")
    authority = None
    if not target.startswith(b"/"):
        scheme, separator, rest = target.partition(b"://")
        end = re.search(rb"[/?]|$", rest)
        assert end is not None  # "$" matches
        authority, target = rest[: end.start()], rest[end.start() :]
        if scheme.lower() not in (b"http", b"https") or not separator or not authority:
            raise Refused(400, "invalid request target")
        if _NOT_A_HOST.search(authority):
            raise Refused(400, "invalid host in the request target")
        if not target.startswith(b"/"):
            target = b"/" + target
    path, _, query = target.partition(b"?")
    return Target(path, query, authority)
