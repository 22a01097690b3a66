"""Bytes in this process's memory: for tests, and for trying things out. Nothing survives the process."""

import io
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from artifactd import clock
from artifactd.blobs.digest import union
from artifactd.blobs.hashing import new_hash
from artifactd.blobs.store import SHA256, Stored
from artifactd.clock import Micros
from artifactd.errors import BlobNotFound, DigestMismatch, UploadNotFound


class MemoryBlobStore:
    """A `BlobStore` whose bytes live in dictionaries. `now` dates what it stores."""

    def __init__(self, now: Callable[[], Micros] = clock.now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._parts: dict[str, tuple[bytearray, Micros]] = {}
        self._blobs: dict[str, tuple[bytes, Micros]] = {}

    def create(self, checksums: Sequence[str] = SHA256) -> "MemoryWriter":
        location = f"{secrets.token_hex(16)}.part"
        data = bytearray()
        with self._lock:
            self._parts[location] = (data, self._now())
        return MemoryWriter(self, location, data, union(SHA256, checksums))

    def resume(self, location: str, offset: int, checksums: Sequence[str] = SHA256) -> "MemoryWriter":
        with self._lock:
            data, _ = self._parts.get(location, (bytearray(), 0))
            if location not in self._parts or len(data) < offset:
                raise UploadNotFound(location)
            del data[offset:]
        return MemoryWriter(self, location, data, union(SHA256, checksums))

    def open(self, location: str, *, offset: int = 0, length: int | None = None) -> BinaryIO:
        data, _ = self._blob(location)
        if not offset and length is None:
            return io.BytesIO(data)
        return io.BytesIO(data[offset : None if length is None else offset + length])

    def stat(self, location: str) -> Stored:
        data, modified = self._blob(location)
        return Stored(location, len(data), modified)

    def delete(self, location: str) -> None:
        with self._lock:
            self._parts.pop(location, None)
            self._blobs.pop(location, None)

    def scan(self) -> Iterator[Stored]:
        with self._lock:
            held = [*self._parts.items(), *self._blobs.items()]
        for location, (data, modified) in held:
            yield Stored(location, len(data), modified)

    def touch(self, location: str) -> None:
        """Date suspended bytes. Raises UploadNotFound when they were deleted meanwhile."""
        with self._lock:
            data, _ = self._part(location)
            self._parts[location] = (data, self._now())

    def publish(self, location: str, checksums: Mapping[str, str]) -> Stored:
        """Give received bytes their final location. Raises UploadNotFound if they are gone."""
        with self._lock:
            data, _ = self._part(location)
            stored = Stored(
                f"{location.removesuffix('.part')}.{checksums['sha256']}", len(data), self._now(), checksums
            )
            self._blobs[stored.location] = (bytes(data), stored.modified)
            del self._parts[location]
        return stored

    def _part(self, location: str) -> tuple[bytearray, Micros]:
        try:
            return self._parts[location]
        except KeyError:
            raise UploadNotFound(location) from None

    def _blob(self, location: str) -> tuple[bytes, Micros]:
        with self._lock:
            try:
                return self._blobs[location]
            except KeyError:
                raise BlobNotFound(location) from None


class MemoryWriter:
    """A `BlobWriter` on one growing buffer; its checksums are computed when asked for."""

    def __init__(
        self, store: MemoryBlobStore, location: str, data: bytearray, algorithms: Sequence[str]
    ) -> None:
        self.location = location
        self.offset = len(data)
        self._store = store
        self._data = data
        self._algorithms = algorithms
        self._closed = False

    def write(self, data: bytes) -> None:
        self._require_open()
        self._data += data
        self.offset += len(data)

    def suspend(self) -> Mapping[str, str]:
        self._end()
        self._store.touch(self.location)
        return self._checksums(self._algorithms)

    def commit(self, expected: Mapping[str, str] | None = None) -> Stored:
        self._end()
        expected = expected or {}
        try:
            checksums = self._checksums(union(self._algorithms, expected))
            for algorithm, value in expected.items():
                if checksums[algorithm] != value:
                    raise DigestMismatch(algorithm, value, checksums[algorithm])
            return self._store.publish(self.location, checksums)
        except BaseException:
            self._store.delete(self.location)
            raise

    def abort(self) -> None:
        if not self._closed:
            self._end()
            self._store.delete(self.location)

    def _checksums(self, algorithms: Sequence[str]) -> dict[str, str]:
        states = {name: new_hash(name) for name in algorithms}
        for state in states.values():
            state.update(self._data)
        return {name: state.hexdigest() for name, state in states.items()}

    def _end(self) -> None:
        self._require_open()
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise ValueError("the writer is closed")
