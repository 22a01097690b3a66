"""Conditional requests: RFC 9110, section 13. Pure; entity tags come without quotes and are strong.

The order of 13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else If-Modified-Since; then
If-Range, which only decides whether Range counts.
"""

import re
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Protocol

from artifactd.clock import SECOND, Micros
from artifactd.errors import PreconditionFailed

_TAG = re.compile(r'[ \t,]*(?:(W/)?"([^"]*)"|([^\s,"]+))')


class RequestHeaders(Protocol):
    """Request headers by lower-case name; Starlette's `Headers` are some."""

    def get(self, key: str) -> str | None: ...

    def getlist(self, key: str) -> list[str]: ...


def not_modified(headers: RequestHeaders, etag: str, modified: Micros) -> bool:
    """Whether a GET or HEAD is answered by 304. Raises PreconditionFailed when the client wanted other
    bytes than these."""
    matches = headers.getlist("if-match")
    if matches:
        if not any(_lists(value, etag, weak=False) for value in matches):
            raise PreconditionFailed("the document")
    else:
        unmodified_since = _date(headers.get("if-unmodified-since"))
        if unmodified_since is not None and modified // SECOND > unmodified_since:
            raise PreconditionFailed("the document")
    nones = headers.getlist("if-none-match")
    if nones:
        return any(lists(value, etag) for value in nones)
    modified_since = _date(headers.get("if-modified-since"))
    return modified_since is not None and modified // SECOND <= modified_since


def lists(if_none_match: str, etag: str) -> bool:
    """Whether If-None-Match names `etag`, by weak comparison. A tag without quotes counts: Docker clients
    send bare digests (docker R46)."""
    return _lists(if_none_match, etag, weak=True)


def range_applies(if_range: str | None, etag: str, modified: Micros) -> bool:
    """Whether a Range header counts: no If-Range, the same strong tag, or exactly the same date
    (13.1.5)."""
    if if_range is None:
        return True
    value = if_range.strip()
    if value.startswith(("W/", '"')):
        return value == f'"{etag}"'
    date = _date(value)
    return value == etag if date is None else date == modified // SECOND


def http_date(moment: Micros) -> str:
    """`moment` as HTTP writes it, in whole seconds."""
    return _http_seconds(moment // SECOND)


@lru_cache(1024)
def _http_seconds(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _lists(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    position = 0
    while found := _TAG.match(header, position):
        is_weak, quoted, bare = found.groups()
        if etag == (bare if quoted is None else quoted) and (weak or not is_weak):
            return True
        position = found.end()
    return False


def _date(value: str | None) -> int | None:
    """Seconds since the epoch; None for what is no date, which 13.1.3 says to ignore."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
