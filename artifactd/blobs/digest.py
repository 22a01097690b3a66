"""Digests and checksums: the `algorithm:encoded` form of OCI image-spec descriptor.md, "Digests".

A `Digest` is made only by `parse`, so inside the program its form is trusted. Identity of a blob is its
sha256; any other hash is a checksum.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NewType

from artifactd.errors import InvalidDigest

Digest = NewType("Digest", str)

ALGORITHMS: Mapping[str, int] = {"sha256": 64, "sha512": 128}
"""Algorithms a digest may use here, with the length of their lower-case hex."""

CHECKSUMS = ("md5", "sha1", "sha256", "sha512")
"""Algorithms whose checksums clients ask for beside a file, under its name with the algorithm behind it."""

_GRAMMAR = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[a-f0-9]+")


def parse(text: str) -> Digest:
    """`text` as a digest. Raises InvalidDigest when it is malformed or its algorithm is not one of
    ALGORITHMS."""
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidDigest(f"{text!r} is not a digest of the form algorithm:encoded")
    algorithm, encoded = match.groups()
    length = ALGORITHMS.get(algorithm)
    if length is None:
        raise InvalidDigest(
            f"digest algorithm {algorithm!r} is not supported; use {' or '.join(ALGORITHMS)}"
        )
    if len(encoded) != length or not _HEX.fullmatch(encoded):
        raise InvalidDigest(
            f"{text!r} is not a {algorithm} digest: it takes {length} lower-case hexadecimal digits"
        )
    return Digest(text)


def algorithm_of(digest: Digest) -> str:
    """`sha256` of `sha256:9f86…`."""
    return digest.partition(":")[0]


def hex_of(digest: Digest) -> str:
    """The encoded part, without the algorithm."""
    return digest.partition(":")[2]


def of_bytes(data: bytes, algorithm: str = "sha256") -> Digest:
    """The digest of bytes held in memory."""
    import hashlib

    return Digest(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")


def union(*groups: Iterable[str]) -> tuple[str, ...]:
    """The algorithms of all groups, each once, in order: what one pass over the bytes must compute."""
    return tuple(dict.fromkeys(name for group in groups for name in group))
