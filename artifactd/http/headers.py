"""Response heads as bytes."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers

_CR, _LF, _NUL = b"\r", b"\n", b"\0"


class IndexedHeaders(Headers):
    """Request headers with names in lower case, as ASGI has them; a look-up is one of a dictionary."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._first = dict(reversed(raw))  # of lines with the same name, the first

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower().encode("latin-1")].decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._first

    def getlist(self, key: str) -> list[str]:
        return super().getlist(key) if key in self else []


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES: Mapping[int, bytes] = {status: _status_line(status) for status in range(100, 600)}
NOT_MODIFIED = STATUS_LINES[304]


def join(lines: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header lines, each ended by CRLF. Raises ValueError when a value would end its line early (response
    splitting): one look at the whole block costs less than a pattern per header."""
    parts: list[bytes] = []
    count = 0
    for name, value in lines:
        parts += (name, b": ", value, b"\r\n")
        count += 1
    block = b"".join(parts)
    if block.count(_LF) != count or block.count(_CR) != count or _NUL in block:
        raise ValueError("a header holds a line break or NUL")
    return block


def encode(lines: Iterable[tuple[str, str]]) -> bytes:
    """The same from text, names in lower case. Raises ValueError; also for what Latin-1 cannot say."""
    return join((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in lines)
