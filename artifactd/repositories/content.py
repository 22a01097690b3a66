"""What a repository answers: a `Head` (facts) and a `Content` (facts and where the bytes are). The edge
streams; nothing here does I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from artifactd.blobs.store import BlobStore
from artifactd.catalog.assets import Asset
from artifactd.clock import Micros
from artifactd.db.generations import Stripe
from artifactd.repositories.representation import Representation


@dataclass(frozen=True, slots=True)
class StoredSource:
    """Bytes at rest in a blob store."""

    store: BlobStore
    location: str


@dataclass(frozen=True, slots=True)
class InlineSource:
    """Bytes in memory: small, made for this answer."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Facts about a document. `size` in bytes, or None when unknown; `etag` without quotes; `modified` in
    microseconds since the epoch;
    `immutable` when the same path can never hold other bytes."""

    size: int | None
    content_type: str
    etag: str
    modified: Micros
    checksums: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    immutable: bool = False
    asset: Asset | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A document to serve. `depends` are the counters that were taken before it was read: the answer holds
    while they stand.
    `fresh_until` bounds it in time as well (microseconds since the epoch). `headers` are the format's own
    additions."""

    head: Head
    source: StoredSource | InlineSource | Representation
    depends: Sequence[tuple[Stripe, int]] | None = None
    fresh_until: Micros | None = None
    headers: Sequence[tuple[str, str]] = ()

    def with_headers(self, *headers: tuple[str, str]) -> "Content":
        """The same content, with more response headers."""
        return Content(self.head, self.source, self.depends, self.fresh_until, (*self.headers, *headers))

    def identified(self, etag: str, *, immutable: bool = False) -> "Content":
        """The same content under the identity that its client knows it by, which need not be our digest.
        `immutable`: the path that was asked for will never hold other bytes."""
        head = self.head
        named = Head(
            head.size,
            head.content_type,
            etag,
            head.modified,
            head.checksums,
            head.attributes,
            immutable,
            head.asset,
        )
        return Content(named, self.source, self.depends, self.fresh_until, self.headers)


def represented(
    representation: Representation,
    modified: Micros,
    depends: Sequence[tuple[Stripe, int]] | None,
    *headers: tuple[str, str],
) -> Content:
    """A representation to serve, last changed at `modified`. It is sent in the coding its client likes
    best, under the tag of that."""
    head = Head(None, representation.content_type, "", modified)
    return Content(head, representation, depends, headers=headers)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A complete small answer. `depends`: as in Content; None keeps it out of every cache."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    depends: Sequence[tuple[Stripe, int]] | None = None
