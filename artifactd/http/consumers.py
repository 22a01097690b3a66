"""Where a request's body goes: one consumer per sink. Plain, synchronous code that runs in a worker thread.

Rule 1: a consumer is fed every byte in order, then told to `finish` or to `abandon`; it begins lazily, so a
request that is refused before its body leaves nothing behind.
Rule 2: what `finish` returned is durable. What was abandoned is gone, unless it belongs to an upload that
keeps what arrived.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from artifactd.blobs.digest import union
from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256, BlobStore, BlobWriter
from artifactd.catalog.uploads import LEASE, Upload, Uploads
from artifactd.clock import SECOND
from artifactd.errors import DigestMismatch, LengthMismatch, TooLarge, UploadBusy
from artifactd.formats.exchange import Append, Body, InMemory, Staged


class Consumer(Protocol):
    """Takes a body. `limit` in bytes, None for none: the edge refuses a larger announced length at once."""

    limit: int | None

    def feed(self, data: bytes) -> None:
        """More of the body. Raises TooLarge, StorageFailure, and what the catalog says about an upload."""
        ...

    def finish(self) -> Body:
        """The body is complete."""
        ...

    def abandon(self) -> None:
        """It never will be. Idempotent."""
        ...


class MemoryConsumer:
    """A body held in memory."""

    def __init__(self, sink: InMemory) -> None:
        self.limit: int | None = sink.limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self.limit is not None and self._size > self.limit:
            raise TooLarge(self.limit)
        self._parts.append(data)

    def finish(self) -> Body:
        return b"".join(self._parts)

    def abandon(self) -> None:
        self._parts.clear()


class StagedConsumer:
    """A body that becomes a staged blob."""

    def __init__(self, sink: Staged, store_name: str, store: BlobStore) -> None:
        self.limit = sink.limit
        self._sink = sink
        self._store_name = store_name
        self._store = store
        self._writer: BlobWriter | None = None

    def feed(self, data: bytes) -> None:
        writer = self._opened()
        if self.limit is not None and writer.offset + len(data) > self.limit:
            raise TooLarge(self.limit)
        writer.write(data)

    def finish(self) -> Body:
        return staged(self._store_name, self._opened().commit(self._sink.expected))

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abort()

    def _opened(self) -> BlobWriter:
        if self._writer is None:
            self._writer = self._store.create(union(SHA256, self._sink.checksums, self._sink.expected))
        return self._writer


class AppendConsumer:
    """A body that continues an upload.

    One that is the whole of it (nothing has arrived before, and it ends with this request) needs no lease:
    two such requests write two files, and both end in the same bytes."""

    def __init__(self, sink: Append, store_name: str, store: BlobStore, uploads: Uploads) -> None:
        self.limit: int | None = None
        self._sink = sink
        self._store_name = store_name
        self._store = store
        self._uploads = uploads
        self._upload = sink.upload
        self._writer: BlobWriter | None = None
        self._lease: str | None = None
        self._renewed = 0.0

    def feed(self, data: bytes) -> None:
        self._opened().write(data)
        if self._lease is not None and time.monotonic() - self._renewed > LEASE / SECOND / 3:
            if not self._uploads.renew(self._upload, self._lease):
                raise UploadBusy(self._upload.id)
            self._renewed = time.monotonic()

    def finish(self) -> Body:
        writer = self._opened()
        received = writer.offset - self._sink.upload.offset
        if self._sink.length is not None and received != self._sink.length:
            raise LengthMismatch(self._sink.length, received)
        if self._sink.expected is None:
            return self._advance(writer)
        self._writer = None
        try:
            stored = writer.commit(self._sink.expected)
        except DigestMismatch:
            self._uploads.end(self._upload)
            raise
        except Exception:
            if self._lease is not None:
                self._uploads.release(self._upload, self._lease)
            raise
        return staged(self._store_name, stored, self._upload.id)

    def abandon(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if self._lease is None:
            writer.abort()
        elif self._sink.keep_partial and self._sink.length is None and self._sink.expected is None:
            self._advance(writer)
        else:
            # The offset stays, and whoever resumes truncates what lies behind it.
            writer.suspend()
            self._uploads.release(self._upload, self._lease)

    def _opened(self) -> BlobWriter:
        if self._writer is not None:
            return self._writer
        upload = self._sink.upload
        algorithms = union(SHA256, upload.algorithms, self._sink.expected or ())
        if upload.location is None and self._sink.expected is not None:
            self._writer = self._store.create(algorithms)
        elif upload.location is None:
            self._writer = self._begun(upload, algorithms)
        else:
            self._upload, self._lease = self._uploads.lease(upload)
            self._writer = self._store.resume(upload.location, upload.offset, algorithms)
        self._renewed = time.monotonic()
        return self._writer

    def _begun(self, upload: Upload, algorithms: Sequence[str]) -> BlobWriter:
        writer = self._store.create(algorithms)
        try:
            self._upload, self._lease = self._uploads.lease(upload, writer.location)
        except Exception:
            writer.abort()
            raise
        return writer

    def _advance(self, writer: BlobWriter) -> Upload:
        assert self._lease is not None
        offset = writer.offset
        checksums = writer.suspend()
        self._writer = None
        return self._uploads.advance(self._upload, self._lease, offset, checksums)
