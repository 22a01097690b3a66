"""What a client says its file's checksums are: in the headers of RFC 9530, of those before it, and of other
repository managers. Pure.

Rule 1: what is stated in an algorithm we know is verified, whoever states it. Others say nothing to us.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Final

from artifactd.plugin import CHECKSUMS, Headers, InvalidInput

_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
"""Hexadecimal digits of a checksum."""

_NAMES: Final = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
"""Algorithms as `Digest` and `Repr-Digest` write them."""

_ITEM: Final = re.compile(r"\s*([\w-]+)\s*=\s*(?::([^:]*):|([^,:]*))\s*(?:,|$)", re.ASCII)


def stated(headers: Headers) -> Mapping[str, str]:
    """The checksums that a request states of its body: algorithm → lower-case hex. Raises InvalidInput for
    one that is none, and when two headers disagree."""
    found: dict[str, str] = {}
    for algorithm, checksum in _each(headers):
        if len(checksum) != _LENGTHS[algorithm] or not re.fullmatch(r"[0-9a-f]+", checksum):
            raise InvalidInput(f"what is stated as the file's {algorithm} is none")
        if found.setdefault(algorithm, checksum) != checksum:
            raise InvalidInput(f"two different {algorithm} are stated of the file")
    return found


def _each(headers: Headers) -> Iterator[tuple[str, str]]:
    for algorithm in CHECKSUMS:
        for value in headers.getlist(f"x-checksum-{algorithm}"):
            yield algorithm, value.strip().lower()
    for value in headers.getlist("content-md5"):
        yield "md5", _hex(value)
    # Nothing is encoded on its way to us, so what is sent and what it represents are the same bytes.
    for name in ("repr-digest", "content-digest", "digest"):
        for written, between_colons, plain in _ITEM.findall(",".join(headers.getlist(name))):
            if written.lower() in _NAMES:
                yield _NAMES[written.lower()], _hex(between_colons or plain)


def _hex(text: str) -> str:
    """The hexadecimal form of what is written in base64; empty when it is none."""
    try:
        return base64.b64decode(text.strip(), validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
