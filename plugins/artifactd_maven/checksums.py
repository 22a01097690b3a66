"""Checksums: what clients and upstreams write of them, and the index of an upstream's."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from artifactd.plugin import (
    Answer,
    Asset,
    Change,
    Content,
    Facts,
    Headers,
    Index,
    More,
    Part,
    Selection,
    hex_of,
)
from artifactd_maven.layout import CHECKSUMS, owner, parse

LARGEST: Final = 4 << 10
"""Bytes of a file with a checksum, which some tools write a line about."""

COMPUTED: Final = ("md5", "sha1", "sha512")
"""What is computed of every file beside sha256."""

_DIGITS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_HEX = re.compile(r"[0-9A-Fa-f]+")
_NEXUS_TAG = re.compile(r'"?\{SHA1\{([0-9a-fA-F]{40})\}\}"?')
_HEADERS: Final = ("x-checksum-{}", "x-goog-meta-checksum-{}", "x-amz-meta-checksum-{}")


def parse_checksum(data: bytes, algorithm: str) -> str | None:
    """The checksum in a file of one, in lower case: bare, or with the name of what it is of before or
    behind it (maven R47). None when there is none."""
    words = data[:LARGEST].decode("ascii", "replace").replace("=", " ").split()
    return next((word.lower() for word in words if _is_checksum(word, algorithm)), None)


def stated_by_client(headers: Headers) -> Mapping[str, str]:
    """The checksums that an upload says it has."""
    return _stated({name: headers[name] for name in headers}, _HEADERS[:1])


def stated_by_upstream(facts: Facts) -> Mapping[str, str]:
    """The checksums that an upstream's headers say its file has (maven R21, R23, R101)."""
    found = dict(_stated(facts.headers, _HEADERS))
    tag = _NEXUS_TAG.fullmatch(facts.headers.get("etag", ""))
    if tag is not None:
        found.setdefault("sha1", tag[1].lower())
    return found


def checksum_headers(content: Content) -> Sequence[tuple[str, str]]:
    """What the bytes that are served have. Of a file on its way only its upstream tells, and some clients
    take a file of their own that has the checksum (maven R21, R22)."""
    asset = content.head.asset
    if asset is None or asset.blob is None:
        return ()
    known = {**asset.blob.checksums, "sha256": hex_of(asset.blob.digest)}
    return [(f"X-Checksum-{name.title()}", known[name]) for name in CHECKSUMS if name in known]


def _stated(headers: Mapping[str, str], templates: Iterable[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for template in templates:
        for algorithm in CHECKSUMS:
            said = headers.get(template.format(algorithm), "").strip()
            if _is_checksum(said, algorithm):
                found.setdefault(algorithm, said.lower())
    return found


def _is_checksum(word: str, algorithm: str) -> bool:
    return len(word) == _DIGITS[algorithm] and _HEX.fullmatch(word) is not None


class ChecksumIndex:
    """The index of the checksums that an upstream publishes beside its files, by their path: the checksum
    in lower case, empty when there is none. It exists in proxies only."""

    name = "maven checksums"

    def selects(self, key: str) -> Selection:
        return Selection(owner(key) or key, prefix=key)

    def build(self, key: str, assets: Iterable[Asset]) -> str:
        return ""

    def apply(self, key: str, document: str, changes: Sequence[Change]) -> str | None:
        return None

    def size(self, document: str) -> int:
        return 200

    def path(self, key: str) -> str:
        return key

    def parse(self, key: str, answers: Sequence[Answer]) -> str | More:
        # A page about something else says nothing of the file.
        return parse_checksum(answers[-1].body, parse(key).checksum) or ""

    def merge(self, key: str, parts: Sequence[Part[str]]) -> str:
        return parts[0].document


CHECKSUM: Index[str] = ChecksumIndex()
