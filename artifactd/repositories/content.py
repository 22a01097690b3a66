"""What a repository answers: a `Head` (facts) and a `Content` (facts and where the bytes are). The edge
streams; nothing here does I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from artifactd.blobs.store import BlobStore
from artifactd.catalog.assets import Asset
from artifactd.clock import Micros
from artifactd.db.generations import Stripe
from artifactd.repositories.representation import Representation
from artifactd.upstream.growing import Growing


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
class GrowingSource:
    """Bytes on their way from an upstream."""

    growing: Growing


@dataclass(frozen=True, slots=True)
class PartSource:
    """The range that was asked for, from byte `first` on, of what is not here as a whole."""

    body: bytes
    first: int


@dataclass(frozen=True, slots=True)
class UnreadSource:
    """Bytes that nobody asked for: the answer is to a HEAD."""


@dataclass(frozen=True, slots=True)
class Head:
    """Facts about a document. `size` in bytes, or None when unknown; `etag` without quotes, empty when it
    is not known yet; `modified` in microseconds since the epoch; `immutable` when the same path can never
    hold other bytes. `asset` is None for what is not in the
    catalog, and for what was derived from the bytes of one, `derived_from`: whoever reads about a file has
    not downloaded it."""

    size: int | None
    content_type: str
    etag: str
    modified: Micros
    checksums: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    immutable: bool = False
    asset: Asset | None = None
    derived_from: Asset | None = None


Source = StoredSource | InlineSource | Representation | GrowingSource | PartSource | UnreadSource


@dataclass(frozen=True, slots=True)
class Content:
    """A document to serve. `depends` are the counters that were taken before it was read: the answer holds
    while they stand. `headers` are the format's own additions."""

    head: Head
    source: Source
    depends: Sequence[tuple[Stripe, int]] | None = None
    headers: Sequence[tuple[str, str]] = ()

    def with_headers(self, *headers: tuple[str, str]) -> "Content":
        """The same content, with more response headers."""
        return Content(self.head, self.source, self.depends, (*self.headers, *headers))

    def identified(self, etag: str, *, immutable: bool = False) -> "Content":
        """The same content under the identity that its client knows it by, which need not be our digest.
        `immutable`: the path that was asked for will never hold other bytes."""
        named = replace(self.head, etag=etag, immutable=immutable)
        return Content(named, self.source, self.depends, self.headers)


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
