"""Conditional writes (RFC 9110, section 13). Pure.

Rule 1: a file's entity tag is its digest, which is strong, so a tag names bytes for ever.
Rule 2: a condition is looked at in the write turn, where nothing can change in between.
Rule 3: who sends again what is there already has been heard, whatever lies between (13.1.1): clients repeat
what nobody answered.
"""

import re
from email.utils import parsedate_to_datetime
from typing import Final

from artifactd.plugin import SECOND, Asset, Digest, Headers

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')


def is_as_known(headers: Headers, present: Asset | None, received: Digest | None) -> bool:
    """Whether If-Match, or else If-Unmodified-Since, lets a client write where `present` is. `received`:
    what it would be replaced by."""
    if present is not None and received is not None and _digest(present) == received:
        return True
    matches = ",".join(headers.getlist("if-match")).strip()
    if matches:
        return present is not None and (matches == "*" or _digest(present) in _tags(matches, weak=False))
    since = _seconds(headers.get("if-unmodified-since", ""))
    return present is None or since is None or present.added // SECOND <= since


def is_not_known(headers: Headers, present: Asset | None) -> bool:
    """Whether If-None-Match lets a client write where `present` is."""
    nones = ",".join(headers.getlist("if-none-match")).strip()
    if present is None or not nones:
        return True
    return nones != "*" and _digest(present) not in _tags(nones, weak=True)


def _digest(asset: Asset) -> str:
    assert asset.blob is not None, "every file has bytes"
    return asset.blob.digest


def _tags(header: str, *, weak: bool) -> set[str]:
    return {tag for is_weak, tag in _TAG.findall(header) if weak or not is_weak}


def _seconds(date: str) -> float | None:
    """Since the epoch; None for what is no date, which 13.1.4 says to ignore."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
