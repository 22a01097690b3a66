"""Epoch, version and release, and the order that rpm puts them in (rpm R50)."""

import re
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, Final, TypeVar

_Ordered = TypeVar("_Ordered", int, str)

_SEGMENTS: Final = re.compile(r"[0-9]+|[A-Za-z]+|[~^]")


@dataclass(frozen=True, slots=True)
class Evr:
    """What of a package's name changes from build to build. Two that are written differently may be equal
    in order: `compare` tells."""

    epoch: int
    version: str
    release: str

    def __str__(self) -> str:
        """`epoch:version-release`, without an epoch of zero."""
        return f"{self.epoch or ''}{':' if self.epoch else ''}{self.version}-{self.release}"


def compare(one: Evr, other: Evr) -> int:
    """-1, 0 or 1: epochs as numbers, then versions, then releases."""
    return (
        _order(one.epoch, other.epoch)
        or compare_versions(one.version, other.version)
        or compare_versions(one.release, other.release)
    )


def evr_key(evr: Evr) -> Any:
    """A key to sort by, oldest first."""
    return cmp_to_key(compare)(evr)


def compare_versions(one: str, other: str) -> int:
    """-1, 0 or 1: segment by segment, where a segment is digits or letters, and whatever separates them
    says nothing. Digits are newer than letters, more segments than fewer; but `~` comes before the end,
    and `^` right after it."""
    ours, theirs = _SEGMENTS.findall(one), _SEGMENTS.findall(other)
    for mine, its in zip(ours, theirs, strict=False):
        if order := _compare_segments(mine, its):
            return order
    shared = min(len(ours), len(theirs))
    if len(ours) == len(theirs):
        return 0
    longer, sign = (ours, 1) if len(ours) > shared else (theirs, -1)
    return -sign if longer[shared] == "~" else sign


def _compare_segments(one: str, other: str) -> int:
    ranks = _rank(one), _rank(other)
    if ranks[0] != ranks[1]:
        return _order(*ranks)
    if one[0].isdigit():
        one, other = one.lstrip("0"), other.lstrip("0")
        if len(one) != len(other):
            return _order(len(one), len(other))
    return _order(one, other)


def _rank(segment: str) -> int:
    """What comes before what, where kinds of segments differ: a tilde before the end of the other version,
    a caret after it, letters and digits behind."""
    if segment == "~":
        return 0
    if segment == "^":
        return 1
    return 3 if segment[0].isdigit() else 2


def _order(one: _Ordered, other: _Ordered) -> int:
    return (one > other) - (one < other)
