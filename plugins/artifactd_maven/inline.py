"""Documents that are made for an answer: served as files are, with checksums of their very bytes, and never
in a content coding, which the checksums would not be of (maven R22, R26, R82)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import Content, Head, InlineSource, Micros, new_hash
from artifactd_maven.layout import CHECKSUMS
from artifactd_maven.media_types import TEXT

Depends = Sequence[tuple[int, int]] | None

_REVALIDATED: Final = ("Cache-Control", "no-cache")


@dataclass(frozen=True, slots=True)
class Made:
    """A document. `depends`: the counters it stands on; None keeps it out of every cache."""

    body: bytes
    content_type: str
    modified: Micros
    depends: Depends

    def content(self) -> Content:
        """The document as an answer."""
        checksums = {algorithm: checksum_of(self.body, algorithm) for algorithm in CHECKSUMS}
        headers = [(f"X-Checksum-{name.title()}", value) for name, value in checksums.items()]
        head = Head(len(self.body), self.content_type, checksums["sha1"], self.modified, checksums)
        return Content(head, InlineSource(self.body), self.depends, (_REVALIDATED, *headers))

    def checksum(self, algorithm: str) -> Content:
        """Its checksum as an answer, of these bytes (maven R122)."""
        return checksum_content(checksum_of(self.body, algorithm), self.modified, self.depends)


def checksum_content(checksum: str, modified: Micros, depends: Depends) -> Content:
    """A checksum as an answer: bare hex (maven R48)."""
    head = Head(len(checksum), TEXT, checksum, modified)
    return Content(head, InlineSource(checksum.encode()), depends, (_REVALIDATED,))


def checksum_of(body: bytes, algorithm: str) -> str:
    """The checksum of a document in memory."""
    hashed = new_hash(algorithm)
    hashed.update(body)
    return hashed.hexdigest()
