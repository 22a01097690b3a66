"""Representations: a document in one form, ready to be sent (RFC 9110, section 3.2).

Rule 1: a representation never changes, so each of its content codings is made once, when somebody first
wants it, and with it the entity tag of these very bytes.
Rule 2: each coding has a tag of its own (RFC 9110, section 8.8.3.3): a shared cache that holds one must not
take another for it.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

SMALLEST: Final = 1024
"""Bytes below which compressing saves no packet."""

PLAIN: Final = "identity"
"""The bytes as they are."""


@dataclass(frozen=True, slots=True)
class Coded:
    """The body in one content coding, and its entity tag without quotes."""

    body: bytes
    etag: str


class Representation:
    """A document in one form. Shared by all answers that give it; thread-safe.

    `coded` compresses and hashes at the first call, which takes ten milliseconds for a few MiB: not for the
    event loop."""

    __slots__ = ("_coded", "_lock", "body", "content_type")

    def __init__(self, content_type: str, body: bytes) -> None:
        self.content_type = content_type
        self.body = body
        self._coded: dict[str, Coded] = {}
        self._lock = threading.Lock()

    @property
    def codings(self) -> tuple[str, ...]:
        """The content codings it can be sent in beside the plain one, the best first."""
        return tuple(_ENCODERS) if len(self.body) >= SMALLEST else ()

    def is_ready(self, coding: str) -> bool:
        """Whether `coded` costs nothing any more."""
        return coding in self._coded

    def coded(self, coding: str = PLAIN) -> Coded:
        """The body in one of `codings`, or plain."""
        with self._lock:  # many may ask at the same moment, once a page has changed
            if coding not in self._coded:
                body = self.body if coding == PLAIN else _ENCODERS[coding](self.body)
                # The same bytes as another type are another thing.
                tag = hashlib.sha256(self.content_type.encode())
                tag.update(body)
                suffix = "" if coding == PLAIN else f"-{coding}"
                self._coded[coding] = Coded(body, tag.hexdigest()[:32] + suffix)
            return self._coded[coding]

    @property
    def size(self) -> int:
        """Bytes held."""
        coded = list(self._coded.values())
        return len(self.body) + sum(len(each.body) for each in coded if each.body is not self.body)


def _zstd(body: bytes) -> bytes:
    import zstandard  # imported with the first page that is compressed: servers without pages start sooner

    # Level 1: 6 ms for a page of 7.7 MB, and smaller than gzip's best.
    return zstandard.ZstdCompressor(level=1).compress(body)


def _gzip(body: bytes) -> bytes:
    from isal import isal_zlib

    # Level 1: as small as zlib's 6 in a tenth of its time. 31: with the header and trailer of gzip.
    return isal_zlib.compress(body, 1, wbits=31)


_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"zstd": _zstd, "gzip": _gzip}
