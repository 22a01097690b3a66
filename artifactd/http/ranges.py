"""Byte ranges: RFC 9110, section 14. Pure.

Rule 1: what is malformed, in another unit, or more than one range is ignored (None, the whole document): a
server may ignore any Range header (14.2), and no artifact client asks for `multipart/byteranges`.
Rule 2: what is one well-formed range that selects nothing is RangeNotSatisfiable. That includes `500-0`,
which 14.1.1 calls invalid: the OCI conformance suite wants 416 for it (docker R81).
"""

import re
from dataclasses import dataclass

from artifactd.errors import RangeNotSatisfiable

_ONE = re.compile(r"[ \t]*([0-9]*)-([0-9]*)[ \t]*")
_DIGITS = 18
"""Positions of more digits lie behind every document; as integers they would only cost time."""


@dataclass(frozen=True, slots=True)
class Range:
    """`length` bytes from `start` on: at least one, all within the document."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The Content-Range header of a document of `size` bytes."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def parse_range(header: str, size: int) -> Range | None:
    """The range that `header` asks for in a document of `size` bytes; None to send all of it. Raises
    RangeNotSatisfiable."""
    unit, separator, wanted = header.partition("=")
    one = _ONE.fullmatch(wanted)
    if not separator or unit.strip().lower() != "bytes" or one is None:
        return None
    first, last = one.groups()
    if not first:
        return _suffix(last, size)
    start = _position(first)
    end = min(_position(last), size - 1) if last else size - 1
    if start > end:
        raise RangeNotSatisfiable(size)
    return Range(start, end - start + 1)


SMALL_PART = 1 << 20
"""Bytes of a range that clients ask for alone: the directory at the end of an archive, a header."""


def is_small(header: str) -> bool:
    """Whether `header` asks for at most SMALL_PART bytes, however large the document is."""
    unit, _, wanted = header.partition("=")
    one = _ONE.fullmatch(wanted)
    if unit.strip().lower() != "bytes" or one is None:
        return False
    first, last = one.groups()
    if not last:
        return False
    length = _position(last) - _position(first) + 1 if first else _position(last)
    return 0 < length <= SMALL_PART


def _suffix(length: str, size: int) -> Range | None:
    """`-n`: the last n bytes."""
    if not length:
        return None
    wanted = min(_position(length), size)
    if not wanted:
        raise RangeNotSatisfiable(size)
    return Range(size - wanted, wanted)


def _position(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else int(10**_DIGITS)
