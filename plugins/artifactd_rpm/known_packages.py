"""What an upstream's primary says of the file of each package: by which a proxy checks what it fetches
(rpm R104).

A distribution has seventy thousand packages, so this is kept as one run of equal records, sorted by a hash
of their location.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import Answer, Asset, Change, Part, Selection
from artifactd_rpm.compression import decompressed
from artifactd_rpm.reading import Document, attributes, listed
from artifactd_rpm.writing import NAMESPACES

ALGORITHMS: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
"""Those that are checked by, in our words; repodata has `sha` for the second."""

LARGEST_PRIMARY: Final = 2 << 30
"""Bytes, unpacked."""

MOST_PACKAGES: Final = 1_000_000

_KEY: Final = 8
_SIZE_BYTES: Final = 8
_SIZE: Final = re.compile(rb"<size\s([^<]*)>")


@dataclass(frozen=True, slots=True)
class KnownPackages:
    """Records of `width` bytes: hash of the location, algorithm, size, checksum."""

    records: bytes = b""
    width: int = 0

    def __len__(self) -> int:
        return len(self.records) // self.width if self.width else 0

    def find(self, href: str) -> tuple[dict[str, str], int | None]:
        """The checksum (algorithm → hex) and the size of the file at a location; nothing where the upstream
        does not list it."""
        key, low, high = _key(href), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self._record(middle)[:_KEY] < key:
                low = middle + 1
            else:
                high = middle
        record = self._record(low) if low < len(self) else b""
        if record[:_KEY] != key:
            return {}, None
        algorithm = ALGORITHMS[record[_KEY]]
        start = _KEY + 1 + _SIZE_BYTES
        size = int.from_bytes(record[_KEY + 1 : start])
        checksum = record[start : start + _digest_size(algorithm)]
        return {algorithm: checksum.hex()}, size or None

    def _record(self, number: int) -> bytes:
        return self.records[number * self.width : (number + 1) * self.width]


@dataclass(frozen=True, slots=True)
class KnownPackagesIndex:
    """The index of a proxy's primaries: its key is the path of one."""

    name: str = "known-packages"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> KnownPackages:
        return KnownPackages()

    def apply(self, key: str, document: KnownPackages, changes: Sequence[Change]) -> KnownPackages:
        return document

    def size(self, document: KnownPackages) -> int:
        return len(document.records)

    def path(self, key: str) -> str:
        return key

    def parse(self, key: str, answers: Sequence[Answer]) -> KnownPackages:
        return read_primary([answers[0].body])

    def merge(self, key: str, parts: Sequence[Part[KnownPackages]]) -> KnownPackages:
        return parts[0].document


KNOWN_PACKAGES: Final = KnownPackagesIndex()


def read_primary(data: Iterable[bytes]) -> KnownPackages:
    """What a primary document, in pieces and compressed or not, says of files below its own address. Raises
    UpstreamInvalid."""
    found: list[bytes] = []
    longest = 0
    for _, package in Document(
        decompressed(data, LARGEST_PRIMARY), "package", namespace=NAMESPACES["primary"]
    ):
        stated = listed(package)
        algorithm = {"sha": "sha1"}.get(stated.checksum_type, stated.checksum_type)
        if stated.base or algorithm not in ALGORITHMS or len(found) == MOST_PACKAGES:
            continue
        if len(stated.checksum) != 2 * _digest_size(algorithm):
            continue
        size = _SIZE.search(package)
        digits = "" if size is None else attributes(size[1]).get("package", "")
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0
        head = _key(stated.href) + bytes([ALGORITHMS.index(algorithm)]) + number.to_bytes(_SIZE_BYTES)
        longest = max(longest, _digest_size(algorithm))
        found.append(head + bytes.fromhex(stated.checksum))
    width = _KEY + 1 + _SIZE_BYTES + longest
    return KnownPackages(b"".join(record.ljust(width, b"\0") for record in sorted(found)), width)


def _key(href: str) -> bytes:
    return hashlib.blake2b(href.encode(), digest_size=_KEY).digest()


def _digest_size(algorithm: str) -> int:
    return hashlib.new(algorithm, usedforsecurity=False).digest_size
