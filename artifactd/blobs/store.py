"""The blob store's protocols: the contract that every implementation keeps and
`tests/contracts/blob_store.py` executes.

Bytes live at *locations*: opaque generated names, so that a late delete can never remove a newer copy of
the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from artifactd.blobs.digest import Digest
from artifactd.clock import Micros

SHA256: Sequence[str] = ("sha256",)


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes at rest. `size` in bytes, `modified` in microseconds since the epoch: when the last byte was
    written, the upload suspended or, at last, the bytes published. `checksums` as algorithm → lower-case
    hex.

    `scan` and `stat` leave `checksums` empty: a store remembers bytes, the catalog remembers their hashes.
    """

    location: str
    size: int
    modified: Micros
    checksums: Mapping[str, str] = field(default_factory=dict)


class BlobWriter(Protocol):
    """Bytes being received. One thread uses a writer at a time. Ends by exactly one of `suspend`, `commit`,
    `abort`; after that it is closed."""

    location: str
    offset: int

    def write(self, data: bytes) -> None:
        """Append. Hashing may lag behind in another thread; at most a few MiB are in flight. Raises
        StorageFailure (disk full, EIO)."""
        ...

    def suspend(self) -> Mapping[str, str]:
        """Make [0, offset) durable and keep it for `resume`. Returns the checksums (algorithm → hex) of
        these bytes."""
        ...

    def commit(self, expected: Mapping[str, str] | None = None) -> Stored:
        """Compare with `expected` (algorithm → hex; every algorithm given is checked, computed from the
        stored bytes if it was not yet), make durable, publish. Raises DigestMismatch, and nothing is kept.
        The location changes: the published one is in the result."""
        ...

    def abort(self) -> None:
        """Forget the bytes. Idempotent, never raises for what is gone already."""
        ...


class BlobStore(Protocol):
    """Immutable bytes by location.

    Atomic: a published location holds all of its bytes or does not exist. Durable once `commit` or
    `suspend` returned (fdatasync, and the directory entry). Idempotent deletes. Read-your-writes from every
    process that opens the store. Locations are never reused.
    """

    def create(self, checksums: Sequence[str] = SHA256) -> BlobWriter:
        """Begin new bytes; `checksums` are the algorithms computed while writing (sha256 is always among
        them)."""
        ...

    def resume(self, location: str, offset: int, checksums: Sequence[str] = SHA256) -> BlobWriter:
        """Continue suspended bytes at `offset`: whatever lies behind it is dropped. Re-reads [0, offset)
        only for algorithms whose state this process does not hold. Raises UploadNotFound when nothing is
        suspended there or it is shorter than `offset`."""
        ...

    def open(self, location: str, *, offset: int = 0, length: int | None = None) -> BinaryIO:
        """Published bytes, or `length` of them from `offset` on. The caller closes it. Raises
        BlobNotFound."""
        ...

    def stat(self, location: str) -> Stored:
        """Size and time of published bytes. Raises BlobNotFound."""
        ...

    def delete(self, location: str) -> None:
        """Remove published or suspended bytes; those absent already are fine. Open readers keep what they
        opened."""
        ...

    def scan(self) -> Iterator[Stored]:
        """Everything the store holds, published and suspended, in no order. Names that are not the store's
        own are skipped."""
        ...


class PathBlobStore(Protocol):
    """Capability: blobs are files of this machine, so the edge may hand them to sendfile."""

    def path(self, location: str) -> str:
        """The file of a published location, whether or not it exists."""
        ...


class FollowableBlobStore(Protocol):
    """Capability: bytes can be read while they are written, from a file of this machine."""

    def partial(self, location: str) -> str:
        """The file of a writer's location. It grows as the writer is told, and whoever has opened it keeps
        it when it is published."""
        ...


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes the catalog knows: named by a row. `store` is the blob store's name, `size` in bytes."""

    store: str
    digest: Digest
    size: int
    location: str
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """Bytes received, verified and durable, not yet named by any row. `upload` is the id of the upload that
    ends with them, if one does."""

    store: str
    location: str
    size: int
    digest: Digest
    checksums: Mapping[str, str]
    upload: str | None = None
