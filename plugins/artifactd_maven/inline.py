"""Documents that are made for an answer: served as files are, with checksums of their very bytes, and never
in a content coding, which the checksums would not be of (maven R22, R26, R82)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import Content, Head, InlineSource, Micros, new_hash
from artifactd_maven.layout import CHECKSUMS
from artifactd_maven.media_types import TEXT

_REVALIDATED: Final = ("Cache-Control", "no-cache")


@dataclass(frozen=True, slots=True)
class Made:
    """A document. `depends`: the counters it stands on; None keeps it out of every cache."""

    body: bytes
    content_type: str
    modified: Micros
    depends: Sequence[tuple[int, int]] | None

    def content(self) -> Content:
        """The document as an answer."""
        checksums = {algorithm: checksum_of(self.body, algorithm) for algorithm in CHECKSUMS}
        headers = [(f"X-Checksum-{name.title()}", value) for name, value in checksums.items()]
        return self._served(self.body, self.content_type, checksums, headers)

    def checksum(self, algorithm: str) -> Content:
        """Its checksum as an answer: bare hex, of these bytes (maven R48, R122)."""
        body = checksum_of(self.body, algorithm).encode()
        return self._served(body, TEXT, {}, [])

    def _served(
        self,
        body: bytes,
        content_type: str,
        checksums: Mapping[str, str],
        headers: Sequence[tuple[str, str]],
    ) -> Content:
        etag = checksums.get("sha1") or checksum_of(body, "sha1")
        head = Head(len(body), content_type, etag, self.modified, checksums)
        return Content(head, InlineSource(body), self.depends, (_REVALIDATED, *headers))


def checksum_of(body: bytes, algorithm: str) -> str:
    """The checksum of a document in memory."""
    hashed = new_hash(algorithm)
    hashed.update(body)
    return hashed.hexdigest()
