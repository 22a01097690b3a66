"""Representations: a document in one form, ready to be sent (RFC 9110, section 3.2).

Rule 1: a representation never changes, so everything about it is made once: its entity tag, and each of its
content codings when somebody first wants it.
Rule 2: each coding has an entity tag of its own (RFC 9110, section 8.8.3.3): a shared cache that holds one
must not take another for it.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping

SMALLEST = 1024
"""Bytes below which compressing saves no packet."""


class Representation:
    """A document in one form. Shared by all answers that give it; thread-safe.

    `encoded` compresses at the first call, which takes some milliseconds for a MiB: not for the event
    loop."""

    __slots__ = ("_codings", "_lock", "body", "content_type", "etag")

    def __init__(self, content_type: str, body: bytes) -> None:
        self.content_type = content_type
        self.body = body
        hashed = hashlib.sha256(content_type.encode())  # the same bytes as another type are another thing
        hashed.update(body)
        self.etag = hashed.hexdigest()[:32]
        self._codings: dict[str, bytes] = {}
        self._lock = threading.Lock()

    @property
    def codings(self) -> tuple[str, ...]:
        """The content codings it can be sent in, the best first."""
        return tuple(_ENCODERS) if len(self.body) >= SMALLEST else ()

    def is_ready(self, coding: str) -> bool:
        """Whether `encoded` costs nothing any more."""
        return coding in self._codings

    def encoded(self, coding: str) -> bytes:
        """The body in one of `codings`."""
        with self._lock:  # many may ask at the same moment, once a page has changed
            if coding not in self._codings:
                self._codings[coding] = _ENCODERS[coding](self.body)
            return self._codings[coding]

    def etag_of(self, coding: str | None) -> str:
        """The entity tag, without quotes, of the body in a coding; None is as it is."""
        return self.etag if coding is None else f"{self.etag}-{coding}"

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self.body) + sum(map(len, self._codings.values()))


def _zstd(body: bytes) -> bytes:
    import zstandard  # imported with the first page that is compressed: servers without pages start sooner

    # Level 1: 6 ms for a page of 7.7 MB, and smaller than gzip's best (R8 of the measurements: 19 %).
    return zstandard.ZstdCompressor(level=1).compress(body)


def _gzip(body: bytes) -> bytes:
    from isal import isal_zlib

    # Level 1: as small as zlib's 6 in a tenth of its time. 31: with the header and trailer of gzip.
    return isal_zlib.compress(body, 1, wbits=31)


_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {"zstd": _zstd, "gzip": _gzip}
