"""Byte ranges: RFC 9110, section 14. Pure.

Rule 1: what is malformed or in another unit is ignored (the whole document): a server may ignore any Range
header (14.2).
Rule 2: what is well-formed and selects nothing is RangeNotSatisfiable. That includes `500-0`, which 14.1.1
calls invalid: the OCI conformance suite wants 416 for it (docker R81). Among several ranges, those that
select something are answered, and the others are dropped.
Rule 3: several ranges keep their client's order. Neighbours that overlap or touch become one. What would
send a byte twice all the same, or is more than anybody needs, is ignored: it is how servers are attacked.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from artifactd.errors import RangeNotSatisfiable

MOST = 256
"""Ranges in one request. Clients of zchunk files ask for up to 256 at a time (rpm R66)."""

LONGEST = 16 << 10
"""Characters of a list of ranges."""

_ONE = re.compile(r"[ \t]*(?=-?[0-9])([0-9]*)-([0-9]*)[ \t]*")
_DIGITS = 18
"""Positions of more digits lie behind every document; as integers they would only cost time."""


@dataclass(frozen=True, slots=True)
class Range:
    """`length` bytes from `start` on: at least one, all within the document."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The position behind the last byte."""
        return self.start + self.length

    def content_range(self, size: int) -> str:
        """The Content-Range header of a document of `size` bytes."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse_ranges(header: str, size: int) -> Sequence[Range]:
    """The ranges that `header` asks for in a document of `size` bytes, none of which overlap; none at all
    to send the whole. Raises RangeNotSatisfiable."""
    unit, _, wanted = header.partition("=")
    if unit.strip().lower() != "bytes":
        return ()
    if "," in wanted:
        return _several(wanted, size)
    one = _ONE.fullmatch(wanted)
    if one is None:
        return ()
    span = _selected(one, size)
    if span is None:
        raise RangeNotSatisfiable(size)
    return (span,)


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


def _several(wanted: str, size: int) -> Sequence[Range]:
    if len(wanted) > LONGEST:
        return ()
    # Empty elements of a list count for nothing (5.6.1.2).
    elements = [element for element in wanted.split(",") if element.strip(" \t")]
    asked = [one for element in elements if (one := _ONE.fullmatch(element))]
    if not asked or len(asked) < len(elements) or len(asked) > MOST:
        return ()
    spans = [span for one in asked if (span := _selected(one, size))]
    if not spans:
        raise RangeNotSatisfiable(size)
    if len(asked) > size or sum(span.length for span in spans) > size:
        return ()
    joined = _joined(spans)
    in_order = sorted(joined, key=attrgetter("start"))
    return joined if all(one.end <= other.start for one, other in pairwise(in_order)) else ()


def _selected(one: re.Match[str], size: int) -> Range | None:
    """What a well-formed range selects; None for nothing."""
    first, last = one.groups()
    start, end = _position(first), size
    if not first:  # `-n`: the last n bytes
        start = max(0, size - _position(last))
    elif last:
        end = min(_position(last) + 1, size)
    return Range(start, end - start) if start < end else None


def _joined(spans: Iterable[Range]) -> Sequence[Range]:
    """`spans`, with neighbours that overlap or touch made one, in the place of the first."""
    found: list[Range] = []
    for span in spans:
        start, end = span.start, span.end
        while found and start <= found[-1].end and found[-1].start <= end:
            before = found.pop()
            start, end = min(start, before.start), max(end, before.end)
        found.append(Range(start, end - start))
    return found


def _position(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else int(10**_DIGITS)
